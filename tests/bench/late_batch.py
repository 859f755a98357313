"""A late batch on top of a day that the lake holds, with what it brought counted: a county's, and a nation's of two sizes.

The batch: 75 % new (stations whose whole day comes late), 19 % repeated, 5 % with another value. Ours reads what is held around it, counts by the sheet that
the judge lays, and appends one flushed file; DuckDB merges it into a table of its own with a commit that is flushed. Both once more without a disk: ours in
a lake in memory, DuckDB's database in memory. Counts are compared before a time is printed; rounds are interleaved, each on the state before the batch.

    pip install --target /tmp/peers duckdb        (no dependency; what is absent is said and left out)
    PYTHONPATH=/tmp/peers .venv/bin/python tests/bench/late_batch.py [rounds=5] [stations=60,20000,70000]
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lake_read import DELAY, END, STEP, Spent, library, report, timed

from connectors.quality.sheet import lay
from core.lake import Lake
from core.lake.columns import of_readings
from core.model import Batch, Flag
from core.readings import Readings, Words, stamps

TICKS = 144
NOW = END + timedelta(minutes=1)
Counts = tuple[int, int, int]
MERGE = """merge into held using late on held.station = late.station and held.time = late.time
when matched and held.value <> late.value then update set value = late.value, received = late.received
when not matched then insert (station, time, value, received) values (late.station, late.time, late.value, late.received)
returning merge_action"""


def rain(station: np.ndarray, tick: np.ndarray, value: np.ndarray, received: np.ndarray, stations: int, raw: str) -> Readings:
    """Rain readings of the last day by the numbers of their stations and ticks."""
    n = len(value)
    return Readings(
        feed=Words.every("weather", n), station=Words(station.astype(np.int32), tuple(f"B{i:05d}" for i in range(stations))).bare(),
        observed_property=Words.every("rain", n), time=stamps([END - TICKS * STEP]) + tick * np.timedelta64(STEP), value=value, received=received,
        raw=Words.every(raw, n), flag=np.full(n, Flag.GOOD, dtype=np.int8), reasons=Words.every((), n), interval_s=np.full(n, 600, dtype=np.int32),
        issued=np.full(n, np.datetime64("NaT"), dtype="datetime64[us]"), datum=Words.every("", n), synthetic=np.ones(n, dtype=bool),
    )


def world(stations: int) -> tuple[Readings, Readings]:
    """(The day that is held, the late batch): one station in 144 or one, whose day comes late, a quarter as many repeated readings of the others."""
    rng, late = np.random.default_rng(3), max(1, round(stations / 144))
    tick, station = (side.ravel() for side in np.mgrid[:TICKS, late:stations])
    day = rain(station, tick, rng.gamma(0.2, 2, len(tick)).round(1), np.zeros(len(tick), dtype="datetime64[us]"), stations, "a" * 64)
    day.received[:] = day.time + np.timedelta64(DELAY)
    fresh = late * TICKS
    again = rng.choice(len(tick), fresh * 24 // 75, replace=False)
    value = np.concatenate([np.full(fresh, 0.5), day.value[again] + np.where(np.arange(len(again)) < fresh * 5 // 75, 99.0, 0.0)])
    mine = np.mgrid[:TICKS, :late]
    return day, rain(np.concatenate([mine[1].ravel(), station[again]]), np.concatenate([mine[0].ravel(), tick[again]]), value,
                     np.repeat(stamps([NOW]), len(value)), stations, "f" * 64)


def counted(held: Readings, rows: Readings) -> Counts:
    """(new, corrected, repeated) of a batch of one feed against what was held."""
    twin = lay(rows, held).twin
    there = np.flatnonzero(twin >= 0)
    same = int((held.value[twin[there]] == rows.value[there]).sum())
    return len(rows) - len(there), len(there) - same, same


def ours(lake: Lake, rows: Readings, spent: dict[str, list[Spent]], place: str) -> Counts:
    """Read what is held around the batch, count, append one file."""
    first, last = (at.item().replace(tzinfo=UTC) for at in (rows.time.min(), rows.time.max()))
    read, held = timed(lambda: lake.readings(start=first, end=last, as_of=END, feeds=["weather"]))
    count, counts = timed(lambda: counted(held, rows))
    append, _ = timed(lambda: lake.append("weather", Batch(observations=rows), NOW))
    for name, several in (("read what is held", [read]), ("count", [count]), ("append", [append]), ("all of it", [read, count, append])):
        spent.setdefault(f"ours {place}, {name}", []).append(tuple(map(sum, zip(*several, strict=True))))
    return counts


def by_duckdb(duck: Any, path: str, day: pa.Table, late: pa.Table) -> tuple[Spent, Counts]:
    """(seconds of MERGE with its commit, counts) into a database that holds the day."""
    Path(path).unlink(missing_ok=True)
    with duck.connect(path) as db:
        db.execute("create table held as select station, time, value, received from day")
        db.register("late", late)
        lasted, done = timed(lambda: db.execute(MERGE).fetchall())
    new, corrected = (sum(action == word for (action,) in done) for word in ("INSERT", "UPDATE"))
    return lasted, (new, corrected, len(late) - new - corrected)


def main(rounds: int, stations: int) -> None:
    """Fill, merge, compare, print."""
    duck, spent, told = library("duckdb"), dict[str, list[Spent]](), set[Counts]()
    day, rows = world(stations)
    held, late = of_readings(day), of_readings(rows)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for turn in range(rounds):
            for place, root in (("on disk", str(home / f"lake{turn}")), ("in memory", f"memory://late{stations}-{turn}")):
                lake = Lake(root)
                lake._days.write("observations", "weather", END - TICKS * STEP + DELAY, held)
                lake.readings(start=END, end=END, as_of=END, feeds=["weather"])  # a process that has read the lake before
                told.add(ours(lake, rows, spent, place))
            shutil.rmtree(home / f"lake{turn}")
            for place, path in (("on disk", str(home / "merge.duckdb")), ("in memory", ":memory:")) if duck else ():
                lasted, counts = by_duckdb(duck, path, held, late)
                spent.setdefault(f"duckdb {duck.__version__} MERGE and count, {place}", []).append(lasted)
                told.add(counts)
    if len(told) != 1:
        raise SystemExit(f"计数不同 / other counts: {told}")
    print(f"\n{len(rows):,} 行 rows into {len(day):,} of {stations:,} 站 stations: {{}} 新 new, {{}} 订正 corrected, {{}} 重复 repeated, all equal; "
          f"load {os.getloadavg()[0]:.1f}".format(*told.pop()))
    report(spent, "ours on disk, all of it")


if __name__ == "__main__":
    given = [*sys.argv[1:], *("5", "60,20000,70000")[len(sys.argv) - 1:]]
    for size in map(int, given[1].split(",")):
        main(int(given[0]), size)
