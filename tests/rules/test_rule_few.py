"""A live tick looks at its own slots, a replay at all of them once: both must find the same sums, extremes and newest readings."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import grid as g
from rules.trailing import FEW_TICKS, evenly, trailing_extreme

shapes = st.tuples(st.integers(1, 60), st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(0, 1))


def made(slots: int, stations: int, seed: int, missing: float) -> tuple[g.Grid, np.random.Generator]:
    rng = np.random.default_rng(seed)
    value = rng.gamma(0.5, 4.0, (slots, stations)).round(2)
    value[rng.random(value.shape) < missing] = np.nan
    row = np.where(np.isfinite(value) | (rng.random(value.shape) < 0.1), 7, -1)
    return g.Grid("rain", tuple("abcdef"[:stations]), 300, value, row, True), rng


@settings(max_examples=150)
@given(shapes, st.integers(1, 70))
def test_few_ticks_as_many(shape: tuple[int, int, int, float], width: int) -> None:
    grid, rng = made(*shape)
    end = rng.integers(-width, grid.ticks, (FEW_TICKS + 3, len(grid.stations)))
    end[0] = grid.ticks - 1
    sums = {name: getattr(grid, name).trailing(end, width) for name in ("amounts", "counts")}
    tops = [trailing_extreme(grid.value, end, width, highest=which) for which in (False, True)]
    tick = np.arange(grid.ticks)[-FEW_TICKS - 3 :]
    age = np.full(len(grid.stations), 3600.0)
    whole = g.position(grid, np.resize(tick, FEW_TICKS + 3), age)
    for number in range(len(end)):
        one, single = slice(number, number + 1), g.Grid("rain", grid.stations, 300, grid.value, grid.row, True)
        for name, found in sums.items():
            np.testing.assert_array_equal(getattr(single, name).trailing(end[one], width), found[one])
        for which, found in zip((False, True), tops, strict=True):
            np.testing.assert_array_equal(trailing_extreme(grid.value, end[one], width, highest=which), found[one])
        at = g.position(grid, whole.tick[one], age)
        for name in ("newest", "known", "known_age_s", "fresh", "told", "end", "lost"):
            np.testing.assert_array_equal(getattr(at, name), getattr(whole, name)[one])


@settings(max_examples=80)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 4), st.integers(1, 3), st.integers(1, 6))
def test_rows_are_the_same_whether_evenly_spaced_or_not(any_numbers: list[int], first: int, step: int, count: int) -> None:
    values = np.arange(30.0).reshape(10, 3)
    for numbers in (np.array(any_numbers), even := np.arange(first, 10, step)[:count]):
        np.testing.assert_array_equal(evenly(values, numbers), values[numbers])
    assert np.shares_memory(evenly(values, even), values), "a replay copies no row"
