"""One feed's run while it lasts, and what is told of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.types import Connector, Payload
from core.county import County, Feed
from core.lake import Lake
from core.ledger import FeedHealthRow, Ledger
from core.model import Batch, FeedState, Observation
from core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What one pull of one feed brought; `outcome` is ok, unchanged, partial (something was set aside) or failed."""

    feed: str
    at: datetime
    outcome: str
    records: int
    set_aside: int
    raw: str
    error: str
    state: FeedState
    newest_reading: datetime | None


@dataclass(slots=True, kw_only=True)
class Work:
    """One feed's run while it lasts."""

    feed: Feed
    connector: Connector
    now: datetime
    county: County
    lake: Lake
    ledger: Ledger
    settings: Settings
    former: FeedHealthRow | None
    payload: Payload | None = None
    raw: str = ""
    batch: Batch = field(default_factory=Batch)
    news: Sequence[Observation] = ()
    records: int = 0
    set_aside: int = 0
    outcome: str = "ok"
    error: str = ""
    layer: str = ""
    newest: datetime | None = None
    queue: bool = False
