"""Who stands near whom, on another path: the witnesses of a reading."""

from __future__ import annotations

import functools

import numpy as np

from connectors.stations import within_km
from core.checks import Ints
from core.county import County

#: Neighbours for the comparison of stations, km; about the width of this county.
NEAR_KM = 25.0


def neighbours(names: tuple[str, ...], county: County) -> tuple[tuple[Ints, ...], Ints]:
    """By station: which others are near and on different paths; (S,) a number per path, a station without one is a path of its own."""
    known = {station.station: station for station in county.stations}
    numbers: dict[str, int] = {}
    found = [known.get(name) for name in names]
    paths = tuple(numbers.setdefault((s.path if s else "") or f"station:{n}", len(numbers)) for n, s in zip(names, found, strict=True))
    return _apart(tuple((s.lat, s.lon) if s else None for s in found), paths), np.array(paths, dtype=np.int64)


@functools.lru_cache(maxsize=64)
def _apart(places: tuple[tuple[float, float] | None, ...], paths: tuple[int, ...]) -> tuple[Ints, ...]:
    """The neighbours by station, worked out once for the places where stations stand."""
    number = np.array(paths, dtype=np.int64)
    return tuple(found[number[found] != number[i]] for i, found in enumerate(within_km(places, NEAR_KM)))
