"""Which stations are near each other, and which of those are another witness: on another path."""

from __future__ import annotations

import functools

import numpy as np

from connectors.stations import within_km
from core.checks import Ints
from core.county import County

#: Neighbours for the comparison of stations, km; about the width of this county.
NEAR_KM = 25.0


def neighbours(names: tuple[str, ...], county: County) -> tuple[tuple[Ints, ...], tuple[Ints, ...], Ints]:
    """By station: the numbers of the others within NEAR_KM, and of those among them on different paths; (S,) a number per path, a station without one
    is a path of its own."""
    known = {station.station: station for station in county.stations}
    numbers: dict[str, int] = {}
    found = [known.get(name) for name in names]
    paths = tuple(numbers.setdefault((s.path if s else "") or f"station:{n}", len(numbers)) for n, s in zip(names, found, strict=True))
    return *_near(tuple((s.lat, s.lon) if s else None for s in found), paths), np.array(paths, dtype=np.int64)


@functools.lru_cache(maxsize=64)
def _near(places: tuple[tuple[float, float] | None, ...], paths: tuple[int, ...]) -> tuple[tuple[Ints, ...], tuple[Ints, ...]]:
    """Worked out once for the places where stations stand."""
    number, around = np.array(paths, dtype=np.int64), tuple(found[found != i] for i, found in enumerate(within_km(places, NEAR_KM)))
    return around, tuple(found[number[found] != number[i]] for i, found in enumerate(around))
