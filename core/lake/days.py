"""The partitions of the lake: one folder a feed and receiving day, holding small immutable files.

What was parsed stays parsed: each partition is kept in memory as one table and only files that are new to it are read, so that a replay of hundreds
of steps opens every file once; the newest days are also kept as copies on disk (`hot`), so that the next process begins there. The memory is bounded;
the longest unused partition goes first.
"""

from __future__ import annotations

import logging
import re
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.errors import StoreError
from core.lake.hot import HOT_DAYS, Day, Hot
from core.lake.places import Folder, Place
from core.lake.shapes import NEVER, coded, fit, join, micros, parquet, schema, spelled, texts
from core.signing import digest
from core.times import utc

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

logger = logging.getLogger(__name__)

#: Bytes of parsed tables one process keeps; 72 h of one county's feeds are about 20 MB.
KEPT_BYTES = 256 * 1024 * 1024
#: A compaction may take files away between listing and reading; then the folder is listed again.
LISTINGS = 5
#: A copy is written again when so many rows would have to be parsed without it, a file counted as so many: opening it costs as much.
WORTH, WORTH_A_FILE = 2_000, 500
_STAMP = "%Y%m%dT%H%M%S"
_NAME = re.compile(r"(\d{8}T\d{6})-([0-9a-f]{12})\.parquet")


class Days:
    """All partitions of one lake."""

    def __init__(self, where: Place) -> None:
        self.place = where
        self.hot = Hot(where.root / ".hot" if isinstance(where, Folder) else None)
        self.damaged: set[str] = set()
        self._blanks: dict[tuple[str, bytes], pa.Table] = {}
        self._kept: OrderedDict[str, Day] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def write(self, kind: str, feed: str, first: datetime, table: pa.Table) -> str:
        """Put a table into the partition of `first`, the earliest receipt in it; returns the file's name.

        The same table is the same file: one that is there and sound is left alone, a damaged one is healed.
        """
        body = parquet(kind, table)
        at = utc(first)
        name = f"{_folder(kind, feed, at.date().isoformat())}/{at.strftime(_STAMP)}-{digest(body)[:12]}.parquet"
        try:
            sound = self.place.read(name) == body
        except FileNotFoundError:
            sound = False
        if not sound:
            self.place.write(name, body)
        return name

    def read(self, kind: str, first: datetime, as_of: datetime, feeds: Iterable[str] | None, start: datetime | None = None) -> Iterator[pa.Table]:
        """Tables of the partitions received between the days of `first` and `as_of`, without those whose rows are all of a time before `start`; they
        may hold rows received after `as_of`."""
        begin = -NEVER if start is None else micros(start)
        for folder, hot in self._folders(kind, first, as_of, feeds):
            day = self._day(kind, folder, as_of, hot)
            if day.latest >= begin:
                yield day.table

    def blanks(self, kind: str, first: datetime, as_of: datetime, feeds: Iterable[str] | None) -> dict[str, list[datetime]]:
        """Times of the files without a row by feed, oldest first: when the feed said that there is nothing."""
        found: dict[str, list[datetime]] = {}
        for folder, hot in self._folders(kind, first, as_of, feeds):
            stamps = [at for name in self._day(kind, folder, as_of, hot).empty if (at := _stamp(name)) <= as_of]
            if stamps:
                found.setdefault(folder.split("/")[1].removeprefix("feed="), []).extend(stamps)
        return {feed: sorted(stamps) for feed, stamps in found.items()}

    def compact(self, kind: str, feed: str, day: str) -> int:
        """Merge the files with rows of one partition, sorted and without exact repeats, and return how many there were.

        Files without a row stay, because their time is what they say; so do damaged ones, because somebody will look at them.
        """
        folder = _folder(kind, feed, day)
        tables = {name: self._load(kind, f"{folder}/{name}") for name in self.place.list(folder) if _NAME.fullmatch(name)}
        full = {name: table for name, table in tables.items() if table is not None and len(table)}
        if len(full) < 2:
            return 0
        columns = schema(kind).names
        merged = spelled(kind, join(kind, full.values())).group_by(columns, use_threads=False).aggregate([]).select(columns)
        merged = merged.sort_by([(name, "ascending") for name in columns]).cast(schema(kind))
        written = self.write(kind, feed, min(_stamp(name) for name in full), merged)
        for name in full:
            if f"{folder}/{name}" != written:
                self.place.remove(f"{folder}/{name}")
        return len(full)

    def _folders(self, kind: str, first: datetime, as_of: datetime, feeds: Iterable[str] | None) -> Iterator[tuple[str, bool]]:
        """The partitions, and whether each is among the newest of its feed."""
        for feed in self.place.list(kind) if feeds is None else sorted({f"feed={feed}" for feed in feeds}):
            days = self.place.list(f"{kind}/{feed}")
            for number in range(bisect_left(days, f"day={first.date()}"), bisect_right(days, f"day={as_of.date()}")):
                yield f"{kind}/{feed}/{days[number]}", number >= len(days) - HOT_DAYS

    def _day(self, kind: str, folder: str, as_of: datetime, hot: bool) -> Day:
        """The partition with at least all files whose first receipt is not after `as_of`."""
        until = utc(as_of).strftime(_STAMP)
        for _ in range(LISTINGS):
            day = self._known(kind, folder, hot)  # before the listing, which then has every file of it that is still there
            listed = self.place.list(folder)
            if not day.files.issubset(listed):  # a file went away: a compaction, so begin anew
                day = _nothing(kind)
            fresh = [name for name in listed if name not in day.files and name[:15] <= until and _NAME.fullmatch(name)]
            try:
                grown = self._grow(kind, folder, day, fresh) if fresh else day
            except FileNotFoundError:
                continue
            self._keep(folder, grown)
            if hot and len(grown.files - day.files) * WORTH_A_FILE + grown.rows - day.rows >= WORTH:
                self.hot.keep(folder, grown)
            return grown
        raise StoreError(f"湖的分区一直在变 / a partition of the lake keeps changing: {folder}")

    def _known(self, kind: str, folder: str, hot: bool) -> Day:
        """What is known of a partition already, in memory or by its copy."""
        with self._lock:
            known = self._kept.get(folder)
        if known is None and hot:
            known = self.hot.load(kind, folder)
        return known or _nothing(kind)

    def _grow(self, kind: str, folder: str, day: Day, fresh: list[str]) -> Day:
        tables = {name: table for name in fresh if (table := self._load(kind, f"{folder}/{name}")) is not None}
        table = join(kind, (day.table, *tables.values()))
        return _parsed(day.files | set(tables), day.empty | {name for name, rows in tables.items() if not len(rows)}, table)

    def _keep(self, folder: str, day: Day) -> None:
        with self._lock:
            former = self._kept.get(folder)
            self._kept[folder] = day
            self._kept.move_to_end(folder)
            self._bytes += day.size - (former.size if former else 0)
            while len(self._kept) > 1 and self._bytes > KEPT_BYTES:
                self._bytes -= self._kept.popitem(last=False)[1].size

    def _load(self, kind: str, name: str) -> pa.Table | None:
        """One file's rows; None, with a note in `damaged`, when its content is not what its name says.

        The rules treat rows that are not there as a gap, which never lowers a level; a read that fails would cost the whole assessment.
        """
        import pyarrow as pa

        body = self.place.read(name)
        try:
            if digest(body)[:12] == name[-20:-8]:
                self.damaged.discard(name)
                known = self._blanks.get((kind, body))
                table = fit(_open(pa.BufferReader(body), kind).read(use_threads=False), kind) if known is None else known
                if not len(table):  # most lists of signals are blank, and the same bytes
                    self._blanks[kind, body] = table
                return table
        except (pa.ArrowException, OSError):
            pass
        if name not in self.damaged:
            logger.error("lake.damaged file=%s", name)
            self.damaged.add(name)
        return None


def _nothing(kind: str) -> Day:
    return _parsed(frozenset(), frozenset(), coded(kind).empty_table())


def _parsed(files: frozenset[str], empty: frozenset[str], table: pa.Table) -> Day:
    return Day(files, empty, len(table), table.nbytes, _latest(table), lambda: table)


def _latest(table: pa.Table) -> int:
    """The latest `time` in microseconds of UTC; NEVER where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    latest = pc.max(table["time"].cast(pa.int64())).as_py() if "time" in table.column_names else None
    return NEVER if latest is None else int(latest)


def _open(source: pa.NativeFile, kind: str) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(source, read_dictionary=texts(kind))
    except KeyError:  # an older release's file, without one of the columns
        return pq.ParquetFile(source)


def _folder(kind: str, feed: str, day: str) -> str:
    return f"{kind}/feed={feed}/day={day}"


def _stamp(name: str) -> datetime:
    return datetime.fromisoformat(name[:15]).replace(tzinfo=UTC)
