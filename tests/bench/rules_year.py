"""One year of back-test: 24 towns, the shipped rules, hourly steps, synthetic readings. Prints seconds, memory and shape; no assertion.

    .venv/bin/python tests/bench/rules_year.py [days]
"""

from __future__ import annotations

import dataclasses
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from core.county import County, load_county
from core.model import Flag
from rules import backtest
from rules.packs import load_packs, shipped
from rules.situation import Sources

ROOT = Path(__file__).parents[2]
START = datetime(2024, 1, 1, tzinfo=UTC)
QUIET = {"rain": 0.3, "wind_speed": 4.0, "wind_gust": 7.0, "stage": 2.0, "tide": 2.0}


def county() -> County:
    """Haimen's towns and stations twice, 0.3 degrees apart: 24 towns."""
    one = load_county(ROOT / "county" / "haimen")
    towns = [dataclasses.replace(t, key=f"{t.key}{n}", lon=t.lon + 0.3 * n) for n in (0, 1) for t in one.towns]
    stations = [dataclasses.replace(s, station=f"{s.station}{n}", town=f"{s.town}{n}" if s.town else "", lon=s.lon + 0.3 * n) for n in (0, 1) for s in one.stations]
    return dataclasses.replace(one, towns=tuple(towns), stations=tuple(stations), version=one.version + "-twice")


def readings(where: County, days: int) -> pd.DataFrame:
    """Hourly readings of every station and property that QUIET names; synthetic."""
    rng = np.random.default_rng(7)
    times = pd.date_range(START - timedelta(days=4), START + timedelta(days=days), freq="h", tz="UTC").as_unit("us")
    parts = []
    for station in where.stations:
        for prop in (p for p in station.properties if p in QUIET):
            value = rng.gamma(0.25, 4.0 * QUIET[prop], len(times)) if prop == "rain" else QUIET[prop] * (1 + 0.2 * rng.standard_normal(len(times)))
            parts.append(pd.DataFrame({
                "feed": station.feed, "station": station.station, "observed_property": prop, "time": times, "value": value, "flag": int(Flag.GOOD),
                "interval_s": 3600 if prop == "rain" else 0, "raw": "", "reasons": "", "datum": station.datum, "synthetic": True}))
    return pd.concat(parts, ignore_index=True)


def main(days: int) -> None:
    """Run and print."""
    where = county()
    rules = tuple(r for p in load_packs(shipped()) for r in p.rules)
    frame = readings(where, days)
    empty = frame.iloc[0:0].assign(issued=pd.Series(dtype="datetime64[us, UTC]"), received=pd.Series(dtype="datetime64[us, UTC]"))
    tracks = empty.assign(storm="", agency="")
    signals = empty.assign(identifier="")
    stamps = frame["time"]

    def known(ticks: list[datetime]) -> Sources:
        part = frame[(stamps > ticks[0] - timedelta(days=4)) & (stamps <= ticks[-1])]
        return Sources(observations=part, forecasts=empty, tracks=tracks, signals=signals, silent=frozenset())

    ticks = backtest.steps(START, START + timedelta(days=days) - timedelta(hours=1), timedelta(hours=1))
    wall, cpu = time.monotonic(), time.process_time()
    run = backtest.run(ticks=ticks, county=where, rules=rules, source=known, block=24 * 28)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fired = sum(int(v.any()) for v in run.held.values())
    print(f"{len(run.ticks)} 步 steps x {len(run.towns)} 镇街 towns x {len(rules)} 规则 rules, {len(frame)} 读数 readings (synthetic): "
          f"{cpu:.1f} s CPU, {wall:.1f} s wall, peak {peak:.0f} MiB, {fired} rules fired, {run.hash()[:12]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 365)
