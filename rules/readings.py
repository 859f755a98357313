"""Station indicators: statistics of stations gathered into an interval per town, with a trace back to the readings.

Stations that measure one thing are fused first (rules.sites); for each town: the worst of its core stations or things (rules.towns). One that is
down does not widen the interval beyond where it was heading when a healthy one within reach comes by another path (line, modem), unless its whole
feed is silent. An extreme counts as corroborated as far as another path supports it.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd

from core.county import County, Station
from rules import marks
from rules.catalogue import Indicator
from rules.grid import Floats, Grid, Ints, Log, Position, build, position
from rules.sites import Layout, Sites, assemble, path_names, path_numbers
from rules.spatial import Reach, reach, unit_vectors
from rules.statistics import STATISTICS, StationValues, negated, window
from rules.towns import Side, TownValues, mean, worst

#: Readings cited for one indicator of one town.
MAX_RECORDS = 20
#: Properties that are heights above a datum.
LEVELLED = ("stage", "tide", "gate_upstream", "gate_downstream", "reservoir_stage")
#: Statistics that take the declared stage themselves, instead of having it subtracted.
MARKED = ("hours_to", "hours_above")


class Readings:
    """The readings of one assessment: grids built once per property, positions once per grid."""

    def __init__(self, county: County, frame: pd.DataFrame, *, now: datetime, hours: float, ticks_s: Ints, silent: frozenset[str]) -> None:
        """`frame` as lake.observations gives it; `ticks_s` (T,) seconds before `now` at which to evaluate (multiples of 300, last 0)."""
        self.county, self.now, self.hours, self.silent = county, now, hours, silent
        self.log, self._ticks_s = Log.of(frame), ticks_s
        self._grids: dict[tuple[str, int], tuple[Grid, Position]] = {}
        self._sites: dict[str, Sites] = {}
        self._layouts: dict[tuple[tuple[str, int], ...], Layout] = {}
        #: What is known of the stations themselves, by the tuple that stands for them; the tuples live as long as this does.
        self._measuring: dict[tuple[str, str], tuple[Station, ...]] = {}
        self._reaches: dict[tuple[int, str, float, float], Reach] = {}
        self._timing: dict[int, tuple[Floats, Floats]] = {}

    def grid(self, observed_property: str, stations: tuple[Station, ...]) -> tuple[Grid, Position]:
        """Grid of one property over some stations and the stations' positions at the ticks."""
        key = (observed_property, id(stations))
        if key not in self._grids:
            datums = {s.station: s.datum for s in stations if s.datum} if observed_property in LEVELLED else None
            made = build(self.log, observed_property, tuple(s.station for s in stations), now=self.now, hours=self.hours, datums=datums)
            self._grids[key] = (made, position(made, made.ticks - 1 - self._ticks_s // made.step_s, self._feeds(stations)[0]))
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

    def sites(self, indicator: Indicator) -> Sites:
        """The indicator's statistic at every station that has it, and in place of several that measure one thing the fused thing."""
        if indicator.name not in self._sites:
            parts = self.stations(indicator)
            values = [self._at_stations(indicator, p, stations) for p, stations in parts]
            self._sites[indicator.name] = assemble(self._layout(parts), values, indicator, self.county, self.silent)
        return self._sites[indicator.name]

    def _layout(self, parts: tuple[tuple[str, tuple[Station, ...]], ...]) -> Layout:
        key = tuple((p, id(stations)) for p, stations in parts)
        if key not in self._layouts:
            self._layouts[key] = Layout.of(parts, self.county)
        return self._layouts[key]

    def _at_stations(self, indicator: Indicator, observed_property: str, stations: tuple[Station, ...]) -> StationValues:
        values = self._statistic(indicator, observed_property, stations)
        if indicator.above and indicator.statistic not in MARKED:
            base = _mark(indicator, stations) * (-1.0 if indicator.inverted else 1.0)
            values = values.each(lambda column: np.round(column - base, 6))
        if indicator.mark:
            values = marks.measured(values, indicator, stations)
        return _share(values, self._statistic(indicator, indicator.per, stations)) if indicator.per else values

    def _statistic(self, indicator: Indicator, observed_property: str, stations: tuple[Station, ...]) -> StationValues:
        grid, at = self.grid(observed_property, stations)
        seen = negated(grid) if indicator.inverted else grid
        return STATISTICS[indicator.statistic](window(seen, at, indicator.window_h, self._feeds(stations)[1], _mark(indicator, stations)), indicator)

    def _feeds(self, stations: tuple[Station, ...]) -> tuple[Floats, Floats]:
        """(S,) longest age and interval of the stations' feeds, s."""
        if id(stations) not in self._timing:
            feeds = {f.feed: (f.max_age_s, f.interval_s) for f in self.county.feeds}
            both = np.array([feeds[s.feed] for s in stations], dtype=np.float64).reshape(-1, 2)
            self._timing[id(stations)] = both[:, 0], both[:, 1]
        return self._timing[id(stations)]

    def towns(self, indicator: Indicator) -> TownValues:
        """The indicator for every town."""
        sites = self.sites(indicator)
        hushed = sites.silent(self.silent)
        places = Side(sites.values, self._reach(indicator, sites.places), hushed[0])
        stations = Side(sites.each, self._reach(indicator, sites.stations), hushed[1])
        told = mean(places, indicator, sites.feeds) if indicator.reach in ("idw", "mean") else worst(places, stations, sites.feeds, indicator)
        return replace(told, sinking=indicator.sinking)

    def _reach(self, indicator: Indicator, stations: tuple[Station, ...]) -> Reach:
        """reach_of, looked up once an assessment however many towns ask."""
        key = (id(stations), indicator.reach, indicator.km, indicator.witness_km)
        if key not in self._reaches:
            self._reaches[key] = reach_of(self.county, indicator, stations)
        return self._reaches[key]

    def binding(self, indicator: Indicator, town: int) -> Station | None:
        """The station, or the fused thing under its own name, that makes a town's newest value: the worst of its core stations, the nearest among
        equals; None where there is none."""
        sites = self.sites(indicator)
        found, values = self._reach(indicator, sites.places), sites.values
        core = [int(s) for s in found.member[found.core[:, town], town]]
        if not core:
            return None
        return sites.places[max(core, key=lambda s: (values.lo[-1, s], values.heading[-1, s], -core.index(s)))]

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
    told = part.each(lambda column: np.where(sure, np.round(column / divisor, 6), -np.inf))
    hi = np.where(sure & (whole.lo == whole.hi), np.round(part.hi / divisor, 6), np.inf)
    return StationValues(told.lo, hi, told.heading, part.stale | whole.stale, np.maximum(part.age_s, whole.age_s))


@functools.lru_cache(maxsize=256)
def _reach_cached(
    version: str, towns: tuple[tuple[str, float, float], ...], stations: tuple[tuple[str, float, float], ...], paths: tuple[str, ...],
    how: tuple[str, float, float],
) -> Reach:
    points = [unit_vectors(np.array([t[1] for t in group]), np.array([t[2] for t in group])) if group else np.zeros((0, 3)) for group in (towns, stations)]
    number = {town[0]: n for n, town in enumerate(towns)}
    own = [(number[station[0]], n) for n, station in enumerate(stations) if station[0] in number]
    return reach(points[0], points[1], np.array(own, dtype=np.int64).reshape(-1, 2), *how, path_numbers(paths))


def reach_of(county: County, indicator: Indicator, stations: tuple[Station, ...]) -> Reach:
    """The indicator's station -> town operator, computed once per county version."""
    return _reach_cached(
        county.version, tuple((t.key, t.lat, t.lon) for t in county.towns), tuple((s.town, s.lat, s.lon) for s in stations),
        path_names(stations), (indicator.reach, indicator.km, indicator.witness_km),
    )
