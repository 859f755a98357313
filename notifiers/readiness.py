"""Is the register ready: how many people it reaches, how many numbers are dead, and when it was last gone through (R14). It never stops an alert."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Subquery, case, func, or_, select

from core.county import County
from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.sms.codes import DEAD

d, r = t.delivery.c, t.resident.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Counts only. `reachable` have neither opted out nor a dead number; `overdue` were not renewed since `renewed_since`; `oldest` is the oldest day of
    renewal; `leaving` left the list and wait to be erased; `by_town`, `by_group`: people and reachable; `reasons` say why the register is not ready."""

    people: int = 0
    reachable: int = 0
    opted_out: int = 0
    dead: int = 0
    synthetic: int = 0
    overdue: int = 0
    leaving: int = 0
    oldest: str | None = None
    renewed_since: str | None = None
    by_town: dict[str, dict[str, int]] = field(default_factory=dict)
    by_group: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def readiness(tx: Connection, county: County, now: datetime) -> Readiness:
    """The register at `now` (aware). Without a policy's section, and with nobody in it, it is not ready; a synthetic one is not judged by its age."""
    policy = county.policy.register
    since = policy.renewed_since(now.astimezone(county.zone).date()).isoformat() if policy else ""
    dead, real, old = _dead(), r.synthetic.is_(False), or_(r.renewed.is_(None), r.renewed < since)
    sums = {"people": func.count(), "opted_out": _sum(r.opted_out), "dead": _sum(dead.c.who.is_not(None)), "synthetic": _sum(r.synthetic),
            "reachable": _sum(r.opted_out.is_(False) & dead.c.who.is_(None)), "overdue": _sum(real & old), "dead_real": _sum(real & dead.c.who.is_not(None))}
    query = select(r.town, r.groups, func.min(r.renewed).label("oldest"), *(value.label(name) for name, value in sums.items())).select_from(
        t.resident.outerjoin(dead, dead.c.who == r.resident_id)).where(r.erase_at.is_(None)).group_by(r.town, r.groups)
    total, towns, groups, oldest = Counter[str](), dict[str, Counter[str]](), dict[str, Counter[str]](), list[str]()
    for row in tx.execute(query).mappings():
        counts = {name: int(row[name]) for name in sums}
        total.update(counts)
        for where, keys in ((towns, [row["town"]]), (groups, json.loads(row["groups"]))):
            for key in keys:
                where.setdefault(key, Counter()).update(people=counts["people"], reachable=counts["reachable"])
        oldest += [row["oldest"]] if row["oldest"] else []
    leaving = tx.execute(select(func.count()).select_from(t.resident).where(r.erase_at.is_not(None))).scalar_one()
    return Readiness(**{name: total[name] for name in sums if name != "dead_real"}, leaving=leaving, oldest=min(oldest, default=None), renewed_since=since or None,
                     by_town={k: dict(n) for k, n in sorted(towns.items())}, by_group={k: dict(n) for k, n in sorted(groups.items())},
                     reasons=_reasons(county, total, since))


def _sum(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _dead() -> Subquery:
    """Residents whose number was refused for good since it came in, with no message delivered after that."""
    refused = select(d.recipient.label("who"), func.max(d.delivery_id).label("last"), func.max(d.finished_at).label("at")).where(
        d.channel == "sms", d.code.in_(DEAD), d.state.in_((D.REFUSED, D.UNDELIVERED))).group_by(d.recipient).subquery()
    after = select(d.recipient.label("who"), func.max(d.delivery_id).label("last")).where(
        d.channel == "sms", d.state == D.DELIVERED, d.recipient.in_(select(refused.c.who))).group_by(d.recipient).subquery()
    query = select(refused.c.who).join(t.resident, r.resident_id == refused.c.who).outerjoin(after, after.c.who == refused.c.who)
    return query.where(or_(r.phone_at.is_(None), refused.c.at >= r.phone_at), or_(after.c.last.is_(None), after.c.last < refused.c.last)).subquery()


def _reasons(county: County, total: Counter[str], since: str) -> tuple[str, ...]:
    policy, real = county.policy.register, total["people"] - total["synthetic"]
    if not real:
        return () if total["people"] else ("登记册是空的，短信到不了任何人 / nobody is registered",)
    if policy is None:
        return ("policy.yaml 没有 register 一节：不知道名单多久更新 / no section register in policy.yaml",)
    reasons = []
    if total["overdue"] > policy.overdue_share * real:
        reasons.append(f"{total['overdue']} 人（{total['overdue'] / real:.1%}）自 {since} 以来没有更新，名单应在每年 "
                       f"{policy.renew_by[0]} 月 {policy.renew_by[1]} 日前更新 / not renewed in time")
    if total["dead_real"] > policy.dead_share * real:
        reasons.append(f"{total['dead_real']} 人（{total['dead_real'] / real:.1%}）的号码是空号或收不到 / dead numbers")
    return tuple(reasons)
