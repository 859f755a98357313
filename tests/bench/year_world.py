"""A synthetic year of one county twice over: 24 towns, 40 rules, 10-minute readings, storms and signals, as an installation's own folder and lake."""

from __future__ import annotations

import csv
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from core.county import County, load_county
from core.lake import Lake
from core.lake.shapes import schema
from core.ledger import Ledger
from core.ledger.tables import feed_run
from core.model import Flag
from core.times import iso

ROOT = Path(__file__).parents[2]
START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=10)
LEAD = timedelta(days=21)  # readings before the first step, for the longest window
QUIET = {"rain": 0.05, "wind_speed": 4.0, "wind_gust": 7.0, "stage": 2.0, "tide": 2.0}
CODES = "".join(f"""
  - id: flood.bench{n}
    title: 试算{n}
    hazard: flood
    levels: {{blue: rain_{hours}h >= {mm} mm, yellow: rain_{hours}h >= {mm * 2} mm, orange: rain_{hours}h >= {mm * 3} mm, red: rain_{hours}h >= {mm * 4} mm}}
    hold: {{for: 0 min, keep_for: 60 min}}""" for n, (hours, mm) in enumerate([(1, 20), (3, 30), (6, 40), (12, 60), (24, 80), (72, 120), (24, 90)]))
PACK = f"""pack: bench.rain
title: 试算
jurisdiction: bench
valid_from: 2007-01-01
source: {{document: 试算用合成阈值, clause: 无}}
verified: false
rules:{CODES}
"""


def county(folder: Path) -> Path:
    """Haimen's towns and stations twice, 0.3 degrees apart, every shipped pack and seven more rules; returns the folder."""
    shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios"))
    for name, keys in (("towns", ("key",)), ("stations", ("station", "town"))):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        over = {"code_shared": "true"} if name == "towns" else {}
        twice = [row | over | {"name": row["name"] + "二" * n, "lon": f"{float(row['lon']) + 0.3 * n:.4f}"} |
                 {k: f"{row[k]}{n}" if n and row[k] else row[k] for k in keys} for n in (0, 1) for row in rows]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(twice)
    (folder / "outline.csv").write_text("lon,lat\n120.8,31.5\n122.4,31.5\n122.4,32.4\n120.8,32.4\n", encoding="utf-8")
    (folder / "packs" / "bench").mkdir(parents=True)
    (folder / "packs" / "bench" / "rain.yaml").write_text(PACK, encoding="utf-8")
    packs = sorted(f"cn/{p.stem}" for p in (ROOT / "rules" / "packs" / "cn").glob("*.yaml") if not p.name.endswith(".test.yaml"))
    head = (folder / "county.yaml").read_text(encoding="utf-8").split("packs:")[0]
    (folder / "county.yaml").write_text(head + "packs:\n" + "".join(f"  - {p}\n" for p in [*packs, "bench/rain"]), encoding="utf-8")
    return folder


def fill(home: Path, where: County, days: int, every: timedelta = STEP, *, lead: timedelta = LEAD, seed: int = 7) -> int:
    """Lake and ledger of `days` from START, synthetic: day files as compaction leaves them, 2 % of the readings missing or bad; returns how many readings."""
    home.mkdir(parents=True, exist_ok=True)
    lake, ledger, rng = Lake(home / "lake"), Ledger.open(f"sqlite:///{home}/ledger.db"), np.random.default_rng(seed)
    first, count = START - lead, 0
    for day in range(days + lead.days + 1):
        begin = first + timedelta(days=day)
        rainy = rng.random() < 0.3
        for feed in sorted({s.feed for s in where.stations}):
            table = _readings(where, feed, begin, every, rng, rainy)
            count += len(table)
            _write(lake, "observations", feed, table)
    for storm in range(max(1, days * 20 // 365)):
        _storm(lake, START + timedelta(days=(storm + 0.5) * days / max(1, days * 20 // 365)), f"{2401 + storm}", near=storm % 5 == 0)
    _signals(lake, ledger, days, rng)
    ledger.close()
    return count


def _write(lake: Lake, kind: str, feed: str, table: pa.Table) -> None:
    """A table into the partitions of its receiving days."""
    days = table["received"].to_numpy().astype("datetime64[D]")
    for day in np.unique(days):
        part = table.filter(pa.array(days == day))
        received = part["received"].to_numpy().min().astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC)
        lake._days.write(kind, feed, received, part)


def _readings(where: County, feed: str, begin: datetime, every: timedelta, rng: np.random.Generator, rainy: bool) -> pa.Table:
    stamps = np.datetime64(begin.replace(tzinfo=None), "us") + np.arange(1, timedelta(days=1) // every + 1) * np.timedelta64(every)
    pairs = [(s, p) for s in where.stations if s.feed == feed for p in s.properties if p in QUIET]
    if not pairs:
        return schema("observations").empty_table()
    size, times = len(pairs) * len(stamps), np.tile(stamps, len(pairs))
    value = np.concatenate([_values(p, len(stamps), rng, rainy) for _, p in pairs]).round(2)
    value[rng.random(size) < 0.01] = np.nan
    flag = np.where(np.isnan(value), int(Flag.MISSING), np.where(rng.random(size) < 0.01, int(Flag.SUSPECT), int(Flag.GOOD)))
    columns = {
        "feed": [feed] * size, "station": np.repeat([s.station for s, _ in pairs], len(stamps)), "time": pa.array(times, pa.timestamp("us", tz="UTC")),
        "observed_property": np.repeat([p for _, p in pairs], len(stamps)), "value": pa.array(value, from_pandas=True), "raw": ["0" * 64] * size,
        "received": pa.array(times + np.timedelta64(120, "s"), pa.timestamp("us", tz="UTC")), "flag": flag.astype(np.int8), "reasons": [""] * size,
        "interval_s": np.repeat([int(every.total_seconds()) if p == "rain" else 0 for _, p in pairs], len(stamps)).astype(np.int32),
        "issued": pa.nulls(size, pa.timestamp("us", tz="UTC")), "datum": np.repeat([s.datum for s, _ in pairs], len(stamps)), "synthetic": [True] * size,
    }
    return pa.table({name: columns[name] for name in schema("observations").names}, schema=schema("observations"))


def _values(prop: str, size: int, rng: np.random.Generator, rainy: bool) -> np.ndarray:
    if prop == "rain":
        return rng.gamma(0.3, 10.0 * QUIET[prop] * (6 if rainy else 0.2), size)
    return QUIET[prop] * (1 + 0.2 * rng.standard_normal(size))


def _storm(lake: Lake, begin: datetime, name: str, *, near: bool) -> None:
    """Six days of a storm that two agencies forecast every six hours; one in five passes over the county, the others far off."""
    rows = []
    for hour in range(0, 144, 3):
        at, north = begin + timedelta(hours=hour), hour / 144
        base = {"feed": "typhoon_zj", "storm": name, "name": "合成", "pressure": 970.0, "wind": 38.0, "move_speed": 15.0, "move_bearing": 315.0,
                "synthetic": True, "raw": "0" * 64, **{f"r{f}_{q}": r for f, r in ((7, 300.0), (10, 120.0), (12, 60.0)) for q in ("ne", "se", "sw", "nw")}}
        place = {"lat": 20.0 + 16 * north, "lon": (131.0 if near else 148.0) - 13 * north}
        rows.append(base | place | {"agency": "中国", "time": at, "received": at, "issued": None})
        if hour % 6 == 0:
            for agency, drift in (("中国", 0.0), ("日本", 0.6)):
                rows += [base | {"agency": agency, "time": at + timedelta(hours=lead), "received": at, "issued": at, "lat": place["lat"] + lead / 9,
                                 "lon": place["lon"] - lead / 11 + drift} for lead in range(6, 78, 6)]
    _write(lake, "tracks", "typhoon_zj", pa.Table.from_pylist(rows, schema=schema("tracks")))


def _signals(lake: Lake, ledger: Ledger, days: int, rng: np.random.Generator) -> None:
    """A list pulled every hour: on one day in six two signals stand on it, else nothing; every feed's pulls are noted."""
    runs: list[dict[str, object]] = []
    blank = pa.Table.from_pylist([], schema=schema("signals"))
    for day in range(-12, days + 1):
        begin = START + timedelta(days=day)
        shown = rng.random() < 1 / 6
        rows = [{"feed": "warnings_nmc", "identifier": f"s{day}-{n}", "event": event, "hazard": "", "level": int(rng.integers(1, 4)), "areas": "320614", "title": event,
                 "issued": begin, "received": begin + timedelta(hours=hour), "raw": "0" * 64, "effective": None, "expires": None, "msg_type": "Alert",
                 "references": "", "synthetic": True} for hour in range(24) for n, event in enumerate(("暴雨", "大风")) if shown and 6 <= hour < 18]
        if rows:
            _write(lake, "signals", "warnings_nmc", pa.Table.from_pylist(rows, schema=schema("signals")))
        for hour in range(24):
            at = begin + timedelta(hours=hour)
            if not (shown and 6 <= hour < 18):
                lake._days.write("signals", "warnings_nmc", at, blank)
            runs += [{"feed": feed, "at": iso(at), "outcome": "ok", "records": 0, "set_aside": 0, "raw": "", "error": ""}
                     for feed in ("typhoon_zj", "typhoon_nmc", "warnings_nmc", "warnings_cap", "reports")]
    with ledger.begin() as tx:
        tx.execute(feed_run.insert(), runs)


def installation(root: Path, days: int, every: timedelta = STEP) -> tuple[Path, Path, int]:
    """(county folder, state folder, readings) under `root`."""
    place = county(root / "county")
    return place, root / "home", fill(root / "home", load_county(place), days, every)
