"""The catalogue of lies, and a county in which every station tells each of them once: what the real judge flags and which levels the real rules give.

A lie is a function of honest arrays. It begins at row `start`, lasts six hours (a pulse two, a spike one reading) and is seen as it was known at row
`now`: a judge at 03:00 does not know what the sensor says at 04:00.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from connectors.quality.doubts import doubts
from connectors.quality.sheet import Sheet
from connectors.quality.tide import predict
from core.county import County, Station
from core.lake.rows import to_table
from core.model import Flag, Observation, TrackPoint
from core.quality import Doubt
from rules.assess import Judged, judge, rules_of
from rules.catalogue import load_catalogue
from rules.situation import Sources

Arrays = dict[str, np.ndarray]
#: (honest values by property (T, S), rows an hour, first lying row, newest known row) -> what is told by then. NaN: the reading is refused or missing.
Lie = Callable[[Arrays, float, int, int], Arrays]
LASTS_H, PULSE_H = 6, 2
SPIKE = {"rain": 60.0, "wind_speed": 35.0, "wind_gust": 45.0, "pressure": -20.0, "stage": 1.5, "tide": 3.0, "tilt": 1.0, "displacement": 30.0, "crack": 15.0,
         "groundwater": 3.0, "temperature": 15.0}
DRIFT = {"rain": 30.0, "wind_speed": 12.0, "wind_gust": 18.0, "pressure": -10.0, "stage": 1.2, "tide": 1.5, "tilt": 0.6, "displacement": 15.0, "crack": 6.0,
         "groundwater": 2.0, "temperature": 10.0}
SWAPS = (("wind_speed", "wind_direction"), ("tilt", "displacement"), ("tilt", "crack"), ("crack", "groundwater"), ("stage", "rain"), ("temperature", "humidity"))


def _rows(values: np.ndarray, per_h: float, start: int, now: int, hours: float = LASTS_H) -> slice:
    return slice(start, min(len(values), now + 1, start + max(1, round(hours * per_h))))


def _each(change: Callable[[str, np.ndarray, np.ndarray, slice], np.ndarray], hours: float = LASTS_H) -> Lie:
    def lie(series: Arrays, per_h: float, start: int, now: int) -> Arrays:
        out = {}
        for name, values in series.items():
            at, told = _rows(values, per_h, start, now, hours), values.copy()
            told[at] = change(name, values, values[at], at)
            out[name] = told
        return out
    return lie


def _drift(series: Arrays, per_h: float, start: int, now: int) -> Arrays:
    ramp = {name: (np.arange(len(v)) - start + 1)[:, None] / (LASTS_H * per_h) * DRIFT.get(name, 0.0) for name, v in series.items()}
    return _each(lambda name, _, part, at: part + ramp[name][at])(series, per_h, start, now)


def _swap(series: Arrays, per_h: float, start: int, now: int) -> Arrays:
    out, done = dict(series), set[str]()
    for a, b in SWAPS:
        if a in series and b in series and not {a, b} & done:
            at = _rows(series[a], per_h, start, now)
            both = np.isfinite(series[a]).any(axis=0) & np.isfinite(series[b]).any(axis=0)
            for one, other in ((a, b), (b, a)):
                told = out[one].copy()
                told[at] = np.where(both, series[other][at], series[one][at])
                out[one] = told
            done |= {a} if a == "tilt" else {a, b}
    return out


def _behind(series: Arrays, per_h: float, start: int, now: int) -> Arrays:
    back = round(8 * per_h)
    out = {}
    for name, values in series.items():
        at, told = _rows(values, per_h, start, now), values.copy()
        told[at.start - back : at.stop - back], told[at] = values[at], np.nan
        out[name] = told
    return out


#: Refused where they come in: connectors.reading.records.Gather.check and connectors.reading.stations.Stations.in_place. What is left of them is a silence.
REFUSED = ("clock +8 h", "moved station")
LIES: dict[str, Lie] = {
    "units x10": _each(lambda _, values, part, at: part * 10.0),
    "clock +8 h": _each(lambda _, values, part, at: np.full_like(part, np.nan)),
    "clock -8 h": _behind,
    "stuck": _each(lambda _, values, part, at: np.broadcast_to(values[at.start - 1], part.shape)),
    "spike": _each(lambda name, values, part, at: part + SPIKE.get(name, 0.0), 0.0),
    "drift": _drift,
    "moved station": _each(lambda _, values, part, at: np.full_like(part, np.nan)),
    "calibration pulse": _each(lambda name, values, part, at: np.broadcast_to(values[at.start - 1] + SPIKE.get(name, 0.0), part.shape), PULSE_H),
    "swapped fields": _swap,
}

#: What makes the same rise a true one, or leaves nobody who could say that it is none: honest values (T, S) -> values, by property.
TRUE: dict[str, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "heavy rain": {"rain": lambda v: v + 2.0},
    "every gauge rises": {"stage": lambda v: v + np.maximum(0.0, np.arange(len(v)) - START + 6)[:, None] * 0.06},
    "rain gauges silent": {"rain": lambda v: np.where(np.arange(len(v))[:, None] < START - 4, v, np.nan)},
}

# --- a quiet day in a county, told once by every station

HOURS, START = 60, 50
NOW = datetime(2021, 7, 20, 4, tzinfo=UTC)
GROUPS = ("weather", "water", "geology")
#: Rules that ask what would explain a lone claim.
ASKED = ("flood.stage", "geological.points")
#: What no rule of the county reads.
NO_RULE = ("pressure", "wind_direction")


@dataclass(frozen=True, slots=True)
class Town:
    """The county copied side by side, one liar in each copy; `liars`: (station, number of its copy)."""

    county: County
    liars: tuple[tuple[str, int], ...]


def copies(county: County) -> Town:
    """Every station that rules read from lies in a copy of its own: what it says must not explain what another says."""
    liars = [(s.station, n) for n, s in enumerate(s for s in county.stations if s.feed in GROUPS)]
    count = len(liars)
    towns = tuple(replace(t, key=f"{t.key}{n}", lon=t.lon + 3.0 * (n - 7)) for n in range(count) for t in county.towns)
    stations = tuple(
        replace(s, station=f"{s.station}.{n}", town=f"{s.town}{n}", lon=s.lon + 3.0 * (n - 7), path=f"{s.path}{n}")
        for n in range(count) for s in county.stations if s.feed in GROUPS
    )
    things = tuple(replace(t, thing=f"{t.thing}.{n}", members=tuple(replace(m, station=f"{m.station}.{n}") for m in t.members))
                   for n in range(count) for t in county.things)
    links = tuple(replace(k, upstream=f"{k.upstream}.{n}", downstream=f"{k.downstream}.{n}") for n in range(count) for k in county.links)
    wide = replace(county, towns=towns, stations=stations, things=things, links=links, maintenance=(), version=f"{county.version}-liars")
    return Town(wide, tuple(liars))


def tide_at(hour: np.ndarray) -> np.ndarray:
    """The moon's part, m in the county's datum."""
    return np.asarray(1.0 + 1.35 * np.sin(2 * np.pi * hour / 12.42))


def honest(county: County, feed: str) -> tuple[tuple[Station, ...], Arrays]:
    """A quiet, showery summer day of one feed: (stations, values by property (HOURS, S)), NaN where a station does not measure it. Invented."""
    stations = county.stations_of(feed)
    random, shape = np.random.default_rng(5), (HOURS, len(stations))
    hour = np.arange(HOURS)[:, None]
    shower = np.maximum(0.0, 1.2 * np.sin(hour / 5.0)) * random.uniform(0.7, 1.3, shape)
    wind = 4.0 + np.sin(hour / 6.0) + random.normal(0, 0.4, shape)
    datum = np.array([1.763 if s.datum == "吴淞" else 0.0 for s in stations])[None, :]
    made = {
        "rain": shower, "wind_speed": wind, "wind_gust": wind * 1.6 + 1.0, "wind_direction": 150 + 10 * np.sin(hour / 9.0) + random.normal(0, 5, shape),
        "pressure": 1006 + np.sin(hour / 12.0) + random.normal(0, 0.2, shape), "stage": 2.12 + 0.002 * hour + random.normal(0, 0.01, shape),
        "tide": datum + tide_at(hour) + random.normal(0, 0.02, shape), "tilt": 0.4 + random.normal(0, 0.004, shape),
        "displacement": 12.0 + random.normal(0, 0.02, shape), "crack": 1.5 + random.normal(0, 0.01, shape), "groundwater": 1.8 + random.normal(0, 0.02, shape),
    }
    return stations, {name: np.where([name in s.properties for s in stations], np.round(v, 3), np.nan) for name, v in made.items()
                      if any(name in s.properties for s in stations)}


def flagged(feed: str, county: County, stations: tuple[Station, ...], series: Arrays, times: np.ndarray, interval_s: int) -> dict[str, list[Doubt]]:
    """What the real judge finds in whole arrays."""
    order = np.argsort([s.station for s in stations])
    values = {name: v[:, order] for name, v in series.items()}
    sheet = Sheet(
        times=times, stations=tuple(stations[n].station for n in order), values=values, origin={name: np.where(np.isfinite(v), 0, -1) for name, v in values.items()},
        interval_s={name: interval_s if name == "rain" else 0 for name in series}, twin=np.zeros(0, dtype=np.int64),
    )
    back = np.argsort(order)
    return {name: [replace(d, where=d.where[:, back]) for d in several] for name, several in doubts(sheet, county.feed(feed), county).items()}


def worst(found: list[Doubt], shape: tuple[int, ...]) -> np.ndarray:
    """(T, S) the worst flag of each reading."""
    out = np.full(shape, int(Flag.GOOD))
    for doubt in found:
        out = np.where(doubt.where, np.maximum(out, int(doubt.flag)), out)
    return out


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Alarm:
    """A level that would not have been reached without the lie."""

    lie: str
    station: str
    rule: str
    hours: int
    level: int


class Day:
    """The quiet day of a copied county, judged as it was known at rows from START on. `foretold`: its tidal gauges have told their tide for two months
    before, so that it is foretold. `around`: a name of TRUE that makes the day what it is."""

    def __init__(self, county: County, *, foretold: bool = False, around: str = "") -> None:
        self.around = around
        self.town = copies(county)
        self.tides = _foretold(self.town.county) if foretold else None
        self.day = {feed: honest(self.town.county, feed) for feed in GROUPS}
        self.rules = tuple(r for r in rules_of(self.town.county, NOW) if r.role == "hazard" and r.stage == "live")
        self.feed_of = {s.station: s.feed for s in county.stations}
        self._calm: dict[int, Judged] = {}

    def judged(self, lie: Lie | None, row: int, around: str = "") -> Judged:
        """The rules at `row`, with the liars' lie (None: nobody lies) and a name of TRUE around it."""
        parts = []
        now = NOW + timedelta(hours=row)
        for feed, (stations, series) in self.day.items():
            liars = {f"{name}.{n}" for name, n in self.town.liars if self.feed_of[name] == feed}
            mask = np.array([s.station in liars for s in stations])
            series = {k: TRUE.get(around or self.around, {}).get(k, np.asarray)(v) for k, v in series.items()}
            told = series if lie is None else {k: np.where(mask, v, series[k]) for k, v in lie(series, 1.0, START, row).items()}
            known = {name: v[: row + 1] for name, v in told.items()}
            times = np.array([(NOW + timedelta(hours=h)).timestamp() for h in range(row + 1)])
            found = flagged(feed, self.town.county, stations, known, times, 3600)
            parts += [_frame(feed, stations, name, v, worst(found[name], v.shape), times) for name, v in known.items() if name not in NO_RULE]
        storm = TrackPoint(feed="typhoon_zj", storm="T", name="试", agency="中国", time=now, lat=27.5, lon=121.2, received=now, raw="", pressure=985.0, wind=23.0,
                           synthetic=True)
        tracks = to_table("tracks", [storm]).to_pandas(ignore_metadata=True)
        rows = pd.concat(parts, ignore_index=True)
        nothing = to_table("signals", []).to_pandas(ignore_metadata=True).rename(columns={"received": "listed_at"}).assign(snapshot_at=now)
        ahead = rows.iloc[0:0] if self.tides is None else self.tides
        return judge(Sources(observations=rows, forecasts=ahead, tracks=tracks, signals=nothing, silent=frozenset()), now, self.town.county, self.rules)

    def believed(self, around: str, hours: int) -> tuple[int, int]:
        """Towns and rules in which a drift shows a level when what TRUE says is so, and in how many it would if nature were not asked."""
        asked = self.rules
        shown = self.judged(LIES["drift"], START + hours, around)
        self.rules = tuple(replace(r, explained_by=None) for r in asked)
        try:
            whole = self.judged(LIES["drift"], START + hours, around)
        finally:
            self.rules = asked
        return _shown(shown), _shown(whole)

    def alarms(self, name: str, hours: tuple[int, ...]) -> list[Alarm]:
        """Levels (proved or carried on) that only the lie reaches, by station, rule and hour after its beginning."""
        return sorted(alarm for hour in hours for alarm in self._alarms(name, hour))

    def _alarms(self, name: str, hour: int) -> Iterator[Alarm]:
        calm = self._calm.setdefault(hour, self.judged(None, START + hour)) if hour not in self._calm else self._calm[hour]
        lied = self.judged(LIES[name], START + hour)
        catalogue, size = load_catalogue().indicators, len(self.town.county.towns) // (1 + max(n for _, n in self.town.liars))
        for before, after in zip(calm.findings, lied.findings, strict=True):
            level = np.maximum(after.proved, after.heading)[-1]
            raised = level > np.maximum(before.proved, before.heading)[-1]
            properties = {p for i in after.rule.indicators for p in catalogue[i].properties}
            for copy in np.flatnonzero(raised) // size:
                for station, n in self.town.liars:
                    place = self.town.county.station(f"{station}.{n}")
                    if n == copy and place is not None and properties & set(place.properties):
                        at = np.flatnonzero(raised & (np.arange(len(level)) // size == copy))
                        yield Alarm(lie=name, station=station, rule=after.rule.id, hours=hour, level=int(level[at].max()))


def _foretold(county: County) -> pd.DataFrame:
    """The tide as the real analysis of the two months before the day foretells it, at every gauge that has a mark."""
    hour, ahead = np.arange(-60 * 24.0, 0.0), np.arange(START - 3.0, START + 36.0, 0.5)
    past, at = (NOW.timestamp() + 3600 * h for h in (hour, ahead))
    found = predict(past, tide_at(hour) + np.random.default_rng(6).normal(0, 0.02, len(hour)), at, latitude=32.0, now=NOW).values
    gauges = [s for s in county.stations if "tide" in s.properties and s.warning_stage is not None]
    if found is None or not gauges:
        raise ValueError("nothing is foretold")
    told = [Observation(feed=s.feed, station=s.station, observed_property="tide_astronomic", time=datetime.fromtimestamp(t, UTC), received=NOW, raw="", datum=s.datum,
                        value=float(v) + (1.763 if s.datum == "吴淞" else 0.0), issued=NOW) for s in gauges for t, v in zip(at, found, strict=True)]
    return to_table("observations", told).to_pandas(ignore_metadata=True)


def _shown(judged: Judged) -> int:
    return sum(int((f.proved[-1] > 0).sum()) for f in judged.findings if f.rule.id in ASKED)


def _frame(feed: str, stations: tuple[Station, ...], name: str, values: np.ndarray, flags: np.ndarray, times: np.ndarray) -> pd.DataFrame:
    row, column = np.nonzero(np.isfinite(values))
    back = len(times) - (29 if name != "tide" else 56)
    row, column = row[row >= back], column[row >= back]
    names, datums = np.array([s.station for s in stations], dtype=object), np.array([s.datum for s in stations], dtype=object)
    return pd.DataFrame({
        "feed": feed, "station": names[column], "observed_property": name, "time": pd.to_datetime(times[row], unit="s", utc=True).as_unit("us"),
        "value": values[row, column], "raw": "", "flag": flags[row, column], "reasons": "", "interval_s": 3600 if name == "rain" else 0,
        "datum": datums[column] if name in ("stage", "tide") else "", "synthetic": True,
    })
