"""Synthetic nations for the scoring bench: towns and stations over China's box, 72 h of 10-minute rain, 40 text rules; nothing of it is real."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.county import County, load_county
from core.model import Flag
from rules.catalogue import Indicator, load_catalogue
from rules.grid import Log
from rules.packs import Rule, load_packs

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 7, 26, tzinfo=UTC)
STEP_S, HOURS = 600, 72
WINDOWS = (1, 3, 6, 12, 24)
SIZES = {"A": (24, 60), "B": (3_000, 20_000), "C": (41_000, 70_000)}
#: Rain areas that pass over parts of the country, so that one or two alerts in a hundred are active, as in an ordinary wet week; or rain everywhere, the worst case.
WEATHERS = ("fronts", "everywhere")
#: Degrees from a rain area's middle at which its rain has fallen to 0.6 of the most, degrees it moves in an hour at most, and how many there are.
RADIUS, SPEED, FRONTS = 1.0, 0.15, 4
#: (hazard, how many rules, condition of rule k at level l (1..4))
FAMILIES = (
    ("flood", 20, lambda k, at: f"rain_{WINDOWS[k % 5]}h >= {(10 + 2 * k) * (1 + k % 5) * at} mm"),
    ("geological", 8, lambda k, at: f"rain_24h >= {(40 + 5 * k) * at} mm and rain_{WINDOWS[k % 4]}h >= {(8 + k) * at} mm"),
    ("typhoon", 12, lambda k, at: f"rain_{WINDOWS[k % 5]}h >= {(14 + 3 * k) * (1 + k % 5) * at} mm"),
)
COLOURS = ("blue", "yellow", "orange", "red")


@dataclass(frozen=True, slots=True)
class Nation:
    """`rain` (T, S) mm in 10 min, NaN missing, multiples of 0.5; `home` (S,) town of each station; `log` the same readings as a table in order of arrival."""

    name: str
    county: County
    rain: np.ndarray
    home: np.ndarray
    log: Log
    rules: tuple[Rule, ...]
    indicators: tuple[Indicator, ...]

    @property
    def towns(self) -> int:
        """How many towns."""
        return len(self.county.towns)


def nation(name: str, seed: int = 7, hours: int = HOURS, weather: str = "everywhere") -> Nation:
    """A synthetic nation of a size of SIZES with `hours` of rain of one of WEATHERS; every town has a station, the last tick has no gap."""
    towns, stations = SIZES[name]
    rng = np.random.default_rng(seed)
    one = load_county(ROOT / "county" / "haimen")
    lat, lon = rng.uniform(22, 42, towns), rng.uniform(102, 122, towns)
    home = np.concatenate([np.arange(towns), rng.integers(0, towns, stations - towns)])
    where = np.stack([lat[home], lon[home]]) + rng.normal(0, 0.03, (2, stations))
    gauge = dataclasses.replace(next(s for s in one.stations if "rain" in s.properties), properties=("rain",))
    county = dataclasses.replace(
        one, version=f"synthetic-{name}-{seed}",
        towns=tuple(dataclasses.replace(one.towns[0], key=f"t{n}", name=f"合成{n}", lat=float(lat[n]), lon=float(lon[n])) for n in range(towns)),
        stations=tuple(dataclasses.replace(gauge, station=f"s{n}", town=f"t{home[n]}", lat=float(where[0, n]), lon=float(where[1, n]), path="")
                       for n in range(stations)))
    ticks = hours * 3600 // STEP_S
    rain = _everywhere(rng, ticks, stations) if weather == "everywhere" else _fronts(rng, ticks, where)
    gap = rng.random((ticks, stations), dtype=np.float32) < 0.02
    gap[-1] = False
    rain[gap] = np.nan
    return Nation(name, county, rain, home, _table(rain, county, rng), _rules(), tuple(_own(f"rain_{h}h") for h in WINDOWS))


def _everywhere(rng: np.random.Generator, ticks: int, stations: int) -> np.ndarray:
    wet = rng.random((1, stations), dtype=np.float32) < 0.3
    return np.floor(rng.gamma(0.12, 18.0, (ticks, stations)).astype(np.float32) * (0.2 + 1.3 * wet)) / 2


def _fronts(rng: np.random.Generator, ticks: int, where: np.ndarray) -> np.ndarray:
    """Rain areas that are inside the country at the last tick, and a drizzle that reaches no threshold."""
    hours = (np.arange(ticks, dtype=np.float32)[:, None] - ticks + 1) * STEP_S / 3600
    share = np.full((ticks, where.shape[1]), 0.02, dtype=np.float32)
    for middle, speed in zip(rng.uniform((25, 105), (39, 119), (FRONTS, 2)), rng.uniform(-SPEED, SPEED, (FRONTS, 2)), strict=True):
        off = sum((side - at - move * hours) ** 2 for side, at, move in zip(where.astype(np.float32), middle, speed, strict=True))
        share += np.exp(-off / (2 * RADIUS**2))
    return np.floor(rng.standard_gamma(0.5, (ticks, where.shape[1]), dtype=np.float32) * share * 6) / 2


def _table(rain: np.ndarray, county: County, rng: np.random.Generator) -> Log:
    """The readings as rows in order of arrival, stations shuffled inside a tick; texts that only evidence reads are one shared text."""
    ticks, stations = rain.shape
    station = np.concatenate([rng.permutation(stations) for _ in range(ticks)])
    tick = np.repeat(np.arange(ticks), stations)
    keep = np.isfinite(rain[tick, station])
    station, tick = station[keep], tick[keep]
    last = int(NOW.timestamp()) * 1_000_000
    size = len(station)
    text = np.broadcast_to(np.array("synthetic", dtype=object), (size,))
    names = tuple(s.station for s in county.stations)
    return Log(
        time_us=last - (ticks - 1 - tick) * STEP_S * 1_000_000, value=rain[tick, station].astype(np.float64),
        flag=np.broadcast_to(np.int8(Flag.GOOD), (size,)), interval_s=np.broadcast_to(np.int32(STEP_S), (size,)),
        synthetic=np.broadcast_to(np.True_, (size,)), by_property={"rain": np.arange(size, dtype=np.int32)}, names=names, place=station.astype(np.int32), datums=("",),
        datum=np.broadcast_to(np.int32(0), (size,)), feed_rank=np.broadcast_to(np.int32(0), (size,)), texts=dict.fromkeys(("feed", "station", "raw"), text))


def _own(name: str) -> Indicator:
    """The shipped indicator, a town's own stations speaking for it (as a label join does)."""
    return dataclasses.replace(load_catalogue().indicators[name], reach="own", km=0.0, witness_km=0.0)


def texts() -> dict[str, tuple[str, dict[str, str]]]:
    """The 40 rules as text: hazard and condition by colour, by rule id."""
    return {f"{hazard}.bench{k}": (hazard, {colour: condition(k, at) for at, colour in enumerate(COLOURS, start=1)})
            for hazard, count, condition in FAMILIES for k in range(count)}


def _rules() -> tuple[Rule, ...]:
    """The texts through the pack loader."""
    lines = ["pack: bench", "title: 试算", "jurisdiction: bench", "valid_from: 2007-01-01", "source: {document: 合成阈值, clause: 无}", "verified: false", "rules:"]
    for name, (hazard, levels) in texts().items():
        lines += [f"  - id: {name}", f"    title: {name}", f"    hazard: {hazard}", "    levels:", *(f"      {c}: {t}" for c, t in levels.items())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return load_packs([path])[0].rules


def ticks_back(count: int) -> list[datetime]:
    """The last `count` ticks."""
    return [NOW - timedelta(seconds=STEP_S * n) for n in range(count - 1, -1, -1)]
