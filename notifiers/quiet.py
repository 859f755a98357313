"""Quiet hours (免扰时段): what may wait until the morning waits, and whoever is on duty is told at once.

A row is put off, not dropped: it goes when the quiet hours end, unless its version has ended or been replaced by then, and the rows say until when.
Groups that groups.yaml calls on duty are never put off by a level, because they are who acts at night. A dispatch that began before the quiet hours goes on to its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, and_, or_, true, update

from core.county import QuietHours
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.model import Level, Status
from core.times import iso, people
from notifiers.job import Job
from notifiers.outbox import Item, Outcome
from notifiers.outbox.rows import d, of
from notifiers.versions import Version

#: After how long a loudspeaker is asked again that keeps quiet outside our quiet hours.
AGAIN = timedelta(minutes=30)


def put_off(job: Job, channel: str) -> None:
    """Give every waiting row of a channel that the policy refuses now the end of the quiet hours as its time; the desk is told once a version and night."""
    quiet = job.county.policy.quiet
    if quiet is not None and quiet.covers(job.ticker.now()):
        with job.ledger.begin() as tx:
            put_off_rows(tx, job, channel, job.versions.values())


def put_off_rows(tx: Connection, job: Job, channel: str, versions: Iterable[Version]) -> None:
    """The same for the rows of these versions."""
    quiet, now = job.county.policy.quiet, job.ticker.now()
    if quiet is None or not quiet.covers(now):
        return
    until = quiet.ends(now)
    waiting = (d.channel == channel) & (d.state == D.PENDING) & or_(d.not_before.is_(None), d.not_before < iso(until))
    for version in versions:
        rows = waiting & of(version) & _refused(job, channel, version, quiet)
        if n := len(tx.execute(update(t.delivery).where(rows).values(not_before=iso(until), code="quiet_hours").returning(d.delivery_id)).all()):
            text = f"{version.name} 有 {n} 个对象在免扰时段，{people(until, job.county.zone)} 再发 / wait until the quiet hours end"
            job.ledger.duty(tx, now, "quiet_hours", text, ref=f"{version.name}.{channel}.{iso(until)}")


def quiet_there(job: Job, item: Item) -> Outcome:
    """A loudspeaker that kept quiet though we did not: its clock or its hours are not quite ours. It is asked again when ours end, or soon."""
    quiet, now, name = job.county.policy.quiet, job.ticker.now(), job.versions[item.ref].name
    until = quiet.ends(now) if quiet is not None and quiet.covers(now) else now + AGAIN
    again = people(until, job.county.zone)
    job.alarm("quiet_hours", f"{name} {item.recipient} 等大喇叭在免扰时段没有播出，{again} 再播 / kept quiet, asked again", f"{name}.{item.town}.quiet")
    return Outcome(delivery_id=item.delivery_id, state=D.PENDING, code="quiet_hours", wait_s=(until - now).total_seconds())


def _refused(job: Job, channel: str, version: Version, quiet: QuietHours) -> ColumnElement[bool]:
    """The rows that may not go out now. An SMS that goes to this machine only wakes nobody: it keeps the night that residents would have."""
    status = Status.ACTUAL if channel == "sms" and job.settings.sms_is_sandboxed else version.status
    off_duty = and_(*(d.groups.not_like(f'%"{group.group}"%') for group in job.county.groups if group.on_duty))
    return or_(*(d.priority == int(level) for level in Level if quiet.refuses(job.ticker.now(), level, status))) & (
        off_duty if status is Status.ACTUAL else true())
