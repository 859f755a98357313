"""The harmonic analysis against constituents that we made, and the residual through the whole step."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from connectors.quality.derive import derive
from connectors.quality.tide import APART, predict
from core.model import Batch, Flag, Observation

NOW = datetime(2026, 9, 1, 0, 0, tzinfo=UTC)
#: (amplitude m, period h, phase): M2, S2, N2, K1, O1; periods from their angular speeds (28.9841, 30.0, 28.4397, 15.0411, 13.9430 degrees an hour).
MADE = ((1.60, 12.4206012, 0.3), (0.70, 12.0, 1.1), (0.30, 12.6583482, 2.0), (0.25, 23.9344697, 0.7), (0.18, 25.8193417, 2.9))


def tide(seconds: np.ndarray, mean: float = 2.5) -> np.ndarray:
    return mean + sum(a * np.cos(2 * math.pi * seconds / (period * 3600) - phase) for a, period, phase in MADE)


def hours(days: float, end: datetime = NOW) -> np.ndarray:
    return end.timestamp() - np.arange(0, days * 24)[::-1] * 3600.0


def test_made_constituents_are_recovered() -> None:
    times, rng = hours(60), np.random.default_rng(7)
    ahead = NOW.timestamp() + np.arange(0, 48) * 3600.0
    found = predict(times, tide(times) + rng.normal(0, 0.02, len(times)), ahead, latitude=31.9, now=NOW)
    assert found.values is not None and np.abs(found.values - tide(ahead)).max() < 0.06
    assert np.ptp(tide(ahead)) > 2.5


def test_a_surge_does_not_explain_itself() -> None:
    times = hours(45)
    surge = np.where(times > NOW.timestamp() - 36 * 3600, 1.2, 0.0)
    found = predict(times, tide(times) + surge, times[-24:], latitude=31.9, now=NOW)
    assert found.values is not None
    assert np.abs((tide(times[-24:]) + surge[-24:] - found.values) - 1.2).max() < 0.08


@pytest.mark.parametrize("days", [0, 1, 10, 29 + APART.days - 0.5])
def test_a_history_that_is_too_short_gives_none_and_says_why(days) -> None:
    times = hours(days)
    found = predict(times, tide(times), hours(1), latitude=31.9, now=NOW)
    assert found.values is None and "29" in found.why


def test_a_history_with_holes_gives_none() -> None:
    times = hours(60)[::2]
    assert predict(times, tide(times), hours(1), latitude=31.9, now=NOW).values is None


@pytest.mark.parametrize("past", [np.full(1440, 2.5), np.zeros(1440), np.random.default_rng(3).normal(size=1440), np.linspace(0, 5, 1440)])
def test_a_stuck_or_untidal_gauge_gives_none(past) -> None:
    found = predict(hours(60), past, hours(1), latitude=31.9, now=NOW)
    assert found.values is None and "not tidal" in found.why


def test_at_the_equator() -> None:
    found = predict(hours(60), tide(hours(60)), hours(1), latitude=0.0, now=NOW)
    assert found.values is not None and abs(found.values - tide(hours(1))).max() < 0.1


def test_a_lying_reading_in_the_past_does_not_move_the_tide(gauge, lake) -> None:
    past = hours(50, NOW - timedelta(hours=1))
    lie = np.where(np.arange(len(past)) == 500, 1e4, tide(past))
    rows = seen(gauge, "tide", past, lie, NOW - timedelta(hours=1))
    flagged = replace(rows, observations=tuple(replace(o, flag=Flag.SUSPECT) if o.value == 1e4 else o for o in rows.observations))
    lake.append(gauge[1].feed, flagged, NOW)
    (residual,) = run(gauge, lake, seen(gauge, "tide", [NOW.timestamp()], tide(np.array([NOW.timestamp()])) + 0.9))
    assert residual.value == pytest.approx(0.9, abs=0.05)


def test_without_the_library_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "utide", None)
    found = predict(hours(60), tide(hours(60)), hours(1), latitude=31.9, now=NOW)
    assert found.values is None and "fengsui[tide]" in found.why


@pytest.fixture
def gauge(elsewhere):
    return elsewhere("ea_flood", {"station": "T1", "lat": 31.9, "lon": 121.7, "properties": ("tide",), "datum": "吴淞"}, residual=True)


def seen(place, name: str, times, values, received: datetime = NOW, **change) -> Batch:
    _, feed = place
    base = Observation(feed=feed.feed, station="T1", observed_property=name, time=NOW, value=0.0, received=received, raw="r", datum="吴淞" if name == "tide" else "")
    rows = [replace(base, time=datetime.fromtimestamp(t, UTC), value=None if v is None else float(v), **change) for t, v in zip(times, values, strict=True)]
    return Batch(observations=tuple(rows))


def derived(place, lake, batch: Batch, now: datetime = NOW) -> list[Observation]:
    county, feed = place
    out = derive(batch, feed=feed, county=county, lake=lake, now=now)
    lake.append(feed.feed, out, now)
    return [o for o in out.observations if o not in batch.observations]


def run(place, lake, batch: Batch, now: datetime = NOW) -> list[Observation]:
    """What is derived but for the tide to come."""
    return [o for o in derived(place, lake, batch, now) if o.issued is None]


def test_the_residual_of_a_new_tide_from_the_lakes_history(gauge, lake) -> None:
    past = hours(50, NOW - timedelta(hours=1))
    lake.append(gauge[1].feed, seen(gauge, "tide", past, tide(past), NOW - timedelta(hours=1)), NOW)
    (residual,) = run(gauge, lake, seen(gauge, "tide", [NOW.timestamp()], tide(np.array([NOW.timestamp()])) + 0.9))
    assert (residual.observed_property, residual.datum, residual.time) == ("tide_residual", "", NOW) and residual.value == pytest.approx(0.9, abs=0.05)


def test_too_little_history_is_unknown_and_never_nothing(gauge, lake) -> None:
    (residual,) = run(gauge, lake, seen(gauge, "tide", [NOW.timestamp()], [3.0]))
    assert (residual.value, residual.flag) == (None, Flag.UNKNOWN) and "29" in residual.reasons[0]


def test_a_tide_in_another_datum_is_never_compared(gauge, lake) -> None:
    past = hours(50, NOW - timedelta(hours=1))
    lake.append(gauge[1].feed, seen(gauge, "tide", past, tide(past), NOW - timedelta(hours=1)), NOW)
    (residual,) = run(gauge, lake, seen(gauge, "tide", [NOW.timestamp()], [3.0], datum="1985"))
    assert (residual.value, residual.flag) == (None, Flag.UNKNOWN) and "1985" in residual.reasons[0]


def test_the_tide_to_come_is_foretold_once_in_seven_hours_and_does_not_know_what_the_gauge_says_today(gauge, lake) -> None:
    past = hours(50, NOW - timedelta(hours=1))
    drift = np.where(past > NOW.timestamp() - 6 * 3600, 1.5, 0.0)
    lake.append(gauge[1].feed, seen(gauge, "tide", past, tide(past) + drift, NOW - timedelta(hours=1)), NOW)
    issues = {}
    for minutes in range(0, 780, 30):
        now = NOW + timedelta(minutes=minutes)
        rows = derived(gauge, lake, seen(gauge, "tide", [now.timestamp()], tide(np.array([now.timestamp()])) + 1.5, now), now)
        issues[minutes] = [o for o in rows if o.issued is not None]
    assert [minutes for minutes, ahead in issues.items() if ahead] == [0, 420] and len(issues[0]) < 70
    for minutes, ahead in issues.items():
        now, times = NOW + timedelta(minutes=minutes), np.array([o.time.timestamp() for o in ahead])
        assert {(o.observed_property, o.datum, o.flag, o.issued) for o in ahead} <= {("tide_astronomic", "吴淞", Flag.GOOD, now)}
        if ahead:
            assert ahead[0].time <= now - timedelta(hours=2) and ahead[-1].time >= now + timedelta(hours=30)
            assert np.abs([o.value for o in ahead] - tide(times)).max() < 0.05


def test_what_an_agency_foretells_is_not_foretold_again(gauge, lake) -> None:
    past = hours(50, NOW - timedelta(hours=1))
    lake.append(gauge[1].feed, seen(gauge, "tide", past, tide(past), NOW - timedelta(hours=1)), NOW)
    later = NOW + timedelta(hours=24)
    table = seen(gauge, "tide_astronomic", [later.timestamp()], [3.0], issued=NOW, datum="吴淞")
    batch = replace(table, observations=(*table.observations, *seen(gauge, "tide", [NOW.timestamp()], [3.0]).observations))
    assert [o.observed_property for o in derived(gauge, lake, batch)] == ["tide_residual"]


def test_no_residual_unless_it_is_asked_for(gauge, lake) -> None:
    county, feed = gauge
    batch = seen(gauge, "tide", [NOW.timestamp()], [3.0])
    assert derive(batch, feed=replace(feed, options={}), county=county, lake=lake, now=NOW) is batch


def counts(place, *pairs: tuple[int, float | None], received: datetime = NOW) -> Batch:
    """Counter readings as (minutes before NOW, mm)."""
    return seen(place, "rain_total", [NOW.timestamp() - 60 * m for m, _ in pairs], [v for _, v in pairs], received)


def rain(place, lake) -> dict[str, tuple[float, int]]:
    frame = lake.observations(start=NOW - timedelta(days=1), end=NOW, as_of=NOW + timedelta(hours=1), properties=["rain"])
    return {f"{t:%H:%M}": (v, s) for t, v, s in zip(frame["time"], frame["value"], frame["interval_s"], strict=True)}


def test_rain_is_the_step_of_the_counter(gauge, lake) -> None:
    run(gauge, lake, counts(gauge, (60, 87.5), (30, 90.0)))
    run(gauge, lake, counts(gauge, (0, 91.5)))
    assert rain(gauge, lake) == {"23:30": (2.5, 1800), "00:00": (1.5, 1800)}


def test_a_counter_that_fell_or_was_silent_too_long_says_nothing(gauge, lake) -> None:
    assert run(gauge, lake, counts(gauge, (600, 10.0), (60, 87.5), (30, 0.5), (0, None))) == []


def test_late_repeated_and_reordered_counts_end_in_the_same_rain(gauge, lake, tmp_path) -> None:
    from core.lake import Lake

    pairs = [(60, 80.0), (40, 81.0), (20, 84.0), (0, 84.5)]
    run(gauge, lake, counts(gauge, *pairs))
    want = rain(gauge, lake)
    for number, order in enumerate([(0, 3, 1, 2), (3, 2, 1, 0), (1, 0, 3, 2, 2, 0), (2, 0, 1, 3)]):
        other = Lake(tmp_path / f"other{number}")
        for k, place in enumerate(order):
            now = NOW + timedelta(minutes=k)
            run(gauge, other, counts(gauge, pairs[place], received=now), now)
        assert rain(gauge, other) == want, order


def test_a_gauge_that_tells_its_rain_is_not_counted_twice(gauge, lake) -> None:
    run(gauge, lake, counts(gauge, (60, 80.0)))
    both = Batch(observations=counts(gauge, (0, 81.0)).observations + seen(gauge, "rain", [NOW.timestamp()], [1.0]).observations)
    assert run(gauge, lake, both) == []


def test_through_the_whole_step(over_http, elsewhere) -> None:
    place = elsewhere("ea_flood", {"station": "T1", "lat": 31.9, "lon": 121.7, "properties": ("tide",), "datum": "ODN"}, residual=True)
    rows = [{"dateTime": (NOW - timedelta(minutes=15 * k)).isoformat(), "measure": "x/T1-level-tidal_level-i-15_min-mAOD", "value": 1.5} for k in range(3)]
    reports, stored = over_http(place, NOW, json.dumps({"items": rows}).encode())
    frame = stored()
    assert reports[0].outcome == "ok" and frame["observed_property"].value_counts().to_dict() == {"tide": 3, "tide_residual": 3}
    assert frame.loc[frame["observed_property"] == "tide_residual", "value"].isna().all()


@pytest.mark.recorded
def test_a_recorded_month_of_seattle_leaves_a_small_residual(recorded) -> None:
    import gzip

    from ruamel.yaml import YAML

    with gzip.open(recorded / "coops" / "test_station_data.yaml.gz", "rt") as text:
        calls = YAML(typ="safe").load(text)["interactions"]
    rows = json.loads(next(call["response"]["body"]["string"] for call in calls if "datagetter" in call["request"]["uri"]))["data"]
    times = np.array([datetime.strptime(row["t"], "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp() for row in rows])
    values = np.array([float(row["v"]) for row in rows])
    found = predict(times, values, times[::10], latitude=47.6, now=datetime(2015, 2, 4, tzinfo=UTC))
    assert found.values is not None and np.ptp(values) > 4
    assert float(np.std(values[::10] - found.values)) < 0.2
