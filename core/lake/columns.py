"""Readings, which are columns already, as the columns that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from core.lake.shapes import schema
from core.readings import Readings, Words

if TYPE_CHECKING:
    import pyarrow as pa


def of_readings(readings: Readings) -> pa.Table:
    """A table of observations; what has no value or no issue time has null there, reasons are joined by ';'."""
    import pyarrow as pa

    def column(name: str, kind: pa.DataType) -> pa.Array:
        held = getattr(readings, name)
        if not isinstance(held, Words):
            return pa.array(held, type=kind, from_pandas=True)
        words = [";".join(word) for word in held.words] if name == "reasons" else held.words
        return pa.DictionaryArray.from_arrays(held.codes, pa.array(words, type=kind)).cast(kind)

    kinds = schema("observations")
    return pa.Table.from_arrays([column(field.name, field.type) for field in kinds], schema=kinds)


def by_day(readings: Readings) -> Iterator[tuple[datetime, Readings]]:
    """The readings of each receiving day (UTC) in turn, with their first receipt."""
    days = readings.received.astype("datetime64[D]")
    for day in np.unique(days):
        part = readings if (days == day).all() else readings.take(days == day)
        yield part.received.min().item().replace(tzinfo=UTC), part
