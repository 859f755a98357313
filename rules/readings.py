"""Station indicators: statistics of stations gathered into an interval per town, with a trace back to the readings.

Stations that measure one thing are fused first (rules.sites); for each town: the worst of its core stations or things (rules.towns). One that is
down does not widen the interval beyond where it was heading when a healthy one within reach comes by another path (line, modem), unless its whole
feed is silent. An extreme counts as corroborated as far as another path supports it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd

from core.county import County, Station
from core.model import Flag
from core.units import LEVELLED
from rules import marks
from rules.catalogue import Indicator
from rules.grid import STEP_S, WIDE_S, Floats, Grid, Ints, Log, Position, build, position
from rules.roster import Roster, roster_of
from rules.sites import Sites, assemble
from rules.statistics import STATISTICS, StationValues, negated, window
from rules.towns import Side, TownValues, mean, worst, youngest

#: Readings cited for one indicator of one town.
MAX_RECORDS = 20
#: Statistics that take the declared stage themselves, instead of having it subtracted.
MARKED = ("hours_to", "hours_above")


class Readings:
    """The readings of one assessment: grids built once per property, positions once per grid."""

    def __init__(
        self, county: County, told: pd.DataFrame | Log, *, now: datetime, hours: float, ticks_s: Ints, silent: frozenset[str], roster: Roster | None = None,
    ) -> None:
        """`told`: a frame as lake.observations gives it, or one read before; `ticks_s` (T,) seconds before `now` at which to evaluate (multiples of
        300, last 0); `roster`: the county's, where it is not to be kept for the next assessment."""
        self.county, self.now, self.hours, self.silent = county, now, hours, silent
        self.log, self._ticks_s = told if isinstance(told, Log) else Log.of(told), ticks_s
        self._grids: dict[tuple[str, int, int], tuple[Grid, Position]] = {}
        self._sites: dict[str, Sites] = {}
        self._ages: dict[tuple[int, int], tuple[Side, Floats]] = {}
        self.roster = roster or roster_of(county)

    def believing(self, rows: Ints) -> Readings:
        """The same with some rows of the log as if nobody had doubted them."""
        flag = self.log.flag.copy()
        flag[rows] = Flag.GOOD
        return Readings(self.county, replace(self.log, flag=flag), now=self.now, hours=self.hours, ticks_s=self._ticks_s, silent=self.silent, roster=self.roster)

    def grid(self, observed_property: str, stations: tuple[Station, ...], window_h: float = 0.0) -> tuple[Grid, Position]:
        """Grid of one property over some stations and the stations' positions at the ticks, for windows of `window_h`."""
        step_s = self._step_s(stations, window_h)
        key = (observed_property, id(stations), step_s)
        if key not in self._grids:
            datums = {s.station: s.datum for s in stations if s.datum} if observed_property in LEVELLED else None
            made = build(self.log, observed_property, tuple(s.station for s in stations), now=self.now, hours=self.hours, datums=datums, step_s=step_s)
            self._grids[key] = (made, position(made, made.ticks - 1 - self._ticks_s // made.step_s, self.roster.timing(stations).max_age_s))
        return self._grids[key]

    def _step_s(self, stations: tuple[Station, ...], window_h: float) -> int:
        """How long a slot may be: ticks and the log's beginning must stand at the ends of slots, and no feed be due more often."""
        even = not window_h % 1 and not round(self.hours * 3600) % WIDE_S and not (self._ticks_s % WIDE_S).any()
        return WIDE_S if even and self.roster.timing(stations).interval_s.min(initial=WIDE_S) >= WIDE_S else STEP_S

    def sites(self, indicator: Indicator) -> Sites:
        """The indicator's statistic at every station that has it, and in place of several that measure one thing the fused thing."""
        if indicator.name not in self._sites:
            values = [self._at_stations(indicator, p, stations) for p, stations in self.roster.parts(indicator)]
            self._sites[indicator.name] = assemble(self.roster.layout(indicator), values, indicator, self.county, self.silent)
        return self._sites[indicator.name]

    def _at_stations(self, indicator: Indicator, observed_property: str, stations: tuple[Station, ...]) -> StationValues:
        values = self._statistic(indicator, observed_property, stations)
        if indicator.above and indicator.statistic not in MARKED:
            base = _mark(indicator, stations) * (-1.0 if indicator.inverted else 1.0)
            values = values.each(lambda column: np.round(column - base, 6))
        if indicator.mark:
            values = marks.measured(values, indicator, stations)
        return _share(values, self._statistic(indicator, indicator.per, stations)) if indicator.per else values

    def _statistic(self, indicator: Indicator, observed_property: str, stations: tuple[Station, ...]) -> StationValues:
        grid, at = self.grid(observed_property, stations, indicator.window_h)
        seen = negated(grid) if indicator.inverted else grid
        return STATISTICS[indicator.statistic](window(seen, at, indicator.window_h, self.roster.timing(stations).interval_s, _mark(indicator, stations)), indicator)

    def towns(self, indicator: Indicator) -> TownValues:
        """The indicator for every town."""
        sites = self.sites(indicator)
        hushed = sites.silent(self.silent)
        places = Side(sites.values, self.roster.reach(indicator, sites.places), hushed[0])
        stations = Side(sites.each, self.roster.reach(indicator, sites.stations), hushed[1])
        age_s = self._youngest(places)
        diluted = indicator.reach in ("idw", "mean")
        told = mean(places, indicator, sites.feeds, age_s) if diluted else worst(places, stations, sites.feeds, indicator, age_s)
        return replace(told, sinking=indicator.sinking)

    def _youngest(self, places: Side) -> Floats:
        """The towns' ages, worked out once for all statistics of the same readings."""
        key = id(places.values.age_s), id(places.found)
        if key not in self._ages:
            self._ages[key] = places, youngest(places.values, places.found)  # an id is only a name while what it names lives
        return self._ages[key][1]

    def binding(self, indicator: Indicator, town: int) -> Station | None:
        """The station, or the fused thing under its own name, that makes a town's newest value: the worst of its core stations, the nearest among
        equals; None where there is none."""
        sites = self.sites(indicator)
        found, values = self.roster.reach(indicator, sites.places), sites.values
        core = [int(s) for s in found.member[found.core[:, town], town]]
        if not core:
            return None
        return sites.places[max(core, key=lambda s: (values.lo[-1, s], values.heading[-1, s], -core.index(s)))]

    def behind(self, indicator: Indicator, station: Station) -> Ints:
        """Positions in the log of the readings behind a station's newest value, oldest first, the newest MAX_RECORDS a property."""
        parts = list(self.roster.parts(indicator))
        parts += [(indicator.per, of) for _, of in parts if indicator.per]
        found = [self._behind(indicator, p, station, of) for p, of in parts if station in self.roster.columns(of)]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def _behind(self, indicator: Indicator, observed_property: str, station: Station, of: tuple[Station, ...]) -> Ints:
        grid, at = self.grid(observed_property, of, indicator.window_h)
        column = self.roster.columns(of)[station]
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
    return replace(told, sure=sure & whole.sure & part.sure, stale=part.stale | whole.stale, age_s=np.maximum(part.age_s, whole.age_s))
