"""Lie catalogue: each way in which a wind sensor lies, laid over recorded airport winds; how often it is told, and how often an honest reading is blamed.

    FENGSUI_RECORDED=... python tests/bench/lies.py

A lie runs for six hours from a drawn hour; it counts as detected when at least one reading of those hours is not GOOD. The recorded series is the METAR
season of 2026 (hourly 10-min mean wind, knots), taken as honest. The rates are of the tests on one station's own past (core.quality.check) and of
wind against gust; neighbours have no part in wind.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core import quality
from core.model import Flag

KT = 0.514444
HOURS = 6
DRAWS = 400


def series(folder: Path) -> list[np.ndarray]:
    """(T, 3) times (s), wind and gust (m/s, NaN none) of every station with at least 100 readings."""
    found: dict[str, dict[float, tuple[float, float]]] = defaultdict(dict)
    with gzip.open(folder / "typhoon_season_2026" / "metar_all_stations.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["ws"] is not None:
                at = np.datetime64(row["t"].removesuffix("Z")).astype("datetime64[s]").astype(float)
                found[row["i"]][float(at)] = (row["ws"] * KT, np.nan if row["wg"] is None else row["wg"] * KT)
    return [np.array([(t, *v) for t, v in sorted(rows.items())]) for rows in found.values() if len(rows) >= 100]


def flagged(data: np.ndarray) -> np.ndarray:
    """(T,) whether the wind is not GOOD."""
    doubts = quality.check("wind_speed", data[:, 0], data[:, [1]])
    doubts += quality.check_cross({"wind_speed": data[:, [1]], "wind_gust": data[:, [2]]})["wind_speed"]
    return np.logical_or.reduce([d.where[:, 0] for d in doubts if d.flag > Flag.GOOD])


LIES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "(no lie)": lambda v, r: v,
    "units x10": lambda v, r: np.column_stack([v[:, 0] * 10, v[:, 1]]),
    "stuck": lambda v, r: np.column_stack([np.full(len(v), v[0, 0]), v[:, 1]]),
    "spike": lambda v, r: np.column_stack([v[:, 0] + 40.0 * (np.arange(len(v)) == len(v) // 2), v[:, 1]]),
    "drift": lambda v, r: np.column_stack([v[:, 0] + np.linspace(0, 10, len(v)), v[:, 1]]),
    "calibration pulse": lambda v, r: np.column_stack([np.where(np.arange(len(v)) // 2 == 1, 50.0, v[:, 0]), v[:, 1]]),
    "swapped fields": lambda v, r: v[:, ::-1],
}


def main() -> None:
    """Print the table."""
    folder = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data"))
    stations = series(folder)
    random = np.random.default_rng(1)
    honest = np.concatenate([flagged(s) for s in stations])
    print(f"{len(stations)} stations, {len(honest)} honest readings, flagged {honest.mean():.3%}")
    for name, lie in LIES.items():
        told = 0
        for _ in range(DRAWS):
            data = stations[random.integers(len(stations))]
            start = random.integers(20, len(data) - 30)
            cut = data[start - 20 : start + 30].copy()
            cut[20 : 20 + HOURS + 1, 1:] = lie(cut[20 : 20 + HOURS + 1, 1:], random)
            told += bool(flagged(cut)[20 : 20 + HOURS + 1].any())
        print(f"{name:18} detected {told / DRAWS:6.1%}")


if __name__ == "__main__":
    main()
