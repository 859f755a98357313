"""The same rules as a Prometheus rule group (5 recording and 40 alerting rules) over the last 24 h of the same readings, backfilled; its own measure of an evaluation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
from nation import STEP_S, WINDOWS, Nation, texts

from console.sandbox.broker import free_port

#: Seconds between evaluations: with thousands of towns one takes many, and ours is to be timed while it rests.
EVERY_S, EVERY_S_LARGE, LARGE = 5, 20, 1_000
EVALUATIONS = 6
DURATION = re.compile(r"^prometheus_rule_group_last_duration_seconds\{[^}]*\} (\S+)$", re.MULTILINE)


def compare(of: Nation, columns: dict[str, np.ndarray], ours: Callable[[], tuple[float, dict[str, int]]], say: Callable[..., None]) -> None:
    """Backfill, start on loopback, compare maxima and active alerts, print the median of the group's evaluations beside ours (interleaved)."""
    if shutil.which("prometheus") is None:
        print("  prometheus 未安装 / not installed: apt-get install -y --no-install-recommends prometheus")
        return
    with tempfile.TemporaryDirectory(prefix="fengsui-prom-") as name:
        folder, port, every = Path(name), free_port(), EVERY_S_LARGE if of.towns >= LARGE else EVERY_S
        newest = int(time.time())  # so that the windows hold the same ticks for the nine minutes to come
        began = time.monotonic()
        _backfill(of, folder, newest)
        filled = time.monotonic() - began
        (folder / "rules.yml").write_text(json.dumps(_group()), encoding="utf-8")
        settings = {"global": {"evaluation_interval": f"{every}s"}, "rule_files": [str(folder / "rules.yml")]}
        (folder / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
        server = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                   f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        try:
            base = f"http://127.0.0.1:{port}"
            theirs, mine = [], []
            while len(theirs) < EVALUATIONS:
                time.sleep(every)
                found = DURATION.search(_get(f"{base}/metrics") or "")
                if found and float(found[1]) > 0:
                    theirs.append(float(found[1]))
                    mine.append(ours()[0])
                if server.poll() is not None or time.monotonic() - began > 240:
                    raise SystemExit("prometheus 没有起来 / did not evaluate")
            checked = _check(base, of, columns, ours()[1])
        finally:
            server.terminate()
            server.wait(timeout=30)
        wall, tick = float(np.median(theirs)), float(np.median(mine))
        say(f"Prometheus {_version()}, one evaluation of the rule group", wall, float("nan"), f"{wall / tick:.1f} x ours; {checked}; backfill {filled:.0f} s")


def _backfill(of: Nation, folder: Path, newest: int) -> None:
    """The last 24 h as OpenMetrics text through promtool, the last tick at `newest` (seconds)."""
    rows = of.rain[-(24 * 3600 // STEP_S + 1) :]
    labels = [f'rain{{station="s{s}",town="t{t}"}}' for s, t in enumerate(of.home)]
    with (folder / "rain.txt").open("w", encoding="ascii") as out:
        out.write("# TYPE rain gauge\n")
        stamps = newest - STEP_S * np.arange(len(rows) - 1, -1, -1)
        for s, label in enumerate(labels):
            out.write("".join(f"{label} {v:g} {t}\n" for v, t in zip(rows[:, s].tolist(), stamps.tolist(), strict=True) if v == v))
        out.write("# EOF\n")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "rain.txt"), str(folder / "data")], check=True, capture_output=True)
    (folder / "rain.txt").unlink()


def _group() -> dict[str, object]:
    """A window of h hours holds its ticks only when it is open at one end: one minute less."""
    record = [{"record": f"rain_{h}h", "expr": f"max by (town) (sum_over_time(rain[{h * 60 - 1}m]))"} for h in WINDOWS]
    alert = [{"alert": name, "expr": levels["blue"].replace(" mm", "").replace(" and ", " and on (town) ")} for name, (_, levels) in texts().items()]
    return {"groups": [{"name": "bench", "rules": [*record, *alert]}]}


def _check(base: str, of: Nation, columns: dict[str, np.ndarray], active: dict[str, int]) -> str:
    """Maxima by town and active alerts by rule against ours; SystemExit when they differ."""
    for hours in WINDOWS:
        query = urllib.parse.urlencode({"query": f"max by (town) (sum_over_time(rain[{hours * 60 - 1}m]))"})
        rows = json.loads(_get(f"{base}/api/v1/query?{query}") or "{}")["data"]["result"]
        told = np.zeros(of.towns)
        told[[int(row["metric"]["town"][1:]) for row in rows]] = [float(row["value"][1]) for row in rows]
        if not np.array_equal(told, columns[f"rain_{hours}h"][0]):
            raise SystemExit(f"最大值不同 / maxima differ: {hours} h")
    alerts = json.loads(_get(f"{base}/api/v1/rules?type=alert") or "{}")["data"]["groups"][0]["rules"]
    different = [rule["name"] for rule in alerts if len(rule["alerts"]) != active[rule["name"]]]
    if different:
        raise SystemExit(f"报警数不同 / active alerts differ: {different[:5]}")
    return f"5 maxima and {sum(active.values())} active alerts equal"


def _version() -> str:
    return subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]


def _get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read().decode()
    except OSError:
        return None
