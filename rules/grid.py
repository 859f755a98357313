"""Readings as a time-major grid: ticks x stations, NaN where nothing was read.

A grid ends exactly at `now`; slot k covers (start + k*step, start + (k+1)*step]. A station whose newest reading is missing
keeps its column, so it can never drop silently out of a town's maximum (which is what frame libraries' rolling windows
do). Only GOOD readings enter `good`; all others leave a hole that nothing but a later GOOD reading can fill.
Layout and whole-array windows after performance.md: one cumulative sum or trailing filter a property serves one tick and
a year of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from core.model import Flag

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Bools = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

STEP_S = 300
#: Up to so many ticks, their windows' ends so many slots apart, their own slots are looked at; beyond it all slots once for all ticks.
FEW_TICKS, SPREAD = 2, 40
#: Slots that are looked at first for a station's newest reading, and slots that are added at once.
_LOOK, _AT_ONCE = 32, 8
#: Rows of a log that are laid out at once.
_BLOCK = 1 << 16
#: The datum of a station that has none.
_ANY = -2
#: Stations from which on a row is worth a step of its own.
_WIDE = 64
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
        return self.kept.setdefault("counts", Running(self.value, lambda part: np.isfinite(part).view(np.int8), np.int32))

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


class Running:
    """Sums of consecutive slots of `of(values)` (K, S), in a `kind` that holds them: for many ticks by one cumulative sum however many windows ask, for a
    few by sums of the newest slots, each added once however many windows they lie in."""

    def __init__(self, values: Floats, of: Callable[[Floats], NDArray[Any]], kind: type[np.generic] = np.float64) -> None:
        self._values, self._of, self._kind = values, of, kind
        self._total: NDArray[Any] | None = None
        self._ends: tuple[Ints, Ends] | None = None  # windows of many widths end at the same slots
        self._newest = {0: np.zeros(values.shape[1])}  # sums of so many newest slots

    def trailing(self, end: Ints, width: int) -> Floats:
        """Sum of the `width` slots that end at `end` (T, S), rounded to 1e-6 so that a spread reading sums to itself."""
        if self._total is None and _close(end):
            behind = len(self._values) - 1 - end
            few = np.stack([self._since(row + width) - self._since(row) for row in behind])
            return np.asarray(np.round(few, 6), dtype=np.float64)
        if self._total is None:
            self._total = accumulated(np.add, self._values, self._of, np.empty(self._values.shape, dtype=self._kind))
        if self._ends is None or self._ends[0] is not end:
            self._ends = end, ends(end)
        at = self._ends[1]
        sums: NDArray[Any] = at.of(self._total, 0.0) - at.back(width).of(self._total, 0.0)
        return np.round(sums, 6, out=sums)

    def _since(self, slots: Ints) -> Floats:
        """(S,) sum of as many newest slots as `slots` (S,) says."""
        slots = np.minimum(slots, len(self._values))
        counts = np.bincount(slots)
        out = self._sum(int(counts.argmax())).copy()
        for number in np.flatnonzero(counts):
            if number != counts.argmax():
                some = np.flatnonzero(slots == number)
                out[some] = self._sum(int(number))[some]
        return out

    def _sum(self, slots: int) -> Floats:
        """(S,) sum of the newest `slots`, from the longest that is known and not longer."""
        if slots not in self._newest:
            known = max(n for n in self._newest if n < slots)
            total, end = self._newest[known].copy(), len(self._values) - known
            for first in range(end, len(self._values) - slots, -_AT_ONCE):
                part = self._values[max(first - _AT_ONCE, len(self._values) - slots) : first]
                amounts = self._of(part)
                total += np.add.reduce(amounts, axis=0, dtype=amounts.dtype)
            self._newest[slots] = total
        return self._newest[slots]


def build(
    log: Log, observed_property: str, stations: tuple[str, ...], *, now: datetime, hours: float, datums: dict[str, str] | None = None
) -> Grid:
    """Lay out the readings of one property that fall in (now - hours, now]; order and repetition of rows do not matter.

    A reading in another datum than the station's (`datums`) is left out: two datums are never compared. An accumulated
    reading (interval_s > 0) is spread evenly over the slots of its interval; a finer one wins over a coarser one there.
    """
    place = {name: number for number, name in enumerate(stations)}
    rows = log.by_property.get(observed_property, np.zeros(0, dtype=np.int32))
    sought = _Sought(log, np.array([place.get(name, -1) for name in log.names], dtype=np.int32), _datums(log, datums) if datums else None)
    shortest = [positive.min() for some, _ in sought.blocks(rows) if (positive := (told := log.interval_s[some])[told > 0]).size]
    step = int(min(STEP_S, max(60, min(shortest)))) if shortest else STEP_S
    shape = (max(1, round(hours * 3600 / step)), len(stations))
    grid = Grid(observed_property, stations, step, np.full(shape, np.nan), np.full(shape, -1, dtype=np.int32), bool(shortest))
    _lay(grid, sought, rows, now)
    return grid


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
            place = self.log.place[some]
            column = self.column[place]
            wanted = column >= 0
            if self.datum is not None:
                given, own = self.log.datum[some], self.datum[place]
                wanted &= (given == blank) | (own == _ANY) | (own == given)
            yield (some, column) if wanted.all() else (some[wanted], column[wanted])


def _lay(grid: Grid, sought: _Sought, rows: Rows, now: datetime) -> None:
    """Scatter the readings in any order. Where fewer places are filled than were written, several readings want one: of those alone the finer wins, then
    the newer."""
    log, value, row = sought.log, grid.value.reshape(-1), grid.row.reshape(-1)

    def scatter(chosen: Rows) -> int:
        """Later writes win; how many there were."""
        written = 0
        for some, cells, amount in _spread(grid, sought, chosen, now):
            value[cells], row[cells] = amount, some
            written += len(cells)
        return written

    if scatter(rows) > sum(int(np.count_nonzero(row[n : n + _BLOCK] >= 0)) for n in range(0, len(row), _BLOCK)):
        rivals = np.zeros(len(log.value), dtype=bool)
        for some, cells, _ in _spread(grid, sought, rows, now):
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


def _spread(grid: Grid, sought: _Sought, rows: Rows, now: datetime) -> Iterator[tuple[Rows, Ints, Floats]]:
    """(row of the log, place in the flat grid, amount) of the readings, block by block: of all the last slot of their intervals, then of those that
    are longer the one before it."""
    log, width, now_us, step_us = sought.log, len(grid.stations), microseconds(now), grid.step_s * 1_000_000
    for some, column in sought.blocks(rows):
        last, value = grid.ticks - 1 - (now_us - log.time_us[some]) // step_us, log.value[some]
        inside = (last >= 0) & (last < grid.ticks) & np.isfinite(value)
        some, last, value, column = _where(inside, some, last, value, column)
        lengths, good = _lengths(grid, log, some), log.flag[some] == Flag.GOOD
        cells, amount = last * width + column, value / lengths
        if not good.all():
            amount[~good] = np.nan
        slots, count = np.minimum(lengths, last + 1), 1
        while len(some):
            yield some, cells, amount
            some, cells, amount, slots = _where(slots > count, some, cells - width, amount, slots)
            count += 1


def _where(keep: Bools, *columns: Any) -> tuple[Any, ...]:
    """Some of the rows, the columns themselves where that is all."""
    return columns if keep.all() else tuple(column[keep] for column in columns)


@dataclass(frozen=True, slots=True)
class Position:
    """Where each station stood at each tick. `newest`, `known` (T, S): slot of the newest reading and of the newest that counts
    (-1: none); `age_s`, `known_age_s`: their ages at the tick in seconds (inf: none); `fresh`, `told`: whether they are not older than may be;
    `end`: where a window ends, at the newest reading while it is fresh (the next one is not due yet), by the clock once it is stale;
    `lost`: fallen silent after having been heard."""

    tick: Ints
    newest: Ints
    known: Ints
    age_s: Floats
    known_age_s: Floats
    fresh: Bools
    told: Bools
    end: Ints
    lost: Bools

    def some(self, columns: Ints) -> Position:
        """Some of the stations."""
        return Position(self.tick, *(getattr(self, f.name)[:, columns] for f in fields(self) if f.name != "tick"))


def position(grid: Grid, tick: Ints, max_age_s: Floats) -> Position:
    """Positions at the given slots (T,); `max_age_s` (S,) of the stations' feeds."""
    known, newest = (_last(values, counts, tick) for values, counts in ((grid.value, np.isfinite), (grid.row, lambda rows: rows >= 0)))
    age_s, known_age_s = (np.where(at >= 0, (tick[:, None] - at) * float(grid.step_s), np.inf) for at in (newest, known))
    fresh = age_s <= max_age_s
    return Position(tick, newest, known, age_s, known_age_s, fresh, known_age_s <= max_age_s, np.where(fresh, newest, tick[:, None]), ~fresh & (known >= 0))


def _last(values: NDArray[Any], counts: Callable[[NDArray[Any]], Bools], tick: Ints) -> Ints:
    """(T, S) the last slot at or before each tick that counts, -1 for none."""
    if len(tick) <= FEW_TICKS:
        return np.stack([_looked_back(values, counts, int(at)) for at in tick])
    first, after = int(tick.min()), int(tick.max()) + 1
    numbers = np.where(counts(values[first:after]), np.arange(first, after)[:, None], -1)
    numbers[0] = _looked_back(values, counts, first)
    return accumulated(np.maximum, numbers, np.asarray, numbers)[tick - first]


def _looked_back(values: NDArray[Any], counts: Callable[[NDArray[Any]], Bools], tick: int) -> Ints:
    """(S,) the last slot at or before the tick that counts: most stations were heard of late, so look there first, and further back only for the others."""
    out, left, stop, reach = np.full(values.shape[1], -1), np.arange(values.shape[1]), tick + 1, _LOOK
    while stop > 0 and left.size:
        first = max(0, stop - reach)
        seen = counts(values[first:stop] if left.size == values.shape[1] else values[first:stop, left])
        found = seen.any(axis=0)
        out[left[found]] = stop - 1 - seen[::-1, found].argmax(axis=0)
        left, stop, reach = left[~found], first, reach * 4
    return out


def accumulated(join: np.ufunc, values: NDArray[Any], of: Callable[[NDArray[Any]], NDArray[Any]], out: NDArray[Scalar]) -> NDArray[Scalar]:
    """`join` of `of` each row (K, S) with all before it, into `out`, which may be the values; wide rows one at a time, for numpy's own accumulate goes
    down each column."""
    if values.shape[1] < _WIDE:
        return np.asarray(join.accumulate(of(values), axis=0, dtype=out.dtype, out=out))
    out[0] = of(values[0])
    for number in range(1, len(values)):
        join(out[number - 1], of(values[number]), out=out[number])
    return out


@dataclass(frozen=True, slots=True)
class Ends:
    """Slots (T, S) of which nearly all are their tick's own: `usual` (T,), and the `slot` of each of the few `odd` places of the flat array."""

    usual: Ints
    odd: Ints
    slot: Ints
    stations: int

    def back(self, slots: int) -> Ends:
        """So many slots before."""
        return replace(self, usual=self.usual - slots, slot=self.slot - slots)

    def of(self, values: NDArray[Scalar], fill: float) -> NDArray[Scalar]:
        """values[slot, station] (T, S), `fill` where the slot is before the grid; whole rows at once."""
        taken: NDArray[Scalar] = values[np.maximum(self.usual, 0)]
        taken[self.usual < 0] = fill
        odd = np.take(values, np.maximum(self.slot, 0) * self.stations + self.odd % self.stations)
        odd[self.slot < 0] = fill
        np.put(taken, self.odd, odd)
        return taken


def ends(slot: Ints) -> Ends:
    """Of slots (T, S)."""
    usual = slot.max(axis=1, initial=-1)
    odd = np.flatnonzero(slot != usual[:, None])
    return Ends(usual, odd, slot.reshape(-1)[odd], slot.shape[1])


def take(values: NDArray[Scalar], slot: Ints, fill: float) -> NDArray[Scalar]:
    """values[slot, station] for slots (T, S), `fill` where the slot is before the grid."""
    return ends(slot).of(values, fill)


def trailing_extreme(values: Floats, end: Ints, width: int, *, highest: bool) -> Floats:
    """Highest (or lowest) known value of the `width` slots that end at `end`; -inf (+inf) when nothing is known."""
    empty = -np.inf if highest else np.inf

    def known(part: Floats) -> Floats:
        """The readings, with what is no number put where it can never be the extreme."""
        return np.where(np.isfinite(part), part, empty)

    if _close(end):
        return _few(values, end, width, np.maximum if highest else np.minimum, known, empty)
    find = maximum_filter1d if highest else minimum_filter1d
    rolled = find(known(values), size=width, axis=0, mode="constant", cval=empty, origin=(width - 1) // 2)
    return take(rolled, end, empty)


def _close(end: Ints) -> bool:
    """Whether a few ticks ask for windows that lie near each other, so that the slots they do not share are few."""
    return len(end) <= FEW_TICKS and end.size > 0 and int((end.max(axis=1) - end.min(axis=1)).max()) <= SPREAD


def _few(values: Floats, end: Ints, width: int, join: np.ufunc, of: Callable[[Floats], Floats], empty: float) -> Floats:
    """`join` over the `width` slots that end at `end` (T, S), for a few T: the slots that all stations' windows share at once, the others one by one."""
    out = np.full(end.shape, empty)
    for number, ends in enumerate(end):
        first, last = int(ends.min()), int(ends.max())
        shared = range(max(0, last - width + 1), first + 1)
        if shared:
            join(out[number], join.reduce(of(values[shared.start : shared.stop]), axis=0), out=out[number])
        for slot in [slot for slot in range(max(0, first - width + 1), last + 1) if slot not in shared]:
            inside = np.flatnonzero((slot <= ends) & (slot > ends - width))
            out[number, inside] = join(out[number, inside], of(values[slot, inside]))
    return out
