"""The reserve: where a channel has failed, the next one that was signed with it starts by itself, and the duty desk is told who is uncovered.

Officers sign the reserve with the rest: it stands in the body and its recipients in the audience, as rows that nothing releases but this.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select, update

from core.county.cover import TITLES
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.signing import digest
from notifiers.cover import ASKED, Loss, losses
from notifiers.history import RESERVE
from notifiers.job import Job
from notifiers.outbox.rows import d, due, of
from notifiers.quiet import put_off_rows
from notifiers.versions import Version


def start_reserve(job: Job) -> frozenset[str]:
    """planned reserve -> pending in the towns that have lost a channel, put off at night like everything else; the channels that got something to do."""
    started = set[str]()
    for version in [v for v in job.versions.values() if v.body.get("reserve_by_level")]:
        with job.ledger.read() as tx:
            towns = {loss.town for loss in losses(tx, version.ref)}
        if towns:
            with job.ledger.begin() as tx:
                started |= _start(tx, job, version, towns)
    return frozenset(started)


def _start(tx: Connection, job: Job, version: Version, towns: set[str]) -> set[str]:
    mine = of(version) & (d.delivery_id % job.shard[1] == job.shard[0])
    waiting = mine & (d.state == D.PLANNED) & (d.code == RESERVE) & d.town.in_(towns)
    found = set(tx.execute(update(t.delivery).where(waiting).values(state=D.PENDING, code="").returning(d.channel, d.town)).tuples())
    channels = {channel for channel, _ in found}
    for channel in sorted(channels):
        names = "、".join(town.name for town in job.county.towns if (channel, town.key) in found)
        text = f"{version.name} {names}：备用渠道{TITLES[channel]}已自动启动 / the reserve has started"
        job.ledger.duty(tx, job.ticker.now(), "reserve", text, f"{version.name}.{channel}.{digest(names)[:12]}")
        put_off_rows(tx, job, channel, (version,))
    return channels


def blame(job: Job, channel: str, code: str) -> None:
    """Write on the rows of a channel whose door is shut why none of those that are due goes out."""
    with job.ledger.begin() as tx:
        for version in job.versions.values():
            waiting = of(version) & (d.channel == channel) & (d.state == D.PENDING) & due(job.ticker.now())
            tx.execute(update(t.delivery).where(waiting).values(code=code))


def tell_losses(job: Job) -> None:
    """Each channel that a version has lost is told to the desk, once a set of towns: how many people that leaves uncovered, and what else speaks there."""
    told = []
    with job.ledger.read() as tx:
        for version in job.versions.values():
            lost = losses(tx, version.ref)
            for channel in sorted({loss.channel for loss in lost}):
                mine = [loss for loss in lost if loss.channel == channel]
                text = f"{version.name} {TITLES[channel]} 不通：" + "；".join(_said(tx, job, version, loss, lost) for loss in mine)
                told.append((f"{text} / a channel is lost", f"{version.name}.{channel}.{digest(','.join(loss.town for loss in mine))[:12]}"))
    for text, ref in told:
        job.alarm("channel_lost", text, ref)


def _said(tx: Connection, job: Job, version: Version, loss: Loss, lost: Iterable[Loss]) -> str:
    here = set(tx.execute(select(d.channel).where(of(version), d.town == loss.town, ASKED).distinct()).scalars())
    others = here - {other.channel for other in lost if other.town == loss.town}
    instead = f"另有{'、'.join(TITLES[name] for name in sorted(others))}" if others else "没有别的渠道，请派人"
    name = next((town.name for town in job.county.towns if town.key == loss.town), loss.town)
    return f"{name} {loss.people(job.county)} 人没有通知到，{instead}"
