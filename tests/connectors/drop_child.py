"""Run by test_file_drop_kill: a warm process that forks one reader a trial, so that a hundred deaths cost no hundred starts of Python.

Each line on stdin is {"home", "minute", "die"}: fork, pull the folder twice, and kill -9 oneself at step `die` (two steps a rename: before and after it; 0 never).
Answers with the reader's pid at once, and with how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import connectors
from core.county import County, load_county
from core.lake import Lake
from core.ledger import Ledger
from core.settings import Settings

NOW = datetime(2021, 7, 26, 8, 0, tzinfo=UTC)
FEED = "elsewhere"


def die_at(step: int) -> None:
    """Kill this process before or after one of its renames."""
    seen = 0

    def dying(rename):
        def call(*args, **more):
            nonlocal seen
            for act in (None, rename):
                seen += 1
                found = act(*args, **more) if act else None
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)
            return found

        return call

    os.rename, os.replace = dying(os.rename), dying(os.replace)


def pull(county: County, home: Path, minute: int) -> None:
    """Two pulls: the first sees the files, the second takes them."""
    settings = Settings(home=home)
    lake, ledger = Lake(home / "lake"), Ledger.open(f"sqlite:///{home / 'ledger.db'}")
    for more in range(2):
        report = connectors.ingest(FEED, now=NOW + timedelta(minutes=minute + more), county=county, lake=lake, ledger=ledger, settings=settings)
        if report.outcome == "failed":
            raise SystemExit(report.error)


def warm_up(county: County) -> None:
    """Read one file here, so that what is imported at the first reading is there in every reader: they are killed at their work, not at their imports."""
    with TemporaryDirectory() as folder:
        drop = Path(folder) / "drop" / FEED
        drop.mkdir(parents=True)
        row = {"station": "D1", "property": "stage", "value": 1.0, "unit": "m", "time": NOW.isoformat()}
        (drop / "warm.json").write_text(json.dumps({"observations": [row]}))
        pull(county, Path(folder), 0)


def main(folder: Path) -> None:
    """Serve trials until stdin ends."""
    base = load_county(folder)
    feed = replace(base.feed("power"), feed=FEED, connector="file_drop", sandbox="", options={}, expected=0)
    stations = tuple(replace(base.stations[0], station=f"D{n}", feed=FEED, properties=("stage",), datum="废黄河") for n in range(10))
    county = replace(base, feeds=(*base.feeds, feed), stations=(*base.stations, *stations))
    warm_up(county)
    for line in sys.stdin:
        trial = json.loads(line)
        pid = os.fork()
        if pid == 0:
            if trial["die"]:
                die_at(trial["die"])
            pull(county, Path(trial["home"]), trial["minute"])
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
