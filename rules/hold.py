"""Hysteresis of one rule in one town, as a pure function: up at once, down only when disproved for long enough.

R11: a temporary drop is not an all-clear. Unknown never lowers: a level falls only while the ceiling itself is lower, which
needs fresh data, and then no further than the ceiling. R2: a station lost while rising holds the level it was heading for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.model import Level
from rules.packs import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldState:
    """`level` in force; `pending`, a higher level proved since `pending_since` but not yet for long enough; `excluded`, for each colour from
    blue to red, since when readings exclude it (time of the readings, not of the clock), None while they do not."""

    level: int = 0
    pending: int = 0
    pending_since: datetime | None = None
    excluded: tuple[datetime | None, ...] = (None,) * Level.RED
    updated_at: datetime


def next_state(
    state: HoldState | None, *, proved: int, ceiling: int, heading: int, now: datetime, hold: Hold, seen: datetime | None = None
) -> HoldState:
    """The state after one assessment. proved <= ceiling; `heading` >= proved. A time before the state's own can raise but never lower.

    `seen` is the time of the newest readings behind the ceiling (`now` when not given): a colour falls when readings that span keep_for
    exclude it, so that a late feed, whose last reading is merely looked at again and again, lowers nothing. Each colour has a clock of
    its own, so a higher reading can never make a later level lower.
    """
    state = state or HoldState(updated_at=now)
    if now < state.updated_at:
        return replace(state, level=max(state.level, proved, heading))
    target, seen = max(proved, heading), seen or now
    possible = max(target, ceiling)
    excluded = tuple(None if level <= possible else since or seen for level, since in enumerate(state.excluded, start=1))
    if target > state.level:
        return _raise(state, target, now, hold, excluded)
    keep = timedelta(seconds=hold.keep_s)
    held = [level for level, since in enumerate(excluded, start=1) if level <= state.level and (since is None or seen - since < keep)]
    return HoldState(level=max(held, default=0), excluded=excluded, updated_at=now)


def _raise(state: HoldState, target: int, now: datetime, hold: Hold, excluded: tuple[datetime | None, ...]) -> HoldState:
    pending = state.pending if state.pending_since else 0
    # a lower target than what was waiting has been proved all along; a higher one waits behind the lower
    waiting = min(target, pending) if pending else target
    since = state.pending_since or now
    if now - since < timedelta(seconds=hold.rise_s):
        return HoldState(level=state.level, pending=waiting, pending_since=since, excluded=excluded, updated_at=now)
    left = target if target > waiting else 0
    return HoldState(level=waiting, pending=left, pending_since=now if left else None, excluded=excluded, updated_at=now)
