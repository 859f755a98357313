"""What a county's stations are to the rules, whatever they read: worked out once a county, however many indicators and assessments ask.

A tuple of stations stands for what is known of it, by its identity: the tuples that are handed out live as long as the roster.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from core.county import County, Station
from rules.catalogue import Indicator
from rules.grid import Floats
from rules.sites import Layout, path_names, path_numbers
from rules.spatial import Reach, reach, unit_vectors

Group = tuple[Station, ...]


class Timing(NamedTuple):
    """(S,) longest age and interval of the stations' feeds, s."""

    max_age_s: Floats
    interval_s: Floats


class Roster:
    """The stations of one county, grouped by what they measure."""

    def __init__(self, county: County) -> None:
        self.county = county
        self._measuring: dict[tuple[str, str], Group] = {}
        self._layouts: dict[tuple[tuple[str, int], ...], Layout] = {}
        self._reaches: dict[tuple[int, str, float, float], Reach] = {}
        self._timing: dict[int, Timing] = {}
        self._columns: dict[int, dict[Station, int]] = {}

    def parts(self, indicator: Indicator) -> tuple[tuple[str, Group], ...]:
        """(property, stations that measure it and have what the indicator needs), in the county's order."""
        return tuple((p, self.measuring(p, indicator.above)) for p in indicator.properties)

    def measuring(self, observed_property: str, above: str) -> Group:
        """The stations that measure a property and have a declared stage, where one is named."""
        key = (observed_property, above)
        if key not in self._measuring:
            made = tuple(s for s in self.county.stations if observed_property in s.properties and (not above or getattr(s, above, None) is not None))
            self._measuring[key] = next((known for (p, _), known in self._measuring.items() if p == observed_property and known == made), made)
        return self._measuring[key]

    def layout(self, indicator: Indicator) -> Layout:
        """The indicator's columns."""
        parts = self.parts(indicator)
        key = tuple((p, id(stations)) for p, stations in parts)
        if key not in self._layouts:
            self._layouts[key] = Layout.of(parts, self.county)
        return self._layouts[key]

    def reach(self, indicator: Indicator, stations: Group) -> Reach:
        """The indicator's station -> town operator; `stations`: places or stations of its layout."""
        key = (id(stations), indicator.reach, indicator.km, indicator.witness_km)
        if key not in self._reaches:
            self._reaches[key] = reach_of(self.county, indicator, stations)
        return self._reaches[key]

    def columns(self, stations: Group) -> dict[Station, int]:
        """Where each station stands among them."""
        if id(stations) not in self._columns:
            self._columns[id(stations)] = {station: number for number, station in enumerate(stations)}
        return self._columns[id(stations)]

    def timing(self, stations: Group) -> Timing:
        """What the stations' feeds promise."""
        if id(stations) not in self._timing:
            feeds = {f.feed: (f.max_age_s, f.interval_s) for f in self.county.feeds}
            both = np.array([feeds[s.feed] for s in stations], dtype=np.float64).reshape(-1, 2)
            self._timing[id(stations)] = Timing(both[:, 0], both[:, 1])
        return self._timing[id(stations)]


class _Itself:
    """A county as a key: by identity, because comparing its towns and stations would take longer than working out what is asked."""

    def __init__(self, county: County) -> None:
        self.county = county

    def __hash__(self) -> int:
        return id(self.county)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.county is self.county


def roster_of(county: County) -> Roster:
    """The roster of a county."""
    return _rosters(_Itself(county))


@functools.lru_cache(maxsize=8)
def _rosters(of: _Itself) -> Roster:
    return Roster(of.county)


def reach_of(county: County, indicator: Indicator, stations: Group) -> Reach:
    """The indicator's station -> town operator over any stations, computed once per county version."""
    return _reach_cached(
        county.version, tuple((t.key, t.lat, t.lon) for t in county.towns), tuple((s.town, s.lat, s.lon) for s in stations),
        path_names(stations), (indicator.reach, indicator.km, indicator.witness_km),
    )


@functools.lru_cache(maxsize=256)
def _reach_cached(
    version: str, towns: tuple[tuple[str, float, float], ...], stations: tuple[tuple[str, float, float], ...], paths: tuple[str, ...],
    how: tuple[str, float, float],
) -> Reach:
    points = [unit_vectors(np.array([t[1] for t in group]), np.array([t[2] for t in group])) if group else np.zeros((0, 3)) for group in (towns, stations)]
    number = {town[0]: n for n, town in enumerate(towns)}
    own = [(number[station[0]], n) for n, station in enumerate(stations) if station[0] in number]
    return reach(points[0], points[1], np.array(own, dtype=np.int64).reshape(-1, 2), *how, path_numbers(paths))
