"""The small world of a pack test: one town, the stations its series name, three feeds, and frames as the lake would give them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from core.county import County, Feed, Policy, Station, Town
from core.errors import ConfigError
from core.lake.rows import to_table
from core.model import Circle, FieldReport, Flag, Hazard, Level, Observation, OfficialSignal, Sector, TrackPoint
from core.units import ACCUMULATED
from rules.situation import Sources

START = datetime(2021, 7, 25, tzinfo=UTC)
LAT, LON = 31.9, 121.2
_ITEM = re.compile(r"(?P<first>_|-?\d+(?:\.\d+)?)(?P<step>[+-]\d+(?:\.\d+)?)?(?:x(?P<times>\d{1,4}))?(?P<suspect>\?)?\Z")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(min|h|d)\Z")


def hours(text: object) -> float:
    """'90 min', '6 h' or '2 d' as hours; ConfigError otherwise."""
    match = _SPAN.match(str(text).strip())
    if match is None:
        raise ConfigError(f"应为时长，如 6 h：{text!r} / a duration is expected")
    return float(match[1]) * {"min": 1 / 60, "h": 1.0, "d": 24.0}[match[2]]


def values(text: str) -> Iterator[tuple[float, bool]]:
    """promtool's series: `a`, `_`, `axn` (n more of the same), `a+bxn` (n more, each b higher); suffix ? marks suspect. (value or NaN, suspect)."""
    for item in str(text).split():
        match = _ITEM.match(item)
        if match is None:
            raise ConfigError(f"看不懂的序列项 {item!r}，应如 5、_、5x3、5+2x3 / not a series item")
        for number in range(int(match["times"] or 0) + 1):
            first = math.nan if match["first"] == "_" else float(match["first"]) + number * float(match["step"] or 0)
            yield first, bool(match["suspect"])


def world(case: dict[str, Any], interval_h: float) -> County:
    """The county of one case: town `t` with the case's attributes; stations with the case's paths, levels and distances (`km` northwards)."""
    town: dict[str, Any] = {
        "river_front": False, "sea_front": False, "low_ground": False, "bank_section": 0, "over60_share": 0.3, "population": 1000,
    } | dict(case.get("town", {}))
    properties: dict[str, list[str]] = {}
    for key in (*case.get("series", {}), *(key for raw in case.get("forecasts", ()) for key in raw["series"])):
        observed, station = key.split("@")
        properties[station] = list(dict.fromkeys((*properties.get(station, ()), observed)))
    stations = tuple(_station(name, tuple(found), dict(case.get("stations", {}).get(name, {}))) for name, found in properties.items())
    step = round(interval_h * 3600)
    feeds = (
        _feed("readings", Sector.WEATHER, "music_surface", step, "reading"), _feed("tracks", Sector.WEATHER, "zj_typhoon", step, "fetch"),
        _feed("signals", Sector.OFFICIAL, "nmc_alarms", step, "fetch"),
    )
    one = Town(key="t", code="320614100000", code_shared=False, name="试镇", name_en="Test", lat=LAT, lon=LON, point_verified=False, villages=1,
               synthetic=(), **town)
    policy = Policy(signing="officer", officers=(), approvals={}, validity_s={}, channels={}, audience={}, renew_before_s=0, min_update_s=0, keep_for_s=0)
    return County(code="320614", name="试县", name_en="Test", prefecture="3206", issuer="", signature="", datum="", root=Path(), version=str(case["name"]),
                  towns=(one,), stations=stations, feeds=feeds, policy=policy, groups=(), loudspeakers=(), templates={}, packs=())


def _station(name: str, properties: tuple[str, ...], given: dict[str, Any]) -> Station:
    km = float(given.get("km", 0))
    return Station(
        station=name, name=name, feed="readings", lat=LAT + km / 111.2, lon=LON, town="t" if km < 3 else "", properties=properties,
        datum=str(given.get("datum", "")), warning_stage=given.get("warning_stage"), guaranteed_stage=given.get("guaranteed_stage"),
        record_stage=given.get("record_stage"),
        levels_verified=False, path=str(given.get("path", name)), synthetic=True,
    )


def _feed(name: str, sector: Sector, connector: str, step_s: int, age_from: Any) -> Feed:
    return Feed(feed=name, title=name, sector=sector, connector=connector, address="", sandbox="", secret="", cron="* * * * *", interval_s=step_s,
                max_age_s=step_s * 2, expected=0, age_from=age_from, options={})


def sources(case: dict[str, Any], interval_h: float, county: County, now: datetime) -> Sources:
    """The case's readings, storms and signals up to `now`, as frames."""
    rows = [o for key, text in case.get("series", {}).items() for o in _observations(key, text, interval_h) if o.time <= now]
    ahead = [o for raw in case.get("forecasts", ()) if _at(raw["issued"]) <= now for key, text in raw["series"].items()
             for o in _observations(key, text, interval_h, _at(raw["issued"]))]
    silent = frozenset(str(name) for name in case.get("silent", ()))
    tracks = [_point(raw) for raw in case.get("tracks", ())]
    signals = [_signal(number, raw) for number, raw in enumerate(case.get("signals", ()))]
    reports = [_report(number, raw) for number, raw in enumerate(case.get("reports", ()))]
    frames = {name: to_table(kind, records).to_pandas(ignore_metadata=True) if records else _nothing(kind) for name, kind, records in (
        ("readings", "observations", rows), ("ahead", "observations", ahead), ("reports", "reports", reports),
        ("tracks", "tracks", [p for p in tracks if (p.issued or p.time) <= now]), ("signals", "signals", signals))}
    return Sources(observations=frames["readings"], forecasts=frames["ahead"], tracks=frames["tracks"],
                   signals=frames["signals"].rename(columns={"received": "listed_at"}).assign(snapshot_at=START), silent=silent,
                   reports=frames["reports"])


@functools.cache
def _nothing(kind: str) -> pd.DataFrame:
    """The empty frame of a kind; most cases have no storm, signal, report or forecast."""
    frame: pd.DataFrame = to_table(kind, []).to_pandas(ignore_metadata=True)
    return frame


def _observations(key: str, text: str, interval_h: float, issued: datetime | None = None) -> Iterator[Observation]:
    """Readings from START on, one a step; of a forecast from the step after its issue on."""
    observed, station = key.split("@")
    for number, (value, suspect) in enumerate(values(text)):
        time = issued + timedelta(hours=interval_h * (number + 1)) if issued else START + timedelta(hours=interval_h * number)
        if not math.isnan(value):
            yield Observation(
                feed="readings", station=station, observed_property=observed, time=time, value=value, received=issued or time, raw="test",
                issued=issued, flag=Flag.SUSPECT if suspect else Flag.GOOD, interval_s=round(interval_h * 3600) if observed in ACCUMULATED else 0, synthetic=True,
            )


def _at(text: object) -> datetime:
    return START + timedelta(hours=hours(text))


def _point(raw: dict[str, Any]) -> TrackPoint:
    """`at`, `lat`, `lon`, `wind`, `pressure` (_ for untold), radii r7/r10/r12 as one number or four; `issued` and `agency` for a forecast."""
    circles: dict[str, Any] = {}
    for name in ("r7", "r10", "r12"):
        radii = raw.get(name)
        four = radii if isinstance(radii, list) else [radii] * 4
        circles[name] = Circle(**dict(zip(("ne", "se", "sw", "nw"), map(float, four), strict=True))) if radii is not None else None
    issued = _at(raw["issued"]) if "issued" in raw else None
    time = _at(raw["at"])
    wind, pressure = (None if raw.get(name) == "_" else float(raw.get(name, usual)) for name, usual in (("wind", 35), ("pressure", 970)))
    return TrackPoint(
        feed="tracks", storm="T1", name="试", agency=str(raw.get("agency", "中国")), time=time, lat=float(raw["lat"]), lon=float(raw["lon"]),
        received=issued or time, raw="test", pressure=pressure, wind=wind, issued=issued, synthetic=True, **circles,
    )


def _signal(number: int, raw: dict[str, Any]) -> OfficialSignal:
    """`event`, `level`, `from`, optionally `until`, `areas`, `hazard`."""
    return OfficialSignal(
        feed="signals", identifier=f"S{number}", event=str(raw["event"]), hazard=Hazard(raw["hazard"]) if "hazard" in raw else None,
        level=Level[str(raw["level"]).upper()], areas=tuple(raw.get("areas", ("3206",))), title=str(raw["event"]), issued=_at(raw["from"]),
        received=_at(raw["from"]), raw="test", expires=_at(raw["until"]) if "until" in raw else None, synthetic=True,
    )


def _report(number: int, raw: dict[str, Any]) -> FieldReport:
    """`at`, `by`, `kind`, optionally `value` (canonical unit) and `trust` (2)."""
    time, value = _at(raw["at"]), raw.get("value")
    return FieldReport(
        feed="reports", report=f"R{number}", reporter=str(raw["by"]), trust=int(raw.get("trust", 2)), town="t", kind=str(raw["kind"]), time=time,
        received=time, raw="test", value=None if value is None else float(value), synthetic=True,
    )
