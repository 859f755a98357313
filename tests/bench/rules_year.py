"""One year of back-test by the command itself: 24 towns, 40 rules, 10-minute readings and steps, storms and signals, all synthetic, from a lake on disk.

    .venv/bin/python tests/bench/rules_year.py [days] [minutes a step]

Makes the installation in a temporary folder (a minute for a year), runs `fengsui backtest --from --to` twice and prints seconds, memory and hash; fails if
the two runs differ in a byte. No other assertion.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from year_world import START, installation

FENGSUI = Path(sys.executable).with_name("fengsui")


def timed(command: list[str]) -> tuple[str, float, float]:
    """(standard output, wall seconds, CPU seconds of it and its children)."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(days: int, minutes: int) -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory(prefix="fengsui-year-") as folder:
        began = time.monotonic()
        county, home, readings = installation(Path(folder), days)
        print(f"{readings} 读数 readings (synthetic), made in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
        period = ["--from", START.isoformat(), "--to", (START + timedelta(days=days) - timedelta(minutes=minutes)).isoformat()]
        command = [str(FENGSUI), "backtest", *period, "--home", str(home), "--county", str(county), "--step", f"{minutes} min", "--block", "28 d"]
        hashes, outs = [], [Path(folder) / "one", Path(folder) / "two"]
        for out in outs:
            said, wall, cpu = timed([*command, "--json", "--out", str(out)])
            facts = json.loads(said)[0]
            hashes.append(facts["hash"])
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{facts['steps']} 步 steps x {facts['towns']} 镇街 towns x {facts['rules']} 规则 rules: {wall:.1f} s wall, {cpu:.1f} s CPU, "
                  f"peak {peak:.0f} MiB a process, {facts['spans']} warnings, {facts['hash'][:16]}", flush=True)
        same = all((outs[0] / name.name).read_bytes() == name.read_bytes() for name in outs[1].iterdir())
        if len(set(hashes)) != 1 or not same:
            raise SystemExit("两次结果不同 / the two runs differ")
        print("两次逐字节相同 / both runs equal, byte for byte")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 366, int(sys.argv[2]) if len(sys.argv) > 2 else 10)
