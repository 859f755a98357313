"""Station statistics over a grid: each gives an interval per tick and station, (T, S).

`lo` is proved by GOOD readings, `hi` is +inf unless the window is whole and fresh. `heading` is where a station that has
fallen silent was heading (reliability R2): its last known value, for a stage carried on at its last rate of rise; for a
station that still reports it equals `lo`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rules.grid import Bools, Floats, Grid, Ints, Position, take, trailing_extreme, trailing_sum

#: How far a lost station's rise is carried on, and over which span its rate is taken (own choice, unverified).
CARRY_H = 3.0


@dataclass(frozen=True, slots=True)
class StationValues:
    """(T, S) each: the interval, where a lost station was heading, whether the station is stale, and the age of its newest reading that counts."""

    lo: Floats
    hi: Floats
    heading: Floats
    stale: Bools
    age_s: Floats


@dataclass(frozen=True, slots=True)
class Window:
    """What a statistic looks at: the slots that end at `end` (T, S) and are `width` long; `whole` (T, S): fresh and without gap."""

    grid: Grid
    position: Position
    end: Ints
    width: int
    fresh: Bools
    known: Bools
    whole: Bools


def window(grid: Grid, position: Position, hours: float, max_age_s: Floats, interval_s: Floats) -> Window:
    """A station's window ends at its newest reading while it is fresh (its next one is not due yet), by the clock once it is stale.

    `max_age_s`, `interval_s` (S,): the feed's; a window is whole when as many readings as are due in it count, or for an
    accumulated property when they cover it.
    """
    width = grid.slots(hours)
    fresh = position.age_s <= max_age_s
    known = position.known_age_s <= max_age_s
    end = np.where(fresh, position.newest, position.tick[:, None])
    counted = trailing_sum(np.isfinite(grid.value).astype(np.float64), end, width)
    due = np.full(len(grid.stations), width, dtype=np.float64) if grid.accumulated else np.maximum(1, (width * grid.step_s) // np.maximum(interval_s, grid.step_s))
    return Window(grid, position, end, width, fresh, known, fresh & (counted >= due))


def _lost(w: Window) -> Bools:
    return ~w.fresh & (w.position.known >= 0)


def last(w: Window) -> StationValues:
    """The newest reading that counts; certain when nothing newer came that does not."""
    value = take(w.grid.value, w.position.known, np.nan)
    lo = np.where(w.known, value, -np.inf)
    hi = np.where(w.known & (w.position.known == w.position.newest), value, np.inf)
    carried = value + np.maximum(_rate(w), 0.0) * np.minimum(np.where(w.position.known >= 0, w.position.known_age_s, 0.0) / 3600, CARRY_H)
    return StationValues(lo, hi, np.where(_lost(w), carried, lo), ~w.fresh, w.position.known_age_s)


def _rate(w: Window) -> Floats:
    """Rise per hour over the CARRY_H hours that ended at the newest reading that counts; 0 where unknown."""
    back = w.grid.slots(CARRY_H)
    lowest = trailing_extreme(w.grid.value, w.position.known, back + 1, highest=False)
    newest = take(w.grid.value, w.position.known, np.nan)
    return np.where(np.isfinite(lowest) & np.isfinite(newest), (newest - lowest) / CARRY_H, 0.0)


def total(w: Window) -> StationValues:
    """Accumulation: what is known to have fallen; a missing slot may hold anything."""
    filled = np.where(np.isfinite(w.grid.value), w.grid.value, 0.0)
    lo = trailing_sum(filled, w.end, w.width)
    before_loss = trailing_sum(filled, np.maximum(w.position.known, 0), w.width)
    return StationValues(lo, np.where(w.whole, lo, np.inf), np.where(_lost(w), np.maximum(lo, before_loss), lo), ~w.fresh, w.position.known_age_s)


def highest(w: Window) -> StationValues:
    """Highest reading of the window."""
    lo = trailing_extreme(w.grid.value, w.end, w.width, highest=True)
    before_loss = trailing_extreme(w.grid.value, w.position.known, w.width, highest=True)
    return StationValues(lo, np.where(w.whole, lo, np.inf), np.where(_lost(w), np.maximum(lo, before_loss), lo), ~w.fresh, w.position.known_age_s)


def _span(w: Window) -> tuple[Floats, Floats, Floats]:
    """(newest, lowest, highest) of the window; the window is one slot longer, so that it holds both its ends."""
    newest = np.where(w.known, take(w.grid.value, w.position.known, np.nan), np.nan)
    lowest, top = (trailing_extreme(w.grid.value, w.end, w.width + 1, highest=which) for which in (False, True))
    return newest, lowest, top


def _difference(w: Window, amount: Floats) -> StationValues:
    """A change within the window: what the known readings show is proved, gaps may hide more."""
    lo = np.where(np.isfinite(amount), np.round(amount, 6), -np.inf)
    return StationValues(lo, np.where(w.whole & np.isfinite(lo), lo, np.inf), lo, ~w.fresh, w.position.known_age_s)


def rise(w: Window) -> StationValues:
    """Newest reading above the lowest of the window."""
    newest, lowest, _ = _span(w)
    return _difference(w, newest - lowest)


def fall(w: Window) -> StationValues:
    """Newest reading below the highest of the window."""
    newest, _, top = _span(w)
    return _difference(w, top - newest)


def change(w: Window) -> StationValues:
    """Greatest distance of the newest reading from any of the window."""
    newest, lowest, top = _span(w)
    return _difference(w, np.maximum(newest - lowest, top - newest))


def mean_drop(w: Window) -> StationValues:
    """Mean of the window before minus mean of this one; known only when both are whole."""
    present = np.isfinite(w.grid.value)
    filled = np.where(present, w.grid.value, 0.0)
    count = np.maximum(trailing_sum(present.astype(np.float64), w.end, w.width), 1.0)
    before = w.end - w.width
    count_before = trailing_sum(present.astype(np.float64), before, w.width)
    enough = w.whole & (count_before >= count)
    drop = trailing_sum(filled, before, w.width) / np.maximum(count_before, 1.0) - trailing_sum(filled, w.end, w.width) / count
    lo = np.where(enough, np.round(drop, 6), -np.inf)
    return StationValues(lo, np.where(enough, lo, np.inf), lo, ~w.fresh, w.position.known_age_s)


STATISTICS: dict[str, Callable[[Window], StationValues]] = {
    "last": last, "sum": total, "max": highest, "rise": rise, "fall": fall, "change": change, "mean_drop": mean_drop, "share": last,
}
