"""SMS as dispatch calls it."""

from __future__ import annotations

import uvloop

from core.errors import AuthorityError
from notifiers.job import Job
from notifiers.reserve import blame
from notifiers.sms.stage import SmsStage


def run_sms(job: Job) -> None:
    """The stage, as dispatch calls it. Where its door is shut the rows wait, and the desk is rung if there are any."""
    outbox = job.parts.outbox(job.ledger, job.ticker, "sms", job.shard)
    try:
        uvloop.run(SmsStage(job, outbox, job.parts.sms(job.settings)).run())
    except AuthorityError as error:
        if outbox.waiting(job.versions):
            blame(job, "sms", "door")
            job.alarm("sms", str(error), "sms.door")
