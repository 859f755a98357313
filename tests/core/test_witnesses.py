"""The judge looks at columns and only where it can find something; it must say what is said when every station is asked alone (plain.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import plain

from core import quality, signatures
from core.limits import LIMITS, NEIGHBOURS
from core.model import Flag
from core.witnesses import Near

NAN = float("nan")
#: Values about which a property's tests have something to say, so that most draws are near a limit.
VALUES = {
    "rain": [0.0, 0.1, 0.2, 4.0, 15.0, 16.0, 30.0, 45.0, 300.0, -1.0],
    "wind_speed": [1.5, 1.9, 2.0, 2.0, 15.0, 18.0, 19.0, 19.0, 80.0],
    "wind_gust": [2.0, 2.4, 20.0, 24.0, 60.0],
    "pressure": [990.0, 996.0, 1002.0, 1002.1, 1014.0, 1030.0, 9999.0],
    "temperature": [10.0, 10.1, 18.0, 22.0, 22.1, 35.0, 99.0],
    "stage": [2.0, 2.0, 2.3, 2.6, 3.5, 20.0],
    "tide": [1.0, 2.0, 2.6, 4.2, -3.0],
    "tilt": [0.4, 0.41, 0.5, 4.0],
    "soil_moisture": [0.2, 0.8, 1.2],
}
#: The row from which on something is to be told.
SINCE = st.sampled_from([0, 0, 5, 12])


@st.composite
def sheets(draw, names=tuple(VALUES)):
    """A property, its sheet (T, S) with holes, the times, who is near whom and by which path each station speaks."""
    name = draw(st.sampled_from(names))
    stations, rows = draw(st.integers(1, 9)), draw(st.integers(1, 30))
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    few = seed.choice(VALUES[name], draw(st.integers(2, 5)))
    weather = few[np.cumsum(seed.random(rows) < 0.2) % len(few), None]
    values = np.where(seed.random((rows, stations)) < draw(st.sampled_from([0.0, 0.6, 0.9])), weather, seed.choice(few, (rows, stations)))
    values[seed.random(values.shape) < draw(st.sampled_from([0.0, 0.3]))] = NAN
    times = 1.6e9 + np.cumsum(seed.choice(draw(st.sampled_from([[300.0], [3600.0], [600.0, 3600.0, 7200.0], [3600.0, 50_000.0]])), rows))
    hears = seed.random((stations, stations)) < draw(st.sampled_from([0.3, 1.0]))
    near = [[n for n in range(stations) if n != s and hears[s, n]] for s in range(stations)]
    path = seed.integers(0, draw(st.sampled_from([1, 2, 4, 100])), stations).tolist()
    return name, values, times, near, path


def known(found: set, since: int) -> set:
    """What is told from a row on."""
    return {told for told in found if told[0] >= since}


def heard(near: list[list[int]], path: list[int]) -> Near:
    station, other = np.array([(s, n) for s, others in enumerate(near) for n in others], dtype=np.int64).reshape(-1, 2).T
    return Near.of(station, other, np.array(path))


@settings(max_examples=300)
@given(sheets(), st.sampled_from([300, 3600]))
def test_a_stations_own_past_is_judged_as_each_test_judges_each_station(sheet, interval_s) -> None:
    name, values, times, _, _ = sheet
    assert plain.told(quality.check(name, times, values, interval_s=interval_s)) == plain.own_past(name, times, values, interval_s)


@settings(max_examples=300)
@given(sheets(tuple(NEIGHBOURS)), SINCE)
def test_who_stands_alone_is_the_same_asked_one_by_one(sheet, since) -> None:
    name, values, _, near, path = sheet
    found = plain.told(quality.check_neighbours(name, values, heard(near, path), since))
    assert known(found, since) == known(plain.alone(name, values, near, path), since)


@settings(max_examples=200)
@given(sheets(("pressure", "temperature", "stage")), SINCE)
def test_who_drifts_is_the_same_asked_one_by_one(sheet, since) -> None:
    name, values, times, near, _ = sheet
    found = quality.check_drift(name, times, values, heard(near, list(range(len(near)))), since)
    moved = values - plain.anchor(times, values)
    drifted = plain.apart(moved, near, list(range(len(near))), LIMITS[name].drift, quality.MANY) if len(times) >= signatures.ANCHORED else set()
    assert {(row, station) for row, station, _, _ in plain.told(found)} == known(drifted, since)


@settings(max_examples=200)
@given(sheets(("stage", "tide", "tilt")), SINCE)
def test_a_leap_is_doubted_where_the_whole_sheet_says_so_and_nobody_moves_too(sheet, since) -> None:
    name, values, times, near, path = sheet
    limits = LIMITS[name]
    leapt, size = signatures.leap(times, values, limits.leap, limits.stands)
    want = {(int(row), int(station)) for row, station in np.argwhere(leapt)} - plain.moved_too(times, values, size, near)
    assert {told[:2] for told in plain.told(quality.check_leaps(name, times, values, heard(near, path), since))} == known(want, since)


@settings(max_examples=100)
@given(st.sampled_from(quality.PAIRS), st.integers(1, 26), st.integers(0, 2**32), SINCE)
def test_exchanged_fields_are_found_where_the_whole_sheet_says_so(pair, rows, seed, since) -> None:
    draw, times = np.random.default_rng(seed), np.arange(rows) * 3600.0
    levels = np.array([1.0, 1.0 + 3 * pair.least])
    series = {pair.one: draw.choice([0.0, 0.1], (rows, 3)) + levels[0], pair.other: draw.choice([0.0, 0.1], (rows, 3)) + levels[1]}
    swap = draw.random((rows, 3)) < 0.2
    series = {pair.one: np.where(swap, series[pair.other], series[pair.one]), pair.other: np.where(swap, series[pair.one], series[pair.other])}
    found = quality.check_exchanged(times, series, since)[pair.one][0].where
    assert (found == signatures.exchanged(times, series[pair.one], series[pair.other], pair.least) & (np.arange(rows) >= since)[:, None]).all()


@given(sheets(), SINCE)
def test_an_anchor_is_the_median_of_half_a_day_ago(sheet, since) -> None:
    _, values, times, _, _ = sheet
    want = np.where((np.arange(len(times)) >= since)[:, None], plain.anchor(times, values), NAN)
    assert np.array_equal(signatures.anchor(times, values, since), want, equal_nan=True)


def test_a_step_that_two_spikes_hid_and_one_tenfold_reading_each_of_two_stations() -> None:
    water, times = np.array([[0.0, 0.0, 0.624, 0.023, 0.647, 0.647, 0.647]]).T, np.arange(7) * 300.0
    assert (4, 0, Flag.SUSPECT, "step over 2.5 an hour") in plain.told(quality.check("stage", times, water)) == plain.own_past("stage", times, water, 0)
    wind = np.array([[60.0, 18.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0], [18.0, 60.0, 2.0, 2.0]])  # 60 is more than tenfold
    near = [[n for n in range(4) if n != s] for s in range(4)]
    assert plain.told(quality.check_neighbours("wind_speed", wind, heard(near, list(range(4))))) == plain.alone("wind_speed", wind, near, list(range(4)))


def test_a_witness_says_the_median_of_its_stations_and_a_large_question_is_asked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    near = heard([[1, 2, 3], [], [0]], [0, 1, 1, 2])
    assert near.count.tolist() == [2, 0, 1, 0] and near.hears.tolist() == [3, 0, 1, 0]
    values = np.array([[9.0, 1.0, 5.0, 7.0], [NAN, NAN, 6.0, NAN]])
    rows, stations = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 2])
    want = [[2, 3, 5, 7], [1, 6, 6, 6], [0, NAN, NAN, NAN], [1, 9, 9, 9]]
    assert np.array_equal(np.transpose(near.said(values, rows, stations)), want, equal_nan=True)
    monkeypatch.setattr("core.witnesses.BLOCK", 1)
    assert np.array_equal(np.transpose(near.said(values, rows, stations)), want, equal_nan=True)
