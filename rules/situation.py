"""What is known at one or many times: all declared indicators as columns over ticks x towns.

One object per assessment; grids, paths and signals are made once and only for the indicators that the rules name. The
same functions serve one tick (live) and many (replay).
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from core.county import County
from core.model import Hazard, Level
from rules import marks, official, reports, track
from rules.catalogue import Catalogue, Indicator
from rules.forecast import forecast_towns
from rules.grid import LOST_H, Bools, Floats, Ints
from rules.language import Columns, Interval
from rules.listings import Listing, in_force_over
from rules.paths import Paths, paths_at
from rules.readings import Readings
from rules.roster import Roster
from rules.sites import path_names
from rules.spatial import distance_km
from rules.statistics import BEFORE_LOSS, CARRY_H
from rules.towns import TownValues

#: A window that holds both its ends is a slot longer.
MARGIN_H = 1.0
#: So much further off than an indicator reaches its stations are looked for: chords and arcs differ in the last digit.
MARGIN_KM = 1.0
TRACK_CONNECTORS = ("zj_typhoon", "nmc_typhoon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Frames as the lake gives them, read as of `now`, and the feeds that are silent. `listed`: all receipts of signals, where several ticks must
    know each only its own."""

    observations: pd.DataFrame
    forecasts: pd.DataFrame
    tracks: pd.DataFrame
    signals: pd.DataFrame
    silent: frozenset[str]
    listed: Listing | None = None
    reports: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of shape (T, N). `plain`: intervals; `heading`: with lost stations where they were heading; `corroborated`: only what two
    paths support; `second`, `backed`, `second_heading`, `backed_heading`: what is left without the path that gives the value (rules.towns).
    By indicator: `absent` (N,), `single` (N,), `feeds` whose silence shows in it, `age_s` (T, N) of its newest reading; `told`: what people say."""

    plain: Columns
    heading: Columns
    corroborated: Columns
    second: Columns
    backed: Columns
    second_heading: Columns
    backed_heading: Columns
    absent: dict[str, Bools]
    single: dict[str, Bools]
    feeds: dict[str, tuple[str, ...]]
    age_s: dict[str, Floats]
    told: frozenset[str] = frozenset()

    def each(self, change: Callable[[Columns], Columns]) -> Table:
        """The same with every set of columns changed in one way."""
        return replace(
            self, plain=change(self.plain), heading=change(self.heading), corroborated=change(self.corroborated), second=change(self.second),
            backed=change(self.backed), second_heading=change(self.second_heading), backed_heading=change(self.backed_heading),
        )


def back_hours(county: County, catalogue: Catalogue, names: tuple[str, ...]) -> float:
    """How far back readings are needed for the named indicators, hours, so that no station looks otherwise where another rule or a longer run of ticks
    reads further: the windows that end at readings good still, or at the last before a loss, and the rise before it."""
    good = max([0, *(-(-feed.max_age_s // 3600) for feed in county.feeds if feed.enabled and feed.age_from == "reading")])
    heard = max(LOST_H, good)
    ends = ((i.back_h, heard if i.statistic in BEFORE_LOSS else good) for i in map(catalogue.indicators.__getitem__, names))
    return max([heard + CARRY_H, *(window + end for window, end in ends)]) + MARGIN_H


class Situation:
    """Everything the rules may ask about `ticks` (aware, oldest first, the last one is `now`)."""

    def __init__(self, county: County, catalogue: Catalogue, sources: Sources, ticks: list[datetime], names: tuple[str, ...]) -> None:
        """`names`: the indicators that may be asked for; they say how far back the grids reach."""
        self.county, self.catalogue, self.sources, self.ticks = county, catalogue, sources, ticks
        self.now = ticks[-1]
        self.lat, self.lon = (np.array([getattr(t, name) for t in county.towns], dtype=np.float64) for name in ("lat", "lon"))
        self.shape = (len(ticks), len(county.towns))
        seconds = np.array([int((self.now - tick).total_seconds()) for tick in ticks], dtype=np.int64)
        hours = back_hours(county, catalogue, names) + float(seconds.max()) / 3600
        self.readings = Readings(county, sources.observations, now=self.now, hours=hours, ticks_s=seconds, silent=sources.silent)
        self.track_feeds = tuple(f.feed for f in county.feeds if f.enabled and f.connector in TRACK_CONNECTORS)
        self.official_feeds = tuple(f.feed for f in county.feeds if f.enabled and f.sector == "official")
        self._floors: dict[Hazard, tuple[Floats, Floats]] = {}
        self._elsewhere: dict[str, Interval] = {}
        self._whole: tuple[Situation, tuple[Ints, ...]] | None = None

    def without(self, path: str, rows: Ints, towns: Ints, names: tuple[str, ...]) -> Situation:
        """What is known of the named indicators at the ticks `rows` in those `towns` to whom no reading comes by `path`; storms and signals are the same, and
        are asked of the whole."""
        made = copy.copy(self)
        made._whole = self, np.ix_(rows, towns)
        made.county = self._around(path, towns, names)
        made.ticks = [self.ticks[row] for row in rows]
        made.now, made.shape = made.ticks[-1], (len(rows), len(towns))
        seconds = np.array([int((made.now - tick).total_seconds()) for tick in made.ticks], dtype=np.int64)
        hours = back_hours(self.county, self.catalogue, names) + float(seconds.max()) / 3600
        made.readings = Readings(made.county, self.readings.log, now=made.now, hours=hours, ticks_s=seconds, silent=self.sources.silent,
                                 roster=Roster(made.county))
        return made

    def believing(self, rows: Ints) -> Situation:
        """The same with some readings (rows of the log) as if nobody had doubted them."""
        made = copy.copy(self)
        made.readings = self.readings.believing(rows)
        return made

    def _around(self, path: str, towns: Ints, names: tuple[str, ...]) -> County:
        """The county as those towns' indicators see it, without the stations of a path."""
        stations, widest = self.county.stations, max(max(i.km, i.witness_km) for name in names if (i := self.catalogue.indicators[name]))
        lat, lon = (np.array([getattr(s, side) for s in stations], dtype=np.float64) for side in ("lat", "lon"))
        km = distance_km(self.lat[towns, None], self.lon[towns, None], lat[None, :], lon[None, :])
        kept = tuple(self.county.towns[town] for town in towns)
        own = {town.key for town in kept}
        seen = tuple(s for s, away, name in zip(stations, km.min(axis=0), path_names(stations), strict=True)
                     if (away <= widest + MARGIN_KM or s.town in own) and name != path)
        return replace(self.county, towns=kept, stations=seen)

    @functools.cached_property
    def signals(self) -> list[tuple[official.Signal, ...]]:
        """The signals in force at each tick."""
        if self.sources.listed is not None:
            return in_force_over(self.sources.listed, self.ticks, county=self.county, catalogue=self.catalogue)
        return official.in_force_at(self.sources.signals, self.ticks, county=self.county, catalogue=self.catalogue)

    @functools.cached_property
    def storms(self) -> Paths:
        """The storms' paths at each tick."""
        return paths_at(self.sources.tracks, self.ticks)

    def table(self, names: tuple[str, ...]) -> Table:
        """Columns of the named indicators."""
        wanted = [self.catalogue.indicators[name] for name in names]
        found: dict[str, TownValues] = {}
        storms = self._seen([i for i in wanted if i.kind == "track"])
        for indicator in wanted:
            match indicator.kind:
                case "track":
                    found[indicator.name] = self._known(storms[indicator.name], self.track_feeds)
                case "station":
                    told = self.readings.towns(indicator)
                    found[indicator.name] = marks.shown(told, indicator, marks.deciding(self.readings, indicator)) if indicator.mark else told
                case "forecast":
                    found[indicator.name] = forecast_towns(indicator, self.county, self.sources.forecasts, self.ticks)
                case "official":
                    found[indicator.name] = self._known(self._signalled(indicator), self.official_feeds)
                case "report":
                    values = reports.interval(indicator, self.sources.reports, self.ticks, tuple(t.key for t in self.county.towns))
                    found[indicator.name] = self._known(values, ())
                case "mark":
                    found[indicator.name] = self._known(Interval.exact(marks.numbers(indicator, self.readings, self.catalogue, self.shape)), ())
                case "town":
                    found[indicator.name] = self._known(Interval.exact(self._attribute(indicator)), ())
        return _table(found, self.shape, frozenset(i.name for i in wanted if i.kind == "report"))

    def floor(self, hazard: Hazard) -> tuple[Floats, Floats]:
        """(level, highest not excluded) (T, N) of the official signals of a hazard; worked out once however many towns ask."""
        if hazard not in self._floors:
            self._floors[hazard] = self._floor(hazard)
        return self._floors[hazard]

    def _floor(self, hazard: Hazard) -> tuple[Floats, Floats]:
        level = official.levels_at(self.signals, self.shape[1], hazard=hazard)
        hushed = bool(self.sources.silent & set(self.official_feeds))
        return level, np.full_like(level, float(Level.RED)) if hushed else level

    def _seen(self, storms: list[Indicator]) -> dict[str, Interval]:
        """What the storms say, each indicator worked out once."""
        if self._whole:
            whole, at = self._whole
            return {name: values.each(lambda ends: ends[at]) for name, values in whole._seen(storms).items()}
        new = [i for i in storms if i.name not in self._elsewhere]
        if new:
            self._elsewhere |= track.intervals(new, self.storms, self.lat, self.lon, bool(self.sources.silent & set(self.track_feeds)))
        return {i.name: self._elsewhere[i.name] for i in storms}

    def _signalled(self, indicator: Indicator) -> Interval:
        """What the official signals say, worked out once."""
        if self._whole:
            whole, at = self._whole
            return whole._signalled(indicator).each(lambda ends: ends[at])
        if indicator.name not in self._elsewhere:
            level = official.levels_at(self.signals, self.shape[1], events=indicator.events)
            hushed = bool(self.sources.silent & set(self.official_feeds))
            self._elsewhere[indicator.name] = Interval(level, np.full_like(level, float(Level.RED)) if hushed else level)
        return self._elsewhere[indicator.name]

    def _attribute(self, indicator: Indicator) -> Floats:
        raw = [getattr(town, indicator.attribute) for town in self.county.towns]
        values = np.array([indicator.map.get(int(v), np.nan) if indicator.map else float(v) for v in raw])
        return np.broadcast_to(values, self.shape).copy()

    def _known(self, values: Interval, feeds: tuple[str, ...]) -> TownValues:
        """Values that do not come from stations: nothing to be lost or corroborated by another path."""
        nowhere = np.zeros(self.shape[1], dtype=bool)
        return TownValues(values.lo, values.hi, values.lo, values.lo, nowhere, nowhere, feeds, np.zeros(self.shape))


#: The columns that a table is read from, and what each falls back to where an indicator has none of its own.
_SIDES = {"heading": "lo", "corroborated": "lo", "second": "lo", "backed": "lo", "second_heading": "heading", "backed_heading": "heading"}


def _intervals(values: TownValues) -> dict[str, Interval]:
    """By side what is proved by one reading of the stations, and what cannot be excluded; turned round again where small values are the worst. One
    object where nothing differs, so that no rule is evaluated twice over the same."""
    proved, possible = {"lo": values.lo}, {"lo": np.maximum(values.hi, values.lo)}
    found: dict[str, Interval] = {}
    for side, fallback in {"lo": "lo", **_SIDES}.items():
        own = getattr(values, side)
        proved[side] = proved[fallback] if own is None else own
        like = next((other for other in found if proved[other] is proved[side]), None)
        if like is None and found and np.array_equal(proved[side], proved[fallback]):
            like = fallback
        # only a heading may lie above what it falls back to, and so above what that cannot exclude
        possible[side] = np.maximum(values.hi, proved[side]) if side == "heading" and not like else possible[like or fallback]
        found[side] = found[like] if like else Interval(-possible[side], -proved[side]) if values.sinking else Interval(proved[side], possible[side])
    return found


def _table(found: dict[str, TownValues], shape: tuple[int, ...], told: frozenset[str]) -> Table:
    intervals = {name: _intervals(values) for name, values in found.items()}
    lo, heading, corroborated, second, backed, second_heading, backed_heading = (
        Columns({name: sides[side] for name, sides in intervals.items()}, {}, shape) for side in ("lo", *_SIDES)
    )
    return Table(
        lo, heading, corroborated, second, backed, second_heading, backed_heading, {name: v.absent for name, v in found.items() if v.absent.any()},
        {name: v.single for name, v in found.items()}, {name: v.feeds for name, v in found.items()}, {name: v.age_s for name, v in found.items()}, told,
    )
