"""One row a reading, the newest receipt, in the order of reading: the lake's most frequent question, answered over whole columns.

A text is its rank among the few different ones, and a reading's identity one whole number where that fits, so that sorting and comparing are
sorting and comparing of integers; only readings that were received more than once are looked at closely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.lake.shapes import CORRECTED, NEVER, parted, pick

if TYPE_CHECKING:
    import pyarrow as pa

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: A reading's identity in the order in which readings are told.
ORDER = ("station", "observed_property", "time", "feed", "issued")


def newest(table: pa.Table) -> pa.Table:
    """Of observations (texts coded, each column in one piece): for each (station, property, time, feed, issued) the row that
    counts, sorted by these.

    A person's correction counts before any later receipt, then the newest receipt; of one receipt that says two things of one reading the
    later payload hash, then the higher value, then the later row.
    """
    if not len(table):
        return table
    keys = _joined([key for name in ORDER if (key := _numbers(table, name)) is not None])
    order = np.argsort(keys[0], kind="stable") if len(keys) == 1 else np.lexsort(keys[::-1])
    first = np.ones(len(order), dtype=np.bool_)  # where a row is of another reading than the row before it
    first[1:] = np.logical_or.reduce([(ranked := key[order])[1:] != ranked[:-1] for key in keys])
    if not first.all():
        last = np.append(first[1:], True)
        again = ~(first & last)
        order[again] = _by_receipt(table, order[again], np.cumsum(first)[again])
        order = order[last]
    return pick(table, order)


def _by_receipt(table: pa.Table, order: Ints, reading: Ints) -> Ints:
    """`order`, which is grouped by `reading`, with the row that counts last in each group."""
    few = pick(table, order)
    value = few["value"].to_numpy()
    minor = [order, np.where(np.isnan(value), -np.inf, value), *(_numbers(few, name) for name in ("raw", "received")), _corrected(few)]
    return order[np.lexsort([*(key for key in minor if key is not None), reading])]


def _joined(keys: list[Ints]) -> list[Ints]:
    """The keys as one that sorts as they do together, or as they are when 63 bits are too few."""
    ends = [(int(key.min()), int(key.max())) for key in keys]
    room = 1
    for low, high in ends:
        room *= high - low + 1
    if len(keys) < 2 or room > NEVER:
        return keys
    joined = keys[0] - ends[0][0]
    for key, (low, high) in zip(keys[1:], ends[1:], strict=True):
        joined *= high - low + 1
        joined += key - low
    return [joined]


def _numbers(table: pa.Table, name: str) -> Ints | None:
    """A column as integers that sort as they do, null last; None where the column has one value only."""
    import pyarrow as pa

    column = table[name]
    if column.null_count == len(column):
        return None
    if pa.types.is_timestamp(column.type):
        stamps: Ints = column.cast(pa.int64()).fill_null(NEVER).to_numpy()
        return stamps
    codes, words = parted(table[name])
    if len(words) == 1:
        return None
    rank = np.empty(len(words), dtype=np.int64)
    rank[np.argsort(np.array(words, dtype=object))] = np.arange(len(words))
    return rank[codes]


def _corrected(table: pa.Table) -> Bools:
    codes, words = parted(table["reasons"])
    return np.array([text.startswith(CORRECTED) for text in words], dtype=np.bool_)[codes]
