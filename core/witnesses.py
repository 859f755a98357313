"""What the stations near by say of a reading: who hears whom as one line of numbers, asked only about the readings for which the answer can matter.

Two gauges behind one modem are one path and one witness: such a witness says the median of its stations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.checks import Floats, Ints, ordered

#: Values that are looked at together at most, which bounds the memory: eight bytes each, a few times over.
BLOCK = 2**20


@dataclass(frozen=True)
class Near:
    """Of S stations: station s hears the witnesses first[s] to first[s + 1]; witness w is the stations member[group[w]] to member[group[w + 1]]."""

    first: Ints
    group: Ints
    member: Ints

    @classmethod
    def of(cls, station: Ints, other: Ints, path: Ints) -> Near:
        """`station` (N,) hears `other` (N,), numbers below S; those of one number in `path` (S,) are one witness."""
        key = station * (1 + path.max(initial=0)) + path[other]
        order = np.argsort(key)
        group = np.flatnonzero(np.diff(key[order], prepend=-1))
        return cls(np.searchsorted(station[order[group]], np.arange(len(path) + 1)), np.append(group, len(order)), other[order])

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
        out = np.full((4, len(rows)), np.nan)
        for asked, witness in self._alike(stations):
            out[:, asked] = ordered(self._told(values, rows[asked, None], witness))
        return out[0], out[1], out[2], out[3]

    def _alike(self, stations: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Blocks of stations with equally many witnesses: (M,) places in `stations`, (M, n) the witnesses."""
        count = self.count[stations]
        for n in np.flatnonzero(np.bincount(count)):
            alike = np.flatnonzero(count == n)
            for asked in np.array_split(alike, 1 + len(alike) * n // BLOCK):
                yield asked, self.first[stations[asked], None] + np.arange(n)

    def _told(self, values: Floats, rows: Ints, witness: Ints) -> Floats:
        """(M, n) what each witness says in the row (M, 1) that it is asked about."""
        if len(self.size) == len(self.member):  # mostly every station comes by its own path
            return values[rows, self.member[witness]]
        told, size = values[rows, self.member[self.group[witness]]], self.size[witness]
        for k in np.unique(size[size > 1]):
            at, which = np.nonzero(size == k)
            told[at, which] = ordered(values[rows[at], self.member[self.group[witness[at, which], None] + np.arange(k)]])[2]
        return told
