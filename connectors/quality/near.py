"""Which stations are near each other, and which of those are another witness: on another path."""

from __future__ import annotations

import functools

import numpy as np

from connectors.reading.stations import within_km
from core.county import County
from core.witnesses import Near

#: Neighbours for the comparison of stations, km; about the width of this county.
NEAR_KM = 25.0


def neighbours(names: tuple[str, ...], county: County) -> tuple[Near, Near]:
    """The others within NEAR_KM of each station: all of them, each a witness; and those on other paths than its own, a path a witness. A station
    without a path is a path of its own."""
    known = {station.station: station for station in county.stations}
    numbers: dict[str, int] = {}
    found = [known.get(name) for name in names]
    paths = tuple(numbers.setdefault((s.path if s else "") or f"station:{n}", len(numbers)) for n, s in enumerate(found))
    return _near(tuple((s.lat, s.lon) if s else None for s in found), paths)


@functools.lru_cache(maxsize=64)
def _near(places: tuple[tuple[float, float] | None, ...], paths: tuple[int, ...]) -> tuple[Near, Near]:
    """Worked out once for the places where stations stand."""
    (one, other), path = within_km(places, NEAR_KM), np.array(paths, dtype=np.int64)
    apart = path[one] != path[other]
    return Near.of(one, other, np.arange(len(path))), Near.of(one[apart], other[apart], path)
