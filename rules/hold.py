"""Hysteresis of one rule in one town, as a pure function: up at once, down only when disproved for long enough.

R11: a temporary drop is not an all-clear. Unknown never lowers: a level falls only while the ceiling itself is lower, which
needs fresh data, and then no further than the ceiling. R2: a station lost while rising holds the level it was heading for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rules.packs import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldState:
    """`level` in force. While it rises: `pending`, a higher level proved since `pending_since` but not yet for long enough. While it is
    disproved: since `below_since` (time of the readings, not of the clock), and `pending` is the highest level not excluded in that time."""

    level: int = 0
    pending: int = 0
    pending_since: datetime | None = None
    below_since: datetime | None = None
    updated_at: datetime


def next_state(
    state: HoldState | None, *, proved: int, ceiling: int, heading: int, now: datetime, hold: Hold, seen: datetime | None = None
) -> HoldState:
    """The state after one assessment. proved <= ceiling; `heading` >= proved. A time before the state's own can raise but never lower.

    `seen` is the time of the newest readings behind the ceiling (`now` when not given): a level falls when readings that span keep_for
    disprove it, so that a late feed, whose last reading is merely looked at again and again, lowers nothing.
    """
    state = state or HoldState(updated_at=now)
    if now < state.updated_at:
        return replace(state, level=max(state.level, proved, heading))
    target = max(proved, heading)
    state = replace(state, updated_at=now)
    return _raise(state, target, now, hold) if target > state.level else _lower(state, max(target, ceiling), seen or now, hold)


def _raise(state: HoldState, target: int, now: datetime, hold: Hold) -> HoldState:
    state = replace(state, below_since=None, pending=state.pending if state.pending_since else 0)
    # a lower target than what was waiting has been proved all along; a higher one waits behind the lower
    waiting = min(target, state.pending) if state.pending else target
    since = state.pending_since or now
    if now - since < timedelta(seconds=hold.rise_s):
        return replace(state, pending=waiting, pending_since=since)
    left = target if target > waiting else 0
    return replace(state, level=waiting, pending=left, pending_since=now if left else None)


def _lower(state: HoldState, possible: int, seen: datetime, hold: Hold) -> HoldState:
    if possible >= state.level:
        return replace(state, pending=0, pending_since=None, below_since=None)
    since = state.below_since or seen
    to = max(possible, state.pending) if state.below_since else possible
    if seen - since < timedelta(seconds=hold.keep_s):
        return replace(state, pending=to, pending_since=None, below_since=since)
    return replace(state, level=to, pending=0, pending_since=None, below_since=None)
