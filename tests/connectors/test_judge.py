"""The judge works on columns; it must tell of every reading, and store again, what is told when each reading is looked at alone."""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.quality.doubts import doubts
from connectors.quality.judge import judge
from connectors.quality.sheet import REACH, Sheet
from core.county.watch import Climate, Link, Maintenance
from core.lake import CORRECTED, Lake
from core.model import Batch, Flag, Observation

T0 = datetime(2021, 7, 26, tzinfo=UTC)
STATIONS = ("M9001", "M9002", "M9003", "M9004")
VALUES = {"rain": [0.0, 0.1, 16.0, 45.0, 300.0], "pressure": [996.0, 1002.0, 1014.0, 9999.0], "wind_speed": [1.9, 2.0, 19.0], "wind_gust": [2.0, 20.0],
          "stage": [2.0, 2.3, 3.5]}
WORSE = [Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT, Flag.FAIL, Flag.MISSING]


def key(o: Observation) -> tuple[str, str, datetime]:
    return o.station, o.observed_property, o.time


def corrected(o: Observation | None) -> bool:
    return o is not None and bool(o.reasons) and o.reasons[0].startswith(CORRECTED)


def says_the_same(a: Observation, b: Observation) -> bool:
    return replace(a, received=b.received, raw=b.raw) == b


def held_by(lake: Lake, start: datetime, end: datetime, now: datetime) -> dict:
    frame = lake.observations(start=start, end=end, as_of=now, feeds=["weather"])
    rows = [Observation(
        feed=r.feed, station=r.station, observed_property=r.observed_property, time=r.time.to_pydatetime(), value=None if r.value != r.value else r.value,
        received=r.received.to_pydatetime(), raw=r.raw, flag=Flag(r.flag), reasons=tuple(filter(None, r.reasons.split(";"))), interval_s=r.interval_s,
        datum=r.datum, synthetic=r.synthetic) for r in frame.itertuples()]
    return {key(o): o for o in rows}


def sheet_of(readings: dict) -> Sheet:
    """One reading after the other into its place."""
    stations, names, times = (tuple(sorted({k[n] for k in readings})) for n in range(3))
    values = {name: np.full((len(times), len(stations)), np.nan) for name in names}
    origin = {name: np.full((len(times), len(stations)), -1) for name in names}
    for (station, name, time), o in readings.items():
        at = times.index(time), stations.index(station)
        values[name][at], origin[name][at] = np.nan if o.value is None else o.value, 0
    longest = {name: max(o.interval_s for o in readings.values() if o.observed_property == name) for name in names}
    return Sheet(times=np.array([t.timestamp() for t in times]), stations=stations, values=values, origin=origin, interval_s=longest, twin=np.zeros(0, dtype=int))


def each_alone(batch: list[Observation], feed, county, lake: Lake, now: datetime) -> tuple[list[Observation], list[Observation]]:
    """(the batch with flags, what is news), without a column."""
    first, last = min(o.time for o in batch), max(o.time for o in batch)
    held = held_by(lake, first - 2 * REACH, last + 2 * REACH, now)
    seen = held | {key(o): o for o in reversed(batch) if not corrected(held.get(key(o)))}
    sheet, told = sheet_of(seen), defaultdict(list)
    for name, several in doubts(sheet, feed, county).items():
        for doubt in several:
            for row, column in np.argwhere(doubt.where):
                told[sheet.stations[column], name, datetime.fromtimestamp(sheet.times[row], UTC)].append((doubt.flag, doubt.reason))

    def flagged(o: Observation) -> Observation:
        said = told[key(o)] if seen[key(o)] is o else []
        ours = [reason for reason in o.reasons if re.match(r"qc\d/\d ", reason)]
        source = Flag(int(ours[0][4])) if ours else o.flag
        kept = [reason for reason in o.reasons if reason not in ours]
        return replace(o, flag=max([source, *(flag for flag, _ in said)], key=WORSE.index), reasons=(*kept, *(f"qc{flag}/{source} {why}" for flag, why in said)))

    judged = [flagged(o) for o in batch]
    news = [o for o in judged if key(o) not in held or not (corrected(held[key(o)]) or says_the_same(o, held[key(o)]))]
    again = [o for k, o in held.items() if k not in {key(o) for o in batch} and first - REACH <= o.time <= last + REACH and not corrected(o)]
    return judged, news + [replace(flagged(o), received=now) for o in again if not says_the_same(flagged(o), o)]


#: What a source says of its own readings; the lake joins reasons by ';' and parts them there.
REASONS = [(), (), (), (), ("source code 7",), ("qc3/2 spike over 8",), ("a", "b"), ("a;b",), ("a", "", "b")]


def draw_batch(draw: np.random.Generator, now: datetime) -> list[Observation]:
    names = draw.choice(list(VALUES), 2)
    return [Observation(
        feed="weather", station=str(draw.choice(STATIONS)), observed_property=name, time=T0 + timedelta(hours=int(draw.integers(20))),
        value=None if draw.random() < 0.05 else float(draw.choice(VALUES[name])), received=now, raw="a" * 64, flag=Flag(int(draw.choice([1, 1, 1, 2, 3, 4]))),
        reasons=REASONS[draw.integers(len(REASONS))], interval_s=3600 if name == "rain" else 0, datum="d" if name == "stage" else "",
        synthetic=bool(draw.random() < 0.1)) for name in map(str, draw.choice(names, draw.integers(1, 40)))]


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_columns_tell_and_store_what_each_reading_alone_would(county, seed) -> None:
    draw, feed = np.random.default_rng(seed), county.feed("weather")
    work = Maintenance(station="M9001", start=T0, end=T0 + timedelta(hours=3), kind="calibration", note="")
    link = Link(upstream="M9002", downstream="M9003", observed_property="stage", rise=0.2, source="", verified=False)
    july = Climate(station="", observed_property="pressure", month=7, low=1000.0, high=1020.0, source="", verified=False)
    known = replace(county, maintenance=(work,), links=(link,), climate=(july, replace(july, station="M9002", low=990.0)))
    with tempfile.TemporaryDirectory() as home:
        lake, now = Lake(Path(home)), T0 + timedelta(days=1)
        for _ in range(4):
            now += timedelta(minutes=10)
            batch = draw_batch(draw, now)
            judged, news = each_alone(batch, feed, known, lake, now)
            found = judge(Batch(observations=tuple(batch)), feed=feed, county=known, lake=lake, now=now)
            assert list(found.batch.observations) == judged and list(found.news) == news
            right = [replace(o, value=7.0, reasons=(f"{CORRECTED} by duty1: typing error",), raw="b" * 64) for o in news[:1]]
            lake.append("weather", Batch(observations=(*found.news, *right)), now)
