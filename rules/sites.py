"""The columns of one indicator: its stations, and in place of stations that measure one thing (county's things.csv) the thing itself, fused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from core.county import County, Station
from core.county.things import Thing
from rules.catalogue import Indicator
from rules.fusion import Fused, fuse
from rules.grid import Bools, Floats, Ints
from rules.statistics import StationValues

Part = tuple[str, tuple[Station, ...], StationValues]
_FIELDS = ("lo", "hi", "heading", "stale", "age_s")


@dataclass(frozen=True, slots=True)
class Merged:
    """One thing: its members, what each of them says (T, M), and the one value."""

    thing: str
    members: tuple[Station, ...]
    said: Floats
    fused: Fused


@dataclass(frozen=True, slots=True)
class Sites:
    """Columns (T, S) of `places`, where a fused thing stands under its own name at its heaviest member's place, and of every station by itself."""

    places: tuple[Station, ...]
    values: StationValues
    stations: tuple[Station, ...]
    each: StationValues
    feeds: tuple[str, ...]
    merged: dict[str, Merged]

    def silent(self, hushed: frozenset[str]) -> tuple[Bools, Bools]:
        """Which places (all their feeds) and which stations have a silent feed."""
        if not hushed:
            return np.zeros(len(self.places), dtype=bool), np.zeros(len(self.stations), dtype=bool)
        members = [self.merged[p.station].members if p.station in self.merged else (p,) for p in self.places]
        return np.array([all(m.feed in hushed for m in group) for group in members], dtype=bool), np.array([s.feed in hushed for s in self.stations], dtype=bool)


def assemble(parts: Iterable[Part], indicator: Indicator, county: County, silent: frozenset[str]) -> Sites:
    """Put the parts (property, stations, values) side by side; what comes from a silent feed excludes nothing and is stale."""
    parts = list(parts)
    if len(parts) == 1 and not any(len(_columns(thing, parts[0][0], parts[0][1])) > 1 for thing in county.things):
        return _apart(parts[0][1], _open(parts[0][1], parts[0][2], silent))
    places: list[Station] = []
    stations: list[Station] = []
    columns: list[StationValues] = []
    each: list[StationValues] = []
    merged: dict[str, Merged] = {}
    for observed_property, owners, values in parts:
        values = _open(owners, values, silent)
        left = list(range(len(owners)))
        for thing in county.things:
            at = _columns(thing, observed_property, owners)
            if len(at) > 1:
                found = _merge(thing, indicator, county, owners, values, at)
                merged[thing.thing] = found
                columns.append(found.fused.values)
                places.append(_place(thing, found.members))
                left = [n for n in left if n not in at]
        columns.append(_taken(values, left))
        places += [owners[n] for n in left]
        each.append(values)
        stations += owners
    return Sites(tuple(places), _joined(columns), tuple(stations), _joined(each), tuple(dict.fromkeys(s.feed for s in stations)), merged)


def _apart(owners: tuple[Station, ...], values: StationValues) -> Sites:
    """Nothing measures what another does; the stations' own tuple stands for them, so that what is known of it is found again."""
    return Sites(owners, values, owners, values, tuple(dict.fromkeys(s.feed for s in owners)), {})


def _open(owners: tuple[Station, ...], values: StationValues, silent: frozenset[str]) -> StationValues:
    if not silent:
        return values
    hushed = np.array([s.feed in silent for s in owners], dtype=bool)
    return StationValues(values.lo, np.where(hushed, np.inf, values.hi), values.heading, values.stale | hushed, values.age_s)


def path_names(stations: Iterable[Station]) -> tuple[str, ...]:
    """The name of each station's independent path; a station without one is a path of its own."""
    return tuple(s.path or f"station:{s.station}" for s in stations)


def path_numbers(names: Iterable[str]) -> Ints:
    """(S,) a number per independent path."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _joined(parts: list[StationValues]) -> StationValues:
    joined = StationValues(*(np.concatenate([getattr(p, name) for p in parts], axis=1) for name in _FIELDS))
    return joined if any(p.heading is not p.lo for p in parts) else replace(joined, heading=joined.lo)


def _columns(thing: Thing, observed_property: str, owners: tuple[Station, ...]) -> list[int]:
    if thing.observed_property != observed_property:
        return []
    number = {s.station: n for n, s in enumerate(owners)}
    return [number[m.station] for m in thing.members if m.station in number]


def _taken(values: StationValues, at: list[int]) -> StationValues:
    return values if len(at) == values.lo.shape[1] else values.some((slice(None), at))


def _merge(
    thing: Thing, indicator: Indicator, county: County, owners: tuple[Station, ...], values: StationValues, at: list[int]
) -> Merged:
    members = tuple(owners[n] for n in at)
    weight = {m.station: m.weight for m in thing.members}
    interval, age = (np.array([getattr(county.feed(s.feed), name) for s in members], dtype=np.float64) for name in ("interval_s", "max_age_s"))
    taken = _taken(values, at)
    fused = fuse(taken, declared=np.array([weight[s.station] for s in members]), paths=path_numbers(path_names(members)), interval_s=interval, max_age_s=age,
                 baseline=-indicator.baseline if indicator.sinking else indicator.baseline)
    return Merged(thing.thing, members, taken.lo, fused)


def _place(thing: Thing, members: tuple[Station, ...]) -> Station:
    weight = {m.station: m.weight for m in thing.members}
    heaviest = max(members, key=lambda s: weight[s.station])
    return replace(heaviest, station=thing.thing, name=f"{heaviest.name}等 {len(members)} 站", path=f"thing:{thing.thing}")
