"""One threshold at 200 values: contingency tables over 1.3 million town-steps against pandas, numpy and scikit-learn, and the whole sweep of a rule.

    .venv/bin/python tests/bench/sweep.py [days=28]        (pip install scikit-learn adds its rows)

Counts are equal to every peer's before a time is printed; the whole sweep is compared with a back-test a value, as the sweep once ran. Rounds are
interleaved, medians printed; readings and events are synthetic.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from year_world import ROOT, START, installation

from console.storms import stored
from core.model import Hazard, Level
from rules import backtest
from rules.sweep import in_county, sweep, variant
from rules.verify.contingency import contingency
from rules.verify.events import Span, match
from rules.verify.skill import skill

STEPS, VALUES, ROUNDS = 1_300_000, 200, 7
PACK, RULE, INDICATOR = ROOT / "rules" / "packs" / "cn" / "ponding.yaml", "flood.ponding", "rain_1h"
Counts = np.ndarray


def made(seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rain in mm, multiples of 0.5; whether it flooded; thresholds)."""
    rng = np.random.default_rng(seed)
    rain = np.floor(rng.gamma(0.6, 24.0, STEPS)) / 2
    return rain, rng.random(STEPS) < 1 / (1 + np.exp((40 - rain) / 6)), np.arange(1, VALUES + 1) * 0.5


def ours(rain: np.ndarray, flooded: np.ndarray, marks: np.ndarray) -> Counts:
    """(V, 4) hits, misses, false alarms, quiet."""
    found = contingency(rain, flooded, marks)
    return np.stack([found.hits, found.misses, found.false, found.quiet], axis=1)


def by_pandas(rain: np.ndarray, flooded: np.ndarray, marks: np.ndarray) -> Counts:
    """A threshold at a time, as one writes it."""
    frame = pd.DataFrame({"rain": rain, "flooded": flooded})
    rows = []
    for mark in marks:
        said = frame["rain"] >= mark
        rows.append([(said & frame["flooded"]).sum(), (~said & frame["flooded"]).sum(), (said & ~frame["flooded"]).sum(), (~said & ~frame["flooded"]).sum()])
    return np.array(rows)


def by_numpy(rain: np.ndarray, flooded: np.ndarray, marks: np.ndarray) -> Counts:
    """A threshold at a time over the values with and without an event."""
    yes, no = rain[flooded], rain[~flooded]
    hits, false = (np.array([np.count_nonzero(part >= mark) for mark in marks]) for part in (yes, no))
    return np.stack([hits, len(yes) - hits, false, len(no) - false], axis=1)


def by_search(rain: np.ndarray, flooded: np.ndarray, marks: np.ndarray) -> Counts:
    """Each value looked up among the thresholds, counted once."""
    place = np.searchsorted(marks, rain, side="right") + flooded * (len(marks) + 1)
    no, yes = np.bincount(place, minlength=2 * len(marks) + 2).reshape(2, -1)
    under_no, under_yes = np.cumsum(no)[:-1], np.cumsum(yes)[:-1]
    return np.stack([yes.sum() - under_yes, under_yes, no.sum() - under_no, under_no], axis=1)


def by_roc_curve(rain: np.ndarray, flooded: np.ndarray, marks: np.ndarray) -> Counts:
    """Every distinct value is a threshold to it; taken where ours stand."""
    from sklearn.metrics import roc_curve

    false, hit, known = roc_curve(flooded, rain, drop_intermediate=False)
    at = len(known) - 1 - np.searchsorted(known[::-1], marks, side="left")
    events = int(flooded.sum())
    hits, alarms = np.rint(hit[at] * events).astype(int), np.rint(false[at] * (len(rain) - events)).astype(int)
    return np.stack([hits, events - hits, alarms, len(rain) - events - alarms], axis=1)


def tables() -> None:
    """The contingency tables alone."""
    data = made()
    ways: dict[str, Callable[..., Counts]] = {"ours": ours, "pandas, a threshold at a time": by_pandas, "numpy, a threshold at a time": by_numpy,
                                              "numpy searchsorted + bincount": by_search}
    if importlib.util.find_spec("sklearn"):
        ways["sklearn.metrics.roc_curve"] = by_roc_curve
    else:
        print("没有 scikit-learn，略去 / scikit-learn is absent, left out")
    want = ours(*data)
    for name, way in ways.items():
        if not np.array_equal(way(*data), want):
            raise SystemExit(f"计数不同 / counts differ: {name}")
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way(*data)
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    print(f"{VALUES} 阈值 thresholds x {STEPS} 镇街步 town-steps, load {os.getloadavg()[0]:.1f}, 计数相同 counts equal")
    base = statistics.median(cpu for _, cpu in taken["ours"])
    for name, rounds in taken.items():
        wall, cpu = (statistics.median(side) for side in zip(*rounds, strict=True))
        print(f"  {name:34} {wall * 1e3:8.1f} ms wall {cpu * 1e3:8.1f} ms CPU  {cpu / base:6.1f} x")


def whole(days: int) -> None:
    """The production sweep of a rule, events made of the highest hours."""
    with tempfile.TemporaryDirectory(prefix="fengsui-sweep-") as folder:
        place, home, _ = installation(Path(folder), days)
        ground = stored(home, place, START, START + timedelta(days=days) - timedelta(minutes=10), timedelta(minutes=10))
        ticks = backtest.steps(ground.start, ground.end, ground.step)
        variants = [in_county(variant(PACK, RULE, Level.BLUE, INDICATOR, 0.24 * n), ground.county, ground.start.date()) for n in range(1, VALUES + 1)]
        sources = backtest.stored(ground.county, ground.lake, ground.ledger, tuple(v.rule for v in variants))(ticks)
        rng = np.random.default_rng(3)
        happened = [Span(town=t.key, hazard=Hazard.FLOOD, start=(at := ticks[int(rng.integers(len(ticks)))]), end=at + timedelta(hours=6), level=Level.BLUE)
                    for t in ground.county.towns for _ in range(max(1, days // 7))]
        began = time.process_time()
        points = sweep(variants, Level.BLUE, ticks=ticks, county=ground.county, sources=sources, happened=happened)
        all_at_once = time.process_time() - began
        some, began = variants[:: VALUES // 5], time.process_time()
        for found, point in zip(some, points[:: VALUES // 5], strict=True):
            run = backtest.run(ticks=ticks, county=ground.county, rules=(found.rule,), source=lambda _: sources, block=len(ticks))
            warned = [Span(town=w.town, hazard=h, start=w.start, end=w.end, level=w.level) for h in found.rule.hazards
                      for w in backtest.spans(run.ticks, run.towns, {RULE: run.held[RULE]})]
            if skill(match(warned, happened, Level.BLUE)) != point.skill:
                raise SystemExit("评分不同 / the skill differs")
        alone = (time.process_time() - began) / len(some)
        print(f"{VALUES} 值 values of {RULE} {INDICATOR}, {len(ticks)} 步 steps x {len(ground.county.towns)} 镇街 towns, load {os.getloadavg()[0]:.1f}, "
              f"评分相同 skill equal\n  sweep: {all_at_once:.1f} s CPU; a back-test a value: {alone:.2f} s CPU each ({len(some)} run), {alone * VALUES:.0f} s for all, "
              f"{alone * VALUES / all_at_once:.1f} x")


if __name__ == "__main__":
    tables()
    whole(int(sys.argv[1]) if len(sys.argv) > 1 else 28)
