"""What passes between the step and a connector: the payload as pulled, what a conditional request needs, and the pair of functions.

A connector is two functions and nothing else: `fetch` knows the network, `parse` knows the format and never sees the network, so that
parse is tested on recorded bytes and an old payload can be read again years later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.county import County, Feed
from core.model import Batch, Rejected
from core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """What the last successful answer of this feed said about itself; both empty the first time."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The bytes of one answer, exactly as they are kept.

    `acknowledge` tells the source that we have stored them (message queues); it is called after the lake and the ledger
    have them, never before. `told` follows it with what was set aside. `release` frees what fetch holds open and is always called. `again` says that the source has
    more than it gives at once.
    """

    body: bytes
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    acknowledge: Callable[[], None] | None = None
    told: Callable[[tuple[Rejected, ...]], None] | None = None
    release: Callable[[], None] | None = None
    again: bool = False


class Fetch(Protocol):
    """Pull one payload; None when the source says that nothing changed. FetchError in every other case."""

    def __call__(self, feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None: ...


class Parse(Protocol):
    """Read one payload strictly; ParseError when the document as a whole is not what the format says."""

    def __call__(self, body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One row of the registry.

    `listing` marks feeds that answer with all that is in force now: they are read at every pull, even when the bytes are the
    same, and what is no longer listed is recorded as lifted. `standstill` is how long the newest thing in the answers (a storm's position,
    a forecast's issue) may stay what it is while the source goes on answering; beyond it the feed is silent. None where no news is no news
    (warnings, reports). `queue`: it hands out what is new and waits for our word. `title` and `needs` feed the table in the docs.
    """

    fetch: Fetch
    parse: Parse
    title: str
    needs: str
    listing: bool = False
    queue: bool = False
    standstill: timedelta | None = None
