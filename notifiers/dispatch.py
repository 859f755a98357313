"""The step after issue: verify, release, send, take receipts, write the time line. Reading STAGES is reading what happens.

A second call sends nothing: a row is claimed once, and what is not known is looked up, not sent again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, func, or_, select, update

from core.county import County
from core.errors import AuthorityError
from core.keyring import Keyring
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.settings import Settings
from core.times import iso
from notifiers.job import Job, Parts, one_sender
from notifiers.outbox import Ticker
from notifiers.registry import CHANNELS
from notifiers.versions import issued, stamp, untold_ends, verified

d, v = t.delivery.c, t.alert_version.c


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchReport:
    """What one dispatch did: versions served, versions refused with the reason, outcomes of this call, all rows by channel and state."""

    at: datetime
    versions: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    states: dict[str, dict[str, int]] = field(default_factory=dict)
    possible_duplicates: int = 0
    not_reached: tuple[str, ...] = ()
    seconds: float = 0.0
    busy: bool = False

    @property
    def sent(self) -> int:
        """Messages handed over by this call."""
        return self.outcomes.get("accepted", 0)


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
            n = tx.execute(update(t.delivery).where(mine, d.town.not_in(spared)).values(finished_at=now, **end)).rowcount
            if late and row["issued_at"]:
                job.ledger.duty(tx, job.ticker.now(), "expired", f"{name} 有 {n} 个对象到期仍未发出 / not sent before it ran out", name)


def authorise(job: Job) -> None:
    """Keep only versions that two officers signed exactly as they are; the rest is held and the desk is rung."""
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
    """planned -> pending for the versions that may go."""
    for channel in CHANNELS:
        job.parts.outbox(job.ledger, job.ticker, channel, job.shard).release(job.versions.values())


def send(job: Job) -> None:
    """All channels at once: a slow one does not hold up the other."""
    with ThreadPoolExecutor(len(CHANNELS)) as pool:
        for running in [pool.submit(channel.run, job) for channel in CHANNELS.values()]:
            running.result()


def await_receipts(job: Job) -> None:
    """Give callbacks a moment, where some were asked for and something was handed over."""
    until = time.monotonic() + job.settings.ack_wait_s
    open_rows = select(func.count()).select_from(t.delivery).where(d.channel == "sms", d.state.in_((D.ACCEPTED, D.SENT)))
    while job.settings.sms_callback_url and job.outcomes["accepted"] and time.monotonic() < until:
        with job.ledger.read() as tx:
            if not tx.execute(open_rows).scalar():
                return
        time.sleep(0.1)


def write_times(job: Job) -> None:
    """The time line of every version that has handed something over, and one row in the audit chain where this call did."""
    with job.ledger.begin() as tx:
        for ref in tx.execute(select(v.alert_id, v.version).where(v.issued_at.is_not(None))).tuples().all():
            stamp(tx, (ref[0], ref[1]))
        if job.outcomes["accepted"]:
            names = sorted(version.name for version in job.versions.values())
            job.ledger.audit(tx, job.ticker.now(), "notifiers", "dispatch", names[0][:128], {"versions": names, "outcomes": dict(job.outcomes)})


STAGES: tuple[Callable[[Job], None], ...] = (sweep, authorise, release, send, sweep, await_receipts, write_times)


def report(job: Job, now: datetime) -> DispatchReport:
    """Read the result from the ledger."""
    states: dict[str, Counter[str]] = {}
    mine = or_(*(and_(d.alert_id == a, d.version == n) for a, n in job.versions)) if job.versions else d.delivery_id < 0
    with job.ledger.read() as tx:
        for channel, state, n in tx.execute(select(d.channel, d.state, func.count()).where(mine).group_by(d.channel, d.state)):
            states.setdefault(channel, Counter())[state] += n
        twice = tx.execute(select(func.count()).select_from(t.delivery).where(mine, d.possible_duplicate.is_(True))).scalar_one()
        missing = tx.execute(select(d.recipient).where(mine, d.channel == "broadcast", d.state != D.DELIVERED).distinct()).scalars().all()
    return DispatchReport(at=now, versions=tuple(sorted(x.name for x in job.versions.values())), refused=job.refused, outcomes=dict(job.outcomes),
                          states={k: dict(c) for k, c in states.items()}, possible_duplicates=twice, not_reached=tuple(sorted(missing)),
                          seconds=round(job.ticker.elapsed(), 3))
