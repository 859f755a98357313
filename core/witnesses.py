"""What the stations near by say of a reading: who hears whom as one line of numbers, asked only about the readings for which the answer can matter.

Two gauges behind one modem are one path and one witness: such a witness says the median of its stations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.checks import Floats, Ints, ordered

#: Values that are looked at together at most: what a processor keeps at hand, eight bytes each, a few times over.
BLOCK = 2**15


@dataclass(frozen=True)
class Near:
    """Of S stations: station s hears the witnesses first[s] to first[s + 1]; witness w is the stations member[group[w]] to member[group[w + 1]]. The
    last witness is nobody's, and is the station S, who says nothing."""

    first: Ints
    group: Ints
    member: Ints

    @classmethod
    def of(cls, station: Ints, other: Ints, path: Ints) -> Near:
        """`station` (N,) hears `other` (N,), numbers below S; those of one number in `path` (S,) are one witness."""
        key = station * (1 + path.max(initial=0)) + path[other]
        order = np.argsort(key)
        group = np.flatnonzero(np.diff(key[order], prepend=-1))
        first = np.searchsorted(station[order[group]], np.arange(len(path) + 1))
        return cls(first, np.append(group, [len(order), len(order) + 1]), np.append(other[order], len(path)))

    @cached_property
    def count(self) -> Ints:
        """(S,) witnesses of each station."""
        return np.diff(self.first)

    @cached_property
    def hears(self) -> Ints:
        """(S,) stations that each hears."""
        return np.diff(self.group[self.first])

    @cached_property
    def size(self) -> Ints:
        """(W,) stations of each witness."""
        return np.diff(self.group)

    def stations(self, asked: Ints) -> tuple[Ints, Ints]:
        """All stations that the `asked` ones hear, one after the other: (place in `asked`, number of the heard one)."""
        begin, end = self.group[self.first[asked]], self.group[self.first[asked + 1]]
        place = np.repeat(np.arange(len(asked)), end - begin)
        return place, self.member[np.arange(len(place)) + (begin - np.cumsum(end - begin) + end - begin)[place]]

    def said(self, values: Floats, rows: Ints, stations: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """Of each reading values[rows, stations]: how many witnesses say something, and their lowest, middle and highest value; NaN for none."""
        out, values = np.full((4, len(rows)), np.nan), np.column_stack([values, np.full(len(values), np.nan)])
        for asked, witness in self._blocks(stations):
            out[:, asked] = ordered(self._told(values, rows[asked, None], witness))
        return out[0], out[1], out[2], out[3]

    def _blocks(self, stations: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Stations with about equally many witnesses together: (M,) places in `stations`, (M, n) their witnesses and then the last one of all."""
        count = self.count[stations]
        for asked in np.array_split(np.argsort(count, kind="stable"), 1 + int(count.sum()) // BLOCK):
            place = np.arange(count[asked].max(initial=0))
            yield asked, np.where(place < count[asked, None], self.first[stations[asked], None] + place, len(self.size) - 1)

    def _told(self, values: Floats, rows: Ints, witness: Ints) -> Floats:
        """(M, n) what each witness says in the row (M, 1) that it is asked about."""
        told = values[rows, self.member[self.group[witness]]]
        if len(self.size) < len(self.member):  # mostly every station comes by its own path
            size = self.size[witness]
            for k in np.unique(size[size > 1]):
                at, which = np.nonzero(size == k)
                told[at, which] = ordered(values[rows[at], self.member[self.group[witness[at, which], None] + np.arange(k)]])[2]
        return told
