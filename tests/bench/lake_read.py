"""The last 72 h of one county, and of one town, from a lake of a year at 10-min steps.

Ours: `lake.observations(start, end, as_of)`, one row a reading with the newest receipt, sorted; day files as compaction leaves them, the last day's tick
files as ingest leaves them. "first" has no copy of the newest days (`core.lake.hot`), "fresh" is a process that has just begun and finds them, "warm" asks
again in the same process. The peers keep the newest receipt and sort, from the same files and from one small file an ingest without any compaction.
Rounds are interleaved, the files are in the page cache for everybody, and what is read is compared before a time is printed.

    pip install --target /tmp/peers polars duckdb        (peers are no dependencies; what is absent is said and left out)
    PYTHONPATH=/tmp/peers .venv/bin/python tests/bench/lake_read.py [rounds=7] [stations=60] [days=365]
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
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

END = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
STEP, DELAY = timedelta(minutes=10), timedelta(minutes=4)
BACK = timedelta(hours=72)
KEYS = ["feed", "station", "observed_property", "time", "issued"]
TOWN = ["B00007", "B00021", "B00042"]
#: These stations' last day comes late.
LATE = ["B00003", "B00011", "B00019", "B00027", "B00035", "B00043"]
Read = Callable[[], pd.DataFrame]
Spent = tuple[float, float]


def block(first: datetime, steps: int, stations: int, seed: int) -> pa.Table:
    """`steps` ticks of rain from `first` on, received DELAY later, as observations of the lake; one payload hash a tick."""
    rng, n = np.random.default_rng(seed), steps * stations
    times = np.repeat([np.datetime64((first + i * STEP).replace(tzinfo=None), "us") for i in range(steps)], stations)
    text = {"feed": np.full(n, "weather"), "station": np.tile([f"B{i:05d}" for i in range(stations)], steps), "observed_property": np.full(n, "rain"),
            "raw": np.repeat([f"{seed:08x}{i:056x}" for i in range(steps)], stations), "reasons": np.full(n, ""), "datum": np.full(n, "")}
    rest = {"time": times, "received": times + np.timedelta64(int(DELAY.total_seconds()), "s"), "value": rng.gamma(0.2, 2, n).round(1), "flag": np.ones(n, np.int8),
            "interval_s": np.full(n, 600, np.int32), "issued": pa.nulls(n, schema("observations").field("issued").type), "synthetic": np.ones(n, bool)}
    made = pa.Table.from_arrays([pa.array((text | rest)[f.name]).cast(f.type) for f in schema("observations")], schema=schema("observations"))
    return made if first < END - timedelta(days=1) else made.filter(pa.array(~np.isin(text["station"], LATE)))


def fill(home: Path, stations: int, days: int) -> int:
    """The year: a file a day, the last day as 144 tick files; beside it the last 96 h as one file a tick; returns how many rows."""
    lake, rows = Lake(home), 0
    (home / "ticks").mkdir(parents=True)
    for day in range(days, 0, -1):
        first = END - timedelta(days=day)
        ticks = [block(first + n * STEP, 1, stations, day * 1000 + n) for n in range(144)] if day <= 4 else [block(first, 144, stations, day * 1000)]
        rows += sum(len(table) for table in ticks)
        for n, table in enumerate(ticks if day <= 4 else ()):
            pq.write_table(table, home / "ticks" / f"{first + n * STEP:%Y%m%dT%H%M}.parquet", compression="zstd")
        for n, table in enumerate(ticks if day == 1 else [pa.concat_tables(ticks)]):
            lake._days.write("observations", "weather", first + n * STEP + DELAY, table)
    lake.compact((END - timedelta(days=1)).date())
    return rows


def files(home: Path) -> list[str]:
    """The files that can hold the last 72 h, by day of receipt, as our reader chooses them (its clocks may run a day ahead)."""
    first = (END - BACK - timedelta(days=1)).date().isoformat()
    return sorted(str(p) for p in home.glob("observations/feed=weather/day=*/*.parquet") if p.parent.name.removeprefix("day=") >= first)


def ticks(home: Path) -> list[str]:
    """The files of one ingest each that can hold the last 72 h."""
    return sorted(str(p) for p in home.glob("ticks/*.parquet") if p.stem >= f"{END - BACK:%Y%m%dT%H%M}")


def ours(home: Path, town: list[str] | None) -> dict[str, Read]:
    """The lake's own readings, by the state that it is in."""
    warm = Lake(home)

    def read(lake: Lake) -> pd.DataFrame:
        return lake.observations(start=END - BACK, end=END, as_of=END, feeds=["weather"], stations=town)

    def first() -> pd.DataFrame:
        shutil.rmtree(home / ".hot", ignore_errors=True)
        return read(Lake(home))

    return {"ours, first": first, "ours, fresh": lambda: read(Lake(home)), "ours, warm": lambda: read(warm)}


def by_pandas(paths: list[str], town: list[str] | None) -> pd.DataFrame:
    wanted = [("time", ">=", END - BACK), *([("station", "in", town)] if town else [])]
    frame = pd.concat([pd.read_parquet(path, filters=wanted, partitioning=None) for path in paths])
    frame = frame[(frame["time"] <= END) & (frame["received"] <= END)]
    return frame.sort_values("received").drop_duplicates(KEYS, keep="last").sort_values(["station", "observed_property", "time"])


def by_polars(pl: Any, paths: list[str], town: list[str] | None) -> pd.DataFrame:
    scan = pl.scan_parquet(paths, hive_partitioning=False).filter(pl.col("time").is_between(END - BACK, END), pl.col("received") <= END)
    scan = scan.filter(pl.col("station").is_in(town)) if town else scan
    return scan.sort("received").unique(KEYS, keep="last").sort("station", "observed_property", "time").collect()


def by_duckdb(duck: Any, paths: list[str], town: list[str] | None) -> pd.DataFrame:
    within = " and station in (" + ", ".join(f"'{s}'" for s in town) + ")" if town else ""
    query = (f"select * from read_parquet(?, hive_partitioning=false) where time between ? and ? and received <= ?{within} "
             f"qualify row_number() over (partition by {', '.join(KEYS)} order by received desc) = 1 order by station, observed_property, time")
    return duck.sql(query, params=[paths, END - BACK, END, END]).to_arrow_table()


def peers(home: Path, town: list[str] | None) -> dict[str, Read]:
    """Name -> the same question to another library, from our files and from one file an ingest."""
    found: dict[str, Read] = {}
    for name, paths in (("the same files", files(home)), ("a file an ingest", ticks(home))):
        found[f"pandas {pd.__version__} read_parquet, {name}"] = lambda paths=paths: by_pandas(paths, town)
        if pl := library("polars"):
            found[f"polars {pl.__version__} scan_parquet, {name}"] = lambda paths=paths, pl=pl: by_polars(pl, paths, town)
        if duck := library("duckdb"):
            found[f"duckdb {duck.__version__} read_parquet, {name}"] = lambda paths=paths, duck=duck: by_duckdb(duck, paths, town)
    return found


def library(name: str) -> Any:
    """A peer, None where it is not installed."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def facts(frame: Any) -> list[np.ndarray]:
    """What must be equal: station, time in microseconds, value, in order."""
    table = frame if isinstance(frame, pa.Table) else frame.to_arrow() if hasattr(frame, "to_arrow") else pa.table(frame[["station", "time", "value"]])
    return [np.asarray(table["station"].cast(pa.string()).to_pylist(), dtype=object), table["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(),
            table["value"].to_numpy()]


def question(home: Path, rounds: int, name: str, town: list[str] | None) -> None:
    """Ask in turns, compare, print medians and ratios to a fresh read of ours."""
    found, spent = ours(home, town) | peers(home, town), dict[str, list[Spent]]()
    answers = {who: facts(read()) for who, read in found.items()}
    for who, answer in answers.items():
        if not all(np.array_equal(a, b) for a, b in zip(answer, answers["ours, warm"], strict=True)):
            raise SystemExit(f"{who}: 读数不同 / other readings")
    for _ in range(rounds):
        for who, read in found.items():
            spent.setdefault(who, []).append(timed(read)[0])
    print(f"{name}: {len(answers['ours, warm'][0]):,} 行 rows, all equal")
    report(spent, "ours, fresh")


def report(spent: dict[str, list[Spent]], base: str) -> None:
    """Medians, wall and CPU of all threads, each with its ratio to `base`."""
    middle = {who: [statistics.median(side) for side in zip(*times, strict=True)] for who, times in spent.items()}
    print(f"  {'':52} {'wall':>9} {'CPU':>11}   x {base}: wall, CPU")
    for who, (wall, cpu) in middle.items():
        print(f"  {who:52} {wall * 1000:9.1f} {cpu * 1000:9.1f} ms {wall / middle[base][0]:7.2f} {cpu / middle[base][1]:7.2f}")


def timed(act: Callable[[], Any]) -> tuple[Spent, Any]:
    """((wall, CPU) seconds, what came of it)."""
    start, busy = time.perf_counter(), time.process_time()
    done = act()
    return (time.perf_counter() - start, time.process_time() - busy), done


def main(rounds: int, stations: int, days: int) -> None:
    """Fill, ask, print."""
    absent = [name for name in ("polars", "duckdb") if not library(name)]
    if absent:
        print(f"没有安装 / not installed, left out: {', '.join(absent)}")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "lake"
        rows = fill(home, stations, days)
        print(f"{rows:,} 行 rows, {stations} 站 stations, {days} 天 days; {len(files(home))} files can hold the last 72 h, {len(ticks(home))} of one ingest each; "
              f"load {os.getloadavg()[0]:.1f}")
        question(home, rounds, "最近 72 h，全县 the last 72 h of the county", None)
        question(home, rounds, "最近 72 h，一镇 the last 72 h of a town", TOWN)


if __name__ == "__main__":
    given = [int(text) for text in [*sys.argv[1:], *("7", "60", "365")[len(sys.argv) - 1:]]]
    main(*given)
