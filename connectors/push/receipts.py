"""What was promised to whom: one small file a request, so that the same request again gets the same answer and is not kept a second time.

The order is the promise: (1) the answer that will be given is written, unkept, and flushed; (2) the message goes durably into the spool, under a name that
depends on nothing but that and the request; (3) the answer is marked as kept and flushed; only then is it given. A death before (1) leaves nothing. Between (1) and
(3) nobody was answered: the same request again writes the same message under the same name. After (3) it only repeats the answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.spool import flush_folder, make_folder
from core.errors import StoreError
from core.signing import canonical, digest
from core.times import iso, parse_iso

#: How long a request is remembered: longer than any sender tries again after an outage of ours.
REMEMBERED = timedelta(days=7)
#: A half file older than this has no writer any more.
HALF = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to one request: `told` its body; `said` digest of what was sent; `at` when it came (ISO UTC); `kept` whether the message is in the spool."""

    at: str
    said: str
    told: dict[str, Any]
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Receipts:
    """A folder a sender, a file a request: the name is the digest of the sender's own key for it."""

    folder: Path

    def find(self, sender: str, key: str) -> Receipt | None:
        """What this request was answered; None when it was never taken."""
        path = self._path(sender, key)
        try:
            return Receipt(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"回执读不到 / the receipt cannot be read: {path.name}") from error

    def take(self, sender: str, key: str, receipt: Receipt, keep: Callable[[datetime], None]) -> Receipt:
        """Promise, keep, mark as kept; `keep` gets the moment of the promise. StoreError where the disk refuses: then nobody may be answered."""
        self._write(sender, key, receipt)
        keep(parse_iso(receipt.at))
        done = replace(receipt, kept=True)
        self._write(sender, key, done)
        return done

    def sweep(self, now: datetime) -> int:
        """Forget what is older than REMEMBERED, and half files that a writer left when it died; how many went. At the start and daily, while requests come in."""
        gone = 0
        for path in self.folder.glob("*/*"):
            try:
                age = now.timestamp() - path.stat().st_mtime
            except FileNotFoundError:  # a half file that has become a whole one
                continue
            if age > (HALF if path.suffix == ".part" else REMEMBERED).total_seconds():
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def _path(self, sender: str, key: str) -> Path:
        return self.folder / sender / f"{digest(key)}.json"

    def _write(self, sender: str, key: str, receipt: Receipt) -> None:
        path = self._path(sender, key)
        try:
            make_folder(path.parent)
            part = path.with_suffix(".part")
            with part.open("wb") as out:
                out.write(canonical(asdict(receipt)).encode())
                out.flush()
                os.fsync(out.fileno())
            stamp = parse_iso(receipt.at).timestamp()
            os.utime(part, (stamp, stamp))
            part.rename(path)
            flush_folder(path.parent)
        except OSError as error:
            raise StoreError(f"回执不可写 / the receipt cannot be written: {error.strerror}") from error


def receipt(at: datetime, said: str, told: dict[str, Any]) -> Receipt:
    """A new promise, not kept yet."""
    return Receipt(at=iso(at), said=said, told=told)
