"""Where a lake lies: a folder of this machine, or any fsspec URL (an object store for many machines).

Both give the same promise, on which everything above rests: a name appears with its whole content or not at all, and
what it held never changes. A folder keeps it by writing aside, flushing and renaming; object stores put whole objects.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from core.errors import StoreError


class Place(Protocol):
    """What the lake needs of a store; every name is relative to the lake's root, with '/' between its parts."""

    def read(self, name: str) -> bytes:
        """The whole content; FileNotFoundError when there is none, StoreError when it cannot be read now."""

    def write(self, name: str, body: bytes) -> None:
        """Put the whole content under the name, durably; StoreError when it cannot be."""

    def list(self, name: str) -> list[str]:
        """Last parts of the names directly below, sorted; unfinished writes are not among them."""

    def remove(self, name: str) -> None:
        """Take the name away; one that is gone already is fine."""


class Folder:
    """A folder of a local (or shared POSIX) file system."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str) -> bytes:
        """See Place."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unreadable(name, error) from error

    def write(self, name: str, body: bytes) -> None:
        """See Place. The part's name carries process and thread, so that two writers of one name never share a part."""
        path = self.root / name
        part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as out:
                out.write(body)
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
            _flush_folder(path.parent)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise StoreError(f"湖写不进去 / the lake cannot be written: {name}: {error.strerror}") from error

    def list(self, name: str) -> list[str]:
        """See Place."""
        try:
            return sorted([entry.name for entry in os.scandir(f"{self.root}/{name}") if entry.name[0] != "."])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(name, error) from error

    def remove(self, name: str) -> None:
        """See Place."""
        (self.root / name).unlink(missing_ok=True)


class Bucket:
    """Any fsspec file system whose puts are whole (s3, gs, oss, memory); its driver must be installed."""

    def __init__(self, url: str) -> None:
        import fsspec

        try:
            self.files: Any
            self.files, self.root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise StoreError(f"湖的地址不能用 / no driver for this lake address: {error}") from error

    def read(self, name: str) -> bytes:
        """See Place."""
        with self._told(name):
            return bytes(self.files.cat_file(self._at(name)))

    def write(self, name: str, body: bytes) -> None:
        """See Place."""
        with self._told(name):
            self.files.pipe_file(self._at(name), body)

    def list(self, name: str) -> list[str]:
        """See Place."""
        try:
            with self._told(name):
                found = self.files.ls(self._at(name), detail=False)
        except FileNotFoundError:
            return []
        return sorted(last for path in found if not (last := path.rstrip("/").rsplit("/", 1)[-1]).startswith("."))

    def remove(self, name: str) -> None:
        """See Place."""
        with suppress(FileNotFoundError):
            self.files.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}"

    @staticmethod
    @contextmanager
    def _told(name: str) -> Iterator[None]:
        """A driver's input/output errors become StoreError; FileNotFoundError stays what it is."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unreadable(name, error) from error


def place(root: str | Path) -> Place:
    """The place of a lake address: a path or file:// URL is a folder, any other URL an fsspec file system."""
    text = str(root)
    if "://" not in text or text.startswith("file://"):
        return Folder(Path(text.removeprefix("file://")))
    return Bucket(text)


def walk(where: Place, kind: str) -> Iterator[tuple[str, str]]:
    """(feed, day) of every partition of a kind."""
    for feed in where.list(kind):
        for day in where.list(f"{kind}/{feed}"):
            yield feed.removeprefix("feed="), day.removeprefix("day=")


def _flush_folder(path: Path) -> None:
    """A rename is durable only when its folder is flushed too."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unreadable(name: str, error: OSError) -> StoreError:
    failure = StoreError(f"湖读写失败 / the lake cannot be read or written: {name}: {error.strerror or type(error).__name__}")
    failure.retryable = True
    return failure
