"""What a lie looks like beside a station's own half day and its neighbours, and what a storm does that is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import checks, quality, signatures
from core.witnesses import Near

HOUR = 3600.0
NAN = float("nan")


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def each_other(count: int) -> Near:
    """So many stations, all near each other, each on its own path."""
    return Near.of(*np.nonzero(~np.eye(count, dtype=bool)), np.arange(count))


def times(count: int, step: float = HOUR) -> np.ndarray:
    return np.arange(count) * step


def where(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask[:, 0]).tolist()


def test_a_leap_waits_until_it_has_stood() -> None:
    told, size = signatures.leap(times(8), column(2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.1, 3.1), 0.4, 5400)
    assert where(told) == [3, 4] and size[3, 0] == 1.0
    slow, _ = signatures.leap(times(6), column(2.0, 2.3, 2.6, 2.9, 3.2, 3.5), 0.4, 5400)
    assert not slow.any(), "a flood that rises is no leap"
    back, _ = signatures.leap(times(6), column(2.0, 2.0, 3.5, 2.0, 2.0, 2.0), 0.4, 5400)
    assert where(back) == [2]


def test_a_leap_that_another_path_makes_too_is_believed() -> None:
    values = np.column_stack([[2.0, 2.0, 2.0, 3.2, 3.2], [2.0, 2.0, 2.1, 2.6, 2.7], [2.0] * 5])
    assert where(quality.check_leaps("stage", times(5), values, each_other(3))[0].where) == []
    alone = quality.check_leaps("stage", times(5), values[:, [0, 2]], each_other(2))[0].where
    assert where(alone) == [3, 4]


@pytest.mark.parametrize(("series", "told"), [
    ([5, 5, 50, 50, 5, 5], [2, 3]),
    ([5, 5, 50, 50, 50, 5.5, 5], [2, 3, 4]),
    ([5, 5, 30, 45, 20, 5, 5], []),              # a squall is no plateau
    ([5, 5, 50, 50, 30, 30, 30], []),            # it does not come back to where it began
    ([5, 5, 50, NAN, 50, 5, 5], [2, 4]),         # across a hole where another station reported
    ([5, 5, 50, 50, 50, 50, 50, 50, 50, 5], []),  # too long for a pulse
])
def test_a_square_pulse(series: list[float], told: list[int]) -> None:
    assert where(signatures.pulse(times(len(series)), column(*series), 20.0)) == told


def test_a_slipped_decimal_is_told_from_half_a_day_ago_and_a_storm_is_not() -> None:
    base = [3.0, 3.1, 2.9, 3.0, 3.2, 3.1, 3.0, 2.8, 3.0, 3.1, 3.0, 3.0]
    values = column(*base, 30.5, 31.0, 29.0)
    assert where(signatures.tenfold(values, signatures.anchor(times(15), values), 10.0)) == [12, 13, 14]
    storm = column(*base, 8.0, 14.0, 22.0)
    assert not signatures.tenfold(storm, signatures.anchor(times(15), storm), 10.0).any()


def test_exchanged_fields_read_like_each_other() -> None:
    tilt, moved = column(*[0.4] * 10, 12.0, 12.1), column(*[12.0] * 10, 0.4, 0.4)
    found = quality.check_exchanged(times(12), {"tilt": tilt, "displacement": moved})
    assert where(found["tilt"][0].where) == where(found["displacement"][0].where) == [10, 11]
    both = quality.check_exchanged(times(12), {"tilt": column(*[0.4] * 10, 1.4, 2.4), "displacement": column(*[12.0] * 10, 40.0, 60.0)})
    assert not both["tilt"][0].where.any(), "a bank that moves is not a swapped column"


def test_a_drift_stands_out_among_three_neighbours() -> None:
    rows = 16
    weather = 1000.0 - np.linspace(0, 30, rows)[:, None] + np.zeros((rows, 4))  # a typhoon comes: all of them fall
    near = each_other(4)
    assert not quality.check_drift("pressure", times(rows), weather, near)[0].where.any()
    lying = weather.copy()
    lying[8:, 2] += np.linspace(0, 9, rows - 8)
    told = quality.check_drift("pressure", times(rows), lying, near)[0].where
    assert told[-1, 2] and not told[:, [0, 1, 3]].any()


def test_one_gauge_far_over_its_neighbours_needs_a_witness() -> None:
    def told(own: float, *others: float) -> bool:
        return any(d.where[-1, 0] for d in quality.check_neighbours("rain", np.array([[own, *others]] * 2, dtype=float), each_other(3)))
    assert told(60, 4, 6) and told(20, 2, 2.1) and not told(60, 4, 15) and not told(45, 4, 9)


@given(st.lists(st.lists(st.sampled_from([NAN, 0.0, 1.0, 2.5, 6.0, 14.0]), min_size=3, max_size=3), min_size=1, max_size=16), st.integers(300, 7200))
def test_many_stations_at_once_are_judged_as_each_alone_and_holes_change_nothing(rows: list[list[float]], step: int) -> None:
    values, at = np.array(rows), times(len(rows), float(step))
    for test in (lambda t, v: signatures.pulse(t, v, 3.0), lambda t, v: signatures.leap(t, v, 2.0, 5400)[0], signatures.anchor):
        together = test(at, values)
        for station in range(3):
            assert np.array_equal(together[:, station], test(at, values[:, [station]])[:, 0], equal_nan=True)
            there = np.isfinite(values[:, station])
            dense = test(at[there], values[there][:, [station]])
            assert np.array_equal(together[there, station], dense[:, 0], equal_nan=True)


@given(st.lists(st.lists(st.sampled_from([NAN, -1.0, 0.0, 2.0, 7.5]), min_size=4, max_size=4), min_size=1, max_size=6))
def test_the_quick_order_is_that_of_each_row_alone(rows: list[list[float]]) -> None:
    values = np.array(rows)
    for lines in (values, values.T, values[:, :0]):
        there = [line[np.isfinite(line)] for line in lines]
        want = [(len(line), *((line.min(), np.median(line), line.max()) if len(line) else (NAN, NAN, NAN))) for line in there]
        assert np.array_equal(np.transpose(checks.ordered(lines)), want, equal_nan=True)
