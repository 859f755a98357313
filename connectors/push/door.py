"""The door of the push gateway: who may bring what to which inbox. Everything here is said before a body is read, and knows nothing of the network.

Each department has a key of its own (core.access) and stands in departments.yaml with the feeds that it may fill, the lists that it may put there and its pace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from connectors.push.limits import Buckets
from core.access import Access
from core.county import County, Feed
from core.settings import Settings

#: Largest body in bytes; wrong keys a minute and at once from one address (this spares log and processor: a key is too long to be guessed at any rate).
MAX_BYTES, WRONG_PER_MIN, WRONG_BURST = 2 * 1024 * 1024, 30.0, 30.0
KINDS = {"application/json": "json", "text/csv": "csv", "application/cap+xml": "cap", "application/xml": "cap", "text/xml": "cap"}
_BEARER = re.compile(r"Bearer ([a-z][a-z0-9_-]{0,31})\.([!-~]{1,100})")


class Turned(Exception):
    """A request that is turned away: status, what to tell, and for which reason it is counted."""

    def __init__(self, status: int, why: str, *, headers: dict[str, str] | None = None, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(why)
        self.status, self.headers, self.told = status, headers or {}, {"status": status, "error": why, **(more or {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request that may bring its body: who (`sender` is the folder of its receipts, `by` what stands in the message), to which feed, as what."""

    sender: str
    by: str
    feed: Feed
    lists: tuple[str, ...]
    kind: str
    key: str


@dataclass(slots=True, kw_only=True)
class Door:
    """One gateway's door. Ticks are monotonic seconds, given by the caller."""

    county: County
    settings: Settings
    buckets: Buckets = field(default_factory=Buckets)

    @property
    def access(self) -> Access:
        """The keys."""
        return Access(self.settings.home)

    def admit(self, feed: str, headers: dict[str, str], peer: str, tick: float) -> Entry:
        """Who asks, and whether they may: everything that can be said before the body is read. `headers` by lower-case name, `tick` monotonic seconds."""
        department = self.who(headers.get("authorization", ""), peer, tick)
        row = self.county.department(department)
        if row is None or feed not in row.feeds:
            raise Turned(403, f"部门 {department} 不能向这个数据源推送 / not a feed of this department")
        if wait := self.buckets.wait(f"department-{department}", row.rate_per_min, row.burst, tick):
            raise Turned(429, f"推送太快，每分钟 {row.rate_per_min} 次 / too fast", headers={"Retry-After": str(wait)})
        key = headers.get("idempotency-key", "").strip().removeprefix('"').removesuffix('"')
        if not re.fullmatch(r"[!-~]{1,128}", key):
            raise Turned(400, "缺少 Idempotency-Key 头，每份文件一个，1 到 128 个可见 ASCII 字符 / the Idempotency-Key header is needed")
        return Entry(sender=f"department-{department}", by=department, feed=self.county.feed(feed), lists=row.feeds[feed], kind=_kind(headers), key=key)

    def who(self, authorization: str, peer: str, tick: float) -> str:
        """The department whose key this is; 401 otherwise, and 429 for whoever goes on knocking with wrong ones."""
        match = _BEARER.fullmatch(authorization.strip())
        if match and self.county.department(match[1]) and self.access.holds("department", match[1], match[2]):
            return match[1]
        self.wrong(peer, tick)
        raise Turned(401, "缺少密钥或密钥不对 / no key, or a wrong one: Authorization: Bearer <部门编号>.<密钥>", headers={"WWW-Authenticate": "Bearer"})

    def wrong(self, peer: str, tick: float) -> None:
        """Count a wrong key."""
        if wait := self.buckets.wait(f"wrong-{peer}", WRONG_PER_MIN, WRONG_BURST, tick):
            raise Turned(429, "密钥错误次数过多 / too many wrong keys", headers={"Retry-After": str(wait)})


def _kind(headers: dict[str, str]) -> str:
    """json, csv or cap by the content type; 415 for another one, another charset or a packed body."""
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Turned(415, "正文不得压缩 / no Content-Encoding is taken")
    message = Message()
    message["content-type"] = headers.get("content-type", "")
    kind, charset = KINDS.get(message.get_content_type() if "content-type" in headers else ""), str(message.get_param("charset") or "utf-8").lower()
    if kind is None:
        raise Turned(415, f"格式不对，Content-Type 应为 / must be one of: {', '.join(KINDS)}", headers={"Accept-Post": ", ".join(KINDS)})
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Turned(415, "字符集须为 UTF-8 / the charset must be UTF-8")
    return kind
