"""Scoring at every scale: the production rule engine against plain numpy, a row-wise rule engine and Prometheus, on one synthetic nation in one run.

    .venv/bin/python tests/bench/scoring.py [A B C] [--weather fronts|everywhere] [--prometheus]

Peers: `.venv/bin/uv pip install rule-engine`; `apt-get install -y --no-install-recommends prometheus`. An absent peer is said and left out. Times are medians of
interleaved rounds; "CPU" is process time. Every result is compared with a plain reference before a time is printed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from functools import reduce

import numpy as np
import row_engines
from nation import NOW, SIZES, STEP_S, WEATHERS, WINDOWS, Nation, nation, texts, ticks_back

from core.lake.shapes import schema
from core.signing import digest
from rules.findings import Finding, find
from rules.grid import WIDE_S, Grid, build, position
from rules.readings import Readings
from rules.roster import reach_of
from rules.scoring import Reader
from rules.situation import _table

ROUNDS = 5
#: Readings of a block that fit the caches.
CELLS = 640_000
BACK_H = 72.0 + 4.0
Levels = dict[str, np.ndarray]
#: No reading at all, in the columns of lake.observations.
NONE = schema("observations").empty_table().to_pandas()


def timed(what: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float, object]:
    """(median wall s, median CPU s, last result)."""
    walls, cpus, result = [], [], None
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        result = what()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus), result


class Ours:
    """The production functions from the grid on; the grid is laid out once and handed to each block."""

    def __init__(self, of: Nation) -> None:
        self.of = of
        self.names = tuple(s.station for s in of.county.stations)
        self.grid = build(of.log, "rain", self.names, now=NOW, hours=BACK_H, step_s=WIDE_S)

    def findings(self, ticks: list[datetime], grid: Grid | None = None) -> tuple[Finding, ...]:
        """Indicators, columns and rules at some ticks; sums begin anew unless a grid is given that has some."""
        back = np.array([int((NOW - tick).total_seconds()) for tick in ticks], dtype=np.int64)
        place = Readings(self.of.county, NONE, now=NOW, hours=BACK_H, ticks_s=back, silent=frozenset())
        stations = place.roster.measuring("rain", "")
        grid = grid or dataclasses.replace(self.grid, kept={})
        place._grids[("rain", id(stations), WIDE_S)] = grid, position(grid, grid.ticks - 1 - back // grid.step_s, place.roster.timing(stations).max_age_s)
        found = {i.name: place.towns(i) for i in self.of.indicators}
        table = _table(found, (len(ticks), self.of.towns), frozenset())
        reader = Reader(table.plain, {})
        return tuple(find(rule, table, reader) for rule in self.of.rules)

    def levels(self, ticks: list[datetime], grid: Grid | None = None) -> Levels:
        """(T, N) claimed level by hazard: what the data prove before the rule that one path moves a level by one step, which no peer knows."""
        found = self.findings(ticks, grid)
        return {h: reduce(np.maximum, [f.claimed for f in found if h in f.rule.hazards]) for h in sorted({str(h) for f in found for h in f.rule.hazards})}

    def replay(self) -> Levels:
        """All 432 ticks, in blocks that fit the caches."""
        every, grid, block = ticks_back(len(self.of.rain)), dataclasses.replace(self.grid, kept={}), min(36, CELLS // self.of.rain.shape[1])
        parts = [self.levels(every[n : n + block], grid) for n in range(0, len(every), block)]
        return {h: np.concatenate([p[h] for p in parts]) for h in parts[0]}


class Plain:
    """Hand-written numpy: windows by a cumulative sum, a town's maximum by sorted groups, thresholds by hand."""

    def __init__(self, of: Nation) -> None:
        self.of = of
        self.order = np.argsort(of.home, kind="stable")
        self.first = np.searchsorted(of.home[self.order], np.arange(of.towns))
        self.known = np.where(np.isnan(of.rain), 0.0, of.rain.astype(np.float64))
        numbers = np.where(np.isnan(of.rain), -1, np.arange(len(of.rain))[:, None])
        self.newest = np.maximum(np.maximum.accumulate(numbers, axis=0), 0)

    def windows(self, rows: slice) -> dict[str, np.ndarray]:
        """(T, N) by indicator: the window ends at a station's newest reading."""
        total = np.concatenate([np.zeros((1, self.known.shape[1])), np.cumsum(self.known, axis=0)])
        end = self.newest[rows] + 1
        take = np.take_along_axis
        out = {}
        for hours in WINDOWS:
            width = hours * 3600 // STEP_S
            value = (take(total, end, axis=0) - take(total, np.maximum(end - width, 0), axis=0)).round(6)
            out[f"rain_{hours}h"] = np.maximum.reduceat(value[:, self.order], self.first, axis=1)
        return out

    def tick(self) -> dict[str, np.ndarray]:
        """The last tick without a running sum: five partial sums."""
        out = {}
        for hours in WINDOWS:
            value = self.known[-hours * 3600 // STEP_S :].sum(axis=0)
            out[f"rain_{hours}h"] = np.maximum.reduceat(value[self.order], self.first)[None]
        return out

    def levels(self, columns: dict[str, np.ndarray]) -> Levels:
        """Levels by hazard from the columns."""
        out: Levels = {}
        for hazard, levels in texts().values():
            for at, text in enumerate(levels.values(), start=1):
                terms = [term.split() for term in text.split(" and ")]
                holds = reduce(np.logical_and, [columns[name] >= float(value) for name, _, value, _ in terms])
                best = out.setdefault(hazard, np.zeros(holds.shape, dtype=np.int8))
                np.maximum(best, np.int8(at) * holds, out=best)
        return out


def same(a: Levels, b: Levels) -> str:
    """Digest of the levels; SystemExit when they differ."""
    for hazard in b:
        if not np.array_equal(a[hazard], b[hazard]):
            raise SystemExit(f"级别与参照不同 / levels differ from the reference: {hazard}, {int((a[hazard] != b[hazard]).sum())} places")
    return digest(b"".join(np.ascontiguousarray(b[h]).tobytes() for h in sorted(b)))[:12]


def say(label: str, wall: float, cpu: float, note: str = "") -> None:
    """One line."""
    print(f"  {label:58} {wall * 1000:10.1f} ms wall {cpu * 1000:10.1f} ms CPU  {note}", flush=True)


def one(name: str, weather: str, peers: bool) -> None:
    """One size."""
    began = time.monotonic()
    of = nation(name, weather=weather)
    made = time.monotonic() - began
    print(f"{name}: {of.towns} 镇街 towns, {of.rain.shape[1]} 站 stations, {len(of.log.value)} 读数 readings in 72 h (synthetic, made in {made:.0f} s), "
          f"{len(of.rules)} 规则 rules, weather {weather}; load {os.getloadavg()[0]:.1f}")
    rounds = ROUNDS if name != "C" else 3
    say("operator station -> town, once a county version", *timed(lambda: reach_of(of.county, of.indicators[0], of.county.stations), 1)[:2])
    say("the same again (kept)", *timed(lambda: reach_of(of.county, of.indicators[0], of.county.stations), rounds)[:2])
    wall, cpu, _ = timed(lambda: float(np.nanmax(of.rain)), rounds)
    say("limit: one numpy pass over the readings", wall, cpu)
    scatter, scatter_cpu, ours = timed(lambda: Ours(of), 1)
    say("ours: long table -> grid", scatter, scatter_cpu)
    assert isinstance(ours, Ours)
    plain, now = Plain(of), [NOW]
    tick = {"ours": timed(lambda: ours.levels(now), rounds), "plain": timed(lambda: plain.levels(plain.tick()), rounds)}
    mark = same(tick["ours"][2], tick["plain"][2])  # type: ignore[arg-type]
    alerts = [int(np.count_nonzero(f.claimed)) for f in ours.findings(now)]
    print(f"  报警中 alerts active at the last tick: {sum(alerts)} of {of.towns * len(of.rules)} ({sum(alerts) / of.towns / len(of.rules):.1%})")
    say("ours: one tick from the grid (intervals, heading, rules)", *tick["ours"][:2], f"levels {mark}")
    say("plain numpy: the same tick, proved values only", *tick["plain"][:2], f"ours {tick['ours'][1] / tick['plain'][1]:.1f} x")
    full, full_cpu, levels = timed(ours.replay, 1)
    say("ours: 432 ticks from the grid", full, full_cpu, f"{432 * of.towns * len(of.rules) / full_cpu / 1e6:.0f} M rule evaluations/s")
    reference, reference_cpu, want = timed(lambda: plain.levels(plain.windows(slice(None))), 1)
    say("plain numpy: whole array", reference, reference_cpu, f"levels {same(levels, want)}")  # type: ignore[arg-type]
    row_engines.compare(of, plain.tick(), say)
    if peers:
        import prometheus

        def tick_and_alerts() -> tuple[float, dict[str, int]]:
            wall = time.perf_counter()
            found = ours.findings(now)
            return time.perf_counter() - wall, {f.rule.id: int(np.count_nonzero(f.claimed)) for f in found}

        prometheus.compare(of, plain.tick(), tick_and_alerts, say)
    print(f"  peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB\n", flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--weather", choices=WEATHERS, default=WEATHERS[0])
    parser.add_argument("--prometheus", action="store_true")
    chosen = parser.parse_args()
    for name in chosen.sizes:
        one(name, chosen.weather, peers=chosen.prometheus and name != "C")


if __name__ == "__main__":
    main()
