"""One tick of a feed from its JSON bytes to the lake, beside what else could be done with the same bytes. Prints medians and ratios; no assertion but
that the peers' tables are ours.

Like for like: JSON bytes -> the lake's table, typed and checked -> Parquet, zstd, in memory; every peer does that work (ingest_peers.py says what it
leaves out). The whole step: keep the raw bytes, read, judge against the hours around, write a file that is flushed to the disk. Rounds are interleaved.

    .venv/bin/python tests/bench/ingest.py [rounds=7] [rows=200,7000,70000] [whole step up to rows=70000]       (pip install polars adds its row)
"""

from __future__ import annotations

import gc
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import ingest_peers
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from connectors import music_surface
from connectors.quality.derive import derive
from connectors.quality.judge import judge
from core.county import County, Feed, load_county
from core.lake import Lake
from core.lake.columns import of_readings
from core.lake.shapes import parquet, schema
from core.readings import Readings

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 7, 1, 12, 5, tzinfo=UTC)
ELEMENTS = ingest_peers.ELEMENTS
DECODE = "msgspec decode alone"


def world(stations: int) -> tuple[County, Feed]:
    """Haimen with as many stations on its weather feed, each on its own path, as close to each other as China's 70,000: about 14 within 25 km."""
    county = load_county(ROOT / "county" / "haimen")
    base, rng, side = county.stations_of("weather")[0], np.random.default_rng(3), 30 * (stations / 70_000) ** 0.5
    properties = ("rain", "wind_speed", "wind_gust", "wind_direction", "pressure", "temperature")
    rows = tuple(
        replace(base, station=f"B{n:06d}", lat=round(20 + side * float(rng.random()), 4), lon=round(90 + side * float(rng.random()), 4), path=f"p{n}",
                synthetic=False, properties=properties) for n in range(stations))
    return replace(county, stations=rows, version=f"bench-{stations}", links=(), climate=(), maintenance=()), county.feed("weather")


def tick(county: County, at: datetime, seed: int) -> bytes:
    """MUSIC's JSON answer for one time: a record a station, numbers as text, one value in fifty missing, a few traces and doubtful ones."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.gamma(0.3, 2, len(county.stations)), rng.gamma(3, 1.5, len(county.stations)), rng.gamma(5, 1.6, len(county.stations)),
                              rng.integers(0, 360, len(county.stations)), rng.normal(1005, 3, len(county.stations)), rng.normal(27, 3, len(county.stations))]).round(1)
    values[rng.random(values.shape) < 0.02] = 999999
    values[:, 0][rng.random(len(values)) < 0.02] = 999990
    codes = rng.choice(10, values.shape, p=[0.96, 0.01, 0.005, 0.005, 0.005, 0, 0, 0, 0.005, 0.01]).tolist()
    rows = [{"Station_Id_C": s.station, "Station_Name": s.name, "Lat": str(s.lat), "Lon": str(s.lon), "Datetime": f"{at:%Y-%m-%d %H:%M:%S}",
             **{name: f"{v:g}" for name, v in zip(ELEMENTS, line, strict=True)}, **{f"Q_{name}": str(q) for name, q in zip(ELEMENTS, quality, strict=True)}}
            for s, line, quality in zip(county.stations, values.tolist(), codes, strict=True)]
    return json.dumps({"returnCode": "0", "returnMessage": "Query Succeed", "rowCount": str(len(rows)), "colCount": "17", "DS": rows}, ensure_ascii=False).encode()


STAGES = ("keep raw", "parse", "derive", "judge", "lake")


class Ours:
    """The production stages, each timed; the hours before are in the lake already."""

    def __init__(self, county: County, feed: Feed, home: Path) -> None:
        self.county, self.feed = county, feed
        self.lake = Lake(home)
        self.at = NOW
        self.spent: dict[str, list[float]] = {name: [] for name in STAGES}
        for _ in range(3):
            self.run(tick(self.county, self.at.replace(minute=0), self.at.hour))
        self.spent = {name: [] for name in STAGES}

    def run(self, body: bytes) -> int:
        """One tick into the lake; returns how many observations it was."""
        marks = [time.perf_counter()]
        raw = self.lake.keep_raw(body)
        marks.append(time.perf_counter())
        batch = music_surface.parse(body, feed=self.feed, county=self.county, received=self.at, raw=raw)
        marks.append(time.perf_counter())
        batch = derive(batch, feed=self.feed, county=self.county, lake=self.lake, now=self.at)
        marks.append(time.perf_counter())
        judged = judge(batch, feed=self.feed, county=self.county, lake=self.lake, now=self.at)
        marks.append(time.perf_counter())
        self.lake.append(self.feed.feed, replace(judged.batch, observations=judged.news), self.at)
        marks.append(time.perf_counter())
        for name, a, b in zip(STAGES, marks, marks[1:], strict=False):
            self.spent[name].append(b - a)
        self.at += timedelta(hours=1)
        return len(judged.news)


def ours(county: County, feed: Feed, body: bytes, raw: str) -> pa.Table:
    """JSON bytes to the lake's table: the production functions."""
    return of_readings(Readings.of(music_surface.parse(body, feed=feed, county=county, received=NOW, raw=raw).observations))


def check(name: str, table: bytes, reference: bytes) -> None:
    """Stop where a peer's Parquet says something else, whatever the order of its rows."""
    order = [(column, "ascending") for column in ("station", "observed_property", "time")]
    mine, theirs = (pq.read_table(io.BytesIO(body)).cast(schema("observations")).sort_by(order) for body in (reference, table))
    for column in mine.column_names:
        if not mine[column].equals(theirs[column]):
            sys.exit(f"{name}: {column} differs")


def like_for_like(county: County, feed: Feed, rounds: int) -> None:
    """The same work by all, and less work by some."""
    known, received, raw = {s.station for s in county.stations}, pd.Timestamp(NOW).as_unit("us"), "a" * 64
    work: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {"ours": (lambda body: ours(county, feed, body, raw), partial(parquet, "observations"))}
    work |= {name: (lambda body, peer=peer: peer(body, known, received, raw), ingest_peers.parquet) for name, peer in ingest_peers.like().items()}
    same = len(work)
    work |= {name: (peer, ingest_peers.parquet) for name, peer in ingest_peers.less().items()}
    body = tick(county, NOW.replace(minute=0), 0)
    for name in list(work)[:same]:
        check(name, work[name][1](work[name][0](body)), work["ours"][1](work["ours"][0](body)))
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in (*work, DECODE)}
    wall: dict[str, list[float]] = {name: [] for name in spent}
    for turn in range(rounds):
        body = tick(county, NOW.replace(minute=0), turn)
        for name, (read, write) in {**work, DECODE: (ingest_peers.decode, lambda found: b"")}.items():
            gc.collect()
            for _ in range(max(1, 4000 // len(county.stations))):  # a short work is repeated, or it would measure what the others left in the caches
                begin, start = time.perf_counter(), time.process_time()
                found = read(body)
                middle = time.process_time()
                write(found)
                spent[name].append((middle - start, time.process_time() - start))
                wall[name].append(time.perf_counter() - begin)
                del found
    table, whole = ({name: statistics.median(times[k] for times in several) * 1000 for name, several in spent.items()} for k in (0, 1))
    print(f"\n{len(county.stations):,} 条记录 records x {len(ELEMENTS)} 要素 elements, {len(body) / 1e6:.2f} MB, {rounds} 轮 rounds; CPU 毫秒 ms, 倍数 times ours\n"
          f"  {'':52} {'到表 to a table':>20} {'到 Parquet':>22} {'时钟 wall, 条/s records':>22}")
    for number, name in enumerate(spent):
        word = "" if number < same else "  (不是同样的活 less work)"
        print(f"  {name:52} {table[name]:9.2f} {table[name] / table['ours']:6.2f} x {whole[name]:11.2f} {whole[name] / whole['ours']:6.2f} x "
              f"{statistics.median(wall[name]) * 1000:10.2f} {len(county.stations) / statistics.median(wall[name]) / 1000:8.0f}k/s{word}")


def whole_step(county: County, feed: Feed, rounds: int) -> None:
    """The production step."""
    with tempfile.TemporaryDirectory() as home:
        step = Ours(county, feed, Path(home))
        for _ in range(rounds):
            step.run(tick(county, step.at.replace(minute=0), step.at.hour))
    total = statistics.median(map(sum, zip(*step.spent.values(), strict=True)))
    stages = ", ".join(f"{name} {statistics.median(times) * 1000:.1f}" for name, times in step.spent.items())
    print(f"  整步 the whole step, flushed: {total * 1000:.1f} ms ({stages})")


if __name__ == "__main__":
    given = [*sys.argv[1:], *("7", "200,7000,70000", "70000")[len(sys.argv) - 1:]]
    for size in map(int, given[1].split(",")):
        like_for_like(*world(size), int(given[0]))
        if size <= int(given[2]):
            whole_step(*world(size), int(given[0]) if size < 70_000 else 3)
