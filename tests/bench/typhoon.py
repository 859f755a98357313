"""A storm's wind over a whole nation: highest wind and onset of gale in 40,000 towns along 40 positions, against a loop over pairs and against climada.

    .venv/bin/python tests/bench/typhoon.py [PYTHON of climada]

The production view of one path (rules.track): distances by unit vectors, Holland (2010), and the storm's motion and inflow, because no circle is
told. The first peer takes one pair of town and position after another with geopy's great circle and `math` (`uv pip install geopy`), on a sample of
towns, its time in proportion. The second is `TropCyclone.from_tracks` with Holland (1980) in a process of its own (typhoon_climada.py says how to
install it); our Holland (1980) is compared with its winds. An absent peer is said and left out. Winds are compared before a time is printed.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.units import BEAUFORT_EDGES
from rules.paths import Paths
from rules.spatial import apart_km, unit_vectors
from rules.track import _blocks, _View
from rules.wind import CULL_KM, PN, holland_1980, radius_of_maximum_wind, shape_b_2008

TOWNS, POINTS, SAMPLE, ROUNDS = 40_000, 40, 200, 9
GALE = BEAUFORT_EDGES[7]
OUTER_KM, OUTER_WIND = 300.0, 17.0
#: climada works out a surface wind as this share of the gradient wind.
GRADIENT = 0.9
Field = tuple[np.ndarray, np.ndarray]


def path_of(track: np.ndarray) -> Paths:
    """One storm of one agency without circles, as the rules know it; `track` (P, 4): lat, lon, wind, pressure."""
    lat, lon, wind, pressure = track.T[:, None]
    one, lead = np.zeros(1, dtype=np.int64), np.arange(len(track))[None] * 0.5
    return Paths(tick=one, storm=np.array(["s"], dtype=object), agency=np.array(["home"], dtype=object), home=np.ones(1, dtype=bool), lead=lead, lat=lat, lon=lon,
                 wind=wind, pressure=pressure, radii=np.full((1, 3, 4), np.nan), rows=np.full((1, 1), -1), outdated=np.zeros(1, dtype=bool))


def field(track: np.ndarray, towns: np.ndarray) -> Field:
    """(N,) highest wind in m/s, and the number of the first position with gale, -1 for none."""
    best, onset, path = np.zeros(len(towns)), np.full(len(towns), -1), path_of(track)
    for _, some in _blocks(np.zeros(1, dtype=np.int64), len(track), len(towns)):
        speed = _View(path, *towns[some].T).speed[0]
        gale = speed >= GALE
        best[some], onset[some] = speed.max(axis=0), np.where(gale.any(axis=0), gale.argmax(axis=0), -1)
    return best, onset


def by_1980(track: np.ndarray, towns: np.ndarray) -> np.ndarray:
    """(N,) highest wind after Holland (1980), nothing beyond CULL_KM."""
    lat, lon, wind, pressure = track.T
    best, centres = np.zeros(len(towns)), unit_vectors(lat, lon)
    for _, some in _blocks(np.zeros(1, dtype=np.int64), len(track), len(towns)):
        km = apart_km(centres, unit_vectors(*towns[some].T))
        speed, near = np.zeros_like(km), np.flatnonzero(km <= CULL_KM)
        at = near // km.shape[1]
        speed.ravel()[near] = holland_1980(km.ravel()[near], wind=wind[at], pressure=pressure[at], lat=lat[at], surface=GRADIENT)
        best[some] = speed.max(axis=0)
    return best


def by_pairs(track: np.ndarray, towns: np.ndarray) -> Field:
    """The same as `field`, a pair at a time."""
    from geopy.distance import great_circle

    def bearing(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
        a, b, d = math.radians(lat), math.radians(to_lat), math.radians(to_lon - lon)
        return math.atan2(math.sin(d) * math.cos(b), math.cos(a) * math.sin(b) - math.sin(a) * math.cos(b) * math.cos(d))
    deficit = np.maximum(PN - track[:, 3], 1.0)
    shapes, radii = shape_b_2008(deficit, track[:, 0], 0.0), radius_of_maximum_wind(track[:, 3])
    steps = [(track[max(p, 1) - 1, :2].tolist(), track[max(p, 1), :2].tolist()) for p in range(len(track))]
    motion = [(0.55 * min(great_circle(a, b).km / 1.8, 15.4), bearing(*a, *b) - math.radians(20)) for a, b in steps]
    best, onset = np.zeros(len(towns)), np.full(len(towns), -1)
    for n, (town_lat, town_lon) in enumerate(towns.tolist()):
        for p, (lat, lon, wind, _) in enumerate(track.tolist()):
            b, rm, (more, moves) = float(shapes[p]), float(radii[p]), motion[p]
            r = max(great_circle((lat, lon), (town_lat, town_lon)).km, 0.1)
            if r > CULL_KM:
                continue
            ring = max(wind - more, wind / 2)
            edge = (rm / max(OUTER_KM, rm + 1)) ** b
            xn = min(max(math.log(min(OUTER_WIND / ring, 1.0)) / math.log(edge * math.exp(1 - edge)), 0.1), 3.0)
            x = 0.5 if r <= rm else 0.5 + (r - rm) * (xn - 0.5) / (OUTER_KM - rm)
            ratio = (rm / r) ** b
            speed = ring * (ratio * math.exp(1 - ratio)) ** max(x, min(0.4, xn))
            speed = max(speed, min(OUTER_WIND, ring)) if r <= OUTER_KM else min(speed, OUTER_WIND)
            inwards = math.radians(90 + (10 * r / rm if r < rm else min(10 + 75 * (r / rm - 1), 25)))
            more *= min(rm / r, 1.0)
            both = speed**2 + more**2 + 2 * speed * more * math.cos(bearing(lat, lon, town_lat, town_lon) - inwards - moves)
            speed = wind if r <= rm else min(math.sqrt(both), wind)
            best[n] = max(best[n], speed)
            if onset[n] < 0 and speed >= GALE:
                onset[n] = p
    return best, onset


def by_climada(python: str, track: np.ndarray, towns: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """(CPU s by cut-off in km, (N,) winds of the widest)."""
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world.npz"
        np.savez(world, track=track, towns=towns, ambient=PN, radius=radius_of_maximum_wind(track[:, 3]))
        script = Path(__file__).with_name("typhoon_climada.py")
        said = subprocess.run([python, str(script), str(world), str(ROUNDS)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        return json.loads(said.splitlines()[-1]), np.load(world.with_suffix(".winds.npy"))


def timed(way: Callable[[], Any]) -> tuple[float, Any]:
    """(median CPU s, what came of it)."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        found = way()
        spent.append(time.process_time() - began)
    return statistics.median(spent), found


def against_pairs(mine: float, found: Field, track: np.ndarray, towns: np.ndarray) -> None:
    """Print the ratio to geopy's loop; SystemExit where it says something else."""
    best, onset = found
    near = np.argsort(-best)[: TOWNS : TOWNS // SAMPLE]
    began = time.process_time()
    try:
        told, first = by_pairs(track, towns[near])
    except ImportError:
        print("  geopy 未安装 / not installed: .venv/bin/uv pip install geopy")
        return
    theirs = (time.process_time() - began) * TOWNS / len(near)
    error = float(np.abs(told - best[near]).max())
    if error >= 0.01 or not np.array_equal(first, onset[near]):
        raise SystemExit(f"风速不同 / winds differ: {error:.4f} m/s, {int((first != onset[near]).sum())} onsets")
    print(f"  geopy great_circle and math, a pair at a time {theirs * 1000:10.0f} ms CPU  {theirs / mine:.0f} x ours; greatest difference {error:.1e} m/s, onsets equal")


def against_climada(python: str, mine: float, track: np.ndarray, towns: np.ndarray) -> None:
    """Print the ratio to climada; its distances are those of a plane, so that the fields differ by some per cent at the cut-off."""
    theirs, winds = by_climada(python, track, towns)
    same, ours = timed(lambda: by_1980(track, towns))
    strong = ours >= OUTER_WIND
    print(f"  ours, Holland (1980) alone {same * 1000:10.1f} ms CPU; against climada's winds of {OUTER_WIND:.0f} m/s and more: greatest difference "
          f"{np.abs(ours - winds)[strong].max():.2f}, mean {np.abs(ours - winds)[strong].mean():.3f} m/s")
    for km, seconds in theirs.items():
        print(f"  climada from_tracks H1980, {float(km):.0f} km {seconds * 1000:10.1f} ms CPU  {seconds / mine:.1f} x ours, {seconds / same:.1f} x our Holland (1980)")


def main() -> None:
    """Run and print."""
    rng = np.random.default_rng(7)
    track = np.stack([np.linspace(18, 40, POINTS), np.linspace(131, 118, POINTS), np.linspace(45, 22, POINTS), np.linspace(945, 985, POINTS)], axis=1)
    towns = rng.uniform((22, 102), (42, 122), (TOWNS, 2))
    print(f"{TOWNS} 镇街 towns x {POINTS} 点 positions (synthetic); load {os.getloadavg()[0]:.1f}")
    mine, found = timed(lambda: field(track, towns))
    print(f"  ours: distances, profile, motion and inflow {mine * 1000:10.1f} ms CPU, {mine / TOWNS / POINTS * 1e9:.0f} ns a pair")
    against_pairs(mine, found, track, towns)
    if sys.argv[1:]:
        against_climada(sys.argv[1], mine, track, towns)
    else:
        print("  climada: 未给出其解释器，略去 / its interpreter was not named, left out")


if __name__ == "__main__":
    main()
