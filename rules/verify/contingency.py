"""Contingency tables of many thresholds over all town-steps, from one pass over the values.

Each value falls into a cell of an even grid that is so fine that no cell holds two thresholds, so that one comparison says which side of its cell's
threshold it is on; the cells are counted with and without an event, and the counts are summed from the top. The time does not grow with the number of
thresholds, and nothing is rounded: a threshold and a value go through the same arithmetic, which keeps their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rules.grid import Bools, Floats, Ints

#: Values looked at together, so that they stay in the cache.
_AT_ONCE = 32_768
#: Thresholds so uneven that they need a finer grid are searched for instead.
_MAX_CELLS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Contingency:
    """(V,) town-steps by threshold: said and happened, not said but happened, said but did not happen, neither."""

    hits: Ints
    misses: Ints
    false: Ints
    quiet: Ints


def contingency(values: Floats, happened: Bools, thresholds: Sequence[float], op: str = ">=") -> Contingency:
    """Counts of "value `op` threshold" (>=, >, <=, <) against what happened, for every threshold in its order; `values` and `happened` of one shape.
    -inf and NaN reach no threshold from below, inf and NaN none from above."""
    sign = 1.0 if op[0] == ">" else -1.0
    marks = sign * np.asarray(thresholds, dtype=np.float64)
    edges = np.unique(marks)
    every, event = _counted(sign * values.ravel(), happened.ravel(), edges, strict=len(op) == 1)
    place = np.searchsorted(edges, marks)
    under, missed = np.cumsum(every)[place], np.cumsum(event)[place]  # values that do not reach each threshold
    hits = event.sum() - missed
    return Contingency(hits=hits, misses=missed, false=every.sum() - under - hits, quiet=under - missed)


def _counted(values: Floats, happened: Bools, edges: Floats, *, strict: bool) -> tuple[Ints, Ints]:
    """(V + 1) how many values reach exactly so many of the `edges` (ascending), and how many of those with an event."""
    cells = _Cells.over(edges)
    size = 2 * len(cells.edge) if cells else len(edges) + 1
    every, event = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for first in range(0, len(values), _AT_ONCE):
        part = values[first : first + _AT_ONCE]
        place = cells.halves(part, strict) if cells else np.searchsorted(edges, np.fmax(part, -np.inf), side="left" if strict else "right")
        every += np.bincount(place, minlength=size)
        event += np.bincount(place[happened[first : first + _AT_ONCE]], minlength=size)
    return (cells.folded(every), cells.folded(event)) if cells else (every, event)


@dataclass(frozen=True, slots=True)
class _Cells:
    """An even grid over the edges: the one edge in each cell (inf: none). Cell 0 is all that lies under."""

    origin: float
    per_unit: float
    edge: Floats

    @classmethod
    def over(cls, edges: Floats) -> _Cells | None:
        """None where the edges are too uneven."""
        per_unit = 1.0 / float(np.diff(edges).min()) if len(edges) > 1 else 1.0
        while edges[-1] - edges[0] < _MAX_CELLS / per_unit:
            cell = ((edges - edges[0]) * per_unit + 1.0).astype(np.int64)
            if (np.diff(cell) > 0).all():
                edge = np.full(int(cell[-1]) + 1, np.inf)
                edge[cell] = edges
                return cls(float(edges[0]), per_unit, edge)
            per_unit *= 2
        return None

    def halves(self, values: Floats, strict: bool) -> Ints:
        """Twice the number of each value's cell, and one more where it reaches (passes, if `strict`) the cell's edge."""
        cell = np.clip(np.fmax((values - self.origin) * self.per_unit + 1.0, 0.0), None, len(self.edge) - 1).astype(np.int64)
        edge = self.edge[cell]
        return 2 * cell + (values > edge if strict else values >= edge)

    def folded(self, halves: Ints) -> Ints:
        """(V + 1) the counts of all halves between two edges together."""
        has = np.isfinite(self.edge).astype(np.int64)
        before = np.cumsum(has) - has
        reached = np.stack([before, before + has], axis=1).ravel()
        return np.bincount(reached, weights=halves, minlength=int(has.sum()) + 1).astype(np.int64)
