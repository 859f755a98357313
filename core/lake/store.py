"""The lake's door: append what a payload held, read what was known at a time.

Layout under the root: raw/<2 hex>/<sha256>.zst · <kind>/feed=<feed>/day=<received day>/<first received>-<hash>.parquet ·
.hot/ copies of the newest days, which anybody may delete.
Append is one small file an ingest; a file's name says what it holds, so a repeat is the same file and damage shows.
A reading's identity is (feed, station, property, time, issued) and the newest receipt wins at reading, so late, repeated
and reordered appends end in the same state. A read at `as_of` never sees what was received later: a replay is the live code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from core.errors import StoreError
from core.lake.days import Days
from core.lake.places import place, walk
from core.lake.rows import to_table
from core.lake.shapes import KEYS, KINDS, Record, frame, join, micros, parted
from core.model import Batch, Observation
from core.signing import digest
from core.times import iso, utc

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from core.readings import Readings

#: How long before its own time a reading can have been received: a station's clock may run ahead.
CLOCK_AHEAD = timedelta(days=1)
#: How long before its valid time a forecast can have been received (track forecasts reach 120 h; 240 h leaves room).
FORECAST_AHEAD = timedelta(days=10)
_SHA = re.compile(r"[0-9a-f]{64}")
_FEED = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def record_id(feed: str, station: str, observed_property: str, time: datetime) -> str:
    """The name of one reading, as evidence cites it: feed/station/property/time (ISO, UTC)."""
    return f"{feed}/{station}/{observed_property}/{iso(time)}"


class Lake:
    """Opened at a folder (path or file:// URL) or any other fsspec URL; threads and processes may share one lake."""

    def __init__(self, root: str | Path) -> None:
        self.place = place(root)
        self._days = Days(self.place)

    @property
    def damaged(self) -> tuple[str, ...]:
        """Names of the files met so far whose content is not what their name says; their rows count as never received."""
        return tuple(sorted(self._days.damaged))

    def keep_raw(self, body: bytes) -> str:
        """Keep a payload by its SHA-256 (hex, returned); keeping it again changes nothing, but heals a damaged copy."""
        import pyarrow as pa

        sha = digest(body)
        try:
            self.raw(sha)
        except StoreError:
            self.place.write(_raw_name(sha), bytes(pa.compress(body, codec="zstd", asbytes=True)))
        return sha

    def raw(self, sha: str) -> bytes:
        """The payload of a hash (kept as a plain zstd file); StoreError when it is not there or no longer has that hash."""
        import pyarrow as pa

        try:
            stored = self.place.read(_raw_name(sha))
        except FileNotFoundError:
            raise StoreError(f"原始数据 {sha[:12]} 不在湖中 / raw payload not in the lake") from None
        body: bytes | None
        try:
            with pa.input_stream(pa.BufferReader(stored), compression="zstd") as stream:
                body = bytes(stream.read())
        except (pa.ArrowException, OSError):
            body = None
        if body is None or digest(body) != sha:
            raise StoreError(f"原始数据 {sha[:12]} 已损坏 / raw payload damaged")
        return body

    def append(self, feed: str, batch: Batch, received: datetime) -> None:
        """Add all records of a batch of `feed`; the same batch again changes nothing.

        What counts is each record's own `received`, so that `as_of` holds also for a batch that gathers several receipts.
        A batch that is empty, and of which nothing was set aside, is kept as an empty list of signals: it ends them.
        StoreError for a record of another feed or a feed name that is no folder name.
        """
        if not _FEED.fullmatch(feed):
            raise StoreError(f"not a feed name: {feed!r}")
        held: tuple[Sequence[Record], ...] = (batch.observations, batch.tracks, batch.signals, batch.reports)
        for kind, records in zip(KINDS, held, strict=True):
            for first, table in _by_day(kind, feed, records):
                self._days.write(kind, feed, first, table)
        if not batch.records and not batch.rejected:
            self._days.write("signals", feed, received, to_table("signals", ()))

    def observations(
        self, *, start: datetime, end: datetime, as_of: datetime, properties: Iterable[str] | None = None,
        feeds: Iterable[str] | None = None, stations: Iterable[str] | None = None, forecasts: bool = False,
    ) -> pd.DataFrame:
        """Readings (or forecasts) with start <= time <= end that were received by `as_of`.

        Columns are the fields of Observation: times datetime64[us, UTC], value float64 with NaN for missing, reasons joined
        by ';'. One row a (feed, station, property, time, issued), the newest receipt; sorted by station, property, time, feed.
        """
        return frame(self._rows(start, end, as_of, properties, feeds, stations, forecasts))

    def readings(self, *, start: datetime, end: datetime, as_of: datetime, feeds: Iterable[str] | None = None) -> Readings:
        """The measurements that `observations` gives, as columns."""
        from core.lake.columns import to_readings

        return to_readings(self._rows(start, end, as_of, None, feeds, None, False))

    def _rows(
        self, start: datetime, end: datetime, as_of: datetime, properties: Iterable[str] | None, feeds: Iterable[str] | None,
        stations: Iterable[str] | None, forecasts: bool,
    ) -> pa.Table:
        from core.lake.newest import newest

        held = self._days.read("observations", utc(start) - (FORECAST_AHEAD if forecasts else CLOCK_AHEAD), utc(as_of), feeds, start)
        named = {name: set(names) for name, names in (("observed_property", properties), ("station", stations)) if names is not None}
        return newest(_wanted(join("observations", held), start, end, as_of, forecasts, named))

    def tracks(self, *, start: datetime, end: datetime, as_of: datetime) -> pd.DataFrame:
        """Typhoon positions, analysed (issued NaT) and forecast, with start <= time <= end received by `as_of`.

        Circles are flattened to r7_ne .. r12_nw (km, NaN: no circle). One row a (feed, storm, agency, time, issued). `ended_at` is when the feed
        first listed other storms or none after it had last listed this one, NaT while its newest list has it.
        """
        frame = self._read("tracks", utc(start) - FORECAST_AHEAD, as_of, None)
        frame = self._ended(frame, utc(start) - FORECAST_AHEAD, as_of)
        frame = _newest("tracks", frame[(frame["time"] >= utc(start)) & (frame["time"] <= utc(end))], ["received", "raw", "wind"])
        return frame.sort_values(["feed", "storm", "agency", "issued", "time"], ignore_index=True, na_position="first")

    def signals(self, *, as_of: datetime, feed: str | None = None, since: timedelta = timedelta(days=10)) -> pd.DataFrame:
        """Official signals as last listed by `as_of`: one row a (feed, identifier), looking back `since` (whole days).

        `listed_at` is when the feed last listed the signal, `snapshot_at` when it last listed anything or nothing: a signal
        without `expires` is in force while the two are equal.
        """
        import pandas as pd

        wanted = None if feed is None else [feed]
        frame = self._read("signals", utc(as_of) - since, as_of, wanted).rename(columns={"received": "listed_at"})
        frame = _newest("signals", frame, ["listed_at", "raw", "level"]).sort_values(["feed", "identifier"], ignore_index=True)
        blanks = self._days.blanks("signals", utc(as_of) - since, utc(as_of), wanted)
        newest = frame.groupby("feed")["listed_at"].max().to_dict()
        empty = {name: pd.Timestamp(times[-1]) for name, times in blanks.items()}
        shown = [max(newest[name], empty.get(name, newest[name])) for name in frame["feed"]]
        return frame.assign(snapshot_at=pd.Series(shown, index=frame.index, dtype="datetime64[us, UTC]"))

    def listings(self, *, first: datetime, as_of: datetime) -> tuple[pd.DataFrame, dict[str, list[datetime]]]:
        """Everything that `signals` is made of at any time from `first` on: every receipt of every signal from that day to `as_of`, the later the
        further down in its (feed, identifier), and by feed the times at which it listed nothing."""
        frame = self._read("signals", utc(first), as_of, None)
        ordered = frame.sort_values(["identifier", "feed", "received", "raw", "level"], kind="stable", ignore_index=True)
        return ordered, self._days.blanks("signals", utc(first), utc(as_of), None)

    def reports(self, *, start: datetime, end: datetime, as_of: datetime) -> pd.DataFrame:
        """Field reports of what was seen at start <= time <= end, received by `as_of`: one row a (feed, report), the first receipt; sorted by time."""
        frame = self._window("reports", start, end, as_of, CLOCK_AHEAD, None)
        frame = frame.sort_values(["received", "raw"], kind="stable").drop_duplicates(KEYS["reports"], keep="first")
        return frame.sort_values(["time", "report", "feed"], ignore_index=True)

    def newest(self, *, as_of: datetime, since: timedelta = timedelta(days=10)) -> dict[tuple[str, str, str], datetime]:
        """Time of the newest reading that has a value, by (feed, station, property), as known at `as_of`."""
        frame = self.observations(start=utc(as_of) - since, end=utc(as_of) + CLOCK_AHEAD, as_of=as_of)
        times = frame[frame["value"].notna()].groupby(["feed", "station", "observed_property"])["time"].max()
        return {cast(tuple[str, str, str], key): stamp.to_pydatetime().astimezone(UTC) for key, stamp in times.items()}

    def days(self) -> tuple[date, ...]:
        """The days (UTC) on which readings or positions of storms were received, sorted."""
        return tuple(sorted({date.fromisoformat(day) for kind in ("observations", "tracks") for _, day in walk(self.place, kind)}))

    def compact(self, before: date) -> int:
        """Merge the small files of each receiving day before `before` (UTC) into one; returns how many files were merged.

        Nothing is lost when it dies half way: the merged file is whole before the first small one goes, and reads de-duplicate.
        """
        return sum(self._days.compact(kind, feed, day) for kind in KINDS for feed, day in list(walk(self.place, kind))
                   if date.fromisoformat(day) < before)

    def _ended(self, frame: pd.DataFrame, first: datetime, as_of: datetime) -> pd.DataFrame:
        """`frame` of tracks with `ended_at`."""
        import pandas as pd

        blanks = self._days.blanks("signals", first, utc(as_of), None)
        ended = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
        for feed, rows in frame.groupby("feed"):
            lists = pd.DatetimeIndex([*rows["received"].unique(), *blanks.get(str(feed), ())]).sort_values()
            for _, storm in rows.groupby("storm"):
                after = int(lists.searchsorted(storm["received"].max(), side="right"))
                if after < len(lists):
                    ended[storm.index] = lists[after]
        return frame.assign(ended_at=ended)

    def _window(
        self, kind: str, start: datetime, end: datetime, as_of: datetime, ahead: timedelta, feeds: Iterable[str] | None
    ) -> pd.DataFrame:
        table = self._table(kind, utc(start) - ahead, as_of, feeds)
        return frame(table.filter(_between(table, start, end)))

    def _read(self, kind: str, first: datetime, as_of: datetime, feeds: Iterable[str] | None) -> pd.DataFrame:
        return frame(self._table(kind, first, as_of, feeds))

    def _table(self, kind: str, first: datetime, as_of: datetime, feeds: Iterable[str] | None) -> pa.Table:
        """All rows of the partitions from the day of `first` that had been received by `as_of`."""
        table = join(kind, self._days.read(kind, first, utc(as_of), feeds))
        return table.filter(_known(table, as_of))


def _stamp(at: datetime) -> pa.Scalar:
    import pyarrow as pa

    return pa.scalar(utc(at), pa.timestamp("us", tz="UTC"))


def _known(table: pa.Table, as_of: datetime) -> pa.ChunkedArray:
    """Which rows had been received by `as_of`."""
    import pyarrow.compute as pc

    return pc.less_equal(table["received"], _stamp(as_of))


def _wanted(table: pa.Table, start: datetime, end: datetime, as_of: datetime, forecasts: bool, named: Mapping[str, set[str]]) -> pa.Table:
    """The rows of a table that `observations` looks at; where it is all of them, the table as it is."""
    import pyarrow as pa

    times, received = (table[name].cast(pa.int64()).to_numpy() for name in ("time", "received"))
    wanted = (times >= micros(start)) & (times <= micros(end)) & (received <= micros(as_of))
    issued = table["issued"]
    if issued.null_count != (0 if forecasts else len(table)):
        wanted &= (issued.is_valid() if forecasts else issued.is_null()).to_numpy()
    for name, names in named.items():
        codes, words = parted(table[name])
        wanted &= np.array([word in names for word in words], dtype=np.bool_)[codes]
    return table if wanted.all() else table.take(np.flatnonzero(wanted))


def _between(table: pa.Table, start: datetime, end: datetime) -> pa.ChunkedArray:
    """Which rows have start <= time <= end."""
    import pyarrow.compute as pc

    return pc.and_(pc.greater_equal(table["time"], _stamp(start)), pc.less_equal(table["time"], _stamp(end)))


def _raw_name(sha: str) -> str:
    if not _SHA.fullmatch(sha):
        raise StoreError(f"not a content hash: {sha!r}")
    return f"raw/{sha[:2]}/{sha}.zst"


def _by_day(kind: str, feed: str, records: Sequence[Record]) -> Iterator[tuple[datetime, pa.Table]]:
    """The records of each receiving day with their first receipt, once it is sure that all are of this feed."""
    if kind == "observations" and records:
        from core.lake.columns import by_day, of_readings
        from core.readings import Readings

        readings = Readings.of(cast("Sequence[Observation]", records))
        _check_feed(feed, readings.feed.used())
        yield from ((first, of_readings(part)) for first, part in by_day(readings))
        return
    _check_feed(feed, {record.feed for record in records})
    days: dict[date, list[Record]] = {}
    for record in records:
        days.setdefault(utc(record.received).date(), []).append(record)
    for rows in days.values():
        yield min(row.received for row in rows), to_table(kind, rows)


def _check_feed(feed: str, found: set[str]) -> None:
    if found - {feed}:
        raise StoreError(f"batch of feed {feed!r} holds records of {', '.join(sorted(found - {feed}))}")


def _newest(kind: str, frame: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    """One row a key: the last in `order`, whose last column breaks ties upward (one payload that says two things of one reading)."""
    if not frame.duplicated(KEYS[kind]).any():
        return frame
    return frame.sort_values(order, kind="stable", na_position="first").drop_duplicates(KEYS[kind], keep="last")
