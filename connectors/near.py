"""Which stations are near each other, and which of those are another witness: on another path."""

from __future__ import annotations

import numpy as np

from connectors.stations import EARTH_KM
from core.checks import Bools, Ints
from core.county import County

#: Neighbours for the comparison of stations, km; about the width of this county.
NEAR_KM = 25.0


def neighbours(names: tuple[str, ...], county: County) -> tuple[Bools, Bools, Ints]:
    """(S, S) whether two stations are within NEAR_KM of each other, and whether they are so on different paths; (S,) a number per path, a station
    without one is a path of its own."""
    stations = {s.station: s for s in county.stations}
    known = [stations.get(name) for name in names]
    numbers: dict[str, int] = {}
    paths = np.array([numbers.setdefault((s.path if s else "") or f"station:{n}", len(numbers)) for n, s in zip(names, known, strict=True)], dtype=np.int64)
    point = np.radians(np.array([(s.lat, s.lon) if s else (np.nan, np.nan) for s in known]).reshape(len(names), 2))
    lat, lon = point[:, :1], point[:, 1:]
    half = np.sin((lat - lat.T) / 2) ** 2 + np.cos(lat) * np.cos(lat.T) * np.sin((lon - lon.T) / 2) ** 2
    with np.errstate(invalid="ignore"):
        around = (2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))) <= NEAR_KM) & ~np.eye(len(names), dtype=bool)
    return around, around & (paths[:, None] != paths[None, :]), paths
