"""The lake: raw payloads by content, readings, tracks and signals as Parquet.

Layout under the root: raw/<2 hex>/<sha256>.zst · <kind>/feed=<feed>/day=<received day>/<received>-<hash>.parquet.
Append is one small file an ingest, written aside and renamed, so that a crash leaves a whole file or none. A reading's
identity is (feed, station, property, time, issued); the newest receipt wins at reading, so late, repeated and reordered
appends end in the same state. A read at `as_of` never sees what was received later: a replay is the live code.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import StoreError
from core.model import Batch, Circle, Observation, OfficialSignal, TrackPoint
from core.signing import digest
from core.times import iso, utc

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KINDS = ("observations", "tracks", "signals")
KEYS = {
    "observations": ["feed", "station", "observed_property", "time", "issued"],
    "tracks": ["feed", "storm", "agency", "time", "issued"],
    "signals": ["feed", "identifier", "listed_at"],
}
CACHE_FILES = 4096
_STAMP = "%Y%m%dT%H%M%S"
_NAME = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{12}\.parquet")


def record_id(feed: str, station: str, observed_property: str, time: datetime) -> str:
    """The name of one reading, as evidence cites it."""
    return f"{feed}/{station}/{observed_property}/{iso(time)}"


class Lake:
    """Opened at a folder (a path or a file:// URL)."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(str(root).removeprefix("file://"))
        self._cache: OrderedDict[Path, Any] = OrderedDict()

    def keep_raw(self, body: bytes) -> str:
        """Keep a payload by its SHA-256 (hex, returned); keeping it again changes nothing."""
        import pyarrow as pa

        sha = digest(body)
        path = self._raw_path(sha)
        if not path.exists():
            compressed = pa.compress(body, codec="zstd", asbytes=True) if body else b""
            _write_whole(path, len(body).to_bytes(8, "big") + compressed)
        return sha

    def raw(self, sha: str) -> bytes:
        """The payload of a hash; StoreError when it is not there or no longer has that hash."""
        import pyarrow as pa

        try:
            stored = self._raw_path(sha).read_bytes()
        except OSError as error:
            raise StoreError(f"原始数据 {sha[:12]} 不在湖中 / raw payload not in the lake") from error
        size = int.from_bytes(stored[:8], "big")
        body = bytes(pa.decompress(stored[8:], decompressed_size=size, codec="zstd", asbytes=True)) if size else b""
        if digest(body) != sha:
            raise StoreError(f"原始数据 {sha[:12]} 已损坏 / raw payload damaged")
        return body

    def append(self, feed: str, batch: Batch, received: datetime) -> None:
        """Add all records of a batch; the same batch again gives the same files. An empty signal list is kept too, because it ends signals."""
        for kind, rows in zip(KINDS, (batch.observations, batch.tracks, batch.signals), strict=True):
            if rows:
                table = _table(kind, [_flat(row) for row in rows], received)
                self._write(kind, feed, received, table)

    def observations(
        self, *, start: datetime, end: datetime, as_of: datetime, properties: list[str] | None = None,
        feeds: list[str] | None = None, forecasts: bool = False,
    ) -> pd.DataFrame:
        """Readings with start <= time <= end received by `as_of`; columns are the fields of Observation, times datetime64[us, UTC], value NaN for missing.

        One row a (feed, station, property, time, issued): the newest receipt. Sorted by station, property, time, feed.
        """
        frame = self._read("observations", received_from=start - timedelta(days=1), as_of=as_of, feeds=feeds)
        keep = (frame["time"] >= utc(start)) & (frame["time"] <= utc(end)) & (frame["issued"].notna() == forecasts)
        if properties is not None:
            keep &= frame["observed_property"].isin(properties)
        frame = frame[keep]
        return self._newest("observations", frame).sort_values(["station", "observed_property", "time", "feed"], ignore_index=True)

    def tracks(self, *, start: datetime, end: datetime, as_of: datetime) -> pd.DataFrame:
        """Typhoon positions with start <= time <= end received by `as_of`; circles flattened to r7_ne .. r12_nw (km, NaN: none)."""
        frame = self._read("tracks", received_from=start - timedelta(days=1), as_of=as_of)
        frame = frame[(frame["time"] >= utc(start)) & (frame["time"] <= utc(end))]
        return self._newest("tracks", frame).sort_values(["feed", "storm", "agency", "issued", "time"], ignore_index=True, na_position="first")

    def signals(self, *, as_of: datetime, feed: str | None = None, since: timedelta = timedelta(days=10)) -> pd.DataFrame:
        """Official signals as listed by `as_of`: each (feed, identifier) as last listed, `listed_at` saying when; looks back `since`."""
        frame = self._read("signals", received_from=as_of - since, as_of=as_of, feeds=[feed] if feed else None)
        frame = frame.rename(columns={"received": "listed_at"}).sort_values("listed_at", kind="stable")
        return frame.drop_duplicates(["feed", "identifier"], keep="last").sort_values(["feed", "identifier"], ignore_index=True)

    def compact(self, before: date) -> int:
        """Merge the small files of each finished day before `before` into one; the number of files merged."""
        import pyarrow as pa

        merged = 0
        for folder in sorted(self.root.glob("*/feed=*/day=*")):
            files = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
            if date.fromisoformat(folder.name.removeprefix("day=")) >= before or len(files) < 2:
                continue
            kind, feed = folder.parts[-3], folder.parent.name.removeprefix("feed=")
            table = pa.concat_tables([self._load(path) for path in files])
            written = self._write(kind, feed, _stamp_of(files[-1]), table)
            for path in files:
                if path != written:
                    path.unlink()
            merged += len(files)
        return merged

    def _raw_path(self, sha: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", sha):
            raise StoreError(f"not a content hash: {sha!r}")
        return self.root / "raw" / sha[:2] / f"{sha}.zst"

    def _write(self, kind: str, feed: str, received: datetime, table: pa.Table) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        body = sink.getvalue().to_pybytes()
        at = utc(received)
        path = self.root / kind / f"feed={feed}" / f"day={at:%Y-%m-%d}" / f"{at.strftime(_STAMP)}-{digest(body)[:12]}.parquet"
        if not path.exists():
            _write_whole(path, body)
        return path

    def _read(self, kind: str, *, received_from: datetime, as_of: datetime, feeds: list[str] | None = None) -> pd.DataFrame:
        import pyarrow as pa

        tables = [self._load(path) for path in self._files(kind, utc(received_from), utc(as_of), feeds)]
        table = pa.concat_tables(tables) if tables else _table(kind, [], as_of)
        frame = table.to_pandas(ignore_metadata=True)
        return frame[frame["received"] <= utc(as_of)]

    def _files(self, kind: str, first: datetime, as_of: datetime, feeds: list[str] | None) -> list[Path]:
        found = []
        for folder in sorted((self.root / kind).glob("feed=*/day=*")):
            if feeds is not None and folder.parent.name.removeprefix("feed=") not in feeds:
                continue
            if first.date() <= date.fromisoformat(folder.name.removeprefix("day=")) <= as_of.date():
                found += [path for path in sorted(folder.iterdir()) if _NAME.fullmatch(path.name)]
        return found

    def _load(self, path: Path) -> pa.Table:
        """A file once written never changes, so what was read stays read."""
        import pyarrow.parquet as pq

        if path not in self._cache:
            self._cache[path] = pq.read_table(path, partitioning=None)
            if len(self._cache) > CACHE_FILES:
                self._cache.popitem(last=False)
        self._cache.move_to_end(path)
        return self._cache[path]

    def _newest(self, kind: str, frame: pd.DataFrame) -> pd.DataFrame:
        order = frame.sort_values(["received", "raw"], kind="stable")
        return order.drop_duplicates(KEYS[kind], keep="last")


def _stamp_of(path: Path) -> datetime:
    return datetime.strptime(path.name[:15], _STAMP).replace(tzinfo=UTC)


def _write_whole(path: Path, body: bytes) -> None:
    """Write aside, flush to disk, rename: readers see the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


_CIRCLES = tuple(f"{force}_{quadrant}" for force in ("r7", "r10", "r12") for quadrant in ("ne", "se", "sw", "nw"))


def _flat(row: Observation | TrackPoint | OfficialSignal) -> dict[str, Any]:
    """A record as columns: circles flattened, tuples joined, enums as their value."""
    out: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name in ("r7", "r10", "r12"):
            circle: Circle | None = value
            out |= {f"{field.name}_{q}": getattr(circle, q) if circle else None for q in ("ne", "se", "sw", "nw")}
        elif isinstance(value, tuple):
            out[field.name] = ";".join(value)
        elif field.name in ("level", "flag"):
            out[field.name] = int(value)
        elif field.name in ("hazard", "msg_type"):
            out[field.name] = str(value) if value is not None else ""
        else:
            out[field.name] = value
    return out


def _table(kind: str, rows: list[dict[str, Any]], _received: datetime) -> pa.Table:
    import pyarrow as pa

    time, text, number, yes = pa.timestamp("us", tz="UTC"), pa.string(), pa.float64(), pa.bool_()
    schemas: dict[str, list[tuple[str, Any]]] = {
        "observations": [("feed", text), ("station", text), ("observed_property", text), ("time", time), ("value", number), ("received", time),
                         ("raw", text), ("flag", pa.int8()), ("reasons", text), ("interval_s", pa.int32()), ("issued", time), ("datum", text),
                         ("synthetic", yes)],
        "tracks": [("feed", text), ("storm", text), ("name", text), ("agency", text), ("time", time), ("lat", number), ("lon", number),
                   ("received", time), ("raw", text), ("pressure", number), ("wind", number), *((name, number) for name in _CIRCLES),
                   ("move_speed", number), ("move_bearing", number), ("issued", time), ("synthetic", yes)],
        "signals": [("feed", text), ("identifier", text), ("event", text), ("hazard", text), ("level", pa.int8()), ("areas", text), ("title", text),
                    ("issued", time), ("received", time), ("raw", text), ("effective", time), ("expires", time), ("msg_type", text),
                    ("references", text), ("synthetic", yes)],
    }
    schema = pa.schema(schemas[kind])
    return pa.Table.from_pydict({name: [row[name] for row in rows] for name in schema.names}, schema=schema)
