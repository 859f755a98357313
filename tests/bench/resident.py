"""The least that a live tick would cost if the windows' sums stayed in memory: by hand, for rain alone, before a single rule is read.

    .venv/bin/python tests/bench/resident.py

Five windows of 10-minute rain over a synthetic nation's stations, each town's own: the sums and the counts of known slots moved on by one tick, then by town
the best station, the best on another path and whether all are known, then which towns left the values between which no threshold lies. The columns lie in the
order of the layers, so that nothing is gathered. Production does none of this: it reads the lake at each tick. Results are compared with sums made anew before
a time is printed.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from nation import SIZES, WINDOWS

SLOTS = tuple(6 * hours for hours in WINDOWS)
ROUNDS = 50


class Resident:
    """Rings, sums and town values of one nation, `kind` of number."""

    def __init__(self, towns: int, stations: int, kind: type) -> None:
        rng = np.random.default_rng(7)
        self.ring = (np.floor(rng.gamma(0.1, 5.0, (max(SLOTS) + 2, stations))) / 2).astype(kind)
        self.known = (rng.random(self.ring.shape) >= 0.02).astype(np.int16)
        self.ring[self.known == 0] = 0
        now = len(self.ring) - 2
        self.sums = [self.ring[now - width + 1 : now + 1].sum(axis=0) for width in SLOTS]
        self.counts = [self.known[now - width + 1 : now + 1].sum(axis=0, dtype=np.int16) for width in SLOTS]
        home = np.concatenate([np.arange(towns), rng.integers(0, towns, stations - towns)])
        members = np.sort(np.bincount(home, minlength=towns))[::-1]
        self.layers = [int((members > layer).sum()) for layer in range(members[0])]
        self.best, self.second = (np.empty((len(SLOTS), towns), kind) for _ in range(2))
        self.sure = np.empty((len(SLOTS), towns), bool)
        self.room, self.amounts, self.slots = np.empty(towns, kind), np.empty(stations, kind), np.empty(stations, np.int16)
        self.above, self.below = np.full((len(SLOTS), towns), 1e9, kind), np.full((len(SLOTS), towns), -1.0, kind)

    def move(self) -> None:
        """The last slot of the ring comes in, of each window the oldest goes out."""
        for number, width in enumerate(SLOTS):
            self.sums[number] += np.subtract(self.ring[-1], self.ring[-1 - width], out=self.amounts)
            self.counts[number] += np.subtract(self.known[-1], self.known[-1 - width], out=self.slots)

    def back(self) -> None:
        """Undo, so that each round is the same."""
        for number, width in enumerate(SLOTS):
            self.sums[number] -= np.subtract(self.ring[-1], self.ring[-1 - width], out=self.amounts)
            self.counts[number] -= np.subtract(self.known[-1], self.known[-1 - width], out=self.slots)

    def towns(self) -> None:
        """Best and second best station of each town, and whether every window of it is whole."""
        for number, width in enumerate(SLOTS):
            total, whole = self.sums[number], self.counts[number] >= width
            best, second, sure = self.best[number], self.second[number], self.sure[number]
            place = len(best)
            best[:], sure[:] = total[:place], whole[:place]
            second.fill(-np.inf)
            for size in self.layers[1:]:
                part = total[place : place + size]
                np.maximum(second[:size], np.minimum(best[:size], part, out=self.room[:size]), out=second[:size])
                np.maximum(best[:size], part, out=best[:size])
                sure[:size] &= whole[place : place + size]
                place += size

    def crossed(self) -> tuple[np.ndarray, np.ndarray]:
        """Towns whose values left the span in which no threshold lies."""
        first, second = (np.flatnonzero(((side >= self.above) | (side < self.below)).any(axis=0)) for side in (self.best, self.second))
        return first, second


def timed(act: Callable[[], object], undo: Callable[[], object] = lambda: None) -> float:
    """Median CPU ms."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        act()
        spent.append((time.process_time() - began) * 1000)
        undo()
    return statistics.median(spent)


def main() -> None:
    """Run and print."""
    for name in ("B", "C"):
        towns, stations = SIZES[name]
        for kind in (np.float64, np.float32):
            held = Resident(towns, stations, kind)
            held.move()
            for number, width in enumerate(SLOTS):
                assert np.array_equal(held.sums[number], held.ring[-width:].sum(axis=0)) and np.array_equal(held.counts[number], held.known[-width:].sum(axis=0))
            held.back()
            parts = timed(held.move, held.back), timed(held.towns), timed(held.crossed)
            print(f"{name} {towns} 镇街 towns, {stations} 站 stations, {kind.__name__}: sums {parts[0]:.2f} + towns {parts[1]:.2f} + thresholds {parts[2]:.2f}"
                  f" = {sum(parts):.2f} ms CPU, load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
