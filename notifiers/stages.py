"""The stages of one dispatch, in the order of dispatch.SENDING and dispatch.AFTER."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import or_, select, update

from core.errors import AuthorityError
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso
from notifiers.again import try_again
from notifiers.authority import issued, untold_ends, verified
from notifiers.history import RESERVE
from notifiers.job import Job
from notifiers.quiet import put_off
from notifiers.registry import CHANNELS
from notifiers.timeline import stamp

d, v = t.delivery.c, t.alert_version.c
#: So long after a version's end receipts still move its time line; what comes later stands with its delivery. All the versions of years would be asked otherwise.
HEARD = timedelta(days=2)


def sweep(job: Job) -> None:
    """What was not handed over before its version ended never goes out: expired (the desk is rung) or cancelled."""
    now, waiting = iso(job.ticker.now()), d.state.in_((D.PLANNED, D.PENDING))
    over = v.state.in_(("superseded", "cancelled", "expired", "refused"))
    left = select(d.alert_id, d.version).where(waiting).distinct().subquery()
    done = select(t.alert_version).join(left, (left.c.alert_id == v.alert_id) & (left.c.version == v.version)).where(or_(over, v.expires <= now))
    with job.ledger.begin() as tx:
        for row in tx.execute(done).mappings().all():
            mine, name = waiting & (d.alert_id == row["alert_id"]) & (d.version == row["version"]), f"{row['alert_id']}.v{row['version']}"
            late = row["expires"] <= now
            spared = () if late else untold_ends(tx, row)
            end = {"state": D.EXPIRED, "code": "expired"} if late else {"state": D.CANCELLED, "code": "superseded"}
            tx.execute(update(t.delivery).where(mine, d.code == RESERVE).values(state=D.CANCELLED, finished_at=now))
            n = tx.execute(update(t.delivery).where(mine, d.town.not_in(spared)).values(finished_at=now, **end)).rowcount
            if n and late and row["issued_at"]:
                job.ledger.duty(tx, job.ticker.now(), "expired", f"{name} 有 {n} 个对象到期仍未发出 / not sent before it ran out", name)


def authorise(job: Job) -> None:
    """Keep only versions that two officers signed exactly as they are; the rest is held and the desk is rung."""
    job.versions.clear()
    with job.ledger.begin() as tx:
        for row in issued(tx, job.ticker.now()):
            name = f"{row['alert_id']}.v{row['version']}"
            try:
                version = verified(tx, row, job.county, job.keyring, job.settings)
                job.versions[version.ref] = version
            except (AuthorityError, KeyError, ValueError) as error:
                job.refused[name] = str(error)
                job.ledger.duty(tx, job.ticker.now(), "authority", f"{name} 未发送 / not sent: {error}", name)


def release(job: Job) -> None:
    """planned -> pending for the versions that may go, back to pending what is worth another try, and off to the morning what may wait."""
    for name, channel in CHANNELS.items():
        job.parts.outbox(job.ledger, job.ticker, name, job.shard).release(job.versions.values())
        try_again(job, name, channel.again)
        put_off(job, name)


def await_receipts(job: Job) -> None:
    """Give callbacks a moment, where some were asked for and something was handed over."""
    until, pause = time.monotonic() + job.settings.ack_wait_s, 0.05
    still_open = select(d.delivery_id).where(d.channel == "sms", or_(d.state == D.ACCEPTED, d.state == D.SENT)).limit(1)
    while job.settings.receipts_here and job.outcomes["accepted"] and time.monotonic() < until:
        with job.ledger.read() as tx:
            if tx.execute(still_open).first() is None:
                return
        time.sleep(pause)
        pause = min(0.5, 1.5 * pause)


def write_times(job: Job) -> None:
    """The time line of every version that has handed something over and may still hear of it, and one row in the audit chain where this call did."""
    recent = v.issued_at.is_not(None) & (v.expires > iso(job.ticker.now() - HEARD))
    with job.ledger.begin() as tx:
        for ref in tx.execute(select(v.alert_id, v.version).where(recent)).tuples().all():
            stamp(tx, (ref[0], ref[1]))
        if job.outcomes["accepted"]:
            names = sorted(version.name for version in job.versions.values())
            job.ledger.audit(tx, job.ticker.now(), "notifiers", "dispatch", names[0][:128], {"versions": names, "outcomes": dict(job.outcomes)})
