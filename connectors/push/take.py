"""What the push gateway does with a body: read it with the inbox's own reader, promise, keep, answer.

An answer of 202 is a promise: what it counts as kept is on the disk (connectors.push.receipts, connectors.spool) and is drained by the inbox feed like everything
else. Good records of a document are kept and the bad ones listed; a document without one good record is refused whole, and nothing of it is kept. Only a 202 is
remembered under its Idempotency-Key: what was refused may be mended and sent again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors import inbox
from connectors.push.door import Entry, Turned
from connectors.push.pushed import LISTS, MAX_RECORDS
from connectors.push.receipts import Receipts, receipt
from connectors.push.words import both, told
from connectors.reading.records import Gather
from core.county import County
from core.errors import ParseError, StoreError
from core.model import Batch
from core.settings import Settings
from core.signing import digest
from core.times import iso, parse_iso

#: Seconds after which a sender may try again when our disk refused.
RETRY_S = 30
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']*)""")


@dataclass(slots=True, kw_only=True)
class Taker:
    """`clock` gives now (aware). `take` blocks on the disk and may be called from many threads."""

    county: County
    settings: Settings
    clock: Callable[[], datetime]
    _locks: tuple[threading.Lock, ...] = field(default_factory=lambda: tuple(threading.Lock() for _ in range(64)))

    @property
    def receipts(self) -> Receipts:
        """What was promised."""
        return Receipts(self.settings.home / "push" / "receipts")

    def take(self, entry: Entry, body: bytes) -> tuple[dict[str, Any], bool]:
        """Read the body and keep it: what the sender is told with a 202, and whether it was told so before. Turned for everything else."""
        said = digest(f"{entry.feed.feed}|{entry.kind}|{digest(body)}")
        with self._locks[int(digest(f"{entry.sender}|{entry.key}")[:8], 16) % len(self._locks)]:
            try:
                return self._take(entry, body, said)
            except StoreError as error:
                raise Turned(503, both(str(error)), headers={"Retry-After": str(RETRY_S)}) from error

    def _take(self, entry: Entry, body: bytes, said: str) -> tuple[dict[str, Any], bool]:
        spool, former = inbox.spool_of(entry.feed, self.settings), self.receipts.find(entry.sender, entry.key)
        if former and former.said != said:
            raise Turned(409, "这个 Idempotency-Key 已用于另一份内容，换一个键 / this key was used for another body")
        if former and former.kept:
            return former.told, True
        text = _text(body)

        def message(at: str) -> list[dict[str, Any]]:
            """The body as the spool's one message if received `at`; the same time gives the same file."""
            return [{"at": at, "by": entry.by, "kind": entry.kind, "body": text, "receipt": said[:16]}]

        at = parse_iso(iso(self.clock()))
        if former and spool.path(message(former.at), parse_iso(former.at)).exists():  # we died between keeping it and saying so
            at = parse_iso(former.at)
        batch = self._read(entry, text, at)
        counts = {name: len(getattr(batch, name)) for name in LISTS}
        answer = {"status": 202, "receipt": said[:16], "at": iso(at), "kept": counts, "reports": [r.report for r in batch.reports], **told(batch.rejected)}
        self.receipts.take(entry.sender, entry.key, receipt(at, said, answer), lambda when: spool.keep(message(iso(when)), when))
        return answer, False

    def _read(self, entry: Entry, text: str, at: datetime) -> Batch:
        """What the document says, as the inbox will read it again: 400 unreadable, 403 a list that is not the sender's to fill, 422 not one good record."""
        try:
            if entry.kind == "csv" and text.count("\n") > MAX_RECORDS:
                raise Turned(413, f"CSV 超过 {MAX_RECORDS} 行，分成几份 / too many lines, send it in parts")
            batch = inbox.read(entry.kind, text, entry.by, Gather(feed=entry.feed, received=at, raw=""), self.county)
        except (ParseError, ValueError) as error:
            where = error.where if isinstance(error, ParseError) else ""
            reason = both(str(error).removeprefix(f"{where}: "))
            raise Turned(400, "整份读不懂 / the document cannot be read", more={"refused": [{"pointer": where, "reason": reason}]}) from error
        strange = [name for name in LISTS if getattr(batch, name) and name not in entry.lists]
        if strange:
            raise Turned(403, f"这个部门不能推送 {'、'.join(strange)} / these lists are not this department's")
        if not batch.records:
            raise Turned(422, "没有一条可用的记录，什么也没有保存 / not one record can be used, nothing was kept", more=told(batch.rejected))
        return batch


def _text(body: bytes) -> str:
    declared = _DECLARED.match(body[:200].removeprefix(b"\xef\xbb\xbf"))
    try:
        if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
            raise ValueError
        text = body.decode("utf-8-sig")
        if "\0" in text:
            raise ValueError
        return text
    except ValueError:
        raise Turned(400, "正文不是 UTF-8 / the body is not UTF-8", more={"refused": [{"pointer": "", "reason": "不是 UTF-8 编码 / not UTF-8"}]}) from None
