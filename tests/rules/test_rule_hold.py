"""Hysteresis as a pure function: by table, and as invariants over any sequence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.assess import hold_all, judge
from rules.hold import HoldState, next_state
from rules.packs import FOLDER, Hold, load_pack
from rules.testworld import START, sources, world

T0 = datetime(2021, 7, 26, tzinfo=UTC)
HOUR = Hold(rise_s=0, keep_s=3600)


def run(steps: list[tuple[int, int, int]], hold: Hold = HOUR, heading: dict[int, int] | None = None) -> list[int]:
    """Levels after each (minute, proved, ceiling)."""
    state, out = None, []
    for number, (minute, proved, ceiling) in enumerate(steps):
        state = next_state(state, proved=proved, ceiling=ceiling, heading=max(proved, (heading or {}).get(number, 0)), now=T0 + timedelta(minutes=minute), hold=hold)
        out.append(state.level)
    return out


@pytest.mark.parametrize(("steps", "levels"), [
    ([(0, 0, 0), (10, 3, 3)], [0, 3]),                                            # up at once
    ([(0, 3, 3), (10, 0, 0), (69, 0, 0), (70, 0, 0)], [3, 3, 3, 0]),              # down after keep_for of disproof
    ([(0, 3, 3), (10, 0, 4), (500, 0, 4)], [3, 3, 3]),                            # unknown never lowers
    ([(0, 3, 3), (10, 0, 0), (40, 0, 4), (50, 0, 0), (100, 0, 0), (110, 0, 0)], [3, 3, 3, 3, 3, 0]),  # a doubt starts the clock again
    ([(0, 3, 3), (10, 0, 2), (70, 0, 0), (129, 0, 0)], [3, 3, 2, 2]),              # no further than what could not be excluded meanwhile
    ([(0, 3, 3), (10, 0, 2), (70, 0, 0), (80, 0, 0), (130, 0, 0)], [3, 3, 2, 2, 0]),  # each colour by its own clock
    ([(0, 3, 3), (10, 1, 1), (70, 1, 1)], [3, 3, 1]),
    ([(0, 4, 4), (10, 0, 0), (60, 4, 4), (80, 0, 0), (139, 0, 0)], [4, 4, 4, 4, 4]),  # a flare within the hold
])
def test_by_table(steps: list[tuple[int, int, int]], levels: list[int]) -> None:
    assert run(steps) == levels


def test_for_waits_and_a_lower_proof_matures_first() -> None:
    hold = Hold(rise_s=600, keep_s=3600)
    assert run([(0, 2, 2), (5, 2, 2), (10, 2, 2)], hold) == [0, 0, 2]
    assert run([(0, 2, 2), (5, 3, 3), (10, 3, 3), (15, 3, 3), (20, 3, 3)], hold) == [0, 0, 2, 2, 3]
    assert run([(0, 2, 2), (5, 0, 0), (10, 2, 2)], hold) == [0, 0, 0]


def test_lost_while_rising_holds_what_it_headed_for() -> None:
    assert run([(0, 1, 1), (60, 0, 4), (120, 0, 4)], heading={1: 3}) == [1, 3, 3]


def test_looking_again_at_an_old_reading_lowers_nothing() -> None:
    state = next_state(None, proved=3, ceiling=3, heading=3, now=T0, hold=HOUR)
    for minutes in range(10, 300, 10):  # the one reading that disproves it came at minute 10
        state = next_state(state, proved=0, ceiling=0, heading=0, now=T0 + timedelta(minutes=minutes), hold=HOUR, seen=T0 + timedelta(minutes=10))
        assert state.level == 3
    last = T0 + timedelta(minutes=300)
    assert next_state(state, proved=0, ceiling=0, heading=0, now=last, hold=HOUR, seen=T0 + timedelta(minutes=70)).level == 0


def test_a_clock_that_goes_back_can_raise_and_never_lower() -> None:
    state = HoldState(level=2, excluded=(None, T0, T0, T0), updated_at=T0 + timedelta(hours=5))
    assert next_state(state, proved=0, ceiling=0, heading=0, now=T0, hold=HOUR).level == 2
    assert next_state(state, proved=3, ceiling=3, heading=3, now=T0, hold=HOUR).level == 3


STEP = st.tuples(st.integers(1, 120), st.integers(0, 4), st.integers(0, 4))


@given(st.lists(STEP, min_size=1, max_size=40))
def test_never_under_what_is_proved_and_never_lowered_by_doubt(steps: list[tuple[int, int, int]]) -> None:
    state, now = None, T0
    for minutes, a, b in steps:
        proved, ceiling = min(a, b), max(a, b)
        now += timedelta(minutes=minutes)
        before = state.level if state else 0
        state = next_state(state, proved=proved, ceiling=ceiling, heading=proved, now=now, hold=HOUR)
        assert state.level >= proved
        assert state.level >= min(before, ceiling)
        assert state.level in {before, *range(max(proved, 0), 5)} and (state.level <= max(before, proved))


@given(st.lists(STEP, min_size=1, max_size=40), st.data())
def test_more_doubt_never_lowers_a_level(steps: list[tuple[int, int, int]], data: st.DataObject) -> None:
    sure = doubtful = None
    now = T0
    for minutes, a, b in steps:
        proved, ceiling = min(a, b), max(a, b)
        wider = data.draw(st.integers(ceiling, 4))
        now += timedelta(minutes=minutes)
        sure = next_state(sure, proved=proved, ceiling=ceiling, heading=proved, now=now, hold=HOUR)
        doubtful = next_state(doubtful, proved=proved, ceiling=wider, heading=proved, now=now, hold=HOUR)
        assert doubtful.level >= sure.level


@given(st.lists(STEP, min_size=1, max_size=40), st.data())
def test_a_higher_reading_never_makes_a_later_level_lower(steps: list[tuple[int, int, int]], data: st.DataObject) -> None:
    less = more = None
    now = T0
    for minutes, a, b in steps:
        proved, ceiling = min(a, b), max(a, b)
        higher = data.draw(st.integers(proved, 4))
        now += timedelta(minutes=minutes)
        less = next_state(less, proved=proved, ceiling=ceiling, heading=proved, now=now, hold=HOUR)
        more = next_state(more, proved=higher, ceiling=max(higher, ceiling), heading=higher, now=now, hold=HOUR)
        assert more.level >= less.level


@given(st.lists(st.floats(-1, 1), min_size=200, max_size=200))
def test_noise_at_a_threshold_changes_the_level_at_most_twice_an_hour(noise: list[float]) -> None:
    state, now, changes, before = None, T0, 0, 0
    for value in noise:
        level = 2 if value >= 0 else 0
        state = next_state(state, proved=level, ceiling=level, heading=level, now=now, hold=HOUR)
        assert state.level >= level  # up in the very step that proves it
        changes += state.level != before
        before = state.level
        now += timedelta(minutes=5)
    assert changes <= 2 * (200 * 5 / 60) / 1 + 1


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_gauge_at_its_warning_stage_through_the_whole_engine(seed: int) -> None:
    """A day of readings every five minutes, 2 cm of noise around the mark: the proof flips all the time, the level at most once in two hours, and it
    is never a step late in rising."""
    noise = np.random.default_rng(seed).normal(2.8, 0.02, 24 * 12).round(3)
    case = {"name": f"noise {seed}", "series": {"stage@Z1": " ".join(map(str, noise))}, "stations": {"Z1": {"warning_stage": 2.8, "guaranteed_stage": 3.3}}}
    rule = next(r for r in load_pack(FOLDER / "cn" / "stage.yaml").rules if r.id == "flood.stage")
    ticks = [START + timedelta(minutes=5 * n) for n in range(len(noise))]
    there = world(case, 5 / 60)
    judged = judge(sources(case, 5 / 60, there, ticks[-1]), ticks[-1], there, (rule,), ticks)
    memory: dict[tuple[str, str], HoldState] = {}
    held = []
    for number, tick in enumerate(ticks):
        memory = hold_all(judged, memory, tick, number)
        held.append(memory["t", "flood.stage"].level)
    proved = judged.findings[0].proved[:, 0]
    assert np.count_nonzero(np.diff(proved)) > 80
    assert np.count_nonzero(np.diff(held)) <= 24 / (rule.hold.keep_s / 3600) + 1
    assert (np.array(held) >= proved).all() and int(np.argmax(proved == 2)) == held.index(2)
