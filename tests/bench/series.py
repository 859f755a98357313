"""Recorded series for the catalogue of lies: wind, rain, tide, stage and temperature as hourly arrays, and draws of six-hour lies laid over them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import liars
import numpy as np
import pandas as pd
from liars import Arrays

from core.county import County, Station
from core.model import Flag

KT, FOOT = 0.514444, 0.3048
BACK, AHEAD = 26, 9
#: Rain that falls while a rain gauge lies, so that there is something to lie about, mm.
WET_MM = 5.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """Hourly `values` by property (T, S) of `stations` with their places; `property` is the one the rates are of."""

    name: str
    property: str
    values: Arrays
    stations: tuple[Station, ...]
    source: str


def _stations(county: County, names: list[str], places: list[tuple[float, float]], properties: tuple[str, ...]) -> tuple[Station, ...]:
    one = county.stations_of("weather")[0]
    return tuple(replace(one, station=name, lat=lat, lon=lon, path=f"path-{name}", properties=properties) for name, (lat, lon) in zip(names, places, strict=True))


def _far(count: int) -> list[tuple[float, float]]:
    """Places that do not see each other."""
    return [(-60.0 + 3.0 * (n % 40), -175.0 + 5.0 * (n // 40)) for n in range(count)]


def wind(folder: Path, county: County) -> Recorded:
    """METAR of about 59 airports through the typhoon season of 2026: the last report of every hour."""
    rows = []
    with gzip.open(folder / "typhoon_season_2026" / "metar_all_stations.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            rows.append((row["i"], row["t"], row["ws"], row["wg"], row.get("wd")))
    frame = pd.DataFrame(rows, columns=["station", "time", "ws", "wg", "wd"])
    frame["hour"] = pd.to_datetime(frame["time"], utc=True).dt.floor("h")
    hours = pd.date_range(frame["hour"].min(), frame["hour"].max(), freq="h")
    frame = frame[frame.groupby("station")["hour"].transform("size") >= 100]
    columns = {"wind_speed": ("ws", KT), "wind_gust": ("wg", KT), "wind_direction": ("wd", 1.0)}
    values = {}
    for name, (column, scale) in columns.items():
        number = pd.to_numeric(frame[column], errors="coerce") * scale
        values[name] = frame.assign(v=number).groupby(["hour", "station"])["v"].last().unstack().reindex(hours).to_numpy(dtype=float)
    names = sorted(frame["station"].unique())
    return Recorded("wind", "wind_speed", values, _stations(county, names, _far(len(names)), tuple(columns)), "METAR 2026")


def rain(folder: Path, county: County) -> Recorded:
    """AMeDAS hourly rain of all Japan through the record storm of 2023-09-08, with the stations' own places."""
    frame = pd.read_parquet(folder / "amedas_2023-09-08" / "precip1h.parquet")
    table = frame.assign(hour=frame["committed"].dt.floor("h")).groupby(["hour", "amdno"])["mm"].last().unstack()
    table = table.reindex(pd.date_range(table.index.min(), table.index.max(), freq="h"))
    places = pd.read_csv(folder / "amedas_2023-09-08" / "stations.csv").drop_duplicates("amdno").set_index("amdno")
    table = table[[n for n in table.columns if n in places.index]]
    where = [(float(places.loc[n, "lat"]), float(places.loc[n, "lon"])) for n in table.columns]
    return Recorded("rain", "rain", {"rain": table.to_numpy(dtype=float)}, _stations(county, [f"a{n}" for n in table.columns], where, ("rain",)), "AMeDAS 2023-09-08")


def tide(folder: Path, county: County) -> Recorded:
    """CO-OPS water level of Seattle, January 2015, every hour's reading."""
    with gzip.open(folder / "coops" / "test_station_data.yaml.gz", "rt", encoding="utf-8") as packed:
        text = packed.read()
    part = text[text.index("product=water_level") :]
    part = re.sub(r"\s+", " ", part)
    found = dict(re.findall(r'"t":"(2015-01-\d\d \d\d:00)",\s*"v":"(-?[\d.]+)"', part))
    level = np.array([float(found[k]) for k in sorted(found)])
    return Recorded("tide", "tide", {"tide": level[:, None]}, _stations(county, ["seattle"], _far(1), ("tide",)), "CO-OPS Seattle 2015-01")


def _usgs(folder: Path, code: str) -> np.ndarray:
    with gzip.open(folder / "waterml" / "site_08068500_instantaneous_2011-11-05_2011-11-18.xml.gz", "rt", encoding="utf-8") as packed:
        text = packed.read()
    start = text.index(f'name="USGS:08068500:{code}')
    part = text[start : text.index("</ns1:timeSeries>", start)]
    return np.array([float(v) for _, v in re.findall(r'<ns1:value[^>]*dateTime="([^"]+):00:00\.000[^"]*"[^>]*>([^<]*)<', part)])


def stage(folder: Path, county: County) -> Recorded:
    """USGS gage height of Spring Creek, November 2011, metres, every hour."""
    return Recorded("stage", "stage", {"stage": _usgs(folder, "00065")[:, None] * FOOT}, _stations(county, ["creek"], _far(1), ("stage",)), "USGS 08068500 2011-11")


def temperature(folder: Path, county: County) -> Recorded:
    """USGS water temperature of Spring Creek, November 2011, every hour."""
    return Recorded("temperature", "temperature", {"temperature": _usgs(folder, "00010")[:, None]}, _stations(county, ["creek"], _far(1), ("temperature",)),
                    "USGS 08068500 2011-11")


SERIES: tuple[Callable[[Path, County], Recorded], ...] = (wind, rain, tide, stage, temperature)


def told(county: County, recorded: Recorded, values: Arrays) -> np.ndarray:
    """(T, S) whether the judge doubts the reading of the series' property."""
    rows = len(values[recorded.property])
    times = np.arange(rows) * 3600.0 + 1.6e9
    place = replace(county, stations=recorded.stations, climate=(), links=(), maintenance=(), things=())
    found = liars.flagged("weather", place, recorded.stations, values, times, 3600)
    return liars.worst(found[recorded.property], values[recorded.property].shape) > Flag.GOOD


def false_flags(county: County, recorded: Recorded) -> tuple[int, float]:
    """Readings of the untouched series, and the share of them that is doubted."""
    there = np.isfinite(recorded.values[recorded.property])
    return int(there.sum()), float((told(county, recorded, recorded.values) & there).sum() / there.sum())


def draws(recorded: Recorded, count: int, seed: int = 1) -> tuple[Recorded, np.ndarray]:
    """`count` windows of BACK + AHEAD hours side by side, each with its station first and up to five neighbours; and which columns are the liars."""
    random = np.random.default_rng(seed)
    whole = recorded.values[recorded.property]
    columns: list[tuple[int, int]] = []
    stations: list[Station] = []
    liar: list[bool] = []
    while sum(liar) < count:
        column, first = int(random.integers(whole.shape[1])), int(random.integers(0, max(1, len(whole) - BACK - AHEAD)))
        if np.isfinite(whole[first : first + BACK + AHEAD, column]).mean() < 0.9 or len(whole) < first + BACK + AHEAD:
            continue
        if recorded.name == "rain" and np.nansum(whole[first + BACK : first + BACK + liars.LASTS_H, column]) < WET_MM:
            continue  # ten times nothing is nothing
        near = _nearest(recorded.stations, column) if recorded.name == "rain" else []
        shift = 3.0 * sum(liar) - recorded.stations[column].lon
        for n, other in enumerate([column, *near]):
            place = recorded.stations[other]
            moved = {"lon": (place.lon + shift + 180) % 360 - 180} if recorded.name == "rain" else dict(zip(("lat", "lon"), _far(len(columns) + 1)[-1], strict=True))
            stations.append(replace(place, station=f"d{len(columns):05d}", path=f"p{len(columns)}", **moved))
            columns.append((other, first))
            liar.append(n == 0)
    cut = {name: np.stack([v[first : first + BACK + AHEAD, column] for column, first in columns], axis=1) for name, v in recorded.values.items()}
    return replace(recorded, values=cut, stations=tuple(stations)), np.array(liar)


def _nearest(stations: tuple[Station, ...], column: int) -> list[int]:
    place = stations[column]
    lat, lon = (np.array([getattr(s, name) for s in stations]) for name in ("lat", "lon"))
    km = 111.2 * np.hypot(lat - place.lat, (lon - place.lon) * np.cos(np.radians(place.lat)))
    order = np.argsort(km, kind="stable")[1:6]
    return [int(n) for n in order if km[n] <= 25.0]


def detection(county: County, drawn: Recorded, liar: np.ndarray, name: str) -> tuple[float, float]:
    """(share of the draws in which a lying reading is doubted while it lasts or within three hours after, median hours until it is)."""
    seen = np.full(int(liar.sum()), np.inf)
    lie = liars.LIES[name]
    for now in range(BACK, BACK + AHEAD):
        lied = {k: np.where(liar, v, drawn.values[k]) for k, v in lie(drawn.values, 1.0, BACK, now).items()}
        before = told(county, drawn, {k: v[: now + 1] for k, v in drawn.values.items()})
        after = told(county, drawn, {k: v[: now + 1] for k, v in lied.items()})
        changed = (lied[drawn.property] != drawn.values[drawn.property])[: now + 1]
        new = (after & changed & ~before)[:, liar].any(axis=0)
        seen = np.where(new & np.isinf(seen), now - BACK, seen)
    found = np.isfinite(seen)
    return float(found.mean()), float(np.median(seen[found])) if found.any() else float("nan")
