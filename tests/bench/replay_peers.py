"""The replay of scoring.py against what one would write with a frame library: 72 h x towns x 40 rules by polars and by DuckDB windows.

    .venv/bin/python tests/bench/replay_peers.py [A B C] [--weather fronts|everywhere]        (pip install polars duckdb adds their rows)

Each way runs in a process of its own, from the long table to the levels at all 432 ticks; their digests must be the plain reference's before a time is
printed. Memory is the peak above what the data take. Frame libraries give a row only where a reading is, so that a station whose newest reading is missing
would drop out of its town's maximum: both peers get the missing rows, and each carries its station's last window there. They work out what is proved; ours also
what cannot be excluded.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from nation import STEP_S, WEATHERS, WINDOWS, Nation, nation
from scoring import Levels, Ours, Plain

from core.signing import digest

MINUTES = STEP_S // 60
COLUMNS = [f"rain_{hours}h" for hours in WINDOWS]
Table = dict[str, np.ndarray]


def long_table(of: Nation) -> tuple[Table, Table]:
    """(readings in order of arrival, the rows where none is): station, minute, town."""
    rows = of.log
    minute = ((rows.time_us - rows.time_us.max()) // 60_000_000 + (len(of.rain) - 1) * MINUTES).astype(np.int32)
    readings = {"station": rows.place.astype(np.int32), "minute": minute, "rain": rows.value.astype(np.float32), "town": of.home[rows.place].astype(np.int32)}
    tick, station = np.nonzero(np.isnan(of.rain))
    return readings, {"station": station.astype(np.int32), "minute": (tick * MINUTES).astype(np.int32), "town": of.home[station].astype(np.int32)}


def columns_of(town: np.ndarray, minute: np.ndarray, values: Table, shape: tuple[int, int]) -> Table:
    """(T, N) by indicator from one row a tick and town."""
    out = {name: np.zeros(shape) for name in COLUMNS}
    for name in COLUMNS:
        out[name][minute // MINUTES, town] = values[name]
    return out


def ours(of: Nation) -> Callable[[], Levels]:
    """Grid and replay by the production functions."""
    return lambda: Ours(of).replay()


def plain(of: Nation) -> Callable[[], Levels]:
    """Hand-written numpy over the whole array, from the grid on."""

    def replay() -> Levels:
        by_hand = Plain(of)
        return by_hand.levels(by_hand.windows(slice(None)))

    return replay


def by_polars(of: Nation) -> Callable[[], Levels]:
    """`rolling_sum_by().over()`."""
    import polars as pl

    readings, missing = (pl.DataFrame(table) for table in long_table(of))

    def replay() -> Levels:
        windows = [pl.col("rain").rolling_sum_by("minute", window_size=f"{hours * 60}i", closed="right").over("station").alias(f"rain_{hours}h") for hours in WINDOWS]
        known = readings.sort("station", "minute").with_columns(windows).drop("rain")
        whole = pl.concat([known, missing], how="diagonal").sort("station", "minute").with_columns(pl.col(COLUMNS).forward_fill().over("station").fill_null(0.0))
        best = whole.group_by("minute", "town").agg(pl.col(COLUMNS).max())
        return Plain.levels(None, columns_of(best["town"].to_numpy(), best["minute"].to_numpy(), {n: best[n].to_numpy() for n in COLUMNS}, _shape(of)))  # type: ignore[arg-type]

    return replay


def by_duckdb(of: Nation) -> Callable[[], Levels]:
    """`sum() over (… range between)`."""
    import duckdb
    import pyarrow as pa

    base = duckdb.connect()
    readings, missing = (pa.table(table) for table in long_table(of))
    base.register("readings", readings)
    base.register("missing", missing)
    sums = ", ".join(f"sum(rain) over (partition by station order by minute range between {hours * 60 - MINUTES} preceding and current row) as rain_{hours}h"
                     for hours in WINDOWS)
    carried = ", ".join(f"coalesce(last_value({n} ignore nulls) over (partition by station order by minute), 0) as {n}" for n in COLUMNS)
    query = (f"with known as (select station, minute, town, {sums} from readings), whole as (select * from known union all by name select * from missing), "
             f"each as (select town, minute, {carried} from whole) select town, minute, {', '.join(f'max({n}) as {n}' for n in COLUMNS)} from each group by all")

    def replay() -> Levels:
        best = base.sql(query).fetchnumpy()
        return Plain.levels(None, columns_of(best["town"], best["minute"], best, _shape(of)))  # type: ignore[arg-type]

    return replay


def _shape(of: Nation) -> tuple[int, int]:
    return len(of.rain), of.towns


WAYS: dict[str, tuple[str, str, Callable[[Nation], Callable[[], Levels]]]] = {
    "plain": ("numpy by hand, from the grid on", "", plain), "ours": ("ours, grid and replay", "", ours),
    "polars": ("polars rolling_sum_by.over", "polars", by_polars), "duckdb": ("DuckDB windows", "duckdb", by_duckdb)}


def memory(field: str) -> int:
    """MiB of this process: VmRSS now, VmHWM at most."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if line.startswith(field))
    return int(line.split()[1]) // 1024


def one(way: str, size: str, weather: str) -> None:
    """One way in this process; its figures as JSON."""
    of = nation(size, weather=weather)
    replay = WAYS[way][2](of)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak from here on
    wall, cpu = time.perf_counter(), time.process_time()
    levels = replay()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = memory("VmHWM") - before
    told = digest(b"".join(np.ascontiguousarray(levels[h].astype(np.int8)).tobytes() for h in sorted(levels)))
    warned = float(np.mean(np.maximum.reduce(list(levels.values())) > 0))
    print(json.dumps({"wall": wall, "cpu": cpu, "mib": peak, "levels": told, "warned": warned}))


def compare(size: str, weather: str) -> None:
    """All ways at one size and weather."""
    here: dict[str, dict[str, Any]] = {}
    for way, (label, module, _) in WAYS.items():
        if module and not importlib.util.find_spec(module):
            print(f"没有 {module}，略去 / {module} is absent, left out")
            continue
        said = subprocess.run([sys.executable, __file__, size, "--weather", weather, "--one", way], check=True, stdout=subprocess.PIPE, text=True).stdout
        here[way] = json.loads(said)
        if here[way]["levels"] != here["plain"]["levels"]:
            raise SystemExit(f"级别与参照不同 / levels differ from the reference: {label}")
    print(f"{size}, {weather}: 432 步 ticks, {here['plain']['warned']:.1%} 镇街步有预警 town-ticks in a level, "
          f"级别相同 levels equal {here['plain']['levels'][:12]}, load {os.getloadavg()[0]:.1f}")
    for way, found in here.items():
        print(f"  {WAYS[way][0]:34} {found['wall']:8.2f} s wall {found['cpu']:8.2f} s CPU {found['mib']:7} MiB  {found['cpu'] / here['ours']['cpu']:6.2f} x CPU, "
              f"{found['wall'] / here['ours']['wall']:.2f} x wall", flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=["A", "B"])
    parser.add_argument("--weather", choices=WEATHERS, default=WEATHERS[0])
    parser.add_argument("--one", choices=WAYS, help="this way alone, in this process, as JSON")
    chosen = parser.parse_args()
    for size in chosen.sizes:
        if chosen.one:
            one(chosen.one, size, chosen.weather)
        else:
            compare(size, chosen.weather)


if __name__ == "__main__":
    main()
