"""Hysteresis over many steps at once gives what step by step gives, however the steps are cut into pieces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.held import EPOCH, Course, follow
from rules.hold import HoldState, next_state
from rules.packs import Hold

T0 = datetime(2021, 7, 26, tzinfo=UTC)
STEP = timedelta(minutes=10)
US = timedelta(microseconds=1)
#: (proved, more that cannot be excluded, more that a lost station was heading for, age of the readings in minutes)
step = st.tuples(st.sampled_from([0, 0, 0, 1, 2, 3, 4]), st.sampled_from([0, 0, 1, 4]), st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([0, 0, 10, 30, 90, 45]))
courses = st.lists(step, min_size=1, max_size=60)
holds = st.builds(Hold, rise_s=st.sampled_from([0, 0, 600, 1800]), keep_s=st.sampled_from([0, 600, 3600, 7200]))


def course(steps: list[tuple[int, int, int, int]], first: int = 0) -> Course:
    proved = np.array([s[0] for s in steps])
    ticks = [T0 + STEP * (first + n) for n in range(len(steps))]
    seen = [(tick - timedelta(minutes=s[3]) - EPOCH) // US for tick, s in zip(ticks, steps, strict=True)]
    return Course(ticks, proved, np.minimum(proved + [s[1] for s in steps], 4), np.minimum(proved + [s[2] for s in steps], 4), np.array(seen))


def one_by_one(given_: Course, hold: Hold) -> tuple[list[int], HoldState | None]:
    state, out = None, []
    for n, tick in enumerate(given_.ticks):
        state = next_state(state, proved=int(given_.proved[n]), ceiling=int(given_.ceiling[n]), heading=int(given_.heading[n]), now=tick, hold=hold,
                           seen=EPOCH + int(given_.seen_us[n]) * US)
        out.append(state.level)
    return out, state


@settings(max_examples=400)
@given(courses, holds)
def test_all_steps_at_once_as_one_by_one(steps: list[tuple[int, int, int, int]], hold: Hold) -> None:
    whole = course(steps)
    levels, state = follow(whole, hold, None)
    expected, last = one_by_one(whole, hold)
    assert levels.tolist() == expected
    assert (state.level if state else 0) == last.level
    if state and state.level:  # the clocks that later steps will read
        assert state.excluded[:state.level] == last.excluded[:state.level]


@settings(max_examples=300)
@given(courses, courses, holds)
def test_two_pieces_as_the_whole(first: list[tuple[int, int, int, int]], second: list[tuple[int, int, int, int]], hold: Hold) -> None:
    whole, _ = follow(course(first + second), hold, None)
    one, state = follow(course(first), hold, None)
    two, _ = follow(course(second, len(first)), hold, state)
    assert whole.tolist() == [*one.tolist(), *two.tolist()]


def test_a_colour_falls_by_its_own_clock() -> None:
    levels, _ = follow(course([(3, 0, 0, 0), (0, 2, 0, 0), *[(0, 0, 0, 0)] * 12]), Hold(keep_s=3600), None)
    assert levels.tolist() == [3, *[3] * 6, 2, 0, 0, 0, 0, 0, 0]
