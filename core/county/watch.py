"""What a county knows about its own sensors, each a CSV file that may be absent: works on stations, what a month can bring, which way water runs.

maintenance.csv  station,start,end,kind,note          a reading inside is flagged and raises nothing; an empty end is open
climate.csv      station,property,month,low,high,...   bounds of the believable by month; an empty station is every station
links.csv        upstream,downstream,property,rise,... a downstream gauge stands at most `rise` metres above the upstream one
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from core.county.cells import Cells, read_csv
from core.county.problems import Problems, meant
from core.county.types import Station
from core.times import parse_iso
from core.units import PROPERTIES

KINDS = ("maintenance", "calibration", "moved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A time in which a station's readings are not to be used (work on it, a calibration, or it stands elsewhere); `end` None: open."""

    station: str
    start: datetime
    end: datetime | None
    kind: Literal["maintenance", "calibration", "moved"]
    note: str

    def covers(self, time: datetime) -> bool:
        """Whether `time` (aware) lies in the window."""
        return self.start <= time and (self.end is None or time < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """Believable bounds of a property in a month (1-12, by the county's clock) at a station ('' all), canonical unit, nan for no bound."""

    station: str
    observed_property: str
    month: int
    low: float
    high: float
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two gauges on one water in one datum: `downstream` stands at most `rise` metres above `upstream`."""

    upstream: str
    downstream: str
    observed_property: str
    rise: float
    source: str
    verified: bool


def read_maintenance(problems: Problems, stations: Mapping[str, Station]) -> tuple[Maintenance, ...]:
    """Windows in which a station's readings are not to be used; times are ISO 8601 with a zone."""
    name = "maintenance.csv"
    if not (problems.root / name).is_file():
        return ()
    windows = []
    for row in read_csv(problems, name, ("station", "start", "end", "kind", "note")):
        row.refer("station", stations, "stations.csv")
        kind = cast(Literal["maintenance", "calibration", "moved"], row.one_of("kind", KINDS))
        start, end = (_time(row, key) if row[key] else None for key in ("start", "end"))
        if start is None or (end is not None and end <= start):
            row.refuse("起止时间不对 / start and end do not fit", "写成 2026-08-01T08:00:00+08:00 / give ISO times with a zone")
            continue
        windows.append(Maintenance(station=row["station"], start=start, end=end, kind=kind, note=row["note"]))
    return tuple(windows)


def read_climate(problems: Problems, stations: Mapping[str, Station]) -> tuple[Climate, ...]:
    """Believable bounds by station, property and month of the county's calendar, in the canonical unit."""
    name = "climate.csv"
    if not (problems.root / name).is_file():
        return ()
    rows = []
    taken: dict[tuple[str, ...], int] = {}
    for row in read_csv(problems, name, ("station", "property", "month", "low", "high", "source", "verified")):
        _measured(row, row["property"], row["station"], stations)
        _once(row, (row["station"], row["property"], row["month"]), taken)
        if row["station"]:
            row.refer("station", stations, "stations.csv")
        ends = [row.maybe(column, -1e6, 1e6) for column in ("low", "high")]
        low, high = (math.nan if end is None else end for end in ends)
        if low > high:
            row.refuse("下限高于上限 / low over high", "对调 low 与 high / swap them")
        rows.append(Climate(station=row["station"], observed_property=row.one_of("property", PROPERTIES), month=row.whole("month", 1, 12), low=low,
                            high=high, source=row.text("source"), verified=row.yes("verified")))
    return tuple(rows)


def read_links(problems: Problems, stations: Mapping[str, Station]) -> tuple[Link, ...]:
    """Pairs of gauges on one water, in one datum."""
    name = "links.csv"
    if not (problems.root / name).is_file():
        return ()
    links = []
    taken: dict[tuple[str, ...], int] = {}
    for row in read_csv(problems, name, ("upstream", "downstream", "property", "rise", "source", "verified")):
        up, down = (stations.get(row.refer(column, stations, "stations.csv")) for column in ("upstream", "downstream"))
        if up and down and (up.datum != down.datum or up is down):
            row.refuse("两站基面不同或为同一站，不能比较 / two datums, or one station twice, are never compared", "只连同一基面的两站 / link two gauges of one datum")
        if _measured(row, row["property"], row["upstream"], stations):
            _measured(row, row["property"], row["downstream"], stations)
        _once(row, (*sorted((row["upstream"], row["downstream"])), row["property"]), taken)
        links.append(Link(upstream=row["upstream"], downstream=row["downstream"], observed_property=row.one_of("property", PROPERTIES),
                          rise=row.number("rise", 0, 50), source=row.text("source"), verified=row.yes("verified")))
    return tuple(links)


def _measured(row: Cells, name: str, station: str, stations: Mapping[str, Station]) -> bool:
    """Note a property that the station does not measure: the row would say nothing. Whether there is nothing to note."""
    of = stations.get(station)
    odd = of is not None and name in PROPERTIES and name not in of.properties and not row.problems.wrong("stations.csv")
    if odd and of is not None:
        row.refuse(f"{station} 不测 {name} / does not measure it", meant(name, of.properties))
    return not odd


def _once(row: Cells, key: tuple[str, ...], taken: dict[tuple[str, ...], int]) -> None:
    """Note a row that says again what another says."""
    if taken.setdefault(key, row.line) != row.line:
        row.refuse(f"与第 {taken[key]} 行重复 / the same as line {taken[key]}", "删去一行 / drop one")


def _time(row: Cells, column: str) -> datetime | None:
    try:
        return parse_iso(row[column])
    except ValueError:
        return None
