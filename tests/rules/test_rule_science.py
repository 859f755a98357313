"""Formulas against values worked out apart from the code: by hand, by plain loops, or from series whose answer is known by construction."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.catalogue import Indicator
from rules.grid import Log, build, position
from rules.statistics import STATISTICS, negated, window
from rules.statistics.deformation import inverse_velocity
from rules.statistics.rain import threshold_mm
from rules.statistics.stage import recession_hours
from rules.testworld import START, hours, sources, world

NOTHING = np.array([np.nan])


def told(statistic: str, observed: str, values: list[float | None], *, mark: float = math.nan, **given: object) -> tuple[float, float]:
    """(lo, hi) of a statistic over hourly readings of one station, the last one just now."""
    indicator = Indicator(name="x", title="", title_en="", unit="", kind="station", properties=(observed,), statistic=statistic, **given)
    text = " ".join("_" if v is None else f"{v:.6f}" for v in values)
    case = {"name": "science", "series": {f"{observed}@A": text}}
    now = START + timedelta(hours=len(values) - 1)
    log = Log.of(sources(case, hours("1 h"), world(case, 1.0), now).observations)
    grid = build(log, observed, ("A",), now=now, hours=len(values) + 1.0)
    seen = negated(grid) if indicator.inverted else grid
    at = position(grid, np.array([grid.ticks - 1]), np.array([7200.0]))
    found = STATISTICS[statistic](window(seen, at, indicator.window_h, np.array([3600.0]), np.array([mark])), indicator)
    lo, hi = float(found.lo[0, 0]), float(found.hi[0, 0])
    return (-hi, -lo) if indicator.sinking else (lo, hi)


@pytest.mark.parametrize(("hours", "a", "b", "mm"), [
    (1, 14.82, 0.39, 14.82), (3, 14.82, 0.39, 28.966), (24, 14.82, 0.39, 102.997), (72, 14.82, 0.39, 201.306),  # Caine 1980
    (1, 2.20, 0.44, 2.20), (24, 2.20, 0.44, 13.041),                                                          # Guzzetti et al. 2008
])
def test_intensity_duration_thresholds(hours: float, a: float, b: float, mm: float) -> None:
    assert threshold_mm(hours, a, b) == pytest.approx(mm, rel=1e-3)
    assert threshold_mm(hours, a, b) / hours == pytest.approx(a * hours**-b)


RAIN = st.lists(st.floats(0, 40).map(lambda v: round(v, 1)), min_size=80, max_size=80)


@settings(max_examples=40)
@given(RAIN)
def test_the_ratio_is_the_highest_over_all_durations(rain: list[float]) -> None:
    plain = max(sum(rain[-d:]) / (14.82 * d**0.61) for d in (1, 3, 6, 12, 24, 48, 72))
    assert told("intensity_duration", "rain", rain, window_h=72) == pytest.approx((plain, plain), abs=2e-5)


@settings(max_examples=40)
@given(RAIN, st.floats(0.8, 0.9))
def test_antecedent_rain_weighs_each_day_once_more(rain: list[float], decay: float) -> None:
    plain = sum(decay**i * sum(rain[len(rain) - 24 * (i + 1): len(rain) - 24 * i]) for i in range(3))
    assert told("antecedent", "rain", rain, window_h=72, decay=decay) == pytest.approx((plain, plain), abs=1e-4)


def test_a_hole_proves_less_and_excludes_nothing() -> None:
    rain: list[float | None] = [1.0] * 80
    rain[70] = None
    lo, hi = told("antecedent", "rain", rain, window_h=72)
    assert lo < told("antecedent", "rain", [1.0] * 80, window_h=72)[0] and hi == math.inf


def test_persistence_and_time_to_a_mark() -> None:
    rising = [2.0] * 6 + [2.0 + 0.1 * n for n in range(1, 7)]  # 0.1 m/h over the last three hours, now 2.6 m
    assert told("projected", "stage", rising, lead_h=6) == pytest.approx((3.2, 3.2))
    assert told("hours_to", "stage", rising, mark=3.0) == pytest.approx((4.0, 4.0))
    assert told("hours_to", "stage", rising, mark=2.5) == (0.0, 0.0)
    begun = [2.4, 2.2, *[2.0] * 9, 2.5]  # half a metre in the last hour, and it fell before: by the hour it is two hours to 3.5 m, not six
    assert told("hours_to", "stage", begun, mark=3.5) == pytest.approx((2.0, 2.0)) and told("projected", "stage", begun, lead_h=2) == pytest.approx((3.5, 3.5))
    assert told("hours_to", "stage", [None] * 10 + [2.0, 2.5], mark=3.0) == pytest.approx((1.0, 1.0)), "nothing older is known"
    assert told("hours_to", "stage", [2.0] * 12, mark=3.0) == (240.0, 240.0)  # never is the longest time, not an unknown


@pytest.mark.parametrize(("base", "excess", "k", "mark"), [(2.0, 1.5, 0.9, 2.4), (0.0, 3.0, 0.97, 1.0), (5.0, 0.8, 0.8, 5.1)])
def test_recession_recovers_the_time_that_made_it(base: float, excess: float, k: float, mark: float) -> None:
    newest, before = base + excess, base + excess / k**3
    wanted = math.log((mark - base) / excess) / math.log(k)
    got = recession_hours(*(np.array([v]) for v in (newest, before, base, mark)))
    assert float(got[0]) == pytest.approx(wanted, abs=1e-5)


def test_recession_says_no_time_where_it_does_not_fall() -> None:
    assert float(recession_hours(*(np.array([v]) for v in (3.0, 3.0, 2.0, 2.5)))[0]) == 240.0
    assert float(recession_hours(*(np.array([v]) for v in (2.4, 3.0, 2.0, 2.5)))[0]) == 0.0


@pytest.mark.parametrize("failure_h", [3.0, 10.0, 48.0])
def test_inverse_velocity_finds_the_failure_it_was_made_from(failure_h: float) -> None:
    """v = 1 / (c (tf - t)): displacement -ln(tf - t) / c; by segments the mean speed is near enough to its middle."""
    t = np.linspace(-24, 0, 7)
    places = -np.log(failure_h - t) / 0.05
    assert float(inverse_velocity(places, 4.0)) == pytest.approx(failure_h, abs=0.15 * failure_h + 1.0)


def test_no_failure_where_the_rate_is_steady_or_falls() -> None:
    t = np.linspace(-24, 0, 7)
    for places in (0.5 * t, np.zeros(7), np.log(t + 30), -t):
        assert float(inverse_velocity(places, 4.0)) == math.inf


@pytest.mark.parametrize(("factor", "degrees"), [(1.0, 45.0), (math.sqrt(3), 60.0), (math.tan(math.radians(80)), 80.0), (math.tan(math.radians(85)), 85.0)])
def test_tangent_angle_is_the_arctangent_of_the_growth_of_the_rate(factor: float, degrees: float) -> None:
    steady = [0.2 * n for n in range(25)]
    faster = [steady[-1] + 0.2 * factor * n for n in range(1, 25)]
    assert told("tangent_angle", "displacement", steady + faster, window_h=24, floor=2.0) == pytest.approx((degrees, degrees), abs=0.01)


def test_noise_under_the_floor_is_no_acceleration() -> None:
    lo, _ = told("tangent_angle", "displacement", [12.0] * 48 + [12.4], window_h=24, floor=2.0)
    assert lo == pytest.approx(math.degrees(math.atan2(0.4, 2.0)), abs=0.01)


@settings(max_examples=40)
@given(st.lists(st.floats(-5, 42).map(lambda v: round(v, 1)), min_size=100, max_size=100))
def test_hot_and_cold_days_against_plain_loops(values: list[float]) -> None:
    days = [max(values[len(values) - 24 * (i + 1): len(values) - 24 * i]) for i in range(3)]
    assert told("lowest_daily_max", "temperature", values, window_h=72) == pytest.approx((min(days), min(days)))
    drop = min(values[-48:-24]) - min(values[-24:])
    assert told("min_drop", "temperature", values, window_h=24) == pytest.approx((drop, drop), abs=1e-5)
    assert told("min", "temperature", values, window_h=24) == pytest.approx((min(values[-24:]),) * 2)
    mean = sum(values[-48:]) / 48
    assert told("mean", "temperature", values, window_h=48) == pytest.approx((mean, mean), abs=1e-4)


def test_where_small_is_bad_a_hole_opens_the_small_side() -> None:
    values: list[float | None] = [5.0] * 30
    values[20] = None
    assert told("min", "temperature", values, window_h=24) == (-math.inf, 5.0)
    assert told("last", "visibility", [3000.0] * 5 + [400.0], worse="low") == (400.0, 400.0)


@given(st.lists(st.floats(0, 5).map(lambda v: round(v, 3)), min_size=7, max_size=12))
def test_a_fall_is_a_rise_turned_over(values: list[float]) -> None:
    lo, hi = told("fall", "stage", values, window_h=6.0)
    assert lo == hi == pytest.approx(max(values[-7:]) - values[-1], abs=2e-6)
    assert (lo, hi) == pytest.approx(told("rise", "stage", [9.0 - v for v in values], window_h=6.0), abs=2e-6)
    holed = told("fall", "stage", [*values[:-3], None, *values[-2:]], window_h=6.0)
    assert holed[0] <= lo + 2e-6 and holed[1] == math.inf, "a hole may hide a higher stage"
