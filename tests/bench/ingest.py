"""One tick of a feed from its JSON bytes to the lake, beside what else could be done with the same bytes. Prints medians and ratios; no assertion.

Ours is the production path: keep the raw bytes, parse strictly, judge against the hours around it, write a file that is flushed to the disk. The
peers stop at a Parquet file (zstd) of the records as they came: no units, no strictness, no flags, no history, no flush. Rounds are interleaved.

    .venv/bin/python tests/bench/ingest.py [rounds=7] [rows=200,7000]       (pip install polars adds its row)
"""

from __future__ import annotations

import importlib
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors import music_surface
from connectors.derive import derive
from connectors.judge import judge
from core.county import County, Feed, load_county
from core.lake import Lake

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 7, 1, 12, 5, tzinfo=UTC)
ELEMENTS = ("PRE_1h", "WIN_S_Avg_2mi", "WIN_S_Inst_Max", "WIN_D_Avg_2mi", "PRS", "TEM")


def world(stations: int) -> tuple[County, Feed]:
    """Haimen with as many stations on its weather feed, strewn over 20 degrees, each on its own path."""
    county = load_county(ROOT / "county" / "haimen")
    base, rng = county.stations_of("weather")[0], np.random.default_rng(3)
    rows = tuple(replace(base, station=f"B{n:06d}", lat=round(25 + 10 * float(rng.random()), 4), lon=round(110 + 10 * float(rng.random()), 4), path=f"p{n}",
                         properties=("rain", "wind_speed", "wind_gust", "wind_direction", "pressure", "temperature")) for n in range(stations))
    return replace(county, stations=rows, version=f"bench-{stations}", links=(), climate=(), maintenance=()), county.feed("weather")


def tick(county: County, at: datetime, seed: int) -> bytes:
    """MUSIC's JSON answer for one time: a record a station, numbers as text, one value in fifty missing."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.gamma(0.3, 2, len(county.stations)), rng.gamma(3, 1.5, len(county.stations)), rng.gamma(5, 1.6, len(county.stations)),
                              rng.integers(0, 360, len(county.stations)), rng.normal(1005, 3, len(county.stations)), rng.normal(27, 3, len(county.stations))]).round(1)
    values[rng.random(values.shape) < 0.02] = 999999
    rows = [{"Station_Id_C": s.station, "Station_Name": s.name, "Lat": str(s.lat), "Lon": str(s.lon), "Datetime": f"{at:%Y-%m-%d %H:%M:%S}",
             **{name: f"{v:g}" for name, v in zip(ELEMENTS, line, strict=True)}, **{f"Q_{name}": "0" for name in ELEMENTS}}
            for s, line in zip(county.stations, values.tolist(), strict=True)]
    return json.dumps({"returnCode": "0", "returnMessage": "Query Succeed", "rowCount": str(len(rows)), "colCount": "17", "DS": rows}, ensure_ascii=False).encode()


class Record(msgspec.Struct):
    """One record as msgspec types it (text stays text, as MUSIC sends it)."""

    Station_Id_C: str
    Lat: str
    Lon: str
    Datetime: str
    PRE_1h: str
    WIN_S_Avg_2mi: str
    WIN_S_Inst_Max: str
    WIN_D_Avg_2mi: str
    PRS: str
    TEM: str
    Q_PRE_1h: str
    Q_TEM: str


class Answer(msgspec.Struct):
    """The document around the records."""

    returnCode: str
    rowCount: str
    DS: list[Record]


DECODE = msgspec.json.Decoder(Answer)


def columnar(body: bytes) -> bytes:
    """msgspec -> arrow columns -> numbers and times cast by arrow -> Parquet zstd: the shortest typed path we know."""
    rows = DECODE.decode(body).DS
    table = pa.table({name: [getattr(row, name) for row in rows] for name in Record.__struct_fields__})
    for name in (*ELEMENTS, "Lat", "Lon"):
        table = table.set_column(table.column_names.index(name), name, pc.cast(table[name], pa.float64()))
    table = table.set_column(table.column_names.index("Datetime"), "Datetime", pc.strptime(table["Datetime"], "%Y-%m-%d %H:%M:%S", "us"))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink, compression="zstd")
    return sink.getvalue()


def peers() -> dict[str, Callable[[bytes], Any]]:
    """Name and version -> what it does with the bytes."""
    found: dict[str, Callable[[bytes], Any]] = {
        f"pandas {pd.__version__} DataFrame(json.loads) -> Parquet": lambda body: parquet(pd.DataFrame(json.loads(body)["DS"])),
        f"pandas {pd.__version__} read_json -> Parquet": lambda body: parquet(pd.read_json(io.StringIO(json.dumps(json.loads(body)["DS"])))),
        f"msgspec {msgspec.__version__} + pyarrow {pa.__version__}, typed -> Parquet": columnar,
        "msgspec decode alone": DECODE.decode,
    }
    if importlib.util.find_spec("polars"):
        polars = importlib.import_module("polars")
        found[f"polars {polars.__version__} read_json -> Parquet"] = lambda body: polars.DataFrame(msgspec.json.decode(body)["DS"]).write_parquet(
            io.BytesIO(), compression="zstd")
    return found


STAGES = ("keep raw", "parse", "derive", "judge", "lake")


class Ours:
    """The production stages, each timed; the hours before are in the lake already."""

    def __init__(self, stations: int, home: Path) -> None:
        self.county, self.feed = world(stations)
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


def bench(rows: int, rounds: int) -> None:
    """Interleaved rounds, medians, ratios."""
    with tempfile.TemporaryDirectory() as home:
        ours, others = Ours(rows, Path(home)), peers()
        spent: dict[str, list[float]] = {name: [] for name in ("ours", *others)}
        for _ in range(rounds):
            body = tick(ours.county, ours.at.replace(minute=0), ours.at.hour)
            for name, work in (("ours", ours.run), *others.items()):
                start = time.perf_counter()
                work(body)
                spent[name].append(time.perf_counter() - start)
    median = {name: statistics.median(times) for name, times in spent.items()}
    print(f"\n{rows} 条记录 records x {len(ELEMENTS)} 要素 elements, {len(body) / 1e6:.2f} MB, {rounds} 轮 rounds")
    for name, seconds in median.items():
        print(f"  {name:58} {seconds * 1000:9.1f} ms {rows / seconds:10,.0f} 条/s  ours = {median['ours'] / seconds:5.2f} x")
    print("  ours: " + ", ".join(f"{name} {statistics.median(times) * 1000:.1f} ms" for name, times in ours.spent.items()))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("7", "200,7000")[len(sys.argv) - 1:]]
    for size in given[1].split(","):
        bench(int(size), int(given[0]))
