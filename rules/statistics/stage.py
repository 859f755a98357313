"""Where a stage is going: carried on at its last rate, hours to a mark, hours until its recession passes under a mark.

Persistence of the rate over the last hours (basic.rate) is the plainest forecast there is and holds for hours at most, never on a tidal reach.
Recession after Barnes (1939), Trans. AGU 20, 721-725: the excess over the base falls by a constant factor an hour (general knowledge).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from rules.grid import Floats
from rules.statistics.basic import CARRY_H, newest, rate, silent_h
from rules.statistics.window import LONGEST_H, StationValues, Window, held
from rules.trailing import take, trailing_extreme

if TYPE_CHECKING:
    from rules.catalogue import Indicator


def projected(w: Window, indicator: Indicator) -> StationValues:
    """Newest reading carried on by `lead_h` hours at its last rate of rise; a fall is not counted on."""
    def ahead(at: Window) -> Floats:
        """m: the newest stage and what the present rise adds in the lead time; a fall is not carried on."""
        return np.asarray(np.round(newest(at) + np.maximum(rate(at), 0.0) * indicator.lead_h, 6))

    return _read(w, ahead(w), lambda lost: ahead(lost) + np.maximum(rate(lost), 0.0) * silent_h(lost))


def hours_to(w: Window, _: Indicator) -> StationValues:
    """Hours until the mark (`above`) is reached at the last rate of rise, upside down (the fewer, the worse); 0 when over it."""
    def by_now(lost: Window) -> Floats:
        """Hours to the mark from where the lost gauge would stand by now, had it gone on rising; below 0 is past it."""
        climb = rate(lost)
        return -_hours(newest(lost) + np.maximum(climb, 0.0) * silent_h(lost), climb, lost.mark)

    return _read(w, -_hours(newest(w), rate(w), w.mark), by_now)


def hours_above(w: Window, _: Indicator) -> StationValues:
    """Hours that a stage over its mark (`above`) stays there by its recession, at most LONGEST_H; 0 when under it."""
    def hours(at: Window) -> Floats:
        """Hours until the stage is back below the mark, by the recession since the reading CARRY_H before."""
        base = trailing_extreme(at.grid.value, at.position.known, at.width, highest=False)
        before = take(held(at.grid), at.position.known - at.grid.slots(CARRY_H), np.nan)
        return recession_hours(newest(at), before, base, at.mark)

    return _read(w, hours(w), hours)


def recession_hours(newest: Floats, before: Floats, base: Floats, mark: Floats) -> Floats:
    """Hours until base + e0 K^t = mark, with e0 = newest - base and K^CARRY_H = e0 / (before - base); LONGEST_H where it does not fall."""
    with np.errstate(divide="ignore", invalid="ignore"):
        excess, was, goal = newest - base, before - base, mark - base
        falls = (excess > 0) & (was > excess) & (goal > 0)
        hours = np.where(falls, np.log(goal / excess) / (np.log(excess / was) / CARRY_H), LONGEST_H)
    return np.asarray(np.where(newest < mark, 0.0, np.round(np.clip(hours, 0.0, LONGEST_H), 6)))


def _hours(newest: Floats, climb: Floats, mark: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = np.minimum(np.where(climb > 0, (mark - newest) / climb, LONGEST_H), LONGEST_H)
    return np.asarray(np.where(newest >= mark, 0.0, np.round(ahead, 6)))


def _read(w: Window, value: Floats, when_lost: Callable[[Window], Floats]) -> StationValues:
    """Told by the newest reading; of a lost station what it would be by now."""
    return w.values(np.where(w.known, value, -np.inf), w.position.known == w.position.newest, when_lost)
