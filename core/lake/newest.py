"""One row a reading, the newest receipt, in the order of reading: the lake's most frequent question, answered over whole columns.

Texts become numbers once (their rank among the few different ones), so that sorting and comparing are sorting and comparing of integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.lake.shapes import CORRECTED

if TYPE_CHECKING:
    import pyarrow as pa

Ints = NDArray[np.int64]
#: A reading's identity in the order in which readings are told.
ORDER = ("station", "observed_property", "time", "feed", "issued")
NEVER = np.iinfo(np.int64).max


def newest(table: pa.Table) -> pa.Table:
    """Of observations as stored: for each (station, property, time, feed, issued) the row that counts, sorted by these.

    A person's correction counts before any later receipt, then the newest receipt; of one receipt that says two things of one reading the
    later payload hash, then the higher value, then the later row.
    """
    keys = [_numbers(table, name) for name in ORDER]
    order = np.lexsort(keys[::-1])
    if not len(order):
        return table
    first = _begins(keys, order)
    if not first.all():
        value = table["value"].to_numpy()
        minor = [np.where(np.isnan(value), -np.inf, value), _numbers(table, "raw"), _numbers(table, "received"), _corrected(table)]
        order = np.lexsort([*minor, *keys[::-1]])
        first = _begins(keys, order)
    last = np.append(first[1:], True)
    return table.take(order[last])


def _begins(keys: list[Ints], order: Ints) -> NDArray[np.bool_]:
    """Where, in `order`, a row is of another reading than the row before it."""
    out = np.ones(len(order), dtype=np.bool_)
    out[1:] = np.logical_or.reduce([key[order[1:]] != key[order[:-1]] for key in keys])
    return out


def _numbers(table: pa.Table, name: str) -> Ints:
    """A column as integers that sort as it does; null last."""
    import pyarrow as pa

    column = table[name]
    if pa.types.is_timestamp(column.type):
        stamps: Ints = column.cast(pa.int64()).fill_null(NEVER).to_numpy()
        return stamps
    codes, words = _encoded(table, name)
    rank = np.empty(len(words), dtype=np.int64)
    rank[np.argsort(np.array(words, dtype=object))] = np.arange(len(words))
    return rank[codes]


def _corrected(table: pa.Table) -> NDArray[np.bool_]:
    codes, words = _encoded(table, "reasons")
    return np.array([text.startswith(CORRECTED) for text in words], dtype=np.bool_)[codes]


def _encoded(table: pa.Table, name: str) -> tuple[Ints, list[str]]:
    """(N,) codes and the different texts that they stand for; null reads as ''."""
    column = table[name].fill_null("").combine_chunks().dictionary_encode()
    chunk = column.chunk(0) if hasattr(column, "chunk") else column
    return chunk.indices.to_numpy(zero_copy_only=False), chunk.dictionary.to_pylist()
