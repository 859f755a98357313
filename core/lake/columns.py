"""Readings, which are columns already, as the columns that are stored; and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from core.lake.shapes import parted, schema, texts
from core.readings import Readings, Words

if TYPE_CHECKING:
    import pyarrow as pa


def of_readings(readings: Readings) -> pa.Table:
    """A table of observations; what has no value or no issue time has null there, reasons are joined by ';'. Words stay words but for the stations, of
    which there are many: the file does not tell."""
    import pyarrow as pa

    def column(name: str, kind: pa.DataType) -> pa.Array:
        """One column as Arrow: numbers as they are, words by code over the sorted words that are used, reasons joined by ';'."""
        held = getattr(readings, name)
        if not isinstance(held, Words):
            return pa.array(held, type=kind, from_pandas=True)
        if name == "station":
            return pa.DictionaryArray.from_arrays(held.codes, pa.array(held.words, type=kind)).dictionary_decode()
        words, codes = held.words, held.codes
        if len(words) > 1 or not len(codes):  # so that one content is one file, whatever else the vocabulary has seen
            words = tuple(sorted(held.used()))
            codes = held.among({word: place for place, word in enumerate(words)})
        return pa.DictionaryArray.from_arrays(codes, pa.array(map(";".join, words) if name == "reasons" else words, type=kind))

    return pa.table({field.name: column(field.name, field.type) for field in schema("observations")})


def by_day(readings: Readings) -> Iterator[tuple[datetime, Readings]]:
    """The readings of each receiving day (UTC) in turn, with their first receipt."""
    days = readings.received.astype("datetime64[D]")
    for day in np.unique(days):
        part = readings if (days == day).all() else readings.take(days == day)
        yield part.received.min().item().replace(tzinfo=UTC), part


def to_readings(table: pa.Table) -> Readings:
    """Observations as the lake holds them in memory (texts coded), as readings; reasons are parted at ';'."""
    columns: dict[str, Any] = {name: _words(table[name]) if name in texts("observations") else table[name].to_numpy() for name in table.column_names}
    columns |= {name: columns[name].astype("datetime64[us]", copy=False) for name in ("time", "received", "issued")}
    reasons = columns["reasons"]
    return Readings(**columns | {"reasons": Words(reasons.codes, tuple(tuple(filter(None, text.split(";"))) for text in reasons.words))})


def _words(column: pa.ChunkedArray) -> Words[str]:
    codes, words = parted(column)
    return Words(codes, tuple(words))
