from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import checks, quality
from core.limits import LIMITS, NEIGHBOURS, rain_limits
from core.model import Flag
from core.units import PROPERTIES
from core.witnesses import Near

HOUR = 3600.0
NAN = float("nan")


def check(name, values, step=HOUR, interval_s=0):
    """By reading what is told of one station's series."""
    values = np.array(values, dtype=float)
    told = [[] for _ in values]
    for doubt in quality.check(name, np.arange(len(values)) * step, values[:, None], interval_s=interval_s):
        for row in np.flatnonzero(doubt.where[:, 0]):
            told[row].append((doubt.flag, doubt.reason))
    return told


def flags(told):
    return [max((flag for flag, _ in one), default=Flag.GOOD) for one in told]


def test_every_property_has_limits_with_a_source() -> None:
    assert set(LIMITS) == set(PROPERTIES) and all(limits.source for limits in LIMITS.values())


def test_suspect_never_wider_than_fail() -> None:
    for limits in LIMITS.values():
        assert not limits.suspect[0] < limits.fail[0] and not limits.suspect[1] > limits.fail[1]


@pytest.mark.parametrize(
    ("name", "value", "flag"),
    [
        ("rain", -0.1, Flag.FAIL),
        ("rain", 60, Flag.GOOD),
        ("rain", 250, Flag.SUSPECT),
        ("rain", 500, Flag.FAIL),
        ("wind_direction", 361, Flag.FAIL),
        ("pressure", 965, Flag.GOOD),
        ("pressure", 9850, Flag.FAIL),
        ("wind_speed", 38, Flag.GOOD),
        ("wind_speed", 70, Flag.SUSPECT),
        ("stage", -0.3, Flag.GOOD),
        ("stage", 320, Flag.FAIL),
        ("customers_out", -1, Flag.FAIL),
        ("tide", NAN, Flag.GOOD),
    ],
)
def test_ranges(name, value, flag) -> None:
    assert flags(check(name, [value], interval_s=3600)) == [flag]


def test_rain_limits_grow_with_the_interval() -> None:
    depths = [rain_limits(s)[1] for s in (300, 600, 3600, 86400)]
    assert depths == sorted(depths) and depths[2] == 422.0
    assert flags(check("rain", [80], interval_s=300)) == [Flag.SUSPECT]


def test_a_jump_is_suspect_and_a_surge_is_not() -> None:
    assert flags(check("stage", [2.0, 2.1, 5.2, 5.3])) == [Flag.GOOD, Flag.GOOD, Flag.SUSPECT, Flag.GOOD]
    assert flags(check("tide", [1.0, 2.2, 3.5, 4.5, 4.9])) == [Flag.GOOD] * 5
    assert flags(check("stage", [2.0, NAN, NAN, NAN, 5.2])) == [Flag.GOOD] * 5  # over four hours it may be true


def test_a_spike_is_its_own_and_the_newest_is_not_judged() -> None:
    assert flags(check("pressure", [985, 985, 970, 985, 984])) == [Flag.GOOD, Flag.GOOD, Flag.SUSPECT, Flag.GOOD, Flag.GOOD]
    assert flags(check("pressure", [985, 985, 970])) == [Flag.GOOD] * 3


def test_a_stuck_sensor_but_not_a_calm_one() -> None:
    assert flags(check("wind_speed", [5.5] * 8))[-2:] == [Flag.SUSPECT] * 2 and flags(check("wind_speed", [5.5] * 5)) == [Flag.GOOD] * 5
    assert flags(check("wind_speed", [0.0] * 30)) == [Flag.GOOD] * 30
    assert flags(check("stage", [2.5] * 30)) == [Flag.GOOD] * 30  # an inner canal stands still for days


def test_a_typhoon_passage_is_not_an_error() -> None:
    for name, series in {
        "pressure": [1001, 998, 994, 988, 980, 972, 966, 970, 978, 986, 992],
        "wind_gust": [8, 12, 17, 24, 33, 41, 20, 38, 30, 22, 14],
        "wind_speed": [5, 8, 12, 16, 24, 31, 15, 27, 20, 14, 9],
        "rain": [0, 2, 12, 35, 68.7, 90, 20, 1, 0, 0, 0],
    }.items():
        assert flags(check(name, series, interval_s=3600)) == [Flag.GOOD] * 11, name


def test_gaps_are_measured_from_the_last_reading_that_was_there() -> None:
    values = np.array([[1.0], [NAN], [2.0], [3.0], [NAN]])
    found = checks.gaps(np.arange(5) * HOUR, values, HOUR)[:, 0]
    assert np.isnan(found[[0, 1, 3, 4]]).all() and found[2] == 2.0
    far = checks.gaps(np.array([0.0, checks.REACH_S + 1]), np.ones((2, 1)), HOUR)
    assert np.isnan(far).all()  # beyond the reach nothing is said: that is silence, and told elsewhere


def test_a_shifted_sensor_stays_suspect_until_the_shift_has_stood() -> None:
    shifted = flags(check("stage", [2.0] * 12 + [6.0] * 48, step=600))
    assert shifted[:12] == [Flag.GOOD] * 12 and set(shifted[12:21]) == {Flag.SUSPECT} and shifted[-1] == Flag.GOOD
    pulse = flags(check("stage", [2.0, 2.0, 6.0, 6.0, 6.0, 2.1, 2.1], step=600))
    assert pulse == [Flag.GOOD] * 2 + [Flag.SUSPECT] * 3 + [Flag.GOOD] * 2  # the honest reading after it is no jump


def test_the_reading_after_an_impossible_one_is_not_blamed() -> None:
    assert flags(check("pressure", [1005, 9999, 1004, 1004])) == [Flag.GOOD, Flag.FAIL, Flag.GOOD, Flag.GOOD]


def neighbours(name, value, others, paths=None):
    values = np.array([[value, *others]], dtype=float)
    paths = np.array([0, *(paths or range(1, len(others) + 1))])
    near = Near.of(*np.nonzero(paths[:, None] != paths), paths)
    return any(d.where[0, 0] for d in quality.check_neighbours(name, values, near))


@pytest.mark.parametrize(
    ("name", "value", "others", "told"),
    [
        ("rain", 0, [20, 35], True),
        ("rain", 0, [20], False),
        ("rain", 0, [20, 0.5], False),
        ("rain", 45, [0, 0.1], True),
        ("rain", 33, [0, 0.1], True),
        ("rain", 45, [12, 0.1], False),
        ("pressure", 950, [985, 986], True),
        ("pressure", 984, [985, NAN, 986], False),
        ("rain", 0, [20, NAN], False),
        ("stage", 9, [1, 1], False),
    ],
)
def test_neighbours(name, value, others, told) -> None:
    assert neighbours(name, value, others) is told


def test_two_gauges_behind_one_modem_are_one_witness() -> None:
    assert neighbours("rain", 0, [20, 35], [1, 2]) and not neighbours("rain", 0, [20, 35], [1, 1])


@pytest.mark.parametrize(
    ("series", "told"),
    [
        ({"wind_speed": 12.0, "wind_gust": 9.0}, {"wind_speed", "wind_gust"}),
        ({"wind_speed": 12.0, "wind_gust": 19.0}, set()),
        ({"wind_speed": 12.0, "wind_gust": NAN}, set()),
        ({"customers_out": 1001.0, "customers_total": 1000.0}, {"customers_out", "customers_total"}),
        ({"stage": 2.4, "gate_upstream": 3.3}, {"stage", "gate_upstream"}),
        ({"stage": 2.4, "gate_upstream": 2.6}, set()),
        ({"stage": 2.4}, set()),
    ],
)
def test_sensors_of_one_station_must_fit(series, told) -> None:
    found = quality.check_cross({name: np.array([[value]]) for name, value in series.items()})
    assert {name for name, doubts in found.items() if any(d.where.any() for d in doubts)} == told


FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.sampled_from(sorted(PROPERTIES)), st.lists(FLOATS, max_size=30), st.integers(0, 86400))
def test_any_series_gets_one_answer_a_reading(name, values, interval_s) -> None:
    told = check(name, values, interval_s=interval_s)
    assert len(told) == len(values) and all(reason for one in told for _, reason in one)
    assert all(not one for one, value in zip(told, values, strict=True) if value != value)  # what is not there is not judged


@given(st.floats(-1e6, 1e6), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=10), st.randoms())
def test_neighbours_do_not_depend_on_order(value, others, random) -> None:
    shuffled = random.sample(others, len(others))
    for name in NEIGHBOURS:
        assert neighbours(name, value, others) == neighbours(name, value, shuffled)


TABLE = st.integers(1, 20).flatmap(lambda t: st.lists(st.lists(st.sampled_from([NAN, 0.0, 1.0, 2.5, 6.0, 14.0, 99.0]), min_size=3, max_size=3), min_size=t, max_size=t))


@given(TABLE, st.sampled_from(["stage", "pressure", "rain", "tide", "wind_speed"]), st.integers(60, 7200))
def test_many_stations_at_once_are_judged_as_each_alone(rows, name, step) -> None:
    values, times = np.array(rows), np.arange(len(rows)) * float(step)
    together = [d.where for d in quality.check(name, times, values, interval_s=3600)]
    for station in range(3):
        alone = quality.check(name, times, values[:, [station]], interval_s=3600)
        assert all((a[:, station] == b.where[:, 0]).all() for a, b in zip(together, alone, strict=True))
        there = np.isfinite(values[:, station])  # and holes where another station reported change nothing
        dense = quality.check(name, times[there], values[there][:, [station]], interval_s=3600)
        assert all((a[there, station] == b.where[:, 0]).all() for a, b in zip(together, dense, strict=True))
