"""things.csv: which stations measure one and the same thing, so that their readings are fused into one value (rules.fusion). May be absent.

things.csv   thing,station,property,weight,source,verified     one row a member; `thing` is the name that evidence shows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from core.county.cells import Cells, read_csv
from core.county.problems import Problems
from core.county.types import Station
from core.units import PROPERTIES

NAME = "things.csv"
#: Members of one thing stand within this distance of the first, km (own choice, unverified): beyond it two gauges measure two rains.
TWIN_KM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A station that measures a thing; `weight` is relative to the other members' (greater: trusted more)."""

    station: str
    weight: float
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One observed property at one place, measured by several stations on at least two independent paths."""

    thing: str
    observed_property: str
    members: tuple[Member, ...]


def read_things(problems: Problems, stations: Mapping[str, Station]) -> tuple[Thing, ...]:
    """The declared things in the order of their first rows; what does not fit together is told with its line."""
    if not (problems.root / NAME).is_file():
        return ()
    rows = read_csv(problems, NAME, ("thing", "station", "property", "weight", "source", "verified"))
    groups: dict[str, list[Cells]] = {}
    taken: set[tuple[str, str]] = set()
    for row in rows:
        row.key("thing", ())
        row.refer("station", stations, "stations.csv")
        if (row["station"], row["property"]) in taken:
            row.refuse(f"{row['station']} 的 {row['property']} 已在另一行 / is a member already", "一站一要素只属于一件事 / one thing a station and property")
        taken.add((row["station"], row["property"]))
        groups.setdefault(row["thing"], []).append(row)
    return tuple(_thing(name, group, stations) for name, group in groups.items())


def _thing(name: str, rows: list[Cells], stations: Mapping[str, Station]) -> Thing:
    head = rows[0]
    if name in stations:
        head.refuse(f"{name} 也是测站编号 / is a station's id too", "换一个名字 / choose another name")
    first = stations.get(head["station"])
    for row in rows:
        row.one_of("property", PROPERTIES)
        station = stations.get(row["station"])
        if station is None or first is None:
            continue
        if row["property"] not in station.properties and not row.problems.wrong("stations.csv"):
            row.refuse(f"{station.station} 不测 {row['property']} / does not measure it", f"它测 / it measures: {', '.join(station.properties)}")
        elif row["property"] != head["property"]:
            row.refuse(f"{name} 的第一行是 {head['property']} / another property than the first row's", "另起一个名字 / give it a name of its own")
        elif station.town != first.town or (station.datum != first.datum and row["property"] in ("stage", "tide")):
            row.refuse(f"{station.station} 与 {first.station} 不在一镇或基面不同 / another town or datum", "只合并同一处、同一基面的测站 / one place, one datum")
        elif (apart := km_apart(first.lat, first.lon, station.lat, station.lon)) > TWIN_KM:
            row.refuse(f"{station.station} 离 {first.station} {apart:.1f} km，超过 {TWIN_KM:g} km / too far away", "只合并同一处的测站 / only stations at one place")
    if name not in stations and len({_path(row["station"], stations) for row in rows}) < 2:
        head.refuse(f"{name} 只有一条线路 / has one path only", "至少两站、两条线路，否则没有互证 / at least two stations on two paths")
    members = tuple(Member(station=r["station"], weight=r.number("weight", 0.01, 100), source=r.text("source"), verified=r.yes("verified")) for r in rows)
    return Thing(thing=name, observed_property=head["property"], members=members)


def _path(name: str, stations: Mapping[str, Station]) -> str:
    station = stations.get(name)
    return station.path if station is not None and station.path else f"station:{name}"


def km_apart(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance of two points in degrees, km (haversine, sphere of 6,371 km)."""
    p1, p2, half = radians(lat1), radians(lat2), radians(lon2 - lon1) / 2
    return 2 * 6371.0 * asin(min(1.0, sqrt(sin((p2 - p1) / 2) ** 2 + cos(p1) * cos(p2) * sin(half) ** 2)))
