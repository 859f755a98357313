"""limits.csv: a county's own limits of believable readings, where its places are not those of the house's tidal plain. The file may be absent.

station,site,property,limit,value,source,verified
U1,,stage,leap,4,自定,false                       one station
,mountain_stream,stage,spike,2.5,自定,false        every station whose column `site` in stations.csv says so
,,temperature,low,-40,县气候志,false               every station of the county

A station's own row goes before its site's, a site's before the county's, that before the house's (core.limits.LIMITS). Values are in the property's
canonical unit, `step` an hour, `flat_h` and `stands_h` in hours; what each limit means, core.limits.Limits and Agreement say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.county.cells import NUMBER, Cells, read_csv
from core.county.problems import Problems, meant
from core.county.types import Station
from core.limits import HEIGHTS, LIMITS, SETTABLE, fitted, settable
from core.units import PROPERTIES

FILE = "limits.csv"
COLUMNS = ("station", "site", "property", "limit", "value", "source", "verified")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimit:
    """One row: `limit` (a word of core.limits.SETTABLE) of a property at one `station`, at every station of a `site`, or ("" both) everywhere."""

    station: str
    site: str
    observed_property: str
    limit: str
    value: float
    source: str
    verified: bool
    line: int

    @property
    def place(self) -> str:
        """Where it stands, for people: limits.csv:3."""
        return f"{FILE}:{self.line}"

    def concerns(self, station: Station) -> bool:
        """Whether it is meant for a station."""
        return self.observed_property in station.properties and self.station in ("", station.station) and self.site in ("", station.site)


def in_force(rows: Iterable[OwnLimit], station: Station, observed_property: str) -> dict[str, OwnLimit]:
    """By limit the row that counts at a station: its own, else its site's, else the county's."""
    mine = (row for row in rows if row.observed_property == observed_property and row.concerns(station))
    return {row.limit: row for row in sorted(mine, key=lambda row: (bool(row.station), bool(row.site)))}


def read_limits(problems: Problems, stations: Mapping[str, Station]) -> tuple[OwnLimit, ...]:
    """The rows in the order of the file; every fault noted with file:line and the nearest known word. Sites that stations name and no row knows, too."""
    known = {station.site for station in stations.values()} - {""}
    if not (problems.root / FILE).is_file():
        for station in (s for s in stations.values() if s.site):
            problems.add("stations.csv", station.line, f"{station.station} 的 site {station.site} 没有限值 / no limits of this site",
                         f"写 {FILE}，或清空 site / write it, or empty the cell")
        return ()
    rows: list[OwnLimit] = []
    taken: dict[tuple[str, ...], int] = {}
    for cells in read_csv(problems, FILE, COLUMNS):
        before = len(problems.errors)
        row = _row(cells, stations, known)
        key = (row.station, row.site, row.observed_property, row.limit)
        if key in taken:
            cells.refuse(f"与第 {taken[key]} 行重复 / the same as line {taken[key]}", "删去一行 / drop one")
        taken.setdefault(key, row.line)
        if len(problems.errors) == before:
            _reaches(cells, row, stations)
            rows.append(row)
    for station in stations.values():
        if station.site and FILE not in problems.broken and station.site not in {cells[1] for cells in taken}:
            problems.refer("stations.csv", station.line, "site", station.site, {cells[1] for cells in taken} - {""}, FILE)
    _fit(problems, rows, stations)
    return tuple(rows)


def _row(cells: Cells, stations: Mapping[str, Station], sites: Iterable[str]) -> OwnLimit:
    name, limit = cells.one_of("property", PROPERTIES), cells["limit"]
    if cells["station"]:
        cells.refer("station", stations, "stations.csv")
        if cells["site"]:
            cells.refuse("station 与 site 只填一个 / one of station and site", "一行只说一个站或一类站 / a row is for one station or one kind")
    elif cells["site"] and cells["site"] not in sites and "stations.csv" not in cells.problems.broken:
        cells.refuse(f"没有一个测站的 site 是 {cells['site']} / no station is of this site", meant(cells["site"], sites))
    words = settable(name) if name in PROPERTIES else tuple(SETTABLE)
    if limit not in words:
        cells.refuse(f"{name} 没有限值 {limit} / has no such limit", meant(limit, words))
        return _made(cells, math.nan)
    one = SETTABLE[limit]
    low, high = ((-500.0, 9000.0) if name in HEIGHTS else LIMITS[name].fail) if one.test == "range" else (0.0, one.most)
    low, high = (bound if math.isfinite(bound) else (-1 + 2 * end) * 1e6 for end, bound in enumerate((low, high)))
    value = cells.number("value", low, high)
    if NUMBER.fullmatch(cells["value"]) and float(cells["value"]) == 0 and one.test != "range" and limit not in ("stands_h", "quiet"):
        cells.refuse(f"{limit} 为 0 则每个读数都可疑 / every reading would be suspect", "写大于 0 的数 / write more than 0")
    return _made(cells, value)


def _made(cells: Cells, value: float) -> OwnLimit:
    return OwnLimit(station=cells["station"], site=cells["site"], observed_property=cells["property"], limit=cells["limit"], value=value,
                    source=cells.text("source"), verified=cells.yes("verified"), line=cells.line)


def _reaches(cells: Cells, row: OwnLimit, stations: Mapping[str, Station]) -> None:
    """A row that no station's readings meet says nothing, and nobody would notice."""
    if "stations.csv" in cells.problems.broken or row.station not in ("", *stations):
        return
    if not any(row.concerns(station) for station in stations.values()):
        who = row.station or (f"site {row.site} 的测站" if row.site else "全县没有测站")
        measured = sorted({p for s in stations.values() if row.station in ("", s.station) and row.site in ("", s.site) for p in s.properties})
        cells.refuse(f"{who} 不测 {row.observed_property} / does not measure it", meant(row.observed_property, measured))


def _fit(problems: Problems, rows: Iterable[OwnLimit], stations: Mapping[str, Station]) -> None:
    """The range that is in force at a station has its low end under its high one; a row is told of once."""
    told: set[int] = set()
    for station, name in ((one, name) for one in stations.values() for name in one.properties):
        ends = {word: row for word, row in in_force(rows, station, name).items() if word in ("low", "high")}
        low, high = fitted(name, {word: (row.value, row.place) for word, row in ends.items()})[0].suspect
        line = max((row.line for row in ends.values()), default=0)
        if low >= high and line and line not in told:
            told.add(line)
            problems.add(FILE, line, f"{station.station} 的 {name} 下限 {low:g} 不低于上限 {high:g} / low end not under the high one", "核对 low 与 high / check the two")
