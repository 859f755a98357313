"""A storm's wind over a whole nation: highest wind and onset of gale in 40,000 towns along 40 positions, against a loop over pairs.

    .venv/bin/python tests/bench/typhoon.py

The production distances and Holland (2010) profile over columns; the peer takes one pair of town and position after another with geopy's great circle
and `math` (`uv pip install geopy`; said and left out where absent), on a sample of towns, its time in proportion. Winds are compared before a time is printed.
"""

from __future__ import annotations

import math
import os
import statistics
import time

import numpy as np

from core.units import BEAUFORT_EDGES
from rules.spatial import distance_km
from rules.wind import PN, holland_2010, radius_of_maximum_wind, shape_b_2008

TOWNS, POINTS, SAMPLE, ROUNDS = 40_000, 40, 200, 5
GALE = BEAUFORT_EDGES[7]
OUTER_KM, OUTER_WIND = 300.0, 17.0


def field(track: np.ndarray, towns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) highest wind in m/s, and the number of the first position with gale, -1 for none; `track` (P, 4): lat, lon, wind, pressure."""
    lat, lon, wind, pressure = (track[:, n, None] for n in range(4))
    speed = holland_2010(distance_km(lat, lon, towns[None, :, 0], towns[None, :, 1]), wind=wind, pressure=pressure, lat=lat, outer_km=OUTER_KM, outer_wind=OUTER_WIND)
    gale = speed >= GALE
    return speed.max(axis=0), np.where(gale.any(axis=0), gale.argmax(axis=0), -1)


def by_pairs(track: np.ndarray, towns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same, a pair at a time."""
    from geopy.distance import great_circle

    best, onset = np.zeros(len(towns)), np.full(len(towns), -1)
    for n, (town_lat, town_lon) in enumerate(towns.tolist()):
        for p, (lat, lon, wind, _) in enumerate(track.tolist()):
            b, rm = float(shape_of[p]), float(radius_of[p])
            r = max(great_circle((lat, lon), (town_lat, town_lon)).km, 0.1)
            edge = (rm / max(OUTER_KM, rm + 1)) ** b
            xn = min(max(math.log(OUTER_WIND / wind) / math.log(edge * math.exp(1 - edge)), 0.1), 1.0)
            x = 0.5 if r <= rm else 0.5 + (r - rm) * (xn - 0.5) / (OUTER_KM - rm)
            ratio = (rm / r) ** b
            speed = wind * (ratio * math.exp(1 - ratio)) ** max(x, min(0.4, xn))
            best[n] = max(best[n], speed)
            if onset[n] < 0 and speed >= GALE:
                onset[n] = p
    return best, onset


rng = np.random.default_rng(7)
TRACK = np.stack([np.linspace(18, 40, POINTS), np.linspace(131, 118, POINTS), np.linspace(45, 22, POINTS), np.linspace(945, 985, POINTS)], axis=1)
PLACES = rng.uniform((22, 102), (42, 122), (TOWNS, 2))
shape_of, radius_of = shape_b_2008(np.maximum(PN - TRACK[:, 3], 1.0), TRACK[:, 0], 0.0), radius_of_maximum_wind(TRACK[:, 3])


def main() -> None:
    """Run and print."""
    print(f"{TOWNS} 镇街 towns x {POINTS} 点 positions (synthetic); load {os.getloadavg()[0]:.1f}")
    field(TRACK, PLACES)
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        best, onset = field(TRACK, PLACES)
        spent.append(time.process_time() - began)
    mine = statistics.median(spent)
    print(f"  ours: distances and profile over columns {mine * 1000:10.1f} ms CPU, {mine / TOWNS / POINTS * 1e9:.0f} ns a pair")
    near = np.argsort(-best)[: TOWNS : TOWNS // SAMPLE]
    began = time.process_time()
    try:
        told, first = by_pairs(TRACK, PLACES[near])
    except ImportError:
        print("  geopy 未安装 / not installed: .venv/bin/uv pip install geopy")
        return
    theirs = (time.process_time() - began) * TOWNS / len(near)
    error = float(np.abs(told - best[near]).max())
    if error >= 0.01 or not np.array_equal(first, onset[near]):
        raise SystemExit(f"风速不同 / winds differ: {error:.4f} m/s, {int((first != onset[near]).sum())} onsets")
    print(f"  geopy great_circle and math, a pair at a time {theirs * 1000:10.0f} ms CPU  {theirs / mine:.0f} x ours; greatest difference {error:.1e} m/s, onsets equal")


if __name__ == "__main__":
    main()
