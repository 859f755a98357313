"""The step after issue: verify, release, send, take receipts, write the time line. Reading STAGES is reading what happens.

A second call sends nothing: a row is claimed once, and what is not known is looked up, not sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from core.county import County
from core.keyring import Keyring
from core.ledger import Ledger
from core.settings import Settings
from notifiers.job import Job, Parts
from notifiers.lock import one_sender
from notifiers.outbox import Ticker
from notifiers.report import DispatchReport, report
from notifiers.stages import authorise, await_receipts, release, send, sweep, write_times

STAGES: tuple[Callable[[Job], None], ...] = (sweep, authorise, release, send, sweep, await_receipts, write_times)


def dispatch(
    *, now: datetime, county: County, ledger: Ledger, settings: Settings, keyring: Keyring, deadline_s: float = 600.0,
    progress: Callable[[str, int], None] | None = None, shard: tuple[int, int] = (0, 1), parts: Parts | None = None,
) -> DispatchReport:
    """Serve every issued version at `now` (aware) within `deadline_s`; `busy` when another process holds the shard all that time."""
    with one_sender(settings.home, shard, deadline_s) as held:
        if not held:
            return DispatchReport(at=now, busy=True)
        job = Job(county=county, ledger=ledger, settings=settings, keyring=keyring, ticker=Ticker(now), deadline_s=deadline_s, shard=shard,
                  parts=parts or Parts(), progress=progress)
        for stage in STAGES:
            stage(job)
        return report(job, now)
