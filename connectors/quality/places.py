"""The county's own limits at its places: the house's tests with each place's numbers in them, and what these let through told as such.

A reading that the house would doubt and the county's own limit believes is GOOD and says why, so that evidence names the row of limits.csv on which it
rests, and the duty desk is asked where it claims something alone (rules.questions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.checks import Bools, Floats
from core.county import County
from core.county.limits import in_force
from core.limits import BELIEVED, Agreement, Limits, fitted
from core.model import Flag
from core.quality import Doubt

#: What the house's tests find with these limits, with the house's own where they are None.
Tests = Callable[[Limits | None, Agreement | None], list[Doubt]]


@dataclass(frozen=True, slots=True)
class Place:
    """Stations (S,) that have the same limits of their own."""

    limits: Limits
    agreement: Agreement
    where: Bools


def places(name: str, stations: tuple[str, ...], county: County) -> tuple[Place, ...]:
    """The places with limits of their own for a property."""
    if not any(row.observed_property == name for row in county.limits):
        return ()
    known, found = {station.station: station for station in county.stations}, dict[tuple[Limits, Agreement], list[int]]()
    for number, station in enumerate(stations):
        if station in known and (own := in_force(county.limits, known[station], name)):
            found.setdefault(fitted(name, {word: (row.value, row.place) for word, row in own.items()}), []).append(number)
    return tuple(Place(*of, np.isin(np.arange(len(stations)), numbers)) for of, numbers in found.items())


def judged(own: tuple[Place, ...], tests: Tests) -> list[Doubt]:
    """What the house's limits find everywhere but at the county's own places, and there what these find and what they let through."""
    house = tests(None, None)
    if not own:
        return house
    elsewhere = ~np.logical_or.reduce([place.where for place in own])
    found = [replace(doubt, where=doubt.where & elsewhere) for doubt in house]
    for place in own:
        rows: dict[str, str] = {}
        for test, row in place.limits.own:
            rows[test] = f"{rows[test]}, {row}" if test in rows else row
        mine = [replace(doubt, where=doubt.where & place.where, reason=f"{doubt.reason} ({rows[doubt.test]})" if doubt.test in rows else doubt.reason)
                for doubt in tests(place.limits, place.agreement)]
        found += mine
        for usual in (doubt for doubt in house if doubt.flag is Flag.SUSPECT and doubt.test in rows):
            doubted = np.logical_or.reduce([doubt.where for doubt in mine if doubt.test == usual.test])
            found.append(Doubt(usual.where & place.where & ~doubted, Flag.GOOD, f"{BELIEVED}{usual.reason} ({rows[usual.test]})", usual.test))
    return found


def elevations(stations: tuple[str, ...], county: County) -> Floats | None:
    """(S,) m above mean sea level, NaN where nobody told it; None where nobody told any."""
    told = county.elevations
    return np.array([told.get(station, np.nan) for station in stations], dtype=np.float64) if told else None
