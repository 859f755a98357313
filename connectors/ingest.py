"""The step: pull one feed and leave its readings in the lake and its health in the ledger.

pull -> keep the raw bytes -> parse -> carry what a half-read list may hold -> quality -> lake -> acknowledge; then health, in the ledger.
A queue's messages are acknowledged last: a process that dies anywhere before leaves them with the broker, and reading them twice changes
nothing, because a reading's identity is its station, property and time. A failing feed is an outcome, never an exception of the step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors import judge
from connectors.health import evaluate
from connectors.records import NOTES
from connectors.registry import CONNECTORS
from connectors.types import Conditional, Connector, Payload
from core.county import County, Feed
from core.errors import ConfigError, FeedError, ParseError, StoreError
from core.lake import Lake
from core.ledger import FeedHealthRow, Ledger
from core.model import Batch, FeedState, MsgType, OfficialSignal
from core.settings import Settings
from core.signing import digest
from core.times import iso, parse_iso

log = logging.getLogger(__name__)

#: A queue that still has messages after this many rounds is left to the next run.
MAX_ROUNDS = 200


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
    records: int = 0
    set_aside: int = 0
    outcome: str = "ok"
    error: str = ""
    layer: str = ""
    newest: datetime | None = None
    queue: bool = False


def pull(work: Work) -> bool:
    """Fetch; nothing more to do when the source says that nothing changed."""
    former = work.former
    conditional = Conditional()
    if former is not None and not work.connector.listing:
        conditional = Conditional(etag=former.etag, last_modified=former.last_modified)
    work.payload = work.connector.fetch(work.feed, conditional=conditional, now=work.now, settings=work.settings)
    if work.payload is None:
        if not work.raw:
            work.outcome, work.raw = "unchanged", former.raw if former else ""
        return False
    work.queue = work.payload.acknowledge is not None
    return True


def keep(work: Work) -> bool:
    """Keep the bytes before anybody reads them; the same bytes as last time were read already."""
    payload = work.payload
    if payload is None:
        return False
    same = work.former is not None and not work.former.failures and digest(payload.body) == work.former.raw
    work.raw = work.lake.keep_raw(payload.body)
    if same and not work.connector.listing:
        work.outcome = "unchanged"
        return False
    return True


def read(work: Work) -> bool:
    """Parse the bytes."""
    if work.payload is not None:
        work.batch = work.connector.parse(work.payload.body, feed=work.feed, county=work.county, received=work.now, raw=work.raw)
    work.records += work.batch.records
    work.set_aside += len(work.batch.rejected)
    return True


def carry(work: Work) -> bool:
    """Signals that an update or cancel names end; a list that was not read whole ends nothing else."""
    if work.connector.listing:
        whole = all(rejected.reason.startswith(NOTES) for rejected in work.batch.rejected)
        work.batch = replace(work.batch, signals=(*work.batch.signals, *_carried(work, whole)))
    return True


def flag(work: Work) -> bool:
    """Quality flags over the batch and the hours before it."""
    work.batch = judge.judge(work.batch, feed=work.feed, county=work.county, lake=work.lake, now=work.now)
    return True


def store(work: Work) -> bool:
    """Into the lake."""
    work.lake.append(work.feed.feed, work.batch, work.now)
    times = [o.time for o in work.batch.observations if o.value is not None] + [p.time for p in work.batch.tracks if p.issued is None]
    work.newest = max((time for time in [*times, work.newest] if time is not None), default=None)
    return True


STAGES: tuple[Callable[[Work], bool], ...] = (pull, keep, read, carry, flag, store)


def ingest(feed_id: str, *, now: datetime, county: County, lake: Lake, ledger: Ledger, settings: Settings) -> IngestReport:
    """Pull one feed at `now` (aware).

    FeedErrors and mistakes of a connector cost this feed only; a StoreError is raised, because it is no feed's fault.
    """
    feed = county.feed(feed_id)
    work = Work(
        feed=feed, connector=CONNECTORS[feed.connector], now=now, county=county, lake=lake, ledger=ledger, settings=settings,
        former=ledger.feed_health().get(feed_id),
    )
    try:
        _rounds(work)
        _enough(work)
    except FeedError as error:
        work.outcome, work.error, work.layer = "failed", str(error), error.layer
    except ConfigError as error:
        work.outcome, work.error, work.layer = "failed", str(error), "source"
    except StoreError:
        raise
    except Exception as error:  # the one loop that must survive a bad feed: a connector's own mistake is that feed's failure
        log.exception("ingest.failed feed=%s", feed_id)
        work.outcome, work.error, work.layer = "failed", f"{feed_id}: {type(error).__name__}", "content"
    if work.outcome == "ok" and work.set_aside:
        work.outcome = "partial"
    row = _record(work)
    return IngestReport(
        feed=feed_id, at=now, outcome=work.outcome, records=work.records, set_aside=work.set_aside, raw=work.raw, error=work.error,
        state=FeedState(row.state), newest_reading=parse_iso(row.newest_reading) if row.newest_reading else None,
    )


def _rounds(work: Work) -> None:
    """Run the stages, again while the source has more; acknowledge what is stored, release what is held."""
    for _ in range(MAX_ROUNDS):
        work.payload = None
        try:
            stored = all(stage(work) for stage in STAGES)
            if stored and work.payload is not None and work.payload.acknowledge:
                work.payload.acknowledge()
        finally:
            if work.payload is not None and work.payload.release:
                work.payload.release()
        if not stored or work.payload is None or not work.payload.again:
            return


def _enough(work: Work) -> None:
    """A whole document with fewer records than the county expects failed: an empty list is not calm. A queue has no whole."""
    if work.outcome != "unchanged" and not work.queue and work.records < work.feed.expected:
        aside = f"，另有 {work.set_aside} 条不能用" if work.set_aside else ""
        raise ParseError(f"只有 {work.records} 条，应不少于 {work.feed.expected} 条{aside} / too few records", where=work.feed.feed)


def _carried(work: Work, whole: bool) -> list[OfficialSignal]:
    """Rows to add for signals that stood in the former list and not in this one.

    In the lake a signal without an end of its own is in force while the newest list has it. So a list of which something was set aside
    repeats the former ones (the unreadable record may be any of them), and one that an update or cancel refers to is written as ended.
    """
    listed = {signal.identifier for signal in work.batch.signals}
    named = {reference for signal in work.batch.signals for reference in signal.references}
    out = []
    rows: Iterable[Any] = work.lake.signals(as_of=work.now, feed=work.feed.feed).itertuples()
    for row in rows:
        gone = row.identifier not in listed and row.msg_type != MsgType.CANCEL
        if gone and row.identifier in named:
            out.append(judge.again(row, now=work.now, raw=work.raw, msg_type=MsgType.CANCEL))
        elif gone and not whole and row.listed_at == row.snapshot_at:
            out.append(judge.again(row, now=work.now, raw=row.raw, msg_type=MsgType(row.msg_type)))
    return out


def _record(work: Work) -> FeedHealthRow:
    """Health and run in one transaction; a failure keeps what the last success knew."""
    former = work.former or FeedHealthRow(feed=work.feed.feed, state=FeedState.UNKNOWN, checked_at=iso(work.now))
    if work.outcome == "failed":
        row = replace(former, checked_at=iso(work.now), failures=former.failures + 1, layer=work.layer, etag="", last_modified="")
    else:
        payload = work.payload
        unchanged = work.outcome == "unchanged"
        newest = former.newest_reading if unchanged else iso(work.newest) if work.newest else None
        row = replace(
            former, checked_at=iso(work.now), success_at=iso(work.now), failures=0, layer="", newest_reading=newest,
            changed_at=former.changed_at if work.raw == former.raw else iso(work.now), raw=work.raw or former.raw,
            etag=payload.etag if payload else former.etag, last_modified=payload.last_modified if payload else former.last_modified,
        )
    row = evaluate(work.feed, row, work.now)
    with work.ledger.begin() as tx:
        work.ledger.save_feed_health(tx, row)
        work.ledger.save_feed_run(
            tx, feed=work.feed.feed, at=work.now, outcome=work.outcome, records=work.records, set_aside=work.set_aside, raw=work.raw,
            error=work.error[:500],
        )
        if row.state == FeedState.SILENT and former.state != FeedState.SILENT:
            work.ledger.duty(tx, work.now, "feed_silent", row.headline, ref=f"{work.feed.feed}@{iso(work.now)}")
    return row
