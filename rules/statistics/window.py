"""What every statistic looks at and gives: the window of a station's readings, and the interval with its heading.

`lo` is proved by GOOD readings; where the window is whole and fresh it is `sure`, elsewhere anything above it is possible. `heading` is where a station that has
fallen silent was heading (reliability R2): its last known value, for a stage carried on at its last rate of rise; for a
station that still reports it equals `lo`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rules.grid import Bools, Floats, Grid, Ints, Position
from rules.trailing import Slots, accumulated, take

#: Longest time ahead that a statistic tells, h; "never" is told as this, so that it is a value and not an unknown.
LONGEST_H = 240.0


@dataclass(frozen=True, slots=True)
class StationValues:
    """(T, S) each: what is proved, whether nothing above is possible (`sure`; then `lo` is finite), where a lost station was heading (`lo` itself where
    none is lost), whether the station is stale, and the age of its newest reading that counts. `above`: of several that became one (rules.fusion) what is
    possible where they are sure; None where that is `lo`."""

    lo: Floats
    sure: Bools
    heading: Floats
    stale: Bools
    age_s: Floats
    above: Floats | None = None

    @property
    def hi(self) -> Floats:
        """(T, S) what is possible, +inf where anything is."""
        return opened(self.lo if self.above is None else self.above, self.sure)

    def each(self, change: Callable[[Floats], Floats]) -> StationValues:
        """The same with the interval and the heading changed in one way."""
        lo = change(self.lo)
        return replace(self, lo=lo, heading=lo if self.heading is self.lo else change(self.heading), above=None if self.above is None else change(self.above))

    def some(self, at: Any) -> StationValues:
        """Some ticks or stations."""
        lo = self.lo[at]
        heading, above = lo if self.heading is self.lo else self.heading[at], None if self.above is None else self.above[at]
        return StationValues(lo, self.sure[at], heading, self.stale[at], self.age_s[at], above)


#: By whether a value is sure: what it is raised to.
_RAISED = np.array([np.inf, -np.inf])


def opened(values: Floats, sure: Bools) -> Floats:
    """The values where they are sure, elsewhere +inf; where the two alternate a masked copy takes up to five times as long."""
    ends: Floats = np.take(_RAISED, sure.view(np.int8))
    np.maximum(values, ends, out=ends)
    return ends


@dataclass(frozen=True, slots=True)
class Window:
    """What a statistic looks at: the slots that end at `end` (T, S) and are `width` long; `whole` (T, S): fresh and without gap.

    `mark` (S,): the stations' declared stage that the indicator names (`above`), NaN where it names none.
    """

    grid: Grid
    position: Position
    width: int
    whole: Bools
    mark: Floats

    @property
    def end(self) -> Slots:
        """(T, S) last slot of the window."""
        return self.position.end

    @property
    def known(self) -> Bools:
        """(T, S): the newest reading that counts is not too old."""
        return self.position.told

    def some(self, columns: Ints) -> Window:
        """Some of the stations."""
        return Window(self.grid.some(columns), self.position.some(columns), self.width, self.whole[:, columns], self.mark[columns])

    def values(self, lo: Floats, sure: Bools, heading: Callable[[Window], Floats] | None = None) -> StationValues:
        """The statistic's values, `sure` only where finite; `heading` (T, S) is asked for the stations that were lost, elsewhere it is what is proved."""
        headed, lost = lo, np.flatnonzero(self.position.lost.any(axis=0))
        if heading and lost.size:
            some, headed = self.some(lost), lo.copy()
            headed[:, lost] = np.where(some.position.lost, heading(some), lo[:, lost])
        return StationValues(lo, sure & np.isfinite(lo), headed, ~self.position.fresh, self.position.known_age_s)

    def bounded(self, lo: Floats, before_loss: Callable[[Window], Floats] | None = None) -> StationValues:
        """The same where `lo` is all there is once the window is whole, and anything is possible before; a lost station's heading is not under `lo`."""
        told = self.values(lo, self.whole, before_loss)
        return told if told.heading is lo else replace(told, heading=np.maximum(told.heading, lo))


def window(grid: Grid, position: Position, hours: float, interval_s: Floats, mark: Floats) -> Window:
    """A window of `hours`; `interval_s` (S,): the feed's. It is whole when as many readings as are due in it count, or for an accumulated property
    when they cover it."""
    width = grid.slots(hours)
    counted = grid.counts.trailing(position.end, width)
    due = np.full(len(grid.stations), width, dtype=np.float64) if grid.accumulated else np.maximum(1, (width * grid.step_s) // np.maximum(interval_s, grid.step_s))
    return Window(grid, position, width, position.fresh & (counted >= due.astype(counted.dtype)), mark)


def held(grid: Grid) -> Floats:
    """(K, S): each slot's newest value at or before it, NaN before the first."""
    known = np.where(np.isfinite(grid.value), np.arange(grid.ticks)[:, None], -1)
    return take(grid.value, accumulated(np.maximum, known, np.asarray, known), np.nan)


def negated(grid: Grid) -> Grid:
    """The grid upside down, for properties whose small values are the dangerous ones (visibility, temperature, soil moisture)."""
    return replace(grid, value=-grid.value, kept={})
