"""From stations to towns: neighbours on the unit sphere, found once per county version, applied as a few array operations.

Distances are great-circle distances by way of chords (a cKDTree on x, y, z): planar degrees pick the wrong neighbour for
one town in fifteen at this latitude (performance.md section 3).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

EARTH_KM = 6371.0088
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


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


def apart_km(points: Floats, others: Floats) -> Floats:
    """Great-circle distance, km, of every point (..., 3) to each of the others (N, 3) by their unit vectors: (..., N). By the chord, whose rounding is worth
    a micrometre at a kilometre."""
    cosine = points @ others.T
    half = np.subtract(1.0, cosine, out=cosine)
    half *= 0.5
    np.sqrt(np.maximum(half, 0.0, out=half), out=half)
    return np.multiply(np.arcsin(half, out=half), 2 * EARTH_KM, out=half)


def quadrants(points: Floats, lon: Floats, others: Floats, other_lon: Floats) -> Ints:
    """In which quadrant of every point (..., 3) at `lon` (...) each of the others (N, 3) lies: (..., N) 0 NE, 1 SE, 2 SW, 3 NW, with the bearing that opens it
    (0, 90, 180 or 270 degrees). By unit vectors; no angle is worked out."""
    x, y, z = np.moveaxis(points, -1, 0)
    level = np.hypot(x, y)
    ahead = np.stack([-z * x / level, -z * y / level, level], axis=-1) @ others.T  # northward
    turn = (other_lon - lon[..., None]) % 360
    west = (turn > 180) | ((turn % 180 == 0) & (ahead < 0))
    return np.where(west, np.where(ahead >= 0, 3, 2), np.where(ahead > 0, 0, 1))


def toward(points: Floats, others: Floats, heading: Floats) -> tuple[Floats, Floats]:
    """How far every one of the others (N, 3) lies ahead and to the right of every point (..., 3) that looks towards `heading` (...) degrees, by unit vectors
    on the point's own plane: (..., N) each, of which the arctangent is the bearing from the heading on."""
    x, y, z = np.moveaxis(points, -1, 0)
    level, cosine, sine = np.hypot(x, y), np.cos(np.radians(heading))[..., None], np.sin(np.radians(heading))[..., None]
    north, east = np.stack([-z * x / level, -z * y / level, level], axis=-1), np.stack([-y / level, x / level, np.zeros_like(x)], axis=-1)
    return (north * cosine + east * sine) @ others.T, (east * cosine - north * sine) @ others.T


def bearing_deg(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Initial bearing from point 1 to point 2, degrees clockwise from north in [0, 360)."""
    a1, a2, d = np.radians(lat1), np.radians(lat2), np.radians(lon2 - lon1)
    return np.asarray(np.degrees(np.arctan2(np.sin(d) * np.cos(a2), np.cos(a1) * np.sin(a2) - np.sin(a1) * np.cos(a2) * np.cos(d))) % 360)


@dataclass(frozen=True, slots=True)
class Layers:
    """Groups of columns laid out for one contiguous step a layer: the groups with the most members stand first, so that layer l holds the (l+1)-th
    member of the first len(member[l]) groups. `order` (G,): the number of the group at each place, `place` (G,): the place of each group."""

    order: Ints
    place: Ints
    member: tuple[Ints, ...]

    @classmethod
    def of(cls, group: Ints, member: Ints, groups: int) -> Layers:
        """From pairs (P,), sorted by group; within a group they keep their order."""
        order = np.argsort(-np.bincount(group, minlength=groups), kind="stable")
        place, rank = np.argsort(order), _rank(group)
        pairs = np.lexsort((place[group], rank))
        return cls(order, place, tuple(np.split(member[pairs], np.cumsum(np.bincount(rank)[:-1]))) if len(rank) else ())

    def joined(self, values: NDArray[Scalar], join: np.ufunc, empty: float) -> NDArray[Scalar]:
        """`join` over each group's members: (S, T) -> (G, T), `empty` where a group has none."""
        best = np.full((len(self.order), values.shape[1]), empty, dtype=values.dtype)
        for top, part in self.steps(values, best):
            join(top, part, out=top)
        return self.sorted(best)

    def steps(self, values: NDArray[Any], *into: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
        """Layer by layer the part of each of `into` (G, T) that the layer is for, and the layer's values."""
        room = np.empty((len(self.member[0]) if self.member else 0, values.shape[1]), dtype=values.dtype)
        for member in self.member:
            yield *(each[: len(member)] for each in into), np.take(values, member, axis=0, out=room[: len(member)], mode="clip")

    def sorted(self, found: NDArray[Scalar]) -> NDArray[Scalar]:
        """Rows in the order of the layers (G, T) as rows in the order of the groups."""
        return np.take(found, self.place, axis=0)


@dataclass(frozen=True)
class Reach:
    """Which stations speak for which town, in layers: column l holds each town's (l+1)-th nearest station, S where it has none.

    `member` (L, N) station columns; `core` (L, N): it gives values (else it is a witness only); `km` (L, N); `path` (S,) number of the stations'
    independent path.
    """

    member: Ints
    core: Bools
    km: Floats
    path: Ints

    @functools.cached_property
    def absent(self) -> Bools:
        """Towns (N,) that no station gives values for."""
        return np.asarray(~self.core.any(axis=0))

    @functools.cached_property
    def witnessed(self) -> bool:
        """Whether any station speaks for a town as a witness only."""
        return bool((~self.core & (self.member < len(self.path))).any())

    @functools.cached_property
    def nearest(self) -> Ints:
        """(N,) the nearest station that gives a town's values; any where there is none."""
        return np.asarray(np.take_along_axis(self.member, self.core.argmax(axis=0)[None], axis=0)[0])

    @functools.cached_property
    def every(self) -> Layers:
        """Towns by all stations within reach."""
        return Layers.of(*self._pairs(self.member < len(self.path)), self.member.shape[1])

    @functools.cached_property
    def cores(self) -> Layers:
        """Towns by the stations that give values."""
        return Layers.of(*self._pairs(self.core), self.member.shape[1])

    @functools.cached_property
    def lines(self) -> Lines:
        """Towns by paths."""
        return Lines.of(self)

    @functools.cached_property
    def equally(self) -> csr_array:
        """Town x station operator of a plain mean, rows in the order of the layers."""
        return weights(self, inverse_distance=False)

    @functools.cached_property
    def by_distance(self) -> csr_array:
        """The same of a mean by inverse squared distance."""
        return weights(self, inverse_distance=True)

    def _pairs(self, keep: Bools) -> tuple[Ints, Ints]:
        """(town, station) of the places that are kept, by town, the nearest first."""
        town, layer = np.nonzero(keep.T)
        return town, self.member[layer, town]


@dataclass(frozen=True, slots=True)
class Lines:
    """Which independent paths speak for which town. A path is a row: its station's own row, or where several of a town's stations share it one row
    behind the S stations. `shared`: those rows by stations; `towns`: towns by rows; `cores`: the rows of the stations of Reach.cores; `count` (N,)."""

    shared: Layers
    towns: Layers
    cores: Layers
    count: Ints

    @classmethod
    def of(cls, found: Reach) -> Lines:
        """From a reach and its stations' paths."""
        (town, station), size = found._pairs(found.member < len(found.path)), found.member.shape[1]
        _, first, pair = np.unique(town * (found.path.max(initial=0) + 1) + found.path[station], return_index=True, return_inverse=True)
        order = np.argsort(first)  # of each town the nearest station's path first
        pair, members = np.argsort(order)[pair], np.bincount(pair)[order]
        many = members > 1
        row = np.where(many, len(found.path) + np.cumsum(many) - 1, station[first[order]])
        behind = np.flatnonzero(many[pair])
        behind = behind[np.argsort(pair[behind], kind="stable")]
        shared = Layers.of((np.cumsum(many) - 1)[pair[behind]], station[behind], int(many.sum()))
        core = found.core.T[(found.member < len(found.path)).T]
        homes = town[first[order]]
        return cls(shared, Layers.of(homes, row, size), Layers.of(town[core], row[pair[core]], size), np.bincount(homes, minlength=size))

    def rows(self, values: NDArray[Scalar], join: np.ufunc, empty: float) -> NDArray[Scalar]:
        """Values of stations (S, T) and behind them those of shared paths, a row each."""
        return np.concatenate([values, self.shared.joined(values, join, empty)]) if self.shared.member else values


def reach(
    town_points: Floats, station_points: Floats, own: Ints, kind: str, km: float, witness_km: float, path: Ints | None = None
) -> Reach:
    """Neighbours of N towns among S stations. `own` (P, 2): town and station, where the station stands in the town (and speaks for it whatever its
    distance); `path` (S,): numbers of their independent paths, each its own by default. Work and memory grow with the pairs within reach, not with N x S.

    kind own: own stations; nearest: own, else the nearest within km; within, idw, mean: own and all within km.
    """
    towns, stations = len(town_points), len(station_points)
    path = np.arange(stations) if path is None else path
    if not stations:
        empty = np.zeros((1, towns))
        return Reach(empty.astype(np.int64), empty.astype(bool), empty, path)
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
    return Reach(member.astype(np.int64), core, away, path)


def _rank(group: Ints) -> Ints:
    """[4, 4, 7, 7, 7] -> [0, 1, 0, 1, 2]; equal numbers stand together."""
    first = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group))))


def _arcs(points: Floats, others: Floats) -> Floats:
    return np.asarray(2 * EARTH_KM * np.arcsin(np.clip(np.linalg.norm(others - points, axis=-1) / 2, 0, 1)))


def weights(found: Reach, *, inverse_distance: bool) -> csr_array:
    """The town x station operator of a mean: rows sum to one; inverse squared distance (floor 0.1 km) or equal weights. Its rows stand in the order of the
    layers: a product over rows of one length after the other is twice as fast, because the processor foresees where each ends."""
    town, layer = np.nonzero(found.core.T)
    raw = 1.0 / np.maximum(found.km[layer, town], 0.1) ** 2 if inverse_distance else np.ones(len(layer))
    total = np.bincount(town, weights=raw, minlength=found.core.shape[1])
    at = found.cores.place[town].astype(np.int32), found.member[layer, town].astype(np.int32)  # half of what int64 would have to be read
    return csr_array((raw / total[town], at), shape=(found.core.shape[1], len(found.path)))


def extend(values: NDArray[np.float64], fill: float) -> Floats:
    """Station values (T, S) with one more column for "no station"."""
    return np.concatenate([values, np.full((values.shape[0], 1), fill)], axis=1)


def turned(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Rows and columns exchanged, contiguous."""
    return np.ascontiguousarray(values.T)


def over_towns(values: Floats, found: Reach) -> Floats:
    """Highest value per town of the stations that give values: (T, S) -> (T, N); -inf where there is none."""
    return turned(found.cores.joined(turned(values), np.maximum, -np.inf))
