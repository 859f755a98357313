"""Numbers known at some hours, many rows at once: gaps filled, what was told last, and what lies between two hours. Pure functions over arrays."""

from __future__ import annotations

import numpy as np

from rules.grid import Floats, Ints


class Between:
    """Where each of the times `lead` (T, H) lies among the `hours` (T, J) of its row, ascending and the first not after any: found once for all columns."""

    def __init__(self, lead: Floats, hours: Floats) -> None:
        self._left = np.sum([hours[:, n, None] <= lead for n in range(hours.shape[1])], axis=0) - 1
        self._right = np.minimum(self._left + 1, hours.shape[1] - 1)
        start = np.take_along_axis(hours, self._left, axis=1)
        self._gone, self._width = lead - start, np.take_along_axis(hours, self._right, axis=1) - start
        self._at = (self._gone == 0) | (self._width == 0)
        self._width[self._at] = 1.0

    def of(self, values: Floats) -> Floats:
        """(T, H) linear between the `values` (T, J) at the hours, the last one after them: numpy.interp row by row, to the bit."""
        first = np.take_along_axis(values, self._left, axis=1)
        return np.where(self._at, first, (np.take_along_axis(values, self._right, axis=1) - first) / self._width * self._gone + first)


def filled(values: Floats, unknown: float) -> Floats:
    """(T, J) gaps filled with the last known value of the row, those before the first with the first, a row without any with `unknown`."""
    known = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(known, np.arange(values.shape[1]), -1), axis=1)
    found = np.take_along_axis(values, np.where(last >= 0, last, known.argmax(axis=1)[:, None]), axis=1)
    return np.where(np.isnan(found), unknown, found)


def last_told(values: Floats, back: int) -> Floats:
    """(A, K) at each row the last value told in its column by one of the `back` rows that end there; NaN for none."""
    number = np.arange(len(values))[:, None]
    told = np.maximum.accumulate(np.where(np.isnan(values), -back, number), axis=0)
    return np.where(number - told < back, np.take_along_axis(values, np.maximum(told, 0), axis=0), np.nan)


def by_group(group: Ints, groups: int) -> Ints:
    """(G, J) the places of each group's members in their order, the last one again and again where it has fewer than J; no group is empty."""
    order, counts = np.argsort(group, kind="stable"), np.bincount(group, minlength=groups)
    within = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    return np.asarray(order[(np.cumsum(counts) - counts)[:, None] + within])
