"""The plain statistics: newest, sum, extremes, rise, fall, change, drop of the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rules.grid import Floats
from rules.statistics.window import StationValues, Window
from rules.trailing import take, trailing_extreme

if TYPE_CHECKING:
    from rules.catalogue import Indicator

#: How far a lost station's rise is carried on, and over which spans its rate is taken, the steepest of them (own choice, unverified).
CARRY_H = 3.0
SPANS_H = (1.0, 2.0, CARRY_H)


def last(w: Window, _: Indicator) -> StationValues:
    """The newest reading that counts; certain when nothing newer came that does not."""
    value = newest(w)
    return w.values(np.where(w.known, value, -np.inf), w.position.known == w.position.newest, _carried)


def newest(w: Window) -> Floats:
    """(T, S) the newest reading that counts, NaN for none."""
    return take(w.grid.value, w.position.known, np.nan)


def silent_h(w: Window) -> Floats:
    """(T, S) hours since the newest reading that counts, at most CARRY_H; 0 for none."""
    return np.minimum(np.where(w.position.known >= 0, w.position.known_age_s, 0.0) / 3600, CARRY_H)


def _carried(w: Window) -> Floats:
    return np.asarray(newest(w) + np.maximum(rate(w), 0.0) * silent_h(w))


def rate(w: Window) -> Floats:
    """Rise per hour, the steepest over SPANS_H that ended at the newest reading that counts; 0 where unknown. Over the longest span alone a rise that
    began an hour ago, or of which nothing older was told, would look three times as slow."""
    now, steepest = newest(w), np.zeros(w.position.known.shape)
    for span in SPANS_H:
        lowest = trailing_extreme(w.grid.value, w.position.known, w.grid.slots(span) + 1, highest=False)
        steepest = np.fmax(steepest, np.where(np.isfinite(lowest), (now - lowest) / span, 0.0))
    return steepest


def total(w: Window, _: Indicator) -> StationValues:
    """Accumulation: what is known to have fallen; a missing slot may hold anything."""
    lo = w.grid.amounts.trailing(w.end, w.width)
    return w.bounded(lo, lambda some: some.grid.amounts.trailing(np.maximum(some.position.known, 0), some.width))


def highest(w: Window, _: Indicator) -> StationValues:
    """Highest reading of the window."""
    lo = trailing_extreme(w.grid.value, w.end, w.width, highest=True)
    return w.bounded(lo, lambda some: trailing_extreme(some.grid.value, some.position.known, some.width, highest=True))


def mean(w: Window, _: Indicator) -> StationValues:
    """Mean of the window; proved only when the window is whole."""
    count = np.maximum(w.grid.counts.trailing(w.end, w.width), 1.0)
    value = np.round(w.grid.amounts.trailing(w.end, w.width) / count, 6)
    return w.values(np.where(w.whole, value, -np.inf), w.whole)


def _span(w: Window) -> tuple[Floats, Floats, Floats]:
    """(newest, lowest, highest) of the window; the window is one slot longer, so that it holds both its ends."""
    lowest, top = (trailing_extreme(w.grid.value, w.end, w.width + 1, highest=which) for which in (False, True))
    return np.where(w.known, newest(w), np.nan), lowest, top


def _difference(w: Window, amount: Floats) -> StationValues:
    """A change within the window: what the known readings show is proved, gaps may hide more."""
    lo = np.where(np.isfinite(amount), np.round(amount, 6), -np.inf)
    return w.values(lo, w.whole)


def rise(w: Window, _: Indicator) -> StationValues:
    """Newest reading above the lowest of the window."""
    now, lowest = _span(w)[:2]
    return _difference(w, now - lowest)


def fall(w: Window, _: Indicator) -> StationValues:
    """Newest reading below the highest of the window."""
    now, top = _span(w)[::2]
    return _difference(w, top - now)


def change(w: Window, _: Indicator) -> StationValues:
    """Greatest distance of the newest reading from any of the window."""
    now, lowest, top = _span(w)
    return _difference(w, np.maximum(now - lowest, top - now))


def mean_drop(w: Window, _: Indicator) -> StationValues:
    """Mean of the window before minus mean of this one; known only when both are whole."""
    total, counted, before = w.grid.amounts, w.grid.counts, w.end - w.width
    count = np.maximum(counted.trailing(w.end, w.width), 1.0)
    count_before = counted.trailing(before, w.width)
    enough = w.whole & (count_before >= count)
    drop = total.trailing(before, w.width) / np.maximum(count_before, 1.0) - total.trailing(w.end, w.width) / count
    return w.values(np.where(enough, np.round(drop, 6), -np.inf), enough)
