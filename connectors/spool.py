"""A spool: messages that were answered for and are not in the lake yet, in files that a crash cannot tear.

A message counts as kept when its file has its final name and both file and folder were flushed; only then may its sender be answered. Reading
gives whole files in order of arrival; they go away when the lake has them, so that a death in between brings them again and never loses them.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import StoreError
from core.signing import canonical, digest

#: Files, and bytes of them, taken at once; more wait for the next round.
ROUND, ROUND_BYTES = 200, 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder of message files; `max_bytes` bounds what may wait in it."""

    folder: Path
    max_bytes: int = 256 * 1024 * 1024

    def keep(self, messages: list[dict[str, Any]], now: datetime) -> None:
        """Write these messages durably as one file; StoreError (nothing kept) when the spool is full or the disk refuses."""
        body, path = canonical(messages).encode(), self.path(messages, now)
        try:
            make_folder(self.folder)
            if self.size() + len(body) > self.max_bytes:
                raise StoreError(f"暂存已满 / the spool is full: over {self.max_bytes} bytes")
            part = path.with_name(f"{path.name}.part")
            with part.open("wb") as out:
                out.write(body)
                out.flush()
                os.fsync(out.fileno())
            part.rename(path)
            flush_folder(self.folder)
        except OSError as error:
            raise StoreError(f"暂存不可写 / the spool cannot be written: {error.strerror}") from error

    def path(self, messages: list[dict[str, Any]], now: datetime) -> Path:
        """The file that these messages have or will have: the same messages of the same moment are one file."""
        return self.folder / f"{now:%Y%m%dT%H%M%S%f}-{digest(canonical(messages))[:16]}.json"

    def size(self) -> int:
        """Bytes that wait."""
        total = 0
        for path in self.waiting():
            with suppress(FileNotFoundError):  # drained meanwhile
                total += path.stat().st_size
        return total

    def waiting(self) -> list[Path]:
        """The files, in order of arrival."""
        return sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []

    def read(self) -> tuple[list[dict[str, Any]], list[Path]]:
        """Messages of up to ROUND files and the files they came from; a damaged file is renamed to `.bad`, told as one message, and never deleted."""
        messages: list[dict[str, Any]] = []
        files = []
        held = 0
        for path in self.waiting()[:ROUND]:
            if held > ROUND_BYTES:
                break
            try:
                body = path.read_bytes()
                whole = digest(body)[:16] == path.stem.rpartition("-")[2]
            except FileNotFoundError:  # another reader was faster
                continue
            if not whole:
                path.rename(path.with_suffix(".bad"))
                messages.append({"damaged": path.name})
                continue
            held += len(body)
            messages += json.loads(body)
            files.append(path)
        return messages, files

    def sweep(self) -> None:
        """Make the folder, by which readers know that there is a writer, and remove what one that died left half written; nobody was answered for it.
        For the one writer of a spool, when it starts."""
        make_folder(self.folder)
        for path in self.folder.glob("*.part"):
            path.unlink(missing_ok=True)

    @staticmethod
    def forget(files: list[Path]) -> None:
        """The lake has these."""
        for path in files:
            path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder whose own name survives a power cut too."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
