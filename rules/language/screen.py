"""What all ticks of a block have in common, asked once a town before any tick is asked.

An interval that lies inside another proves what that one proves and excludes what that one excludes. So what the hull of a town's intervals proves
holds at every tick, and what it excludes holds at none; and as both ends of an interval lie inside it, a condition is proved at no tick if it fails at
all the lower ends or at all the upper ones, and cannot be excluded at any tick if it holds at all the lower ends or at all the upper ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rules.language.evaluate import Columns, Interval, Truth, evaluate
from rules.language.nodes import Node


def extremes(columns: Columns, names: Iterable[str]) -> Columns:
    """(3, N) of columns (T, N): the hull of each town's intervals, that of their lower ends and that of their upper ends."""
    for name in names:
        if name not in columns.kept:
            columns.kept[name] = _extremes(columns.values[name])
    return Columns(columns.kept, columns.absent, (3, columns.shape[1]))


def _extremes(told: Interval) -> Interval:
    least, most = ([side(told.lo, axis=0), side(told.hi, axis=0)] for side in (np.min, np.max))
    return Interval(np.stack([least[0], *least]), np.stack([most[1], *most]))


def screen(node: Node, found: Columns) -> tuple[Truth, Truth]:
    """What of a condition is so at every tick (N,), and what is so at any; `found` as `extremes` gives it."""
    truth = evaluate(node, found)
    hull, low, high = (Truth(must, may) for must, may in zip(truth.must, truth.may, strict=True))
    return Truth(hull.must, low.must | high.must), Truth(low.may & high.may, hull.may)
