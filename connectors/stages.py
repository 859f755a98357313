"""The stages of one round: fetch, keep the bytes, parse, carry a half-read list, flag, store. Each returns whether there is more to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from connectors import recorded
from connectors.listing import settled
from connectors.quality import judge
from connectors.quality.derive import derive
from connectors.reading.records import NOTES
from connectors.types import Conditional
from connectors.work import Work
from core.readings import Readings, latest
from core.signing import digest


def pull(work: Work) -> bool:
    """Fetch; nothing more to do when the source says that nothing changed."""
    former = work.former
    conditional = Conditional()
    if former is not None and not work.connector.listing:
        conditional = Conditional(etag=former.etag, last_modified=former.last_modified)
    if work.settings.sandbox_recorded:
        work.payload = recorded.fetch(work.connector, work.feed, conditional=conditional, settings=work.settings)
    else:
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
    if same and not work.connector.listing and not work.queue:  # a queue's messages are ours until they are acknowledged
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
        work.batch = replace(work.batch, signals=settled(work, whole))
    return True


def more(work: Work) -> bool:
    """What the readings say together with those before them."""
    work.batch = derive(work.batch, feed=work.feed, county=work.county, lake=work.lake, now=work.now)
    return True


def flag(work: Work) -> bool:
    """Quality flags over the batch and the hours around it."""
    judgement = judge.judge(work.batch, feed=work.feed, county=work.county, lake=work.lake, now=work.now)
    work.batch, work.news = judgement.batch, judgement.news
    return True


def store(work: Work) -> bool:
    """Into the lake: what it does not hold yet in this form. A reading that is repeated word for word is not written again."""
    if work.news or not work.batch.observations or work.batch.tracks or work.batch.signals or work.batch.reports:
        work.lake.append(work.feed.feed, replace(work.batch, observations=work.news), work.now)
    readings = Readings.of(work.batch.observations)
    times = [readings.newest, *(p.time for p in work.batch.tracks if p.issued is None), *(report.time for report in work.batch.reports)]
    if not any(times) and work.connector.standstill:
        times = [latest(readings.issued)]
    work.newest = max((time for time in [*times, work.newest] if time is not None), default=None)
    return True


STAGES: tuple[Callable[[Work], bool], ...] = (pull, keep, read, carry, more, flag, store)
