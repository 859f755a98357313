"""A small installation for the tests of rules: the real county, a lake and a ledger in a folder, fed from a scenario's tables.

Readings are put into the lake as a connector would leave them, hour by hour, so that a read at `as_of` sees what was known then.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from new_ledger import ledger_in

from core.county import County, Station, load_county
from core.lake import Lake
from core.ledger import Ledger
from core.model import Batch, Circle, Flag, Hazard, Level, MsgType, Observation, OfficialSignal, TrackPoint
from core.times import parse_local

ROOT = Path(__file__).parents[2]
CLOCK = "%Y-%m-%d %H:%M"
RAW = "ab" * 32


def beijing(text: str) -> datetime:
    """'07-25 12:00' of 2021, Beijing clock."""
    return parse_local(f"2021-{text}", CLOCK)


def reading(station: str, observed_property: str, time: datetime, value: float | None, *, feed: str = "weather", flag: Flag = Flag.GOOD,
            interval_s: int = 0, received: datetime | None = None, datum: str = "") -> Observation:
    return Observation(
        feed=feed, station=station, observed_property=observed_property, time=time, value=value, received=received or time, raw=RAW, flag=flag,
        interval_s=3600 if observed_property == "rain" and not interval_s else interval_s, datum=datum, synthetic=True,
    )


def signal(identifier: str, event: str, level: Level, issued: datetime, *, feed: str = "warnings_nmc", areas: tuple[str, ...] = ("3206",),
           hazard: Hazard | None = None, received: datetime | None = None, msg_type: MsgType = MsgType.ALERT, references: tuple[str, ...] = (),
           expires: datetime | None = None) -> OfficialSignal:
    return OfficialSignal(
        feed=feed, identifier=identifier, event=event, hazard=hazard, level=level, areas=areas, title=f"南通市气象台发布{event}{level.zh}预警信号",
        issued=issued, received=received or issued, raw=RAW, msg_type=msg_type, references=references, expires=expires,
    )


@dataclass
class World:
    """The installation; `skip` names feeds that stay silent."""

    county: County
    lake: Lake
    ledger: Ledger
    skip: set[str] = field(default_factory=set)

    def feed(self, feed: str, now: datetime, batch: Batch) -> None:
        """Store a batch and note the pull, as ingest does; a skipped feed is not pulled."""
        if feed in self.skip:
            return
        self.lake.append(feed, batch, now)
        with self.ledger.begin() as tx:
            self.ledger.save_feed_run(tx, feed=feed, at=now, outcome="ok", records=batch.records, set_aside=0, raw=RAW, error="")

    def calm(self, now: datetime, hours: int = 26, **over: float) -> None:
        """Every feed fresh and quiet at `now`; `over` gives a property another value."""
        quiet = {"rain": 0.0, "wind_speed": 3.0, "wind_gust": 5.0, "stage": 2.0, "tide": 2.0, "customers_out": 0.0, "customers_total": 1000.0,
                 "areas_out": 0.0, "areas_total": 20.0, "tilt": 0.4, "displacement": 12.0, "crack": 1.5, "groundwater": 2.0} | over
        for feed in self.county.feeds:
            rows = [
                reading(s.station, p, now - timedelta(hours=h), quiet[p], feed=feed.feed, received=now, datum=s.datum)
                for s in self.county.stations_of(feed.feed) for p in s.properties if p in quiet for h in range(hours)
            ]
            self.feed(feed.feed, now, Batch(observations=tuple(rows)))

    def quiet_feeds(self, now: datetime) -> None:
        """Pull the feeds that have nothing to tell (tracks, warnings)."""
        for feed in self.county.feeds:
            if feed.age_from == "fetch":
                self.feed(feed.feed, now, Batch())


def make(folder: Path, county: Path | None = None) -> World:
    """A fresh installation."""
    return World(county=load_county(county or ROOT / "county" / "haimen"), lake=Lake(folder / "lake"), ledger=ledger_in(folder))


def _rows(name: str, table: str) -> Iterable[dict[str, str]]:
    with (ROOT / "county" / "haimen" / "scenarios" / name / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _circle(text: str) -> Circle | None:
    return Circle(**dict(zip(("ne", "se", "sw", "nw"), map(float, text.split("|")), strict=True))) if text else None


Tables = tuple[dict[str, list[Observation]], list[TrackPoint], list[tuple[OfficialSignal, datetime]]]


@functools.cache
def _tables(name: str, stations: tuple[Station, ...]) -> Tables:
    """A scenario's readings by feed, storm positions and (signal, when it was lifted), read once for the same stations."""
    return _readings(name, stations), _tracks(name), _signals(name)


def _readings(name: str, stations: tuple[Station, ...]) -> dict[str, list[Observation]]:
    known = {(s.station, p): s for s in stations for p in s.properties}
    columns = {"rain_1h": "rain", "wind": "wind_speed", "gust": "wind_gust"}
    told = [(row["station"], prop, row["time"], row[column]) for row in _rows(name, "weather") for column, prop in columns.items()]
    told += [(row["station"], row["property"], row["time"], row["value"]) for table in ("water", "sensors") for row in _rows(name, table)]
    told += [(f"power-{row['town']}", prop, row["time"], row[prop]) for row in _rows(name, "power")
             for prop in ("customers_out", "customers_total", "areas_out", "areas_total")]
    out: dict[str, list[Observation]] = {}
    for station, prop, time, value in told:
        where = known.get((station, prop))
        if where is not None and value:
            out.setdefault(where.feed, []).append(reading(station, prop, parse_local(time, CLOCK), float(value), feed=where.feed, datum=where.datum))
    return out


def _tracks(name: str) -> list[TrackPoint]:
    return [
        TrackPoint(
            feed="typhoon_zj", storm="202106", name="烟花", agency="中国", time=(at := parse_local(row["time"], CLOCK)), lat=float(row["lat"]),
            lon=float(row["lon"]), received=at, raw=RAW, pressure=float(row["pressure"]), wind=float(row["wind"]), r7=_circle(row["r7"]),
            r10=_circle(row["r10"]), r12=_circle(row["r12"]), move_speed=15.0, move_bearing=315.0,
        )
        for row in _rows(name, "track") if not row["landfall"]
    ]


def _signals(name: str) -> list[tuple[OfficialSignal, datetime]]:
    return [
        (signal(row["identifier"], row["event"], Level[row["level"].upper()], parse_local(row["issued"], CLOCK), areas=(row["adcode"],),
                hazard=Hazard.TYPHOON if row["event"] == "台风" else None), parse_local(row["lifted"], CLOCK))
        for row in _rows(name, "signals")
    ]


class Scenario:
    """A scenario's tables as batches by feed."""

    def __init__(self, name: str, county: County) -> None:
        self.observations, self.tracks, self.signals = _tables(name, county.stations)

    def tell(self, world: World, since: datetime, now: datetime) -> None:
        """Everything that became known in (since, now]."""
        for feed in world.county.feeds:
            name = feed.feed
            rows = tuple(o for o in self.observations.get(name, ()) if since < o.time <= now)
            tracks = tuple(p for p in self.tracks if name == "typhoon_zj" and since < p.time <= now)
            signals: tuple[OfficialSignal, ...] = ()
            if name == "warnings_nmc":
                signals = tuple(_listed(s, lifted, since, now) for s, lifted in self.signals if s.issued <= now and lifted > since)
            world.feed(name, now, Batch(observations=rows, tracks=tracks, signals=signals))


def _listed(made: OfficialSignal, lifted: datetime, since: datetime, now: datetime) -> OfficialSignal:
    ended = lifted <= now
    return signal(made.identifier, made.event, made.level, made.issued, areas=made.areas, hazard=made.hazard, received=now,
                  msg_type=MsgType.CANCEL if ended else MsgType.ALERT, references=(made.identifier,) if ended else ())
