"""Assess many counties sharded over Celery workers: one worker, then two, against one process that does them all; the results must be the same.

    apt-get install -y --no-install-recommends postgresql redis-server; .venv/bin/uv pip install apache-airflow-providers-celery redis psycopg2-binary
    .venv/bin/python tests/bench/celery_two_workers.py [counties]

Everything runs on loopback in a temporary folder and is ended. Counties are synthetic: 24 towns, 40 rules, 10-minute readings.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import year_world
from celery_world import Celery, Stores

import rules
from core.county import load_county
from core.lake import Lake
from core.ledger import Ledger, score_to_json
from core.signing import digest

VARIANTS = 4
LEAD = timedelta(days=3)
TIMES = [year_world.START + timedelta(hours=12), year_world.START + timedelta(hours=13)]
WITHIN_S = 150.0


def counties(root: Path, count: int) -> list[str]:
    """`count` county folders under root/counties, each with its own lake and ledger under root/states; VARIANTS different weathers."""
    (root / "counties").mkdir()
    pattern = year_world.county(root / "pattern")
    for n in range(VARIANTS):
        year_world.fill(root / f"state{n}", load_county(pattern), 1, lead=LEAD, seed=n)
    names = [f"c{n:03d}" for n in range(count)]
    for n, name in enumerate(names):
        shutil.copytree(pattern, root / "counties" / name)
        shutil.copytree(root / f"state{n % VARIANTS}", root / "states" / name)
    return names


def digest_of(home: Path) -> str:
    """What the ledger of one county holds at TIMES."""
    ledger = Ledger.open(f"sqlite:///{home}/ledger.db")
    found = digest("\n".join(score_to_json(s) for at in TIMES for s in ledger.scores(at=at)))
    ledger.close()
    return found


def alone(root: Path, names: list[str]) -> tuple[float, float, dict[str, str]]:
    """One process, county after county, on copies of the states: (wall, CPU, digests)."""
    shutil.copytree(root / "states", root / "alone")
    wall, cpu = time.monotonic(), time.process_time()
    for at in TIMES:
        for name in names:
            home = root / "alone" / name
            ledger = Ledger.open(f"sqlite:///{home}/ledger.db")
            rules.assess(now=at, county=load_county(root / "counties" / name), lake=Lake(home / "lake"), ledger=ledger)
            ledger.close()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    return wall / len(TIMES), cpu / len(TIMES), {name: digest_of(root / "alone" / name) for name in names}


def sharded(airflow: Celery, at: datetime, label: str) -> tuple[float, float, int]:
    """One run of the DAG: (wall seconds from the first task's start to the last one's end, median seconds a task, tasks)."""
    airflow.trigger("assess_counties", label, {"now": at.isoformat()})
    began = time.monotonic()
    while (state := airflow.states(dag="assess_counties", run_id=label).get(f"assess_counties/{label}", "queued")) not in ("success", "failed"):
        if time.monotonic() - began > WITHIN_S:
            raise SystemExit(f"没有按时完成 / not done in {WITHIN_S:.0f} s: {state}")
        time.sleep(1.0)
    rows = airflow.call("GET", f"/dags/assess_counties/dagRuns/{label}/taskInstances?limit=200")["task_instances"]
    if state != "success" or any(row["state"] != "success" for row in rows):
        raise SystemExit(f"有县失败 / a county failed: {state}")
    spans = [(datetime.fromisoformat(row["start_date"]), datetime.fromisoformat(row["end_date"])) for row in rows]
    wall = (max(end for _, end in spans) - min(start for start, _ in spans)).total_seconds()
    return wall, statistics.median((end - start).total_seconds() for start, end in spans), len(rows)


def cpu_of(pids: list[int]) -> float:
    """CPU seconds of processes and of the children they have waited for."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        ticks += sum(int(value) for value in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    below = [int(p) for task in Path(f"/proc/{pid}/task").glob("*/children") for p in task.read_text(encoding="utf-8").split()]
    return [pid, *(p for child in below for p in tree(child))]


def main(count: int) -> None:
    """Run and print."""
    root = Path(tempfile.mkdtemp(prefix="fengsui-celery-"))
    root.chmod(0o755)  # PostgreSQL runs as nobody where this runs as root
    stores = Stores(root / "stores")
    airflow = None
    try:
        names = counties(root, count)
        wall, cpu, want = alone(root, names)
        print(f"{count} 县 counties x 24 镇街 towns x 40 规则 rules (synthetic); load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        print(f"  one process, no Airflow: {wall:.1f} s wall, {cpu:.1f} s CPU, {count / wall:.1f} counties/s", flush=True)
        (root / "stores").mkdir()
        stores.start()
        airflow = Celery(root / "airflow", stores)
        airflow.prepare()
        airflow.start({"FENGSUI_COUNTIES": str(root / "counties"), "FENGSUI_HOME": str(root / "states")})
        airflow.ready()
        workers: list[int] = []
        for number, at in enumerate(TIMES, start=1):
            workers.append(airflow.worker(f"w{number}"))
            time.sleep(12.0)  # until it has imported what tasks use
            before = cpu_of([p for w in workers for p in tree(w)])
            wall, median, tasks = sharded(airflow, at, f"w{number}")
            spent = cpu_of([p for w in workers for p in tree(w)]) - before
            print(f"  Celery, {number} worker(s): {wall:.1f} s wall, {tasks / wall:.2f} counties/s, median {median:.2f} s a task, {spent / tasks:.2f} s CPU a task; "
                  f"load {os.getloadavg()[0]:.1f}", flush=True)
        airflow.stop()
        different = [name for name in names if digest_of(root / "states" / name) != want[name]]
        if different:
            raise SystemExit(f"结果不同 / results differ: {', '.join(different)}")
        print(f"  两种做法的台账逐县相同 / the union of the workers' results is the single process's, county by county ({len(names)})")
    finally:
        if airflow is not None:
            airflow.stop()
        stores.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
