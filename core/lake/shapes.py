"""Columns of the kinds of record, in memory and in a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from core.model import FieldReport, Observation, OfficialSignal, TrackPoint
from core.times import utc

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

Record = Observation | TrackPoint | OfficialSignal | FieldReport

KINDS = ("observations", "tracks", "signals", "reports")
#: What makes a record the same record; the newest receipt of it wins.
KEYS = {
    "observations": ["feed", "station", "observed_property", "time", "issued"],
    "tracks": ["feed", "storm", "agency", "time", "issued"],
    "signals": ["feed", "identifier"],
    "reports": ["feed", "report"],
}
#: First word of the first reason of a reading that a person has set right: it stands over every later receipt of the same reading.
CORRECTED = "corrected"
#: Later than any time in microseconds.
NEVER = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUADRANTS = ("ne", "se", "sw", "nw")
_CIRCLES = " ".join(f"{force}_{quadrant}:number" for force in ("r7", "r10", "r12") for quadrant in QUADRANTS)
_COLUMNS = {
    "observations": "feed station observed_property time:time value:number received:time raw flag:small reasons interval_s:count "
                    "issued:time datum synthetic:yes",
    "tracks": f"feed storm name agency time:time lat:number lon:number received:time raw pressure:number wind:number {_CIRCLES} "
              "move_speed:number move_bearing:number issued:time synthetic:yes",
    "signals": "feed identifier event hazard level:small areas title issued:time received:time raw effective:time expires:time msg_type "
               "references synthetic:yes",
    "reports": "feed report reporter trust:small town kind time:time received:time raw value:number village lat:number lon:number channel note "
               "synthetic:yes",
}


@cache
def schema(kind: str) -> pa.Schema:
    """Arrow schema of a kind; columns without a type are text, times are microseconds UTC."""
    import pyarrow as pa

    types = {"": pa.string(), "time": pa.timestamp("us", tz="UTC"), "number": pa.float64(), "yes": pa.bool_(), "small": pa.int8(),
             "count": pa.int32()}
    return pa.schema([(name, types[sort]) for name, _, sort in (column.partition(":") for column in _COLUMNS[kind].split())])


@cache
def coded(kind: str) -> pa.Schema:
    """The same with each text as its number in a dictionary of the different ones: a table in memory, read from Parquet without spelling out a row."""
    import pyarrow as pa

    return pa.schema([field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.type == pa.string() else field for field in schema(kind)])


@cache
def texts(kind: str) -> tuple[str, ...]:
    """The columns of a kind that are text."""
    import pyarrow as pa

    return tuple(field.name for field in schema(kind) if field.type == pa.string())


def parquet(kind: str, table: pa.Table) -> bytes:
    """A table of a kind as the content of a file.

    Of readings few of the texts differ, many of the stations do, and nobody asks a file but for its times: so written they take half the time and
    three fifths of the size of the library's defaults.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sparing: dict[str, Any] = {"use_dictionary": ["feed", "observed_property", "value", "raw", "reasons", "datum"], "write_statistics": ["time", "received"]}
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", store_schema=False, **(sparing if kind == "observations" else {}))
    body: bytes = sink.getvalue().to_pybytes()
    return body


def fit(table: pa.Table, kind: str) -> pa.Table:
    """A table as read, in the columns of `coded`; one of an older release too: unknown columns dropped, missing ones null."""
    import pyarrow as pa

    if table.schema.equals(coded(kind)):
        return table.replace_schema_metadata(None)
    columns = [table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
               for field in coded(kind)]
    return pa.Table.from_arrays(columns, schema=coded(kind))


def join(kind: str, tables: Iterable[pa.Table]) -> pa.Table:
    """Tables of `coded` as one, each column in one piece with one dictionary, so that equal texts have equal numbers."""
    import pyarrow as pa

    parts = [table for table in tables if len(table)]
    if len(parts) < 2:
        return parts[0] if parts else coded(kind).empty_table()
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def spelled(kind: str, table: pa.Table) -> pa.Table:
    """A table of `coded` with its texts written out."""
    return table.cast(schema(kind))


def micros(at: datetime) -> int:
    """A time in microseconds of UTC, as the columns hold it."""
    return (utc(at) - _EPOCH) // timedelta(microseconds=1)


def parted(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """(N,) codes of a text column of `coded` and the texts that they stand for; null reads as ''."""
    coded = column.combine_chunks()
    if coded.null_count:
        coded = coded.cast("string").fill_null("").dictionary_encode()
    return coded.indices.to_numpy(), coded.dictionary.to_pylist()


def pick(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Those rows of a table of `coded`, in that order; a column that says the same everywhere is only cut, which costs nothing."""
    import pyarrow as pa

    columns = [column.slice(0, len(rows)) if len(rows) <= len(column) and _alike(column) else column.take(pa.array(rows)) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _alike(column: pa.ChunkedArray) -> bool:
    """Whether it is plain, without a look at the rows, that all are the same: no value anywhere, or one word."""
    import pyarrow as pa

    if column.null_count:
        return bool(column.null_count == len(column))
    return column.num_chunks == 1 and pa.types.is_dictionary(column.type) and len(column.chunk(0).dictionary) == 1


def frame(table: pa.Table) -> pd.DataFrame:
    """A table of `coded` as pandas holds it, with its texts written out."""
    import pyarrow as pa

    columns = [_text(column) if pa.types.is_dictionary(column.type) else column for column in table.columns]
    made: pd.DataFrame = pa.table(columns, names=table.column_names).to_pandas(use_threads=False)
    return made


def _text(column: pa.ChunkedArray) -> pa.Array:
    """The column's texts, laid out as pandas wants them so that it does not do that again."""
    import pyarrow as pa

    codes = column.combine_chunks()
    if not _alike(column) or column.null_count:
        return codes.dictionary.cast(pa.large_string()).take(codes.indices)
    word = codes.dictionary[0].as_py().encode()
    return pa.LargeStringArray.from_buffers(len(codes), pa.py_buffer(np.arange(len(codes) + 1) * len(word)), pa.py_buffer(word * len(codes)))
