"""The step: pull one feed and leave its readings in the lake and its health in the ledger.

pull -> keep the raw bytes -> parse -> carry what a half-read list may hold -> quality -> lake -> acknowledge; then health, in the ledger.
A queue's messages are acknowledged last: a process that dies anywhere before leaves them with the broker, and reading them twice changes
nothing, because a reading's identity is its station, property and time. A failing feed is an outcome, never an exception of the step.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from connectors.health import evaluate
from connectors.registry import CONNECTORS
from connectors.stages import STAGES
from connectors.work import IngestReport, Work
from core.county import County
from core.errors import ConfigError, FeedError, ParseError, StoreError
from core.lake import Lake
from core.ledger import FeedHealthRow, Ledger
from core.model import FeedState
from core.settings import Settings
from core.times import iso, parse_iso

log = logging.getLogger(__name__)

#: A queue that still has messages after this many rounds is left to the next run.
MAX_ROUNDS = 200


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
                if work.payload.told:
                    work.payload.told(work.batch.rejected)
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


def _record(work: Work) -> FeedHealthRow:
    """Health and run in one transaction; a failure keeps what the last success knew."""
    former = work.former or FeedHealthRow(feed=work.feed.feed, state=FeedState.UNKNOWN, checked_at=iso(work.now))
    if work.outcome == "failed":
        row = replace(former, checked_at=iso(work.now), failures=former.failures + 1, layer=work.layer, etag="", last_modified="")
    else:
        payload = work.payload
        unchanged = work.outcome == "unchanged"
        newest = former.newest_reading if unchanged else iso(work.newest) if work.newest else None
        if work.queue:  # a queue hands out what is new to us; a late message, or one without a reading, takes nothing back
            newest = max(filter(None, (newest, former.newest_reading)), default=None)
        row = replace(
            former, checked_at=iso(work.now), success_at=iso(work.now), failures=0, layer="", newest_reading=newest,
            changed_at=former.changed_at if work.raw == former.raw else iso(work.now), raw=work.raw or former.raw,
            etag=payload.etag if payload else former.etag, last_modified=payload.last_modified if payload else former.last_modified,
        )
    row = evaluate(work.feed, row, work.now, work.county)
    with work.ledger.begin() as tx:
        work.ledger.save_feed_health(tx, row)
        work.ledger.save_feed_run(
            tx, feed=work.feed.feed, at=work.now, outcome=work.outcome, records=work.records, set_aside=work.set_aside, raw=work.raw,
            error=work.error[:500],
        )
        if row.state == FeedState.SILENT and former.state != FeedState.SILENT:
            work.ledger.duty(tx, work.now, "feed_silent", row.headline, ref=f"{work.feed.feed}@{iso(work.now)}")
    return row
