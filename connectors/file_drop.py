"""File drop: a folder, or any fsspec URL, into which a department puts CSV, JSON or CAP files.

A writer writes NAME.part, which is never read, and renames it to NAME when it is whole. As a second guard a file is taken only when a pull finds it as long as
the pull before did. A file is claimed by renaming it into claimed/, so that one reader has it; whatever lies in claimed/ is read again after a crash, and
reading twice changes nothing, because a record's identity is its own. Afterwards it lies in done/, or with a reason beside it (NAME.reason.txt) in refused/.
"""

from __future__ import annotations

import base64
import posixpath
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.push import pushed
from connectors.reading.jsonstrict import loads
from connectors.reading.records import NOTES, Gather
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import FetchError, ParseError
from core.model import Batch, Rejected
from core.settings import Settings
from core.signing import canonical

SUFFIXES = (".csv", ".json", ".xml")
#: Files read in one round, and bytes of one file.
ROUND = 50
MAX_BYTES = 4 * 1024 * 1024
_SEEN = ".seen.json"


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The files that are whole, claimed; they move on when the lake has them. None when there are none."""
    import fsspec

    try:
        fs, root = fsspec.core.url_to_fs(_address(feed, settings))
        for folder in ("claimed", "done", "refused"):
            fs.makedirs(f"{root}/{folder}", exist_ok=True)
        _claim(fs, root)
        files = [path for path in sorted(fs.ls(f"{root}/claimed", detail=False)) if not path.endswith(".part")][:ROUND]
        documents = [{"name": posixpath.basename(path), "bytes": _content(fs, path)} for path in files]
    except OSError as error:
        raise FetchError(f"{feed.feed}: 文件夹不可用 / the folder cannot be used ({type(error).__name__})") from error
    if not documents:
        return None
    stamp = f"{now:%Y%m%dT%H%M%S}"
    return Payload(
        body=canonical({"files": documents}).encode(), content_type="application/json", again=len(files) == ROUND, acknowledge=lambda: None,
        told=lambda rejected: _file_away(fs, root, stamp, [d["name"] for d in documents], rejected),
    )


def _address(feed: Feed, settings: Settings) -> str:
    """The feed's own folder; without an address, and in a sandbox where the address is another machine, home/drop/FEED."""
    own = feed.address if settings.mode == "live" or feed.address.startswith("file:") else ""
    return own or str((settings.home / "drop" / feed.feed).resolve())


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """All files; one that as a whole is not what its name says is set aside as `file:NAME`, a bad record as `file:NAME#/place`."""
    document = loads(body, feed=feed.feed)
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, list):
        raise ParseError("no files", where=feed.feed)
    whole = Gather(feed=feed, received=received, raw=raw)
    for entry in files:
        name, gather = str(entry["name"]), Gather(feed=feed, received=received, raw=raw)
        try:
            batch = _read(name, base64.b64decode(entry["bytes"]), gather, county)
        except (ParseError, ValueError) as error:
            whole.rejected.append(Rejected(where=f"file:{name}", reason=str(error)))
            continue
        whole.items += [*batch.observations, *batch.signals, *batch.reports]
        whole.rejected += [replace(r, where=f"file:{name}#{r.where}") for r in batch.rejected]
    return whole.batch()


def _read(name: str, body: bytes, gather: Gather, county: County) -> Batch:
    if len(body) > MAX_BYTES:
        raise ParseError(f"超过 {MAX_BYTES} 字节 / over {MAX_BYTES} bytes")
    suffix = posixpath.splitext(name)[1].lower()
    if suffix == ".json":
        return pushed.read_json(body, gather, county, "file")
    if suffix == ".xml":
        return pushed.read_xml(body, gather, county)
    try:
        return pushed.read_csv(body.decode("utf-8-sig"), gather, county, "file")
    except UnicodeDecodeError as error:
        raise ParseError("不是 UTF-8：Excel 里另存为“CSV UTF-8（逗号分隔）” / not UTF-8: save as \"CSV UTF-8 (Comma delimited)\"") from error


def _claim(fs: Any, root: str) -> None:
    """Rename what is whole into claimed/; a name that still waits there, after a crash, is left for the next pull."""
    entries = {posixpath.basename(e["name"]): e["size"] for e in fs.ls(root, detail=True, refresh=True) if e["type"] == "file"}
    wanted = {n: s for n, s in entries.items() if n.lower().endswith(SUFFIXES) and not n.startswith(".")}
    seen: dict[str, int] = {}
    with suppress(FileNotFoundError, ParseError):  # a torn note only means waiting for one more pull
        seen = loads(fs.cat_file(f"{root}/{_SEEN}"), feed=_SEEN)
    left = dict(wanted)
    for name, size in wanted.items():
        if seen.get(name) == size and not fs.exists(f"{root}/claimed/{name}"):
            with suppress(FileNotFoundError):  # another reader was faster
                fs.mv(f"{root}/{name}", f"{root}/claimed/{name}")
            del left[name]  # the next file of this name is another one, and is looked at twice again
    fs.pipe_file(f"{root}/{_SEEN}", canonical(left).encode())


def _content(fs: Any, path: str) -> str:
    """The first MAX_BYTES + 1 bytes; a file that long is refused when it is read."""
    return base64.b64encode(fs.cat_file(path, start=0, end=MAX_BYTES + 1)).decode()


def _file_away(fs: Any, root: str, stamp: str, names: list[str], rejected: tuple[Rejected, ...]) -> None:
    """Move read files to done/, refused ones to refused/; the reasons are written first, so that no refused file stands without one."""
    for name in names:
        reasons = [r for r in rejected if r.where.partition("#")[0] == f"file:{name}" and not r.reason.startswith(NOTES)]
        folder = "refused" if any(r.where == f"file:{name}" for r in reasons) else "done"
        if reasons:
            text = "\n".join(f"{r.where.partition('#')[2] or name}: {r.reason}" for r in reasons)
            fs.pipe_file(f"{root}/{folder}/{stamp}-{name}.reason.txt", f"{text}\n".encode())
        with suppress(FileNotFoundError):
            fs.mv(f"{root}/claimed/{name}", f"{root}/{folder}/{stamp}-{name}")
