"""Flags through the real judge and a real lake: whatever the order of arrival, the state is the same; what the county knows about its sensors counts."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.quality.judge import judge
from core.county import County
from core.county.watch import Climate, Link, Maintenance
from core.lake import CORRECTED, Lake
from core.model import Batch, Flag, Observation

T0 = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)
STATIONS = ("M9001", "M9002", "M9003")


def reading(station: str, name: str, minutes: float, value: float | None, **change) -> Observation:
    base = {"feed": "weather", "raw": "a" * 64, "received": T0 + timedelta(days=1)}
    return Observation(station=station, observed_property=name, time=T0 + timedelta(minutes=minutes), value=value, **(base | change))


def store(lake: Lake, county: County, rows, now: datetime, feed: str = "weather") -> tuple[Observation, ...]:
    """One ingest's judging and storing; what was written."""
    batch = Batch(observations=tuple(replace(o, received=now, feed=feed) for o in rows))
    news = judge(batch, feed=county.feed(feed), county=county, lake=lake, now=now).news
    if news:
        lake.append(feed, Batch(observations=news), now)
    return news


def state(lake: Lake, now: datetime = T0 + timedelta(days=3)) -> dict:
    frame = lake.observations(start=T0 - timedelta(days=2), end=T0 + timedelta(days=2), as_of=now)
    return {(r.station, r.observed_property, r.time): (r.value, r.flag, tuple(sorted(r.reasons.split(";")))) for r in frame.itertuples() if r.value == r.value}


VALUES = {"pressure": [1000.0, 1001.0, 985.0, 960.0, 1002.0, 9999.0], "tilt": [0.4, 0.41, 4.0, 1.2, 12.0, 0.3]}
SERIES = st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), st.lists(
    st.lists(st.sampled_from(VALUES[name]), min_size=4, max_size=7), min_size=3, max_size=3)))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(SERIES, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_in_the_same_state(county, told, random) -> None:
    name, series = told
    rows = [reading(s, name, 60 * i, v) for s, values in zip(STATIONS, series, strict=True) for i, v in enumerate(values)]
    shuffled = rows + random.sample(rows, len(rows) // 3)
    random.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        straight, crooked = Lake(Path(one)), Lake(Path(other))
        for hour in range(7):
            store(straight, county, [o for o in rows if o.time == T0 + timedelta(hours=hour)] or rows[:1], T0 + timedelta(days=1, hours=hour))
        at = 0
        while shuffled:
            size = random.randint(1, 5)
            part = list({(o.station, o.time): o for o in shuffled[:size]}.values())
            shuffled = shuffled[size:]
            at += 1
            store(crooked, county, part, T0 + timedelta(days=1, minutes=at))
        assert state(straight) == state(crooked)


def test_a_late_reading_puts_its_neighbours_in_another_light_and_yesterday_is_not_rewritten(lake, county) -> None:
    first, second = T0 + timedelta(hours=3), T0 + timedelta(hours=4)
    store(lake, county, [reading("M9001", "pressure", 60, 970.0), reading("M9001", "pressure", 120, 985.0)], first)
    assert {flag for _, flag, _ in state(lake).values()} == {Flag.GOOD}
    store(lake, county, [reading("M9001", "pressure", 0, 985.0)], second)  # late: now the reading at 60 is a spike
    after = state(lake)
    assert after["M9001", "pressure", T0 + timedelta(minutes=60)][1:] == (Flag.SUSPECT, ("qc3/1 spike over 8",))
    assert {flag for _, flag, _ in state(lake, first).values()} == {Flag.GOOD}


def test_a_repeat_writes_nothing(lake, county) -> None:
    rows = [reading(s, "rain", 60 * i, 1.0, interval_s=3600) for s in STATIONS for i in range(4)]
    assert len(store(lake, county, rows, T0 + timedelta(hours=5))) == 12
    assert store(lake, county, rows, T0 + timedelta(hours=6)) == ()
    changed = [replace(rows[0], value=1.5)]
    assert [o.value for o in store(lake, county, rows[1:] + changed, T0 + timedelta(hours=7))] == [1.5]
    assert state(lake)["M9001", "rain", T0][0] == 1.5


def test_the_sources_own_flag_survives_being_judged_twice(lake, county) -> None:
    own = reading("M9001", "pressure", 60, 985.0, flag=Flag.UNKNOWN, reasons=("source quality code 7",))
    store(lake, county, [own, reading("M9001", "pressure", 120, 1000.0)], T0 + timedelta(hours=3))
    store(lake, county, [reading("M9001", "pressure", 0, 1000.0)], T0 + timedelta(hours=4))
    key = ("M9001", "pressure", T0 + timedelta(minutes=60))
    assert state(lake)[key][1] == Flag.SUSPECT
    store(lake, county, [reading("M9001", "pressure", 50, 991.0)], T0 + timedelta(hours=5))  # no spike after all
    assert state(lake)[key][1:] == (Flag.UNKNOWN, ("source quality code 7",))


def test_a_correction_stands_over_whatever_the_source_repeats(lake, county) -> None:
    wrong = reading("M9001", "pressure", 60, 985.0)
    store(lake, county, [wrong], T0 + timedelta(hours=2))
    right = replace(wrong, value=1005.0, received=T0 + timedelta(hours=3), reasons=(f"{CORRECTED} by duty1: typing error",), raw="b" * 64)
    lake.append("weather", Batch(observations=(right,)), right.received)
    assert store(lake, county, [wrong, reading("M9001", "pressure", 120, 1005.0)], T0 + timedelta(hours=4))[0].value == 1005.0
    kept = state(lake)["M9001", "pressure", T0 + timedelta(minutes=60)]
    assert kept[0] == 1005.0 and state(lake, T0 + timedelta(hours=2))["M9001", "pressure", T0 + timedelta(minutes=60)][0] == 985.0


def judged(lake, county, rows, feed="weather") -> dict:
    store(lake, county, rows, T0 + timedelta(days=1), feed)
    return {key[:2]: value[1:] for key, value in state(lake).items()}


def test_a_reading_inside_a_maintenance_window_is_flagged_and_no_witness(lake, county) -> None:
    window = Maintenance(station="M9001", start=T0, end=T0 + timedelta(hours=2), kind="calibration", note="")
    rows = [reading(s, "rain", 60, v, interval_s=3600) for s, v in zip(STATIONS, (90.0, 0.0, 0.0), strict=True)]
    told = judged(lake, replace(county, maintenance=(window,)), rows)
    assert told["M9001", "rain"] == (Flag.SUSPECT, ("qc3/1 station under maintenance",))
    assert told["M9002", "rain"][0] == Flag.GOOD
    after = [reading("M9001", "rain", 120, 3.0, interval_s=3600)]
    assert judged(lake, replace(county, maintenance=(window,)), after)["M9001", "rain"][0] == Flag.GOOD


@pytest.mark.parametrize(("value", "flag"), [(31.0, Flag.GOOD), (38.0, Flag.SUSPECT), (-3.0, Flag.GOOD), (-8.0, Flag.SUSPECT)])
def test_a_month_and_a_station_have_their_own_bounds(lake, county, value, flag) -> None:
    rows = [{"station": "", "low": 15.0, "high": 44.0}, {"station": "M9001", "low": -5.0, "high": 36.0}]
    climate = tuple(Climate(observed_property="temperature", month=7, source="test", verified=False, **row) for row in rows)
    told = judged(lake, replace(county, climate=climate), [reading("M9001", "temperature", 0, value), reading("M9002", "temperature", 0, 38.0)])
    assert told["M9001", "temperature"][0] == flag and told["M9002", "temperature"][0] == Flag.GOOD


def test_water_does_not_run_uphill(lake, county) -> None:
    link = Link(upstream="SXZ", downstream="CLZ", observed_property="stage", rise=0.5, source="test", verified=False)
    rows = [reading(s, "stage", 0, v, datum="废黄河") for s, v in (("SXZ", 2.1), ("CLZ", 3.4), ("SCZ", 3.4))]
    told = judged(lake, replace(county, links=(link,)), rows, feed="water")
    assert told["SXZ", "stage"][0] == told["CLZ", "stage"][0] == Flag.SUSPECT and told["SCZ", "stage"][0] == Flag.GOOD


def test_a_gap_is_told_and_takes_nothing_away_until_it_is_filled(lake, county) -> None:
    store(lake, county, [reading("M9001", "pressure", m, 1000.0) for m in (0, 240)], T0 + timedelta(hours=5))
    assert state(lake)["M9001", "pressure", T0 + timedelta(hours=4)][1:] == (Flag.GOOD, ("qc1/1 after a gap",))
    store(lake, county, [reading("M9001", "pressure", m, 1000.0) for m in (60, 120, 180)], T0 + timedelta(hours=6))
    assert {value[2] for value in state(lake).values()} == {("",)}


@pytest.mark.parametrize("few", [0, 500])
def test_neighbours_on_the_sphere_are_those_of_the_plain_formula(monkeypatch, few) -> None:
    import random

    from connectors.reading.stations import distance_km, within_km

    draw = random.Random(5)
    places = [(draw.uniform(31, 33), draw.uniform(120, 122)) for _ in range(60)] + [None, (89.99, -179.9), (89.99, 0.1), (0.0, 179.95), (0.0, -179.95)]
    monkeypatch.setattr("connectors.reading.stations.FEW", few)
    found = set(zip(*(numbers.tolist() for numbers in within_km(places, 25.0)), strict=True))
    assert found == {(i, j) for i, a in enumerate(places) for j, b in enumerate(places) if i != j and a and b and distance_km(*a, *b) <= 25.0}
    assert len(found) > 50 and not any(len(numbers) for places in ([None], []) for numbers in within_km(places, 25.0))
