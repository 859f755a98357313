"""Readings as a time-major grid: ticks x stations, NaN where nothing was read.

A grid ends exactly at `now`; slot k covers (start + k*step, start + (k+1)*step]. A station whose newest reading is missing
keeps its column, so it can never drop silently out of a town's maximum (which is what frame libraries' rolling windows
do). Only GOOD readings enter `good`; all others leave a hole that nothing but a later GOOD reading can fill.
Sums and extremes over its slots: rules.trailing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.model import Flag
from rules.trailing import FEW_TICKS, Running, Slots, accumulated, evenly

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Bools = NDArray[np.bool_]

STEP_S = 300
#: Slots that may be as long where everything keeps to tens of minutes (Readings.grid).
WIDE_S = 600
#: A station may be lost, and can contradict others, so long after its last reading that counts; then it is as one that was never heard (own choice,
#: unverified). A feed whose readings stay good for longer is heard for as long as they do.
LOST_H = 24.0
#: So many times more slots are looked at for a station's newest reading when it is not among those looked at before.
_FURTHER = 8
#: Rows of a log that are laid out at once.
_BLOCK = 1 << 16
#: The datum of a station that has none.
_ANY = -2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Microseconds from 1970 UTC to an aware time."""
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Log:
    """The columns of lake.observations, all of one length; `time_us` microseconds since 1970 UTC. What a computation compares are numbers: texts are
    looked at where evidence cites a row (`cited`)."""

    time_us: Ints
    value: Floats
    flag: NDArray[np.int8]
    interval_s: Rows
    synthetic: Bools
    #: Rows by property, and the stations' names with each row's place among them: texts are compared once, not once a grid.
    by_property: Mapping[str, Rows]
    names: tuple[str, ...]
    place: Rows
    #: The datums' names and each row's place among them (-1: none told); each row's feed by its place in the alphabet.
    datums: tuple[str, ...]
    datum: Rows
    feed_rank: Rows
    #: feed, station, observed_property, raw, reasons as they came.
    texts: Mapping[str, Any]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Log:
        """Columns of a frame as lake.observations gives it, its texts spelled out or as categories."""
        texts = {name: frame[name].array for name in ("feed", "station", "observed_property", "raw", "reasons")}
        (place, names), (number, properties), (datum, datums) = (_numbered(column) for column in (texts["station"], texts["observed_property"], frame["datum"].array))
        return cls(
            time_us=frame["time"].to_numpy(dtype="datetime64[us]").view(np.int64), value=frame["value"].to_numpy(dtype=np.float64),
            flag=frame["flag"].to_numpy(dtype=np.int8), interval_s=frame["interval_s"].to_numpy(dtype=np.int32),
            synthetic=frame["synthetic"].to_numpy(dtype=bool),
            by_property={str(name): np.flatnonzero(number == n).astype(np.int32) for n, name in enumerate(properties)}, names=names, place=place,
            datums=datums, datum=datum, feed_rank=_numbered(texts["feed"], sort=True)[0], texts=texts,
        )

    def cited(self, name: str, rows: Ints) -> list[str]:
        """One of the texts of some rows."""
        return list(np.asarray(self.texts[name][rows], dtype=object))


def _numbered(column: Any, *, sort: bool = False) -> tuple[Rows, tuple[str, ...]]:
    """Each row's place among the different texts, and these; Arrow or the categories tell them apart, no row becomes a text."""
    codes, texts = pd.factorize(column, sort=sort)
    return codes.astype(np.int32), tuple(texts)


@dataclass(frozen=True, slots=True)
class Grid:
    """One property. `value` (K, S): reading of the slot, or for an accumulated property the amount per slot; NaN: none that counts.

    `row` (K, S): position of the reading in the log, -1 for none; `accumulated`: the readings are amounts over an interval.
    """

    observed: str
    stations: tuple[str, ...]
    step_s: int
    value: Floats
    row: Rows
    accumulated: bool
    #: Running sums over the slots, made when first asked for.
    kept: dict[str, Running] = field(default_factory=dict, compare=False, repr=False)

    @property
    def amounts(self) -> Running:
        """Sums of what is known."""
        return self.kept.setdefault("amounts", Running(self.value, lambda part: np.where(np.isfinite(part), part, 0.0)))

    @property
    def counts(self) -> Running:
        """How many slots are known."""
        return self.kept.setdefault("counts", Running(self.value, lambda part: np.isfinite(part).view(np.int8), np.min_scalar_type(-self.ticks).type))

    def some(self, columns: Ints) -> Grid:
        """Some of the stations."""
        return replace(self, stations=tuple(self.stations[n] for n in columns), value=self.value[:, columns], row=self.row[:, columns], kept={})

    @property
    def ticks(self) -> int:
        """Number of slots K."""
        return int(self.value.shape[0])

    def slots(self, hours: float) -> int:
        """How many slots a window of `hours` has, at least one."""
        return max(1, round(hours * 3600 / self.step_s))


def build(
    log: Log, observed_property: str, stations: tuple[str, ...], *, now: datetime, hours: float, datums: dict[str, str] | None = None, step_s: int = STEP_S
) -> Grid:
    """Lay out the readings of one property that fall in (now - hours, now]; order and repetition of rows do not matter.

    A reading in another datum than the station's (`datums`) is left out: two datums are never compared. An accumulated
    reading (interval_s > 0) is spread evenly over the slots of its interval; a finer one wins over a coarser one there.
    A slot is `step_s` long where every reading stands at a slot's end and lasts whole slots, else STEP_S, and less where amounts come more often.
    """
    place = {name: number for number, name in enumerate(stations)}
    rows = log.by_property.get(observed_property, np.zeros(0, dtype=np.int32))
    sought = _Sought(log, np.array([place.get(name, -1) for name in log.names], dtype=np.int32), _datums(log, datums) if datums else None)
    step, longest = _steps(sought, rows, microseconds(now), step_s)
    shape = (max(1, round(hours * 3600 / step)), len(stations))
    grid = Grid(observed_property, stations, step, np.full(shape, np.nan), np.full(shape, -1, dtype=np.int32), longest > 0)
    _lay(grid, sought, rows, now, spread=longest > step)
    return grid


def _steps(sought: _Sought, rows: Rows, now_us: int, step_s: int) -> tuple[int, int]:
    """(length of a slot, longest interval of the amounts among the rows or 0 where there are none), s."""
    log, shortest, longest, even = sought.log, STEP_S, 0, step_s > STEP_S
    for some, _ in sought.blocks(rows):
        told = log.interval_s[some]
        amounts = told[told > 0]
        if amounts.size:
            shortest, longest = min(shortest, int(amounts.min())), max(longest, int(amounts.max()))
        even = even and _whole(told, step_s) and _whole(now_us - np.take(log.time_us, some), step_s * 1_000_000)
    return step_s if even else max(60, shortest), longest


def _whole(numbers: NDArray[Any], step: int) -> bool:
    """Whether all are multiples of a step; twice as fast as by their remainders."""
    return np.array_equal(numbers // step * step, numbers)


def _datums(log: Log, datums: Mapping[str, str]) -> Rows:
    """By place of a station's name the place of the datum that its readings must be in, -1 where no reading is, _ANY where it has none."""
    number = {name: n for n, name in enumerate(log.datums)}
    return np.array([number.get(datums[name], -1) if name in datums else _ANY for name in log.names], dtype=np.int32)


@dataclass(frozen=True, slots=True)
class _Sought:
    """What a grid wants of a log: by place of the station's name its `column`, -1 for none, and the `datum` (_datums; None: all are alike)."""

    log: Log
    column: Rows
    datum: Rows | None

    def blocks(self, rows: Rows) -> Iterator[tuple[Rows, Rows]]:
        """(rows of the log, columns) of what is wanted of some rows, in blocks that fit the caches; a reading that tells no datum is in any."""
        blank = self.log.datums.index("") if "" in self.log.datums else -1
        for first in range(0, len(rows), _BLOCK):
            some = rows[first : first + _BLOCK]
            place = np.take(self.log.place, some)
            column = np.take(self.column, place)
            wanted = column >= 0
            if self.datum is not None:
                given, own = self.log.datum[some], self.datum[place]
                wanted &= (given == blank) | (own == _ANY) | (own == given)
            yield (some, column) if wanted.all() else (some[wanted], column[wanted])


def _lay(grid: Grid, sought: _Sought, rows: Rows, now: datetime, *, spread: bool) -> None:
    """Scatter the readings in any order; `spread`: some are longer than a slot. Where fewer places are filled than were written, several readings want one:
    of those alone the finer wins, then the newer."""
    log, value, row = sought.log, grid.value.reshape(-1), grid.row.reshape(-1)

    def scatter(chosen: Rows) -> int:
        """Later writes win; how many there were."""
        written = 0
        for some, cells, amount in _spread(grid, sought, chosen, now, spread):
            value[cells], row[cells] = amount, some
            written += len(cells)
        return written

    if scatter(rows) > sum(int(np.count_nonzero(row[n : n + _BLOCK] >= 0)) for n in range(0, len(row), _BLOCK)):
        rivals = np.zeros(len(log.value), dtype=bool)
        for some, cells, _ in _spread(grid, sought, rows, now, spread):
            holder = row[cells]
            lost = holder != some
            rivals[some[lost]] = rivals[holder[lost]] = True
        some = rows[rivals[rows]]
        lengths = _lengths(grid, log, some)
        order = np.lexsort((log.value[some], log.feed_rank[some], log.flag[some] == Flag.GOOD, log.time_us[some], -lengths))
        for alike in np.split(some[order], np.flatnonzero(np.diff(lengths[order])) + 1):  # of one length the later reading writes any place later
            scatter(alike)


def _lengths(grid: Grid, log: Log, rows: Rows) -> Rows:
    """Over how many slots each reading is spread."""
    return np.asarray(np.maximum(1, -(-log.interval_s[rows] // np.int32(grid.step_s))))


def _spread(grid: Grid, sought: _Sought, rows: Rows, now: datetime, spread: bool) -> Iterator[tuple[Rows, Ints, Floats]]:
    """(row of the log, place in the flat grid, amount) of the readings, block by block: of all the last slot of their intervals, then of those that
    are longer, where there are such (`spread`), the one before it."""
    log, width, now_us, step_us = sought.log, len(grid.stations), microseconds(now), grid.step_s * 1_000_000
    for some, column in sought.blocks(rows):
        last, amount = grid.ticks - 1 - (now_us - np.take(log.time_us, some)) // step_us, np.take(log.value, some)
        inside = (last >= 0) & (last < grid.ticks) & np.isfinite(amount)
        some, last, amount, column = _where(inside, some, last, amount, column)
        cells, good = last * width + column, log.flag[some] == Flag.GOOD
        if spread:
            lengths = _lengths(grid, log, some)
            amount = amount / lengths
        if not good.all():
            amount[~good] = np.nan
        yield some, cells, amount
        slots, count = np.minimum(lengths, last + 1) if spread else last[:0], 1
        while len(slots):
            some, cells, amount, slots = _where(slots > count, some, cells - width, amount, slots)
            yield some, cells, amount
            count += 1


def _where(keep: Bools, *columns: Any) -> tuple[Any, ...]:
    """Some of the rows, the columns themselves where that is all."""
    return columns if keep.all() else tuple(column[keep] for column in columns)


@dataclass(frozen=True, slots=True)
class Position:
    """Where each station stood at each tick. `newest`, `known` (T, S): slot of the newest reading and of the newest that counts
    (-1: none, or none that is heard of still: LOST_H); `known_age_s`: its age at the tick in seconds (inf: none); `fresh`, `told`: whether they are not
    older than may be; `end`: where a window ends, at the newest reading while it is fresh (the next one is not due yet), by the clock once it is stale;
    `lost`: fallen silent after having been heard."""

    tick: Ints
    newest: Slots
    known: Slots
    known_age_s: Floats
    fresh: Bools
    told: Bools
    end: Slots
    lost: Bools

    def some(self, columns: Ints) -> Position:
        """Some of the stations."""
        return Position(self.tick, *(getattr(self, f.name)[:, columns] for f in fields(self) if f.name != "tick"))


def position(grid: Grid, tick: Ints, max_age_s: Floats) -> Position:
    """Positions at the given slots (T,); `max_age_s` (S,) of the stations' feeds."""
    known, newest = (_last(values, counts, tick) for values, counts in ((grid.value, np.isfinite), (grid.row, lambda rows: rows >= 0)))
    at = tick.astype(np.int32)[:, None]
    longest, last_heard = (np.minimum(age_s // grid.step_s, grid.ticks).astype(np.int32) for age_s in (max_age_s, np.maximum(max_age_s, LOST_H * 3600)))
    past, known_past = at - newest, at - known
    heard = (known_past <= last_heard) & (known >= 0)
    fresh, told = ((back <= longest) & there for back, there in ((past, newest >= 0), (known_past, heard)))
    known_age_s: Floats = known_past * np.float64(grid.step_s)
    if not heard.all():
        known, known_age_s[~heard] = np.where(heard, known, np.int32(-1)), np.inf
    return Position(tick, newest, known, known_age_s, fresh, told, newest if fresh.all() else np.where(fresh, newest, at), ~fresh & heard)


def _last(values: NDArray[Any], counts: Callable[[NDArray[Any]], Bools], tick: Ints) -> Rows:
    """(T, S) the last slot at or before each tick that counts, -1 for none."""
    if len(tick) <= FEW_TICKS:
        return np.stack([_looked_back(values, counts, int(at)) for at in tick])
    first, after = int(tick.min()), int(tick.max()) + 1
    numbers = counts(values[first:after]) * np.arange(first + 1, after + 1, dtype=np.int32)[:, None]  # 0: none
    numbers[0] = _looked_back(values, counts, first) + 1
    return evenly(accumulated(np.maximum, numbers, np.asarray, numbers), tick - first) - np.int32(1)


def _looked_back(values: NDArray[Any], counts: Callable[[NDArray[Any]], Bools], tick: int) -> Rows:
    """(S,) the last slot at or before the tick that counts: most stations were heard of late, so look there first, and further back only for the others."""
    out, left, stop, reach = np.full(values.shape[1], -1, dtype=np.int32), np.arange(values.shape[1]), tick + 1, 1
    while stop > 0 and left.size:
        first = max(0, stop - reach)
        seen = counts(values[first:stop] if left.size == values.shape[1] else values[first:stop, left])
        found = seen.any(axis=0)
        out[left[found]] = stop - 1 - seen[::-1, found].argmax(axis=0)
        left, stop, reach = left[~found], first, reach * _FURTHER
    return out
