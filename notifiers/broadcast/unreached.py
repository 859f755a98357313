"""Loudspeakers that were not reached, told to the duty desk town by town with what else covers the town."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select

from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.job import Job
from notifiers.outbox import Item, Outcome
from notifiers.versions import Ref


def tell_desk(job: Job, pairs: list[tuple[Item, Outcome]]) -> None:
    """Once a version and town: who did not answer or was refused, and how many are written to by SMS there."""
    missing: dict[tuple[Ref, str], list[str]] = defaultdict(list)
    for item, outcome in pairs:
        if outcome.state not in (D.DELIVERED, D.PENDING):  # pending: it keeps quiet hours and is asked again
            missing[item.ref, item.town].append(f"{item.recipient}（{outcome.code}）")
    names, d = {town.key: town.name for town in job.county.towns}, t.delivery.c
    with job.ledger.begin() as tx:
        for (ref, town), speakers in missing.items():
            people = tx.execute(select(func.count()).where(d.alert_id == ref[0], d.version == ref[1], d.town == town, d.channel == "sms")).scalar_one()
            other = f"该镇另有短信 {people} 人 / {people} by SMS there" if people else "该镇没有其他渠道，请派人通知 / no other channel there: send somebody"
            name = job.versions[ref].name
            job.ledger.duty(tx, job.ticker.now(), "not_reached", f"{name} {names.get(town, town)}大喇叭未应答：{'、'.join(sorted(speakers))}；{other}",
                            f"{name}.{town}")
