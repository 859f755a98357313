"""From stations to towns: neighbours on the unit sphere, found once per county version, applied as a few array operations.

Distances are great-circle distances by way of chords (a cKDTree on x, y, z): planar degrees pick the wrong neighbour for
one town in fifteen at this latitude (performance.md section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

EARTH_KM = 6371.0088
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def unit_vectors(lat: Floats, lon: Floats) -> Floats:
    """Points on the unit sphere, (n, 3), from degrees."""
    a, b = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)], axis=-1)


def chord(km: float) -> float:
    """Length of the chord of an arc of `km` on the unit sphere."""
    return float(2 * np.sin(min(km / EARTH_KM, np.pi) / 2))


def distance_km(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Great-circle distance, km (haversine; broadcast over degrees)."""
    a1, a2 = np.radians(lat1), np.radians(lat2)
    h = np.sin((a2 - a1) / 2) ** 2 + np.cos(a1) * np.cos(a2) * np.sin(np.radians(lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(h, 0, 1))))


def bearing_deg(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Initial bearing from point 1 to point 2, degrees clockwise from north in [0, 360)."""
    a1, a2, d = np.radians(lat1), np.radians(lat2), np.radians(lon2 - lon1)
    return np.asarray(np.degrees(np.arctan2(np.sin(d) * np.cos(a2), np.cos(a1) * np.sin(a2) - np.sin(a1) * np.cos(a2) * np.cos(d))) % 360)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which stations speak for which town, in layers: column l holds each town's (l+1)-th nearest station, S where it has none.

    `member` (L, N) station columns; `core` (L, N): it gives values (else it is a witness only); `km` (L, N).
    """

    member: Ints
    core: Bools
    km: Floats

    @property
    def absent(self) -> Bools:
        """Towns (N,) that no station gives values for."""
        return np.asarray(~self.core.any(axis=0))


def reach(town_points: Floats, station_points: Floats, own: Bools, kind: str, km: float, witness_km: float) -> Reach:
    """Neighbours of N towns among S stations. `own` (N, S): the station stands in the town (and speaks for it whatever its distance).

    kind own: own stations; nearest: own, else the nearest within km; within, idw, mean: own and all within km.
    """
    towns, stations = len(town_points), len(station_points)
    if not stations:
        empty = np.zeros((1, towns))
        return Reach(empty.astype(np.int64), empty.astype(bool), empty)
    found = cKDTree(station_points).query_ball_point(town_points, chord(max(km, witness_km)), return_sorted=True)
    lists: list[list[tuple[float, int, bool]]] = []
    for town in range(towns):
        candidates = sorted(set(found[town]) | set(np.flatnonzero(own[town]).tolist()))
        arcs = _arcs(town_points[town], station_points[candidates])
        rows = sorted(zip(arcs.tolist(), candidates, strict=True))
        inner = [s for d, s in rows if own[town, s]] if kind in ("own", "nearest") else [s for d, s in rows if own[town, s] or d <= km]
        if kind == "nearest" and not inner:
            inner = [s for d, s in rows if d <= km][:1]
        lists.append([(d, s, s in inner) for d, s in rows if s in inner or d <= witness_km])
    layers = max(1, *map(len, lists))
    member, core, arc = np.full((layers, towns), stations), np.zeros((layers, towns), dtype=bool), np.full((layers, towns), np.inf)
    for town, entries in enumerate(lists):
        for layer, (d, s, inside) in enumerate(entries):
            member[layer, town], core[layer, town], arc[layer, town] = s, inside, d
    return Reach(member.astype(np.int64), core, arc)


def _arcs(point: Floats, others: Floats) -> Floats:
    return np.asarray(2 * EARTH_KM * np.arcsin(np.clip(np.linalg.norm(others - point, axis=-1) / 2, 0, 1)))


def weights(found: Reach, stations: int, *, inverse_distance: bool) -> csr_array:
    """The town x station operator of a mean: rows sum to one; inverse squared distance (floor 0.1 km) or equal weights."""
    layer, town = np.nonzero(found.core)
    raw = 1.0 / np.maximum(found.km[layer, town], 0.1) ** 2 if inverse_distance else np.ones(len(layer))
    total = np.bincount(town, weights=raw, minlength=found.core.shape[1])
    return csr_array((raw / total[town], (town, found.member[layer, town])), shape=(found.core.shape[1], stations))


def extend(values: NDArray[np.float64], fill: float) -> Floats:
    """Station values (T, S) with one more column for "no station"."""
    return np.concatenate([values, np.full((values.shape[0], 1), fill)], axis=1)


def over_towns(values: Floats, found: Reach, keep: Sequence[Bools] | None = None) -> Floats:
    """Highest station value per town: (T, S) -> (T, N), a contiguous maximum a layer; -inf where no station is kept."""
    wide = extend(values, -np.inf)
    best = np.full((values.shape[0], found.member.shape[1]), -np.inf)
    for layer in range(found.member.shape[0]):
        # a station that is not kept for a town is no station
        member = found.member[layer] if keep is None else np.where(keep[layer], found.member[layer], values.shape[1])
        np.maximum(best, np.take(wide, member, axis=1), out=best)
    return best
