"""Readings as a time-major grid: ticks x stations, NaN where nothing was read.

A grid ends exactly at `now`; slot k covers (start + k*step, start + (k+1)*step]. A station whose newest reading is missing
keeps its column, so it can never drop silently out of a town's maximum (which is what frame libraries' rolling windows
do). Only GOOD readings enter `good`; all others leave a hole that nothing but a later GOOD reading can fill.
Layout and whole-array windows after performance.md: one cumulative sum or trailing filter a property serves one tick and
a year of them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from core.model import Flag

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Texts = NDArray[np.object_]

STEP_S = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Microseconds from 1970 UTC to an aware time."""
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Log:
    """The columns of lake.observations as plain arrays, all of one length; `time_us` microseconds since 1970 UTC."""

    feed: Texts
    station: Texts
    observed: Texts
    time_us: Ints
    value: Floats
    flag: Ints
    interval_s: Ints
    raw: Texts
    reasons: Texts
    datum: Texts
    synthetic: Bools
    #: Rows by property, and the stations' names with each row's place among them: texts are compared once, not once a grid.
    by_property: Mapping[str, Ints]
    names: tuple[str, ...]
    place: Ints
    #: Each row's feed by its place in the alphabet.
    feed_rank: Ints

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Log:
        """Columns of a frame as lake.observations gives it."""
        texts = {name: frame[name].to_numpy(dtype=object) for name in ("feed", "station", "observed_property", "raw", "reasons", "datum")}
        place, names = pd.factorize(texts["station"])
        number, properties = pd.factorize(texts["observed_property"])
        return cls(
            feed=texts["feed"], station=texts["station"], observed=texts["observed_property"],
            time_us=frame["time"].to_numpy(dtype="datetime64[us]").astype(np.int64), value=frame["value"].to_numpy(dtype=np.float64),
            flag=frame["flag"].to_numpy(dtype=np.int64), interval_s=frame["interval_s"].to_numpy(dtype=np.int64), raw=texts["raw"],
            reasons=texts["reasons"], datum=texts["datum"], synthetic=frame["synthetic"].to_numpy(dtype=bool),
            by_property={name: np.flatnonzero(number == n) for n, name in enumerate(properties)}, names=tuple(names), place=place,
            feed_rank=pd.factorize(texts["feed"], sort=True)[0],
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """One property. `value` (K, S): reading of the slot, or for an accumulated property the amount per slot; NaN: none that counts.

    `row` (K, S): position of the reading in the log, -1 for none; `accumulated`: the readings are amounts over an interval.
    """

    observed: str
    stations: tuple[str, ...]
    step_s: int
    value: Floats
    row: Ints
    accumulated: bool

    @property
    def ticks(self) -> int:
        """Number of slots K."""
        return int(self.value.shape[0])

    def slots(self, hours: float) -> int:
        """How many slots a window of `hours` has, at least one."""
        return max(1, round(hours * 3600 / self.step_s))


def build(
    log: Log, observed_property: str, stations: tuple[str, ...], *, now: datetime, hours: float, datums: dict[str, str] | None = None
) -> Grid:
    """Lay out the readings of one property that fall in (now - hours, now]; order and repetition of rows do not matter.

    A reading in another datum than the station's (`datums`) is left out: two datums are never compared. An accumulated
    reading (interval_s > 0) is spread evenly over the slots of its interval; a finer one wins over a coarser one there.
    """
    column_of = {name: number for number, name in enumerate(stations)}
    column = np.array([column_of.get(name, -1) for name in log.names], dtype=np.int64)[log.place]
    rows = log.by_property.get(observed_property, np.zeros(0, dtype=np.int64))
    rows = rows[column[rows] >= 0]
    if datums and rows.size:
        rows = rows[[not given or datums.get(name, given) == given for name, given in zip(log.station[rows], log.datum[rows], strict=True)]]
    intervals = log.interval_s[rows]
    positive = intervals[intervals > 0]
    step = int(min(STEP_S, max(60, positive.min()))) if positive.size else STEP_S
    shape = (max(1, round(hours * 3600 / step)), len(stations))
    grid = Grid(observed_property, stations, step, np.full(shape, np.nan), np.full(shape, -1, dtype=np.int64), bool(positive.size))
    if rows.size:
        _lay(grid, log, rows, column[rows], now)
    return grid


def _lay(grid: Grid, log: Log, rows: Ints, columns: Ints, now: datetime) -> None:
    """Scatter the readings; where several fall into one place the finer wins, then the newer. Sorted only when some do."""
    lengths = np.maximum(1, -(-log.interval_s[rows] // grid.step_s))
    last = grid.ticks - 1 - (microseconds(now) - log.time_us[rows]) // (grid.step_s * 1_000_000)
    value = log.value[rows]
    inside = np.flatnonzero((last >= 0) & (last < grid.ticks) & np.isfinite(value))
    good = (log.flag[rows] == Flag.GOOD) & np.isfinite(value)

    def scatter(order: Ints) -> bool:
        """Later writes win; whether any reading was written over."""
        repeats = lengths[order]
        which = np.repeat(order, repeats)
        slot = np.repeat(last[order], repeats) - _countdown(repeats)
        which, slot = which[slot >= 0], slot[slot >= 0]
        at = (slot, columns[which])
        grid.value[at] = np.where(good[which], value[which] / lengths[which], np.nan)
        grid.row[at] = rows[which]
        return bool((grid.row[at] != rows[which]).any())

    if scatter(inside):
        scatter(inside[np.lexsort((value[inside], log.feed_rank[rows[inside]], good[inside], log.time_us[rows[inside]], -lengths[inside]))])


def _countdown(repeats: Ints) -> Ints:
    """[3, 2] -> [0, 1, 2, 0, 1]."""
    ends = np.cumsum(repeats)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - repeats, repeats)


@dataclass(frozen=True, slots=True)
class Position:
    """Where each station stood at each tick. `newest`, `known` (T, S): slot of the newest reading and of the newest that counts
    (-1: none); `age_s`, `known_age_s`: their ages at the tick in seconds (inf: none)."""

    tick: Ints
    newest: Ints
    known: Ints
    age_s: Floats
    known_age_s: Floats


def position(grid: Grid, tick: Ints) -> Position:
    """Positions at the given slots (T,)."""
    numbers = np.arange(grid.ticks)[:, None]
    known = np.maximum.accumulate(np.where(np.isfinite(grid.value), numbers, -1), axis=0)[tick]
    newest = np.maximum.accumulate(np.where(grid.row >= 0, numbers, -1), axis=0)[tick]
    ages = [np.where(at >= 0, (tick[:, None] - at) * float(grid.step_s), np.inf) for at in (newest, known)]
    return Position(tick, newest, known, *ages)


def take(values: NDArray[np.float64], slot: Ints, fill: float) -> Floats:
    """values[slot, station] for slots (T, S), `fill` where the slot is before the grid."""
    taken = np.take_along_axis(values, np.maximum(slot, 0), axis=0)
    return np.where(slot >= 0, taken, fill)


def trailing_sum(values: Floats, end: Ints, width: int) -> Floats:
    """Sum of the `width` slots that end at `end` (T, S), rounded to 1e-6 so that a spread reading sums to itself."""
    total = np.cumsum(values, axis=0)
    return np.round(take(total, end, 0.0) - take(total, end - width, 0.0), 6)


def trailing_extreme(values: Floats, end: Ints, width: int, *, highest: bool) -> Floats:
    """Highest (or lowest) known value of the `width` slots that end at `end`; -inf (+inf) when nothing is known."""
    empty = -np.inf if highest else np.inf
    filled = np.where(np.isfinite(values), values, empty)
    find = maximum_filter1d if highest else minimum_filter1d
    rolled = find(filled, size=width, axis=0, mode="constant", cval=empty, origin=(width - 1) // 2)
    return take(rolled, end, empty)
