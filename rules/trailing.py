"""Sums and extremes of consecutive slots of a grid's columns, for the many ticks of a replay and for the one of a live assessment.

One cumulative sum or trailing filter a property serves a year of ticks as it serves an hour of them; a few ticks look at their own slots alone. Nearly
all windows end at their tick, so that whole rows are taken at once and the few others one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

Floats = NDArray[np.float64]
#: Slots of stations, or of ticks, in whatever integers they are kept.
Slots = NDArray[np.integer[Any]]
Scalar = TypeVar("Scalar", bound=np.generic)

#: Up to so many ticks, their windows' ends so many slots apart, their own slots are looked at; beyond it all slots once for all ticks.
FEW_TICKS, SPREAD = 2, 40
#: Slots that are added at once.
_AT_ONCE = 8
#: Stations from which on a row is worth a step of its own.
_WIDE = 64


class Running:
    """Sums of consecutive slots of `of(values)` (K, S), in a `kind` that holds them: for many ticks by one cumulative sum however many windows ask, for a
    few by sums of the newest slots, each added once however many windows they lie in."""

    def __init__(self, values: Floats, of: Callable[[Floats], NDArray[Any]], kind: type[np.generic] = np.float64) -> None:
        self._values, self._of, self._kind = values, of, kind
        self._total: NDArray[Any] | None = None
        self._ends: tuple[Slots, Ends] | None = None  # windows of many widths end at the same slots
        self._newest = {0: np.zeros(values.shape[1])}  # sums of so many newest slots

    def trailing(self, end: Slots, width: int) -> Floats:
        """Sum of the `width` slots that end at `end` (T, S), rounded to 1e-6 so that a spread reading sums to itself."""
        if self._total is None and _close(end):
            behind = len(self._values) - 1 - end
            few = np.stack([self._since(row + width) - self._since(row) for row in behind])
            return np.asarray(np.round(few, 6), dtype=np.float64)
        if self._total is None:
            self._total = accumulated(np.add, self._values, self._of, np.empty(self._values.shape, dtype=self._kind))
        if self._ends is None or self._ends[0] is not end:
            self._ends = end, ends(end)
        sums = self._ends[1].across(self._total, width)
        return sums if self._kind is not np.float64 else np.round(sums, 6, out=sums)

    def _since(self, slots: Slots) -> Floats:
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

    usual: Slots
    odd: Slots
    slot: Slots
    stations: int

    def across(self, total: NDArray[Any], width: int) -> NDArray[Any]:
        """Sums (T, S) of the `width` slots that end there, of sums from the grid's beginning on; whole rows at once."""
        before = replace(self, usual=self.usual - width, slot=self.slot - width)
        sums: NDArray[Any] = self._rows(total, 0) - before._rows(total, 0)
        np.put(sums, self.odd, self._odd(total, 0) - before._odd(total, 0))
        return sums

    def of(self, values: NDArray[Scalar], fill: float) -> NDArray[Scalar]:
        """values[slot, station] (T, S), `fill` where the slot is before the grid; whole rows at once."""
        taken = np.array(self._rows(values, fill))
        np.put(taken, self.odd, self._odd(values, fill))
        return taken

    def _rows(self, values: NDArray[Scalar], fill: float) -> NDArray[Scalar]:
        if self.usual.min(initial=0) >= 0:
            return evenly(values, self.usual)
        taken: NDArray[Scalar] = values[np.maximum(self.usual, 0)]
        taken[self.usual < 0] = fill
        return taken

    def _odd(self, values: NDArray[Scalar], fill: float) -> NDArray[Scalar]:
        odd = np.take(values, np.maximum(self.slot, 0) * self.stations + self.odd % self.stations)
        odd[self.slot < 0] = fill
        return odd


def evenly(values: NDArray[Scalar], numbers: Slots) -> NDArray[Scalar]:
    """Rows by their numbers, none below 0; a view where they are evenly spaced, as a replay's are."""
    first, last, step = int(numbers[0]), int(numbers[-1]), int(numbers[min(1, len(numbers) - 1)] - numbers[0]) or 1
    return values[first : last + 1 : step] if step > 0 and np.array_equal(numbers, np.arange(first, last + 1, step)) else values[numbers]


def ends(slot: Slots) -> Ends:
    """Of slots (T, S)."""
    usual = slot.max(axis=1, initial=-1)
    odd = np.flatnonzero(slot != usual[:, None])
    return Ends(usual.astype(np.int64), odd, slot.reshape(-1)[odd].astype(np.int64), slot.shape[1])  # as flat places they may be beyond 2**31


def take(values: NDArray[Scalar], slot: Slots, fill: float) -> NDArray[Scalar]:
    """values[slot, station] for slots (T, S), `fill` where the slot is before the grid."""
    return ends(slot).of(values, fill)


def trailing_extreme(values: Floats, end: Slots, width: int, *, highest: bool) -> Floats:
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


def _close(end: Slots) -> bool:
    """Whether a few ticks ask for windows that lie near each other, so that the slots they do not share are few."""
    return len(end) <= FEW_TICKS and end.size > 0 and int((end.max(axis=1) - end.min(axis=1)).max()) <= SPREAD


def _few(values: Floats, end: Slots, width: int, join: np.ufunc, of: Callable[[Floats], Floats], empty: float) -> Floats:
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
