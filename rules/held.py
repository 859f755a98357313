"""Hysteresis over many steps at once: the levels that `hold.next_state` gives step by step, found by jumping from change to change.

A rule without a waiting time changes its level only where more is proved than is held, or where the held colour has been disproved for long
enough; both are known for all steps beforehand, so that the work is one array pass a colour and one jump a change. A rule that waits goes step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.model import Level
from rules.hold import HoldState, next_state
from rules.packs import Hold

Levels = NDArray[np.int8]
Ints = NDArray[np.int64]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Course:
    """What one rule said in one town at T steps: `proved`, `ceiling`, `heading` (T,) levels, `seen_us` (T,) time of the newest readings behind them in
    microseconds since 1970 UTC; `ticks` the steps themselves, oldest first."""

    ticks: Sequence[datetime]
    proved: Ints | Levels
    ceiling: Ints | Levels
    heading: Ints | Levels
    seen_us: Ints


def awake(state: HoldState | None) -> bool:
    """Whether a memory can still change anything: a level is held or waits."""
    return state is not None and (state.level > 0 or state.pending_since is not None)


def follow(course: Course, hold: Hold, state: HoldState | None) -> tuple[Levels, HoldState | None]:
    """Levels (T,) held at each step and the memory after the last; `state` before the first. Times never run backwards here."""
    if not awake(state):
        state = None  # a colour's clock is set anew by the very reading that raises it, so calm leaves no trace
    return _jump(course, hold, state) if hold.rise_s == 0 else _walk(course, hold, state)


def _jump(course: Course, hold: Hold, state: HoldState | None) -> tuple[Levels, HoldState | None]:
    target = np.maximum(course.proved, course.heading)
    possible = np.maximum(target, course.ceiling)
    level, tick = state.level if state else 0, 0
    top = max(level, int(target.max()))  # a colour above all that is held or proved has nothing to fall from
    since = [_since(possible < colour, course.seen_us, state.excluded[colour - 1] if state else None) for colour in range(1, top + 1)]
    falls = [(possible < colour) & (course.seen_us - clock >= hold.keep_s * 1_000_000) for colour, clock in enumerate(since, start=1)]
    # for each level that may be held: where it is left, upwards or downwards
    leaves = [np.flatnonzero((target > held) | (falls[held - 1] if held else False)) for held in range(top + 1)]
    out = np.empty(len(target), dtype=np.int8)
    while tick < len(target):
        later = leaves[level]
        at = int(np.searchsorted(later, tick))
        change = int(later[at]) if at < len(later) else len(target)
        out[tick:change] = level
        if change < len(target):
            level = max(int(target[change]), *(0 if falls[c - 1][change] else c for c in range(1, level + 1))) if level else int(target[change])
            out[change] = level
        tick = change + 1
    if not level:
        return out, None
    last = [EPOCH + int(clock[-1]) * _US if possible[-1] < colour else None for colour, clock in enumerate(since, start=1)]
    return out, HoldState(level=level, excluded=(*last, *(None,) * (Level.RED - top)), updated_at=course.ticks[-1])


def _since(below: NDArray[np.bool_], seen_us: Ints, carried: datetime | None) -> Ints:
    """(T,) since when a colour is excluded at each step where it is: the readings of the first step of the run, or what was carried into it."""
    steps = np.arange(len(below))
    first = np.maximum.accumulate(np.where(below, -1, steps)) + 1
    clock = seen_us[np.minimum(first, len(below) - 1)]
    return np.where(first == 0, (carried - EPOCH) // _US, clock) if carried is not None else clock


def _walk(course: Course, hold: Hold, state: HoldState | None) -> tuple[Levels, HoldState | None]:
    """Step by step, calm stretches passed over."""
    target = np.maximum(course.proved, course.heading)
    firing = np.flatnonzero(target)
    out = np.zeros(len(target), dtype=np.int8)
    tick = 0
    while tick < len(target):
        if not awake(state) and not target[tick]:
            at = int(np.searchsorted(firing, tick))
            if at == len(firing):
                return out, None
            tick, state = int(firing[at]), None
        state = next_state(
            state, proved=int(course.proved[tick]), ceiling=int(course.ceiling[tick]), heading=int(course.heading[tick]), now=course.ticks[tick], hold=hold,
            seen=EPOCH + int(course.seen_us[tick]) * _US,
        )
        out[tick] = state.level
        tick += 1
    return out, state
