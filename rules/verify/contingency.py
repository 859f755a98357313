"""Contingency tables of many thresholds over all town-steps, from one pass over the values.

Each value falls into a cell of an even grid that is so fine that no cell holds two thresholds, so that one comparison says which side of its cell's
threshold it is on; the cells are counted with and without an event, and the counts are summed from the top. The time does not grow with the number of
thresholds, and nothing is rounded: a threshold and a value go through the same arithmetic, which keeps their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    counts = _counted(sign * values.ravel(), happened.ravel(), edges, strict=len(op) == 1)
    quiet, events = np.cumsum(counts, axis=1)[:, np.searchsorted(edges, marks)]  # values under each threshold
    every = counts.sum(axis=1)
    return Contingency(hits=every[1] - events, misses=events, false=every[0] - quiet, quiet=quiet)


def _counted(values: Floats, happened: Bools, edges: Floats, *, strict: bool) -> Ints:
    """(2, V + 1) how many values, without and with an event, reach exactly so many of the `edges` (ascending)."""
    cells = _Cells.over(edges)
    total = np.zeros((2, len(edges) + 1), dtype=np.int64)
    for first in range(0, len(values), _AT_ONCE):
        part, event = values[first : first + _AT_ONCE], happened[first : first + _AT_ONCE]
        reached = cells.reached(part, strict) if cells else np.searchsorted(edges, np.fmax(part, -np.inf), side="left" if strict else "right")
        total += np.bincount(reached + event * (len(edges) + 1), minlength=total.size).reshape(total.shape)
    return total


@dataclass(frozen=True, slots=True)
class _Cells:
    """An even grid over the edges: by cell how many edges lie in cells before it, and the one edge in it (inf: none). Cell 0 is all that lies under."""

    origin: float
    per_unit: float
    before: NDArray[np.int32]
    edge: Floats

    @classmethod
    def over(cls, edges: Floats) -> _Cells | None:
        """None where the edges are too uneven."""
        per_unit = 1.0 / float(np.diff(edges).min()) if len(edges) > 1 else 1.0
        while edges[-1] - edges[0] < _MAX_CELLS / per_unit:
            cell = ((edges - edges[0]) * per_unit + 1.0).astype(np.int64)
            if (np.diff(cell) > 0).all():
                here = np.bincount(cell)
                edge = np.full(len(here), np.inf)
                edge[cell] = edges
                return cls(float(edges[0]), per_unit, (np.cumsum(here) - here).astype(np.int32), edge)
            per_unit *= 2
        return None

    def reached(self, values: Floats, strict: bool) -> Ints:
        """How many edges each value reaches (passes, if `strict`)."""
        place = np.clip(np.fmax((values - self.origin) * self.per_unit + 1.0, 0.0), None, len(self.edge) - 1).astype(np.int32)
        edge = self.edge[place]
        return np.asarray(self.before[place] + (values > edge if strict else values >= edge))
