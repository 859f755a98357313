"""The step after issue: verify, release, send, take receipts, write the time line. Reading SENDING and AFTER is reading what happens.

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
from notifiers.reserve import tell_losses
from notifiers.restored import notice_restore
from notifiers.sending import send
from notifiers.stages import authorise, await_receipts, release, sweep, write_times
from notifiers.versions import in_force

Stages = tuple[Callable[[Job], None], ...]
#: SENDING begins anew when something is issued meanwhile, so that a red alert or a recall does not wait until a long orange one is out.
SENDING: Stages = (sweep, authorise, release, notice_restore, send, sweep)
AFTER: Stages = (await_receipts, tell_losses, write_times)


def dispatch(
    *, now: datetime, county: County, ledger: Ledger, settings: Settings, keyring: Keyring, deadline_s: float = 600.0,
    progress: Callable[[str, int], None] | None = None, shard: tuple[int, int] = (0, 1), parts: Parts | None = None,
) -> DispatchReport:
    """Serve every issued version at `now` (aware) within `deadline_s`; `busy` when another process holds the shard all that time."""
    ticker = Ticker(now)  # it runs while this process waits for the lock: what runs out meanwhile is not sent
    with one_sender(ledger, settings.home, shard, deadline_s) as held:
        if not held:
            return DispatchReport(at=now, busy=True)
        job = Job(county=county, ledger=ledger, settings=settings, keyring=keyring, ticker=ticker, deadline_s=deadline_s, shard=shard,
                  parts=parts or Parts(), progress=progress)
        _run(job, SENDING)
        while job.in_time() and _news(job):
            _run(job, SENDING)
        _run(job, AFTER)
        return report(job, now)


def _run(job: Job, stages: Stages) -> None:
    for stage in stages:
        stage(job)


def _news(job: Job) -> bool:
    """Whether something has been issued that this dispatch has not looked at."""
    with job.ledger.read() as tx:
        return not in_force(tx, job.ticker.now()) <= job.seen()
