"""The station -> town operator of a whole nation: found once, applied every tick, against joining the stations to the towns anew every tick.

    .venv/bin/python tests/bench/spatial.py

40,000 towns as a grid of polygons of 108 points over China's box, 70,000 stations, 8 of them within reach of a town on average, all synthetic. Ours is the
production `mean` (rules.towns): an interval and a heading, in which a silent station leaves its town's mean unknown. Peers: a cKDTree and its weights
built every tick; `geopandas.sjoin` and `groupby` every tick (`uv pip install geopandas`; said and left out where absent). Results are compared before a
time is printed.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from rules.catalogue import load_catalogue
from rules.spatial import EARTH_KM, Reach, chord, reach, unit_vectors
from rules.statistics import StationValues
from rules.towns import Side, mean, youngest

ROWS, COLUMNS, STATIONS, KM, ROUNDS = 200, 200, 70_000, 12.3, 9
#: A town's outline has so many points a side: real ones have a hundred and more in all.
SEGMENTS = 27
INDICATORS = {kind: dataclasses.replace(load_catalogue().indicators["rain_1h"], reach=kind) for kind in ("idw", "mean")}
BOX = (102.0, 22.0, 122.0, 42.0)


def world(seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(towns' centres (N, 2), stations (S, 2), town of each station (S,), readings (1, S)): degrees as lat, lon; a town's number is row x COLUMNS + column."""
    rng = np.random.default_rng(seed)
    lat, lon = (BOX[n] + (np.arange(count) + 0.5) * 20.0 / count for n, count in ((1, ROWS), (0, COLUMNS)))
    towns = np.stack([np.repeat(lat, COLUMNS), np.tile(lon, ROWS)], axis=1)
    stations = rng.uniform((BOX[1], BOX[0]), (BOX[3], BOX[2]), (STATIONS, 2))
    home = (stations[:, 0] - BOX[1]) // (20.0 / ROWS) * COLUMNS + (stations[:, 1] - BOX[0]) // (20.0 / COLUMNS)
    return towns, stations, home.astype(np.int64), rng.gamma(0.5, 8.0, (1, STATIONS)).round(1)


def side(found: Reach, values: np.ndarray, silent: float = 0.0) -> Side:
    """The stations as a statistic gives them: all were heard at the tick but for a share that is silent."""
    lost = np.random.default_rng(1).random(values.shape) < silent
    told = StationValues(values, ~lost, values, lost, np.where(lost, 3600.0, 0.0))
    return Side(told, found, np.zeros(values.shape[1], dtype=bool))


def ours(places: Side, kind: str) -> np.ndarray:
    """(N,) what the production mean proves."""
    return mean(places, INDICATORS[kind], (), youngest(places.values, places.found)).lo[0]


def rebuilt(towns: np.ndarray, stations: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(N,) inverse-distance mean within KM, the trees and the weights anew."""
    near = cKDTree(unit_vectors(*towns.T)).sparse_distance_matrix(cKDTree(unit_vectors(*stations.T)), chord(KM), output_type="ndarray")
    weight = 1.0 / np.maximum(2 * EARTH_KM * np.arcsin(near["v"] / 2), 0.1) ** 2
    weight /= np.bincount(near["i"], weights=weight, minlength=len(towns))[near["i"]]
    found = csr_array((weight, (near["i"], near["j"])), shape=(len(towns), len(stations))) @ values[0]
    return np.where(np.bincount(near["i"], minlength=len(towns)) > 0, found.round(6), -np.inf)


def timed(ways: dict[str, Callable[[], np.ndarray]]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Medians of interleaved rounds, CPU s, and the last results."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    found = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began, times = time.process_time(), 0
            while times == 0 or time.process_time() - began < 0.05:  # a short work is repeated, or it would measure what the others left in the caches
                found[name] = way()
                times += 1
            spent[name].append((time.process_time() - began) / times)
    return {name: statistics.median(times) for name, times in spent.items()}, found


def nearest(towns: np.ndarray, stations: np.ndarray, own: np.ndarray) -> str:
    """Ours against every distance on the sphere."""
    a, b = unit_vectors(*towns.T), unit_vectors(*stations.T)
    found = reach(a, b, own, "nearest", 60.0, 0.0).member[0]
    best = np.concatenate([(part @ b.T).argmax(axis=1) for part in np.array_split(a, 80)])
    apart = np.flatnonzero(found != best)
    further = (np.einsum("ij,ij->i", a[apart], b[found[apart]]) < np.einsum("ij,ij->i", a[apart], b[best[apart]]) - 1e-15).sum()
    if further:
        raise SystemExit(f"最近站不同 / nearest differ: {further}")
    planar = cKDTree(stations).query(towns)[1]
    return f"nearest equal to the sphere for 100 % of {len(towns)} towns; planar degrees wrong for {100 * np.mean(planar != best):.1f} %"


def joined(stations: np.ndarray, values: np.ndarray) -> Callable[[], np.ndarray] | None:
    """(N,) the mean of the stations in each town's polygon, joined anew; None without geopandas."""
    try:
        import geopandas
        from shapely import box, points, segmentize
    except ImportError:
        print("  geopandas 未安装 / not installed: .venv/bin/uv pip install geopandas")
        return None
    row, column = np.divmod(np.arange(ROWS * COLUMNS), COLUMNS)
    height, width = 20.0 / ROWS, 20.0 / COLUMNS
    corners = box(BOX[0] + column * width, BOX[1] + row * height, BOX[0] + (column + 1) * width, BOX[1] + (row + 1) * height)
    polygons = geopandas.GeoDataFrame(geometry=segmentize(corners, width / SEGMENTS))
    gauges = geopandas.GeoDataFrame({"value": values[0]}, geometry=points(stations[:, 1], stations[:, 0]))

    def way() -> np.ndarray:
        told = geopandas.sjoin(gauges, polygons, predicate="within").groupby("index_right")["value"].mean()
        return np.asarray(told.reindex(range(len(polygons))).fillna(-np.inf).round(6))

    return way


def compare(title: str, ways: dict[str, Callable[[], np.ndarray]]) -> None:
    """Print each way's time as a multiple of the first; SystemExit when the values differ."""
    times, found = timed(ways)
    first = next(iter(ways))
    for name, values in found.items():
        # a mean is rounded to 1e-6, so a sum in another order may fall on the other side
        if not np.allclose(values, found[first], rtol=0, atol=2e-6):
            raise SystemExit(f"数值不同 / values differ: {title}, {name}")
        print(f"  {title}, {name:58} {times[name] * 1000:9.2f} ms CPU  {times[name] / times[first]:8.1f} x ours", flush=True)


def main() -> None:
    """Run and print."""
    towns, stations, home, values = world()
    print(f"{len(towns)} 镇街 towns, {len(stations)} 站 stations (synthetic); load {os.getloadavg()[0]:.1f}")
    a, b = unit_vectors(*towns.T), unit_vectors(*stations.T)
    began = time.process_time()
    near, inside = (reach(a, b, own, kind, km, 0.0) for own, kind, km in ((np.zeros((0, 2), dtype=np.int64), "idw", KM),
                                                                          (np.stack([home, np.arange(len(home))], axis=1), "own", 0.0)))
    by_distance, inner = side(near, values), side(inside, values)
    ours(by_distance, "idw"), ours(inner, "mean")
    print(f"  both operators, once a county version {(time.process_time() - began) * 1000:.0f} ms CPU; {nearest(towns, stations, np.zeros((0, 2), dtype=np.int64))}")
    title = f"inverse distance within {KM:g} km, {near.core.sum() / len(towns):.1f} stations"
    compare(title, {
        "ours: lo, hi and heading by the kept operator": lambda: ours(by_distance, "idw"),
        "the kept operator alone, one product": lambda: np.where(near.absent, -np.inf, near.cores.sorted((near.by_distance @ values[0]).round(6))),
        "cKDTree and weights built anew": lambda: rebuilt(towns, stations, values)})
    some = side(near, values, 0.02)
    compare(title, {"ours where 2 % of the stations are silent": lambda: ours(some, "idw")})
    again = joined(stations, values)
    if again:
        compare("mean of the stations in a town", {
            "ours: lo, hi and heading by the kept operator": lambda: ours(inner, "mean"),
            "the kept operator alone, one product": lambda: np.where(inside.absent, -np.inf, inside.cores.sorted((inside.equally @ values[0]).round(6))),
            "geopandas sjoin and groupby": again})


if __name__ == "__main__":
    main()
