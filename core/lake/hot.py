"""Copies of the newest partitions as they lie in memory, so that the next process need not parse every small file again.

A copy is a shortcut and never a source: an Arrow IPC file (LZ4) behind its own SHA-256 that names the files whose rows it holds. One whose hash does not
hold, that is of another release, or that names a file which is no longer there counts for nothing; any of them may be deleted at any time. It is read,
not memory-mapped: checking the hash touches every byte, which costs more than LZ4 does, and a mapping would change under a reader when somebody writes
into the file.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.lake.shapes import coded
from core.signing import digest

if TYPE_CHECKING:
    import pyarrow as pa

#: How many of a feed's newest days are kept hot: as far back as the official signals are looked for.
HOT_DAYS = 12
#: A larger partition is not copied: writing it again and again would cost more than parsing.
HOT_BYTES = 32 * 1024 * 1024
_HASH = 64


@dataclass(frozen=True)
class Day:
    """What is parsed of one partition: which files, `rows` in them, `size` bytes in memory, and the latest `time` of a row (microseconds of UTC; of a
    kind without one the end of time); `empty` are the files without a row."""

    files: frozenset[str]
    empty: frozenset[str]
    rows: int
    size: int
    latest: int
    unpack: Callable[[], pa.Table]

    @cached_property
    def table(self) -> pa.Table:
        """The rows together (`coded`), unpacked when they are first asked for."""
        return self.unpack()


class Hot:
    """The copies of a lake, under a folder of this machine; without a folder there are none."""

    def __init__(self, root: Path | None) -> None:
        self.root = root

    def load(self, kind: str, folder: str) -> Day | None:
        """The copy of a partition; None where there is none that can be trusted."""
        import pyarrow as pa

        if self.root is None:
            return None
        try:
            body = memoryview((self.root / f"{folder}.arrow").read_bytes())
            if digest(body[_HASH:]).encode() != body[:_HASH]:
                return None
            copy = pa.ipc.open_file(pa.py_buffer(body[_HASH:]), options=pa.ipc.IpcReadOptions(use_threads=False))
        except (OSError, pa.ArrowException):
            return None
        told = (copy.schema.metadata or {}).get(b"day")
        if told is None or not copy.schema.equals(coded(kind)):
            return None
        files, empty, rows, size, latest = json.loads(told)
        return Day(frozenset(files), frozenset(empty), rows, size, latest, lambda: copy.read_all().replace_schema_metadata(None))

    def keep(self, folder: str, day: Day) -> None:
        """Put a copy in the place of the former one, whole or not at all, and let go of those that are hot no longer. Never an error: it is only a copy."""
        import pyarrow as pa

        if self.root is None or day.size > HOT_BYTES:
            return
        sink = pa.BufferOutputStream()
        table = day.table.replace_schema_metadata({"day": json.dumps([sorted(day.files), sorted(day.empty), day.rows, day.size, day.latest])})
        with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)) as out:
            out.write_table(table)
        body = sink.getvalue().to_pybytes()
        path = self.root / f"{folder}.arrow"
        part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(digest(body).encode() + body)
            part.replace(path)
            for old in sorted(path.parent.glob("day=*.arrow"))[:-HOT_DAYS]:
                old.unlink()
