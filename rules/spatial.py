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


def reach(town_points: Floats, station_points: Floats, own: Ints, kind: str, km: float, witness_km: float) -> Reach:
    """Neighbours of N towns among S stations. `own` (P, 2): town and station, where the station stands in the town (and speaks for it whatever its
    distance). Work and memory grow with the pairs within reach, not with N x S.

    kind own: own stations; nearest: own, else the nearest within km; within, idw, mean: own and all within km.
    """
    towns, stations = len(town_points), len(station_points)
    if not stations:
        empty = np.zeros((1, towns))
        return Reach(empty.astype(np.int64), empty.astype(bool), empty)
    near = cKDTree(town_points).sparse_distance_matrix(cKDTree(station_points), chord(max(km, witness_km)), output_type="ndarray")
    mine = own[:, 0].astype(np.int64) * stations + own[:, 1]
    town, station = np.divmod(np.union1d(near["i"].astype(np.int64) * stations + near["j"], mine), stations)
    arc = _arcs(town_points[town], station_points[station])
    order = np.lexsort((station, arc, town))
    town, station, arc = town[order], station[order], arc[order]
    is_own = np.isin(town * stations + station, mine)
    inner = is_own if kind in ("own", "nearest") else is_own | (arc <= km)
    if kind == "nearest":
        alone = np.bincount(town[is_own], minlength=towns)[town] == 0
        inner = inner | (alone & (arc <= km) & (_rank(town) == 0))
    keep = inner | (arc <= witness_km)
    town, station, arc, inner = town[keep], station[keep], arc[keep], inner[keep]
    layer = _rank(town)
    shape = (int(layer.max()) + 1 if len(layer) else 1, towns)
    member, core, away = np.full(shape, stations), np.zeros(shape, dtype=bool), np.full(shape, np.inf)
    member[layer, town], core[layer, town], away[layer, town] = station, inner, arc
    return Reach(member.astype(np.int64), core, away)


def _rank(group: Ints) -> Ints:
    """[4, 4, 7, 7, 7] -> [0, 1, 0, 1, 2]; equal numbers stand together."""
    first = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group))))


def _arcs(points: Floats, others: Floats) -> Floats:
    return np.asarray(2 * EARTH_KM * np.arcsin(np.clip(np.linalg.norm(others - points, axis=-1) / 2, 0, 1)))


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
        has = np.flatnonzero(member < values.shape[1])
        if len(has) == len(member):
            np.maximum(best, np.take(wide, member, axis=1), out=best)
        elif len(has):
            best[:, has] = np.maximum(best[:, has], np.take(wide, member[has], axis=1))
    return best
