"""What every statistic looks at and gives: the window of a station's readings, and the interval with its heading.

`lo` is proved by GOOD readings, `hi` is +inf unless the window is whole and fresh. `heading` is where a station that has
fallen silent was heading (reliability R2): its last known value, for a stage carried on at its last rate of rise; for a
station that still reports it equals `lo`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rules.grid import Bools, Floats, Grid, Ints, Position, take

#: Longest time ahead that a statistic tells, h; "never" is told as this, so that it is a value and not an unknown.
LONGEST_H = 240.0


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
    """What a statistic looks at: the slots that end at `end` (T, S) and are `width` long; `whole` (T, S): fresh and without gap.

    `mark` (S,): the stations' declared stage that the indicator names (`above`), NaN where it names none.
    """

    grid: Grid
    position: Position
    end: Ints
    width: int
    fresh: Bools
    known: Bools
    whole: Bools
    mark: Floats


def window(grid: Grid, position: Position, hours: float, max_age_s: Floats, interval_s: Floats, mark: Floats) -> Window:
    """A station's window ends at its newest reading while it is fresh (its next one is not due yet), by the clock once it is stale.

    `max_age_s`, `interval_s` (S,): the feed's; a window is whole when as many readings as are due in it count, or for an
    accumulated property when they cover it.
    """
    width = grid.slots(hours)
    fresh = position.age_s <= max_age_s
    known = position.known_age_s <= max_age_s
    end = np.where(fresh, position.newest, position.tick[:, None])
    counted = grid.counts.trailing(end, width)
    due = np.full(len(grid.stations), width, dtype=np.float64) if grid.accumulated else np.maximum(1, (width * grid.step_s) // np.maximum(interval_s, grid.step_s))
    return Window(grid, position, end, width, fresh, known, fresh & (counted >= due), mark)


def lost(w: Window) -> Bools:
    """Stations (T, S) that have fallen silent and were heard before."""
    return ~w.fresh & (w.position.known >= 0)


def held(grid: Grid) -> Floats:
    """(K, S): each slot's newest value at or before it, NaN before the first."""
    known = np.maximum.accumulate(np.where(np.isfinite(grid.value), np.arange(grid.ticks)[:, None], -1), axis=0)
    return take(grid.value, known, np.nan)


def negated(grid: Grid) -> Grid:
    """The grid upside down, for properties whose small values are the dangerous ones (visibility, temperature, soil moisture)."""
    return replace(grid, value=-grid.value, kept={})
