"""What else could be done with MUSIC's JSON answer. Each peer in `LIKE` does the work of ours: every number and time typed, codes for missing and trace
taken out, quality codes turned into flags, every station looked up, one row a reading in the lake's columns, Parquet. None of them looks for a key that stands twice, a
station away from its place, a date after the receipt, or a field that nobody knows."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable, Collection
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pydantic

from core.lake.shapes import schema

ELEMENTS = ("PRE_1h", "WIN_S_Avg_2mi", "WIN_S_Inst_Max", "WIN_D_Avg_2mi", "PRS", "TEM")
PROPERTIES = ("rain", "wind_speed", "wind_gust", "wind_direction", "pressure", "temperature")
FLAGS = np.array([1, 3, 4, 1, 1, 2, 2, 2, 9, 1], dtype=np.int8)  # by quality code
REASONS = ["", "source quality code 1", "source quality code 2", "", "", *(f"source quality code {code}" for code in range(5, 9)), "not checked by the source"]
MISSING, TRACE = (999999.0, 999017.0), 999990.0
CLOCK = "%Y-%m-%d %H:%M:%S"
Long = Callable[[bytes, Collection[str], pd.Timestamp, str], Any]


def parquet(table: Any) -> bytes:
    """Zstd, as each library writes by default."""
    sink = io.BytesIO()
    if isinstance(table, pa.Table):
        pq.write_table(table, sink, compression="zstd")
    elif isinstance(table, pd.DataFrame):
        table.to_parquet(sink, compression="zstd", index=False)
    else:
        table.write_parquet(sink, compression="zstd")
    return sink.getvalue()


def by_pandas(body: bytes, known: Collection[str], received: pd.Timestamp, raw: str) -> pd.DataFrame:
    """pandas as one writes it: DataFrame, to_datetime, to_numeric, mask, map, melt."""
    frame = pd.DataFrame(json.loads(body)["DS"])
    if not frame["Station_Id_C"].isin(known).all():
        raise ValueError("unknown station")
    frame["time"] = pd.to_datetime(frame["Datetime"], format=CLOCK, utc=True).dt.as_unit("us")
    values = frame[list(ELEMENTS)].apply(pd.to_numeric)
    values = values.mask(values.isin(MISSING)).replace(TRACE, 0.0).set_axis(PROPERTIES, axis="columns")
    codes = frame[[f"Q_{name}" for name in ELEMENTS]].apply(pd.to_numeric).fillna(9).astype("int8").set_axis(PROPERTIES, axis="columns")
    keys = frame[["Station_Id_C", "time"]].rename(columns={"Station_Id_C": "station"})
    long = pd.concat([keys, values], axis="columns").melt(["station", "time"], var_name="observed_property", value_name="value")
    code, none = codes.melt()["value"].to_numpy(), long["value"].isna()
    long["flag"] = np.where(none, 9, FLAGS[code]).astype("int8")
    long["reasons"] = pd.Series(np.array(REASONS, dtype=object)[np.where(none, 0, code)], dtype="str")
    long["interval_s"] = long["observed_property"].map(lambda name: 3600 if name == "rain" else 0).astype("int32")
    issued = pd.Series(pd.NaT, index=long.index, dtype="datetime64[us, UTC]")
    return long.assign(feed="weather", received=received, raw=raw, issued=issued, datum="", synthetic=False)[schema("observations").names]


def _arrow(records: list[Any], known: Collection[str], received: pd.Timestamp, raw: str) -> pa.Table:
    """Typed records to the long table by numpy and pyarrow, without a detour."""
    values = np.array([[getattr(row, name) for row in records] for name in ELEMENTS]).T
    codes = np.array([[getattr(row, f"Q_{name}") for row in records] for name in ELEMENTS]).T.astype(np.int64)
    station, clock = [row.Station_Id_C for row in records], [row.Datetime for row in records]
    if not set(station) <= set(known):
        raise ValueError("unknown station")
    rows, count = values.shape
    total, code = rows * count, codes.ravel()
    value = np.where(np.isin(values, MISSING), np.nan, np.where(values == TRACE, 0.0, values)).ravel()
    none = np.isnan(value)
    time = pc.strptime(pa.array(clock), CLOCK, "us").take(pa.array(np.repeat(np.arange(rows), count))).cast(pa.timestamp("us", "UTC"))

    def words(index: Any, all_of_them: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(all_of_them))

    same = np.zeros(total, dtype=np.int32)
    columns = {
        "feed": words(same, ["weather"]), "station": words(np.repeat(np.arange(rows), count), station), "time": time,
        "observed_property": words(np.tile(np.arange(count), rows), list(PROPERTIES)), "value": pa.array(value, from_pandas=True),
        "received": pa.array(np.full(total, received.tz_localize(None).to_datetime64()), pa.timestamp("us", "UTC")), "raw": words(same, [raw]),
        "flag": pa.array(np.where(none, 9, FLAGS[code]).astype(np.int8)), "reasons": words(np.where(none, 0, code), REASONS),
        "interval_s": pa.array(np.tile(np.array([3600, 0, 0, 0, 0, 0], dtype=np.int32), rows)), "issued": pa.nulls(total, pa.timestamp("us", "UTC")),
        "datum": words(same, [""]), "synthetic": pa.array(np.zeros(total, dtype=bool)),
    }
    return pa.table({name: columns[name] for name in schema("observations").names})


Number = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
NUMBERS = ("Lat", "Lon", *ELEMENTS, *(f"Q_{name}" for name in ELEMENTS))
Typed = msgspec.defstruct("Typed", [("Station_Id_C", str), ("Datetime", str), *((name, Number) for name in NUMBERS)], gc=False)
Answer = msgspec.defstruct("Answer", [("returnCode", str), ("rowCount", str), ("DS", list[Typed])])
DECODE = msgspec.json.Decoder(Answer, strict=False)


def decode(body: bytes) -> None:
    """msgspec's typed decode alone, and what it made let go, as everybody has to."""
    DECODE.decode(body)


def by_msgspec(body: bytes, known: Collection[str], received: pd.Timestamp, raw: str) -> pa.Table:
    """msgspec's typed decode, numpy, pyarrow, by hand."""
    return _arrow(DECODE.decode(body).DS, known, received, raw)


Model = pydantic.create_model("Model", Station_Id_C=str, Datetime=str, **dict.fromkeys(NUMBERS, float))
Whole = pydantic.create_model("Whole", returnCode=str, rowCount=int, DS=list[Model])


def by_pydantic(body: bytes, known: Collection[str], received: pd.Timestamp, raw: str) -> pa.Table:
    """pydantic models, numpy, pyarrow."""
    return _arrow(Whole.model_validate_json(body).DS, known, received, raw)


def by_polars(body: bytes, known: Collection[str], received: pd.Timestamp, raw: str) -> Any:
    """polars: read_json of the list, casts, unpivot."""
    pl = importlib.import_module("polars")
    start, end = body.index(b"[", body.index(b'"DS"')), body.rindex(b"]") + 1
    frame = pl.read_json(io.BytesIO(body[start:end]))
    if not frame["Station_Id_C"].is_in(list(known)).all():
        raise ValueError("unknown station")
    wide = frame.select(
        pl.col("Station_Id_C").alias("station"), pl.col("Datetime").str.strptime(pl.Datetime("us"), CLOCK).dt.replace_time_zone("UTC").alias("time"),
        *(pl.struct(pl.col(element).cast(pl.Float64).alias("v"), pl.col(f"Q_{element}").cast(pl.Int8).alias("q")).alias(name)
          for element, name in zip(ELEMENTS, PROPERTIES, strict=True)),
    )
    value, code = pl.col("both").struct.field("v"), pl.col("both").struct.field("q")
    long = wide.unpivot(index=["station", "time"], variable_name="observed_property", value_name="both").with_columns(
        pl.when(value.is_in(MISSING)).then(None).when(value == TRACE).then(0.0).otherwise(value).alias("value"), code.alias("code"),
    )
    none, table = pl.col("value").is_null(), {"flag": FLAGS.tolist(), "reasons": REASONS}
    said = {name: pl.col("code").replace_strict(list(range(10)), words, return_dtype=pl.Int8 if name == "flag" else pl.String) for name, words in table.items()}
    return long.select(
        pl.lit("weather").alias("feed"), "station", "observed_property", "time", "value", pl.lit(received.to_pydatetime()).alias("received"), pl.lit(raw).alias("raw"),
        pl.when(none).then(pl.lit(9, pl.Int8)).otherwise(said["flag"]).alias("flag"), pl.when(none).then(pl.lit("")).otherwise(said["reasons"]).alias("reasons"),
        pl.when(pl.col("observed_property") == "rain").then(3600).otherwise(0).cast(pl.Int32).alias("interval_s"),
        pl.lit(None, pl.Datetime("us", "UTC")).alias("issued"), pl.lit("").alias("datum"), pl.lit(False).alias("synthetic"),
    )


def like() -> dict[str, Long]:
    """Name and version -> the same work."""
    found: dict[str, Long] = {
        f"msgspec {msgspec.__version__} + pyarrow {pa.__version__}, by hand": by_msgspec, f"pandas {pd.__version__}, to the same table": by_pandas,
        f"pydantic {pydantic.VERSION} + pyarrow": by_pydantic,
    }
    if importlib.util.find_spec("polars"):
        found[f"polars {importlib.import_module('polars').__version__}"] = by_polars
    return found


def less() -> dict[str, Callable[[bytes], Any]]:
    """Name -> less than that: the records as they came, no unit, no code, no long form; the first is the peer that our target names."""
    return {
        "pandas DataFrame(json.loads), texts": lambda body: pd.DataFrame(json.loads(body)["DS"]),
        "pandas DataFrame(json.loads), numbers and times": _numbers,
        "pandas read_json": lambda body: pd.read_json(io.BytesIO(body[body.index(b"[", body.index(b'"DS"')) : body.rindex(b"]") + 1])),
    }


def _numbers(body: bytes) -> pd.DataFrame:
    frame = pd.DataFrame(json.loads(body)["DS"])
    frame["Datetime"] = pd.to_datetime(frame["Datetime"], format=CLOCK, utc=True)
    return frame.assign(**{name: pd.to_numeric(frame[name]) for name in (*ELEMENTS, "Lat", "Lon")})
