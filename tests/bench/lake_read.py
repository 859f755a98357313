"""Reading one county's last 72 h from a lake of a year at 10-min steps, and a late batch on top. Prints medians and ratios; no assertion.

Ours: `lake.observations(start, end, as_of)`, one row a reading with the newest receipt, sorted, from day files as compaction leaves them and from
the last day's tick files as ingest leaves them; "fresh" opens the lake anew, "warm" asks again in the same process. The peers read the same
files, keep the newest receipt and sort. Rounds are interleaved; the files are in the page cache for everybody.

    .venv/bin/python tests/bench/lake_read.py [rounds=7] [stations=60] [days=365]       (pip install polars duckdb adds their rows)
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.lake import Lake
from core.lake.shapes import schema
from core.model import Batch, Flag, Observation

END = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
STEP, DELAY = timedelta(minutes=10), timedelta(minutes=4)
BACK = timedelta(hours=72)
KEYS = ["feed", "station", "observed_property", "time", "issued"]


def block(first: datetime, steps: int, stations: int, seed: int) -> pa.Table:
    """`steps` ticks of rain from `first` on, received DELAY later, as observations of the lake; one payload hash a tick."""
    rng, n = np.random.default_rng(seed), steps * stations
    times = np.repeat([np.datetime64((first + i * STEP).replace(tzinfo=None), "us") for i in range(steps)], stations)
    text = {"feed": np.full(n, "weather"), "station": np.tile([f"B{i:05d}" for i in range(stations)], steps), "observed_property": np.full(n, "rain"),
            "raw": np.repeat([f"{seed:08x}{i:056x}" for i in range(steps)], stations), "reasons": np.full(n, ""), "datum": np.full(n, "")}
    rest = {"time": times, "received": times + np.timedelta64(int(DELAY.total_seconds()), "s"), "value": rng.gamma(0.2, 2, n).round(1), "flag": np.ones(n, np.int8),
            "interval_s": np.full(n, 600, np.int32), "issued": pa.nulls(n, schema("observations").field("issued").type), "synthetic": np.ones(n, bool)}
    return pa.Table.from_arrays([pa.array((text | rest)[f.name]).cast(f.type) for f in schema("observations")], schema=schema("observations"))


def fill(home: Path, stations: int, days: int) -> int:
    """The year: a file a day, the last day as 144 tick files; returns how many rows."""
    lake = Lake(home)
    for day in range(days, 0, -1):
        first = END - timedelta(days=day)
        steps = 1 if day == 1 else 144
        for n in range(144 // steps):
            at = first + n * STEP
            lake._days.write("observations", "weather", at + DELAY, block(at, steps, stations, day * 1000 + n))
    (home / "ticks").mkdir()
    for n in range(1, 433):  # what 72 h are without compaction
        at = END - n * STEP
        pq.write_table(block(at, 1, stations, n), home / "ticks" / f"{at:%Y%m%dT%H%M}.parquet", compression="zstd")
    return days * 144 * stations


def files(home: Path) -> list[str]:
    """The files that can hold the last 72 h, by day of receipt, as our reader chooses them (its clocks may run a day ahead)."""
    first = (END - BACK - timedelta(days=1)).date().isoformat()
    return sorted(str(p) for p in home.glob("observations/feed=weather/day=*/*.parquet") if p.parent.name.removeprefix("day=") >= first)


def readers(home: Path) -> dict[str, Callable[[], int]]:
    """Name -> read the last 72 h, returning how many rows."""
    warm = Lake(home)

    def ours(lake: Lake) -> int:
        return len(lake.observations(start=END - BACK, end=END, as_of=END, feeds=["weather"]))

    def by_pandas(paths: list[str]) -> int:
        frame = pd.concat([pd.read_parquet(path, filters=[("time", ">=", END - BACK)], partitioning=None) for path in paths])
        frame = frame[(frame["time"] <= END) & (frame["received"] <= END)]
        return len(frame.sort_values("received").drop_duplicates(KEYS, keep="last").sort_values(["station", "observed_property", "time"]))

    found: dict[str, Callable[[], int]] = {
        "ours, fresh": lambda: ours(Lake(home)), "ours, warm": lambda: ours(warm),
        f"pandas {pd.__version__} read_parquet, the same files": lambda: by_pandas(files(home)),
        f"pandas {pd.__version__} read_parquet, the whole year": lambda: by_pandas(sorted(map(str, home.glob("observations/**/*.parquet")))),
    }
    if importlib.util.find_spec("polars"):
        pl: Any = importlib.import_module("polars")

        def by_polars(paths: list[str]) -> int:
            scan = pl.scan_parquet(paths, hive_partitioning=False).filter(pl.col("time").is_between(END - BACK, END), pl.col("received") <= END)
            return len(scan.sort("received").unique(KEYS, keep="last").sort("station", "observed_property", "time").collect())

        found[f"polars {pl.__version__} scan_parquet, the same files"] = lambda: by_polars(files(home))
        ticks = sorted(str(path) for path in home.glob("ticks/*.parquet"))
        found[f"polars {pl.__version__} scan_parquet, a file a tick"] = lambda: by_polars(ticks)
    if importlib.util.find_spec("duckdb"):
        duck: Any = importlib.import_module("duckdb")

        def by_duckdb() -> int:
            query = ("select * from read_parquet(?, hive_partitioning=false) where time between ? and ? and received <= ? "
                     f"qualify row_number() over (partition by {', '.join(KEYS)} order by received desc) = 1 order by station, observed_property, time")
            return len(duck.sql(query, params=[files(home), END - BACK, END, END]).to_arrow_table())

        found[f"duckdb {duck.__version__} read_parquet, the same files"] = by_duckdb
    return found


def main(rounds: int, stations: int, days: int) -> None:
    """Fill, read in turns, append late rows, print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = fill(home, stations, days)
        found, spent = readers(home), dict[str, list[float]]()
        counts = {name: read() for name, read in found.items()}
        for _ in range(rounds):
            for name, read in found.items():
                start = time.perf_counter()
                read()
                spent.setdefault(name, []).append(time.perf_counter() - start)
        print(f"{rows:,} 行 rows, {stations} 站 stations, {days} 天 days; 最近 72 h last 72 h: {counts['ours, fresh']:,} 行 rows from {len(files(home))} files")
        base = statistics.median(spent["ours, fresh"])
        for name, times in spent.items():
            seconds = statistics.median(times)
            print(f"  {name:52} {seconds * 1000:9.1f} ms  {seconds / base:6.2f} x ours, fresh" + ("" if counts[name] == counts["ours, fresh"] else "  (other rows)"))
        late(home, stations)


def late(home: Path, stations: int) -> None:
    """A tenth of the last day comes again, changed, through the lake's own door; then the reading that sees it."""
    rng, now = np.random.default_rng(1), END + timedelta(minutes=1)
    rows = tuple(
        Observation(feed="weather", station=f"B{s:05d}", observed_property="rain", time=END - (144 - n) * STEP, value=99.0, received=now, raw="f" * 64,
                    flag=Flag.GOOD, interval_s=600, synthetic=True)
        for s in range(stations) for n in np.flatnonzero(rng.random(144) < 0.1).tolist())
    lake = Lake(home)
    start = time.perf_counter()
    lake.append("weather", Batch(observations=rows), now)
    appended = time.perf_counter() - start
    start = time.perf_counter()
    frame = lake.observations(start=END - BACK, end=END, as_of=now, feeds=["weather"])
    print(f"  late batch of {len(rows):,} rows: append {appended * 1000:.1f} ms, next read {(time.perf_counter() - start) * 1000:.1f} ms, "
          f"seen {int((frame['value'] == 99.0).sum()):,}, rows {len(frame):,}")


if __name__ == "__main__":
    given = [int(text) for text in [*sys.argv[1:], *("7", "60", "365")[len(sys.argv) - 1:]]]
    main(*given)
