"""Station indicators: statistics of stations gathered into an interval per town, with a trace back to the readings.

For each town: the worst of its core stations. A station that is down does not widen the interval beyond where it was heading
when a healthy one within reach comes by another path (line, modem), unless its whole feed is silent. An extreme counts as corroborated as far as
another path supports it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from core.county import County, Station
from rules.catalogue import Indicator
from rules.grid import Bools, Floats, Grid, Ints, Log, Position, build, position
from rules.spatial import Reach, extend, over_towns, reach, unit_vectors, weights
from rules.statistics import STATISTICS, StationValues, negated, window

#: Readings cited for one indicator of one town.
MAX_RECORDS = 20
#: An extreme that another path supports to this share is corroborated (own choice, unverified).
SUPPORT_SHARE = 0.5
#: Properties that are heights above a datum.
LEVELLED = ("stage", "tide", "gate_upstream", "gate_downstream", "reservoir_stage")
#: Statistics that take the declared stage themselves, instead of having it subtracted.
MARKED = ("hours_to", "hours_above")


@dataclass(frozen=True, slots=True)
class TownValues:
    """One indicator over T ticks and N towns. `absent` (N,): no station can tell; `single` (N,): only one path can;
    `corroborated` (T, N): the part of lo that a second path supports; `heading` (T, N); `feeds`: whose silence shows here; `age_s` (T, N):
    age of the newest reading that counts, 0 for what needs none. `sinking`: all of it stands upside down, because small values are the worst."""

    lo: Floats
    hi: Floats
    heading: Floats
    corroborated: Floats
    absent: Bools
    single: Bools
    feeds: tuple[str, ...]
    age_s: Floats
    sinking: bool = False


class Readings:
    """The readings of one assessment: grids built once per property, positions once per grid."""

    def __init__(self, county: County, frame: pd.DataFrame, *, now: datetime, hours: float, ticks_s: Ints, silent: frozenset[str]) -> None:
        """`frame` as lake.observations gives it; `ticks_s` (T,) seconds before `now` at which to evaluate (multiples of 300, last 0)."""
        self.county, self.now, self.hours, self.silent = county, now, hours, silent
        self.log, self._ticks_s = Log.of(frame), ticks_s
        self._grids: dict[tuple[str, int], tuple[Grid, Position]] = {}
        self._values: dict[str, tuple[tuple[Station, ...], StationValues]] = {}
        #: What is known of the stations themselves, by the tuple that stands for them; the tuples live as long as this does.
        self._measuring: dict[tuple[str, str], tuple[Station, ...]] = {}
        self._reaches: dict[tuple[int, str, float, float], Reach] = {}
        self._timing: dict[int, tuple[Floats, Floats]] = {}
        self._feeds: dict[int, tuple[str, ...]] = {}
        self._lines: dict[int, Ints] = {}

    def grid(self, observed_property: str, stations: tuple[Station, ...]) -> tuple[Grid, Position]:
        """Grid of one property over some stations and the stations' positions at the ticks."""
        key = (observed_property, id(stations))
        if key not in self._grids:
            datums = {s.station: s.datum for s in stations if s.datum} if observed_property in LEVELLED else None
            made = build(self.log, observed_property, tuple(s.station for s in stations), now=self.now, hours=self.hours, datums=datums)
            self._grids[key] = (made, position(made, made.ticks - 1 - self._ticks_s // made.step_s))
        return self._grids[key]

    def stations(self, indicator: Indicator) -> tuple[tuple[str, tuple[Station, ...]], ...]:
        """(property, stations that measure it and have what the indicator needs), in the county's order."""
        return tuple((p, self._of(p, indicator.above)) for p in indicator.properties)

    def _of(self, observed_property: str, above: str) -> tuple[Station, ...]:
        key = (observed_property, above)
        if key not in self._measuring:
            made = tuple(s for s in self.county.stations if observed_property in s.properties and (not above or getattr(s, above, None) is not None))
            self._measuring[key] = next((known for (p, _), known in self._measuring.items() if p == observed_property and known == made), made)
        return self._measuring[key]

    def station_values(self, indicator: Indicator) -> tuple[tuple[Station, ...], StationValues]:
        """The indicator's statistic at every station that has it; columns in the order of the returned stations."""
        if indicator.name not in self._values:
            self._values[indicator.name] = self._at_stations(indicator)
        return self._values[indicator.name]

    def _at_stations(self, indicator: Indicator) -> tuple[tuple[Station, ...], StationValues]:
        parts: list[StationValues] = []
        owners: list[Station] = []
        for observed_property, stations in self.stations(indicator):
            values = self._statistic(indicator, observed_property, stations)
            if indicator.above and indicator.statistic not in MARKED:
                base = _mark(indicator, stations) * (-1.0 if indicator.inverted else 1.0)
                lo, hi, heading = (np.round(v - base, 6) for v in (values.lo, values.hi, values.heading))
                values = StationValues(lo, hi, heading, values.stale, values.age_s)
            if indicator.per:
                values = _share(values, self._statistic(indicator, indicator.per, stations))
            parts.append(values)
            owners += stations
        if len(parts) == 1:
            return stations, parts[0]
        lo, hi, heading, stale, age = (np.concatenate([getattr(p, n) for p in parts], axis=1) for n in ("lo", "hi", "heading", "stale", "age_s"))
        return tuple(owners), StationValues(lo, hi, heading, stale, age)

    def _statistic(self, indicator: Indicator, observed_property: str, stations: tuple[Station, ...]) -> StationValues:
        grid, at = self.grid(observed_property, stations)
        if id(stations) not in self._timing:
            feeds = {f.feed: (f.max_age_s, f.interval_s) for f in self.county.feeds}
            both = np.array([feeds[s.feed] for s in stations], dtype=np.float64).reshape(-1, 2)
            self._timing[id(stations)] = both[:, 0], both[:, 1]
        ages, intervals = self._timing[id(stations)]
        seen = negated(grid) if indicator.inverted else grid
        return STATISTICS[indicator.statistic](window(seen, at, indicator.window_h, ages, intervals, _mark(indicator, stations)), indicator)

    def towns(self, indicator: Indicator) -> TownValues:
        """The indicator for every town."""
        stations, values = self.station_values(indicator)
        silent = np.array([s.feed in self.silent for s in stations], dtype=bool) if self.silent else np.zeros(len(stations), dtype=bool)
        values = StationValues(values.lo, np.where(silent, np.inf, values.hi), values.heading, values.stale | silent, values.age_s)
        found = self._reach(indicator, stations)
        if id(stations) not in self._feeds:
            self._feeds[id(stations)] = tuple(dict.fromkeys(s.feed for s in stations))
        feeds = self._feeds[id(stations)]
        mean = indicator.reach in ("idw", "mean")
        told = _mean(values, found, len(stations), indicator, feeds) if mean else _worst(values, found, self._paths(stations), silent, feeds)
        return replace(told, sinking=indicator.sinking)

    def _reach(self, indicator: Indicator, stations: tuple[Station, ...]) -> Reach:
        """reach_of, looked up once an assessment however many towns ask."""
        key = (id(stations), indicator.reach, indicator.km, indicator.witness_km)
        if key not in self._reaches:
            self._reaches[key] = reach_of(self.county, indicator, stations)
        return self._reaches[key]

    def _paths(self, stations: tuple[Station, ...]) -> Ints:
        if id(stations) not in self._lines:
            self._lines[id(stations)] = _paths(stations)
        return self._lines[id(stations)]

    def binding(self, indicator: Indicator, town: int) -> Station | None:
        """The station that makes a town's newest value: the worst of its core stations, the nearest among equals; None where there is none."""
        stations, values = self.station_values(indicator)
        found = self._reach(indicator, stations)
        core = [int(s) for s in found.member[found.core[:, town], town]]
        if not core:
            return None
        return stations[max(core, key=lambda s: (values.lo[-1, s], values.heading[-1, s], -core.index(s)))]

    def behind(self, indicator: Indicator, station: Station) -> Ints:
        """Positions in the log of the readings behind a station's newest value, oldest first, the newest MAX_RECORDS a property."""
        parts = list(self.stations(indicator))
        parts += [(indicator.per, of) for _, of in parts if indicator.per]
        found = [self._behind(indicator, p, station, of) for p, of in parts if station in of]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def _behind(self, indicator: Indicator, observed_property: str, station: Station, of: tuple[Station, ...]) -> Ints:
        grid, at = self.grid(observed_property, of)
        column = of.index(station)
        end = int(max(at.newest[-1, column], 0))
        width = grid.slots(indicator.back_h) if indicator.window_h else 1
        first = max(0, end + 1 - width - (1 if indicator.statistic in ("rise", "fall", "change") else 0))
        rows = grid.row[first : end + 1, column]
        return np.array(list(dict.fromkeys(rows[rows >= 0].tolist()))[-MAX_RECORDS:], dtype=np.int64)


def _mark(indicator: Indicator, stations: tuple[Station, ...]) -> Floats:
    """(S,) the declared stage that the indicator names, NaN where it names none."""
    if not indicator.above:
        return np.full(len(stations), np.nan)
    return np.array([getattr(s, indicator.above) for s in stations], dtype=np.float64)


def _share(part: StationValues, whole: StationValues) -> StationValues:
    """part / whole of two counts; unknown where the whole is not known or is zero."""
    sure = np.isfinite(whole.lo) & (whole.lo > 0)
    divisor = np.where(sure, whole.lo, 1.0)
    lo, heading = (np.where(sure, np.round(v / divisor, 6), -np.inf) for v in (part.lo, part.heading))
    hi = np.where(sure & (whole.lo == whole.hi), np.round(part.hi / divisor, 6), np.inf)
    return StationValues(lo, hi, heading, part.stale | whole.stale, np.maximum(part.age_s, whole.age_s))


def _paths(stations: tuple[Station, ...]) -> Ints:
    """A number per independent path; a station without one is a path of its own."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(s.path or f"station:{s.station}", len(numbers)) for s in stations], dtype=np.int64)


@functools.lru_cache(maxsize=256)
def _reach_cached(version: str, towns: tuple[tuple[str, float, float], ...], stations: tuple[tuple[str, float, float], ...], how: tuple[str, float, float]) -> Reach:
    points = [unit_vectors(np.array([t[1] for t in group]), np.array([t[2] for t in group])) if group else np.zeros((0, 3)) for group in (towns, stations)]
    number = {town[0]: n for n, town in enumerate(towns)}
    own = [(number[station[0]], n) for n, station in enumerate(stations) if station[0] in number]
    return reach(points[0], points[1], np.array(own, dtype=np.int64).reshape(-1, 2), *how)


def reach_of(county: County, indicator: Indicator, stations: tuple[Station, ...]) -> Reach:
    """The indicator's station -> town operator, computed once per county version."""
    return _reach_cached(
        county.version, tuple((t.key, t.lat, t.lon) for t in county.towns), tuple((s.town, s.lat, s.lon) for s in stations),
        (indicator.reach, indicator.km, indicator.witness_km),
    )


def _worst(values: StationValues, found: Reach, paths: Ints, silent: Bools, feeds: tuple[str, ...]) -> TownValues:
    core = list(found.core)
    lo, heading = over_towns(values.lo, found, core), over_towns(values.heading, found, core)
    sure = np.isfinite(values.hi)
    best_core = over_towns(np.where(sure, values.hi, -np.inf), found, core)
    best_any = over_towns(np.where(sure, values.hi, -np.inf), found)
    healthy = np.where(np.isfinite(best_core), best_core, best_any)
    excused = _excused(sure, found, paths, silent)
    hi = np.where(excused, np.maximum(np.maximum(lo, heading), healthy), np.inf)
    first, second = _two_paths(values.lo, found, paths)
    corroborated = np.minimum(np.minimum(first, second / SUPPORT_SHARE), lo)
    single = _path_count(found, paths) < 2
    absent = found.absent
    blank = np.broadcast_to(absent, lo.shape)
    return TownValues(np.where(blank, -np.inf, lo), np.where(blank, np.inf, hi), np.where(blank, -np.inf, heading),
                      np.where(blank, -np.inf, corroborated), absent, single, feeds, _youngest(values, found))


def _youngest(values: StationValues, found: Reach) -> Floats:
    """(T, N): age of the newest reading among a town's core stations; 0 where there is none to wait for."""
    age = -over_towns(-values.age_s, found, list(found.core))
    return np.where(found.absent, 0.0, age)


def _excused(sure: Bools, found: Reach, paths: Ints, silent: Bools) -> Bools:
    """(T, N): every core station is sure, or a sure station within reach comes by another path than each that is not."""
    present = np.append(np.ones(len(paths), dtype=bool), False)[found.member]
    wide_sure = extend(sure.astype(np.float64), 0.0).astype(bool)
    path = np.append(paths, -1)[found.member].astype(np.float64)
    hushed = np.append(silent, False)[found.member]
    low = np.full((sure.shape[0], found.member.shape[1]), np.inf)
    high = -low
    for layer in range(len(path)):
        ok = wide_sure[:, found.member[layer]] & present[layer]
        low, high = np.where(ok, np.minimum(low, path[layer]), low), np.where(ok, np.maximum(high, path[layer]), high)
    good = np.ones_like(low, dtype=bool)
    for layer in range(len(path)):
        unsure = ~wide_sure[:, found.member[layer]] & found.core[layer] & present[layer]
        other = np.isfinite(low) & ((low != path[layer]) | (high != path[layer])) & ~hushed[layer]
        good &= ~unsure | other
    return good


def _two_paths(lo: Floats, found: Reach, paths: Ints) -> tuple[Floats, Floats]:
    """Best proved value per town and the best that comes by another path, witnesses included."""
    wide, path = extend(lo, -np.inf), np.append(paths, -1)[found.member]
    shape = (lo.shape[0], found.member.shape[1])
    first, second, owner = np.full(shape, -np.inf), np.full(shape, -np.inf), np.full(shape, -2)
    for layer in range(len(path)):
        value = wide[:, found.member[layer]]
        better, same = value > first, owner == path[layer]
        second = np.where(better & ~same, first, np.where(~better & ~same, np.maximum(second, value), second))
        first, owner = np.where(better, value, first), np.where(better, path[layer], owner)
    return first, second


def _path_count(found: Reach, paths: Ints) -> Ints:
    """(N,) independent paths of a town's stations."""
    path = np.sort(np.append(paths, -1)[found.member], axis=0)
    return np.asarray((np.diff(path, axis=0, prepend=-1) != 0).sum(axis=0))


def _mean(values: StationValues, found: Reach, stations: int, indicator: Indicator, feeds: tuple[str, ...]) -> TownValues:
    """Weighted mean of the intervals' ends; one unknown station leaves the mean unknown on that side."""
    operator = weights(found, stations, inverse_distance=indicator.reach == "idw")

    def mean(ends: Floats, unknown: float) -> Floats:
        finite = np.isfinite(ends)
        result = (operator @ np.where(finite, ends, 0.0).T).T
        return np.where((operator @ (~finite).astype(np.float64).T).T > 0, unknown, np.round(result, 6))

    lo, heading = mean(values.lo, -np.inf), mean(values.heading, -np.inf)
    blank = np.broadcast_to(found.absent, lo.shape)
    lo, hi, heading = np.where(blank, -np.inf, lo), np.where(blank, np.inf, mean(values.hi, np.inf)), np.where(blank, -np.inf, heading)
    return TownValues(lo, hi, heading, lo, found.absent, np.zeros(found.member.shape[1], dtype=bool), feeds, _youngest(values, found))
