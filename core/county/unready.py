"""What a sound folder still lacks: each is allowed, and each would leave something silent. Told by `fengsui county check`, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable

from shapely import geometry

from core.county.county import County
from core.county.gcj02 import restored, shifted
from core.county.outline import inside
from core.county.types import Point, Station
from core.model import Hazard

#: How far GCJ-02 shifts at most, km, a little more.
SHIFT_KM = 1.0
#: Connectors that tell of stations: a feed of theirs without any has nobody to hear.
BY_STATION = frozenset({
    "table", "sl651", "sl323", "music_surface", "mqtt_sensors", "usgs_nwis", "noaa_coops", "ea_flood", "sensorthings", "synop", "metar", "nmc_station",
    "open_meteo", "qweather", "grib"})


def unready(county: County, scored: Iterable[Hazard]) -> list[str]:
    """In words; `scored` are the hazards of the rules in use."""
    return [*_hazards(county, frozenset(scored)), *_feeds(county), *_stations(county), *(_draft(county) if county.draft else ())]


def _hazards(county: County, scored: frozenset[Hazard]) -> list[str]:
    told = []
    if mute := [hazard.zh for hazard in Hazard if hazard in scored and hazard not in county.templates]:
        told.append(f"{'、'.join(mute)}：有规则，没有文案，不研判 / rules without texts in templates.yaml: not scored")
    if blind := [hazard.zh for hazard in county.hazards if hazard not in scored]:
        told.append(f"{'、'.join(blind)}：有文案，没有规则，只随官方信号 / texts without rules: led by official warnings alone")
    return told


def _feeds(county: County) -> list[str]:
    lone = [feed.feed for feed in county.feeds if feed.enabled and feed.connector in BY_STATION and not county.stations_of(feed.feed)]
    return [f"数据源 {'、'.join(lone)} 在 stations.csv 里没有测站，读数都会搁置 / feeds without a station, whose readings are all set aside"] if lone else []


def _stations(county: County) -> list[str]:
    """Stations that lie in no town; by the shift of a web map only, they or the outline have its coordinates."""
    ring: list[Point] = [point for town in county.towns for point in town.cell]
    if not ring:
        return []
    outside = [station for station in county.stations if not _within(county, (station.lon, station.lat))]
    if not outside:
        return []
    told = [f"测站 {_names(outside)} 在各镇街之外，按 town 一列算 / stations outside every town, counted where their row says"]
    near = [station for station in outside if _km_off(county, station) < SHIFT_KM]
    for way, words in ((restored, "这些测站"), (shifted, "轮廓")):
        if len(near) > 1 and all(_within(county, way(station.lon, station.lat)) for station in near):
            told.append(f"测站 {_names(near)} 换算后就在境内：{words}像是网络地图的坐标（GCJ-02） / looks like GCJ-02, the shifted degrees of a web map"
                        " -> fengsui county new --gcj02，或向测绘部门核对 / convert, or ask the surveyors")
            break
    return told


def _within(county: County, point: Point) -> bool:
    return any(inside(point, list(town.cell)) for town in county.towns)


def _km_off(county: County, station: Station) -> float:
    """How far a station lies from the nearest town's cell, km, as if degrees were square at its latitude."""
    squeeze = math.cos(math.radians(station.lat))
    point = geometry.Point(station.lon * squeeze, station.lat)
    return 111.2 * float(min(geometry.Polygon([(lon * squeeze, lat) for lon, lat in town.cell]).distance(point) for town in county.towns if len(town.cell) > 2))


def _names(stations: list[Station]) -> str:
    return "、".join(station.name for station in stations[:5]) + (f" 等 {len(stations)} 站" if len(stations) > 5 else "")


def _draft(county: County) -> list[str]:
    """What stands between a draft and the day on which its line `draft` may go."""
    left = {
        "towns.csv 编造的列 / made-up columns": sorted({column for town in county.towns for column in town.synthetic}),
        "stations.csv 合成的站 / synthetic stations": [station.station for station in county.stations if station.synthetic],
        "feeds.yaml 没有正式地址 / no live address": [feed.feed for feed in county.feeds if feed.enabled and not feed.address and not feed.secret],
        "policy.yaml": ["signing: demonstration"] if county.policy.signing == "demonstration" else [],
        "county.yaml": ["draft: true"],
    }
    return [f"草稿 draft：{where}：{'、'.join(what[:8])}{f' 等 {len(what)} 个' if len(what) > 8 else ''}" for where, what in left.items() if what]
