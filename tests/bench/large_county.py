"""Where one process ends: the whole `assess` (lake, rules, evidence of every town, ledger) of one synthetic county that grows, Haimen's packs.

    .venv/bin/python tests/bench/large_county.py [towns ...]

Hourly rain of three days at 2.5 stations a town. Prints time, peak memory and stored bytes, and what a town costs; each size in a process of its own.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import nation
import numpy as np
import pyarrow as pa

import rules
from core.lake import Lake
from core.lake.shapes import schema
from core.ledger import Ledger
from core.model import Flag

SIZES = (24, 240, 1_200, 4_800)


def readings(lake: Lake, of: nation.Nation, hours: int) -> int:
    """Hourly rain of every station, a file a day."""
    rng, names = np.random.default_rng(3), [s.station for s in of.county.stations]
    feed = of.county.stations[0].feed
    for back in range(0, hours, 24):
        stamps = [nation.NOW - timedelta(hours=h) for h in range(back, min(back + 24, hours))]
        size, times = len(names) * len(stamps), np.tile(np.array([s.replace(tzinfo=None) for s in stamps], dtype="datetime64[us]"), len(names))
        columns = {
            "feed": [feed] * size, "station": np.repeat(names, len(stamps)), "observed_property": ["rain"] * size, "time": pa.array(times, pa.timestamp("us", tz="UTC")),
            "value": np.round(rng.gamma(0.3, 8.0, size), 1), "received": pa.array(times, pa.timestamp("us", tz="UTC")), "raw": ["0" * 64] * size,
            "flag": np.full(size, int(Flag.GOOD), dtype=np.int8), "reasons": [""] * size, "interval_s": np.full(size, 3600, dtype=np.int32),
            "issued": pa.nulls(size, pa.timestamp("us", tz="UTC")), "datum": [""] * size, "synthetic": [True] * size}
        lake._days.write("observations", feed, min(stamps), pa.table({n: columns[n] for n in schema("observations").names}, schema=schema("observations")))
    return hours * len(names)


def one(towns: int) -> None:
    """One size."""
    nation.SIZES["L"] = (towns, towns * 5 // 2)
    made = nation.nation("L", hours=3)
    one_feed = tuple(f for f in made.county.feeds if f.feed == made.county.stations[0].feed)
    of = dataclasses.replace(made, county=dataclasses.replace(made.county, feeds=one_feed))
    with tempfile.TemporaryDirectory() as folder:
        lake, ledger = Lake(f"{folder}/lake"), Ledger.open(f"sqlite:///{folder}/ledger.db")
        count = readings(lake, of, 80)
        wall, cpu = time.perf_counter(), time.process_time()
        report = rules.assess(now=nation.NOW, county=of.county, lake=lake, ledger=ledger)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        ledger.close()
        stored = sum(p.stat().st_size for p in Path(folder).glob("ledger.db*"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    evidence = sum(len(s.evidence) for s in report.scores)
    print(f"{towns:6} 镇街 towns, {count:8} 读数 readings: {wall:6.1f} s wall {cpu:6.1f} s CPU, peak {peak:6.0f} MiB, {len(report.scores)} scores, {evidence} evidence, "
          f"ledger {stored / 1e6:.1f} MB; {cpu / towns * 1000:.1f} ms, {stored / towns / 1000:.1f} kB a town; load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        one(int(sys.argv[2]))
    else:
        for size in [int(word) for word in sys.argv[1:]] or SIZES:
            subprocess.run([sys.executable, __file__, "--one", str(size)], check=True)
