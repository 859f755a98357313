"""kill -9 of readers of a drop folder, before and after every rename and at random moments: no record lost, none twice, every file ends in done/."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest
from new_ledger import ledger_in

from core.lake import Lake

CHILD = Path(__file__).with_name("drop_child.py")
COUNTY = Path(__file__).parents[2] / "county" / "haimen"
NOW = datetime(2021, 7, 26, 8, 0, tzinfo=UTC)
Trial = Callable[..., int]


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """Run one reader; how it ended (0 well, 9 killed)."""
    process = subprocess.Popen([sys.executable, str(CHILD), str(COUNTY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    minutes = iter(range(0, 100_000, 2))

    def run(home: Path, die: int = 0, after: float | None = None) -> int:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"home": str(home), "minute": next(minutes), "die": die}) + "\n")
        process.stdin.flush()
        pid = int(process.stdout.readline())
        if after is not None:
            time.sleep(after)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return int(process.stdout.readline())

    yield run
    process.stdin.close()
    assert process.wait(20) == 0


def fill(home: Path, files: int, each: int) -> list[float]:
    """Files of readings, each value once; JSON and CSV in turns, with one bad record in every second one."""
    home.mkdir(exist_ok=True)
    ledger_in(home).close()
    folder = home / "drop" / "elsewhere"
    folder.mkdir(parents=True)
    values = []
    for n in range(files):
        rows = [{"station": f"D{i % 10}", "property": "stage", "value": (n * each + i) / 1000, "unit": "m",
                 "time": (NOW - timedelta(minutes=n * each // 10 + i // 10 + 1)).isoformat()} for i in range(each)]
        values += [row["value"] for row in rows]
        if n % 2:
            lines = [",".join(map(str, row.values())) for row in rows]
            (folder / f"f{n}.csv").write_text("\n".join(["station,property,value,unit,time", *lines, "D1,stage,1,furlong,2021-07-26T00:00:00Z"]) + "\n")
        else:
            (folder / f"f{n}.json").write_text(json.dumps({"observations": rows}))
    return values


def check(home: Path, files: int, values: list[float]) -> None:
    """Nothing lost, nothing twice (also not in the lake's files themselves), everything filed away."""
    end = NOW + timedelta(days=100)
    frame = Lake(home / "lake").observations(start=NOW - timedelta(days=3), end=NOW, as_of=end, feeds=["elsewhere"])
    assert sorted(round(v, 6) for v in frame["value"]) == sorted(values)
    columns = ["station", "time", "received", "value", "flag", "reasons"]
    stored = pd.concat(pyarrow.parquet.read_table(path, columns=columns).to_pandas() for path in (home / "lake" / "observations").rglob("[!.]*.parquet"))
    again = stored.sort_values(columns[:3]).duplicated(columns[:2])  # a reading stands again only where a later one had it judged anew
    said = stored.sort_values(columns[:3])[columns[3:]].ne(stored.sort_values(columns[:3])[columns[3:]].shift()).any(axis=1)
    assert (said | ~again).all()
    folder = home / "drop" / "elsewhere"
    done = [p.name.split("-", 1)[1] for p in (folder / "done").iterdir() if not p.name.endswith("reason.txt")]
    assert sorted(done) == sorted(f"f{n}.{'csv' if n % 2 else 'json'}" for n in range(files))
    left = [p for place in (folder, folder / "claimed", folder / "refused") for p in place.iterdir() if p.is_file() and not p.name.startswith(".")]
    assert left == []
    assert len(list((folder / "done").glob("*.reason.txt"))) >= files // 2


def test_killed_before_and_after_every_rename(trial: Trial, tmp_path: Path) -> None:
    step, killed = 0, 0
    while True:
        step += 1
        home = tmp_path / str(step)
        values = fill(home, 2, 20)
        first = trial(home, die=step)
        assert first in (0, signal.SIGKILL)
        if first:
            killed += 1
            assert trial(home) == 0
        check(home, 2, values)
        if not first:
            break
    print(f"kills={killed} lost=0 duplicated=0")
    assert killed >= 12  # two files claimed and filed away, and what the lake writes, twice each


def test_killed_at_random_moments_while_a_thousand_records_come_in(trial: Trial, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    values = fill(tmp_path, 20, 50)
    folder = tmp_path / "drop" / "elsewhere"
    coming = [path.rename(tmp_path / path.name) for path in sorted(folder.iterdir())]
    killed = 0
    for path in coming:  # each reader finds what the dead one before it left, and one file more
        path.rename(folder / path.name)
        killed += trial(tmp_path, after=rng.uniform(0.0, 0.1)) == signal.SIGKILL
    assert trial(tmp_path) == 0
    print(f"kills={killed} records={len(values)} lost=0 duplicated=0 seed={seed}")
    assert killed >= 5, seed
    check(tmp_path, 20, values)
