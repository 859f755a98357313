"""The columns of one indicator: its stations, and in place of stations that measure one thing (county's things.csv) the thing itself, fused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.county import County, Station
from core.county.things import Thing
from rules.catalogue import Indicator
from rules.fusion import Fused, fuse
from rules.grid import Bools, Floats, Ints
from rules.statistics import StationValues

_FIELDS = ("lo", "sure", "heading", "stale", "age_s")


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


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns an indicator has, whatever it says: `places`, `stations` and `feeds` as in Sites; by property its `owners`, the columns among
    them of each `thing` that several measure, and those `left`."""

    places: tuple[Station, ...]
    stations: tuple[Station, ...]
    feeds: tuple[str, ...]
    owners: tuple[tuple[Station, ...], ...]
    things: tuple[tuple[tuple[Thing, list[int]], ...], ...]
    left: tuple[list[int] | None, ...]

    @classmethod
    def of(cls, parts: Sequence[tuple[str, tuple[Station, ...]]], county: County) -> Layout:
        """From (property, stations that measure it). Where nothing measures what another does, the stations' own tuple stands for the places too."""
        owners, things = tuple(of for _, of in parts), tuple(_twins(county, observed, of) for observed, of in parts)
        taken = [{n for _, at in group for n in at} for group in things]
        left = tuple([n for n in range(len(of)) if n not in gone] if gone else None for of, gone in zip(owners, taken, strict=True))
        stations = owners[0] if len(owners) == 1 else tuple(s for of in owners for s in of)
        places: list[Station] = []
        for of, group, rest in zip(owners, things, left, strict=True):
            places += [_place(thing, tuple(of[n] for n in at)) for thing, at in group]
            places += of if rest is None else [of[n] for n in rest]
        return cls(tuple(places) if any(things) else stations, stations, tuple(dict.fromkeys(s.feed for s in stations)), owners, things, left)


def _twins(county: County, observed_property: str, owners: tuple[Station, ...]) -> tuple[tuple[Thing, list[int]], ...]:
    """The things that several of the owners measure, and their columns."""
    asked = [thing for thing in county.things if thing.observed_property == observed_property]
    number = {s.station: n for n, s in enumerate(owners)} if asked else {}
    found = ((thing, [number[m.station] for m in thing.members if m.station in number]) for thing in asked)
    return tuple((thing, at) for thing, at in found if len(at) > 1)


def assemble(layout: Layout, parts: Sequence[StationValues], indicator: Indicator, county: County, silent: frozenset[str]) -> Sites:
    """Put the parts side by side; what comes from a silent feed excludes nothing and is stale."""
    opened = [_open(owners, values, silent) for owners, values in zip(layout.owners, parts, strict=True)]
    each = opened[0] if len(opened) == 1 else _joined(opened)
    if layout.places is layout.stations:
        return Sites(layout.places, each, layout.stations, each, layout.feeds, {})
    columns: list[StationValues] = []
    merged: dict[str, Merged] = {}
    for owners, values, things, left in zip(layout.owners, opened, layout.things, layout.left, strict=True):
        for thing, at in things:
            merged[thing.thing] = _merge(thing, indicator, county, owners, values, at)
            columns.append(merged[thing.thing].fused.values)
        columns.append(values if left is None else values.some((slice(None), left)))
    return Sites(layout.places, _joined(columns), layout.stations, each, layout.feeds, merged)


def _open(owners: tuple[Station, ...], values: StationValues, silent: frozenset[str]) -> StationValues:
    if not silent:
        return values
    hushed = np.array([s.feed in silent for s in owners], dtype=bool)
    return replace(values, sure=values.sure & ~hushed, stale=values.stale | hushed)


def path_names(stations: Iterable[Station]) -> tuple[str, ...]:
    """The name of each station's independent path; a station without one is a path of its own."""
    return tuple(s.path or f"station:{s.station}" for s in stations)


def path_numbers(names: Iterable[str]) -> Ints:
    """(S,) a number per independent path."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _joined(parts: list[StationValues]) -> StationValues:
    joined = StationValues(*(np.concatenate([getattr(p, name) for p in parts], axis=1) for name in _FIELDS))
    if any(p.above is not None for p in parts):
        joined = replace(joined, above=np.concatenate([p.hi for p in parts], axis=1))
    return joined if any(p.heading is not p.lo for p in parts) else replace(joined, heading=joined.lo)


def _merge(
    thing: Thing, indicator: Indicator, county: County, owners: tuple[Station, ...], values: StationValues, at: list[int]
) -> Merged:
    members = tuple(owners[n] for n in at)
    weight = {m.station: m.weight for m in thing.members}
    interval, age = (np.array([getattr(county.feed(s.feed), name) for s in members], dtype=np.float64) for name in ("interval_s", "max_age_s"))
    taken = values.some((slice(None), at))
    fused = fuse(taken, declared=np.array([weight[s.station] for s in members]), paths=path_numbers(path_names(members)), interval_s=interval, max_age_s=age,
                 baseline=-indicator.baseline if indicator.sinking else indicator.baseline)
    return Merged(thing.thing, members, taken.lo, fused)


def _place(thing: Thing, members: tuple[Station, ...]) -> Station:
    weight = {m.station: m.weight for m in thing.members}
    heaviest = max(members, key=lambda s: weight[s.station])
    return replace(heaviest, station=thing.thing, name=f"{heaviest.name}等 {len(members)} 站", path=f"thing:{thing.thing}")
