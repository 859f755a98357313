"""What happened, read from the ledger: one dictionary that the summary, `--json` and the board all show."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select, tuple_

from console.canary.watch import state as canary
from console.context import PERIOD
from console.dossier import WAITING as WAITING_FOR_PEOPLE
from console.dossier import clock, silence
from console.feedrows import feeds
from console.reach import counted, reach
from core import alerts as decisions
from core.county.cover import TITLES
from core.ledger import scores_of
from core.ledger import tables as t
from core.model import AlertState, DeliveryState, Hazard, Level
from core.times import iso, parse_iso

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, RowMapping, Table

    from console.context import Context
    from core.model import RiskScore

HANDED = {DeliveryState.ACCEPTED, DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.UNDELIVERED}
#: Not handed over yet; SENDING is not known yet.
WAITING = {DeliveryState.PLANNED, DeliveryState.PENDING, DeliveryState.SENDING}
OPEN = (AlertState.DRAFT, AlertState.REVIEW, AlertState.APPROVED, AlertState.ISSUED)
TIME_LINE = ("reading_at", "assessed_at", "drafted_at", "decided_at", "issued_at", "first_handed_at", "last_handed_at", "acknowledged_at")


def collect(ctx: Context, now: datetime) -> dict[str, Any]:
    """Everything a duty officer wants to know at `now` (aware) of the last PERIOD: feeds, towns, alerts, deliveries, paths. Times are ISO UTC."""
    with ctx.ledger.read() as tx:
        return {
            "county": ctx.county.name,
            "county_en": ctx.county.name_en,
            "zone": ctx.county.zone.key,
            "now": iso(now),
            "status": str(ctx.settings.status),
            "feeds": feeds(tx, ctx, now),
            "towns": towns(tx, ctx, now),
            "alerts": alerts(tx, ctx, now),
            "sms": sms(tx, ctx, now),
            "broadcast": broadcast(tx, now),
            "lost": lost(tx, ctx, now),
            "stopped": stopped(tx, now),
            "duty": duty(tx),
            "audience": audience(tx, ctx),
            "canary": canary(now, ctx.county, ctx.settings),
            "register": register(tx, ctx, now),
        } | newest(tx, ctx, now)


def newest(tx: Connection, ctx: Context, now: datetime) -> dict[str, Any]:
    """The newest reading of any station: its time and age in seconds (None: there is none). A fetch that brought nothing is no reading."""
    measured = [feed.feed for feed in ctx.county.feeds if feed.age_from == "reading"]
    h = t.feed_health.c
    at = tx.execute(select(func.max(h.newest_reading)).where(h.feed.in_(measured))).scalar()
    return {"reading_at": at, "reading_age_s": (now - parse_iso(at)).total_seconds() if at else None}


def register(tx: Connection, ctx: Context, now: datetime) -> dict[str, Any]:
    """How ready the register is; counts only."""
    from console.registering import status_facts
    from notifiers import readiness

    return status_facts(readiness(tx, ctx.county, now), ctx.county)


def audience(tx: Connection, ctx: Context) -> list[dict[str, Any]]:
    """One row a colour: whom the policy addresses and how many people of the register that is, by group, each person once in `count`."""
    r = t.resident.c
    query = select(r.groups, func.count().label("n")).where(r.opted_out.is_(False), r.erase_at.is_(None)).group_by(r.groups)
    people = [(set(json.loads(row.groups)), int(row.n)) for row in tx.execute(query)]
    everybody = sum(n for _, n in people)
    rows = []
    for level, addressed in sorted(ctx.county.policy.audience.items()):
        by_group = {g.title: sum(n for have, n in people if g.group in have) for g in ctx.county.groups if g.group in addressed}
        reached = sum(n for have, n in people if have & set(addressed))
        rows.append({"level": int(level), "by_group": by_group, "count": reached, "share": reached / everybody if everybody else 0.0})
    return rows


def shown(now: datetime) -> ColumnElement[bool]:
    """Which alert versions are of the period, or still in force, or wait."""
    v = t.alert_version.c
    return or_(v.drafted_at >= iso(now - PERIOD), v.state.in_(OPEN))


def of_shown(table: Table, now: datetime) -> ColumnElement[bool]:
    """Which rows of a table belong to such versions."""
    v = t.alert_version.c
    return tuple_(table.c.alert_id, table.c.version).in_(select(v.alert_id, v.version).where(shown(now)))


def towns(tx: Connection, ctx: Context, now: datetime) -> list[dict[str, Any]]:
    """One row a town and hazard: the highest level of the period with its time and reason, and the level and ceiling at `now`."""
    from rules import priority

    a = t.assessment.c
    past = (a.at >= iso(now - PERIOD)) & (a.at <= iso(now))
    latest = tx.execute(select(func.max(a.at)).where(a.at <= iso(now))).scalar()
    if latest is None:
        return []
    order = (a.level.desc(), a.score.desc(), a.at)
    ranked = select(
        a.town, a.hazard, a.at, a.level, a.floor, a.proved,
        func.row_number().over(partition_by=(a.town, a.hazard), order_by=order).label("rank"),
    ).where(past | (a.at == latest)).subquery()
    peaks = {(r.town, r.hazard): r for r in tx.execute(select(ranked).where(ranked.c.rank == 1))}
    current = {(r.town, r.hazard): r for r in tx.execute(select(t.assessment).where(a.at == latest))}
    highest = dict(tx.execute(select(a.town + "/" + a.hazard, func.max(a.ceiling)).where(past | (a.at == latest)).group_by(a.town, a.hazard)).all())
    told = {at: {(s.town, str(s.hazard)): s for s in scores_of(tx, at)} for at in {latest, *(r.at for r in peaks.values() if r.level)}}
    rows = []
    for town in ctx.county.towns:
        for hazard in ctx.county.hazards:
            key = town.key, str(hazard)
            peak, last = peaks.get(key), current.get(key)
            if peak is None or last is None:
                continue
            score = told[latest][key]
            rows.append({
                "town": town.key, "name": town.name, "hazard": str(hazard), "hazard_zh": hazard.zh,
                "peak": peak.level, "peak_at": peak.at, "peak_floor": peak.floor, "peak_proved": peak.proved,
                "reason": told[peak.at][key].reason if peak.level else "", "peak_ceiling": highest["/".join(key)],
                "level": last.level, "ceiling": last.ceiling, "score": last.score, "silent": json.loads(last.silent),
                "silent_zh": [ctx.county.titled(feed) for feed in json.loads(last.silent)], "at": last.at,
                "synthetic": any(e.synthetic for e in score.evidence if e.values), "priority": priority(last.score, town, ctx.county), **_told(score),
            })
    return rows


def _told(score: RiskScore) -> dict[str, Any]:
    """The sentences of a score as they were stored, and for officers what may come."""
    return {"reason_now": score.reason, "told": score.told(), "outlook": score.outlook, "chances": {k: list(v) for k, v in score.chances.items()}}


def alerts(tx: Connection, ctx: Context, now: datetime) -> list[dict[str, Any]]:
    """One row an alert version that is `shown`, oldest first, with its time line and where its CAP file lies."""
    rows, v = [], t.alert_version.c
    reached = reach(tx, of_shown(t.delivery, now))
    approvals = defaultdict(list)
    for row in tx.execute(select(t.approval).where(of_shown(t.approval, now)).order_by(t.approval.c.at, t.approval.c.role.desc())).mappings():
        approvals[row["alert_id"], row["version"]].append({k: row[k] for k in ("officer", "role", "decision", "at", "note")})
    for row in tx.execute(select(t.alert_version).where(shown(now)).order_by(v.drafted_at, v.alert_id, v.version)).mappings():
        body = json.loads(row["body"])
        audience = json.loads(row["audience"] or "{}")
        rows.append({
            "ref": f"{row['alert_id']}.v{row['version']}",
            "alert_id": row["alert_id"], "version": row["version"], "hazard": body.get("hazard", ""), "msg_type": row["msg_type"],
            "state": "expired" if row["state"] == "issued" and row["expires"] <= iso(now) else row["state"], "level": row["level"],
            "levels": body.get("levels", {}), "headline": body.get("headline", ""),
            "texts": body.get("texts", {}), "audience": {k: v for k, v in audience.items() if k in ("count", "by_town", "by_group", "hash")},
            "approvals": approvals[row["alert_id"], row["version"]], "expires": row["expires"], "cap_path": row["cap_path"],
            "body_hash": row["body_hash"], **{name: row[name] for name in TIME_LINE},
            "waits": waits(tx, ctx, row, now), "reach": counted(reached.get((row["alert_id"], row["version"]), {})),
        })
    return rows


def waits(tx: Connection, ctx: Context, row: RowMapping, now: datetime) -> dict[str, Any] | None:
    """Of a version that waits for people: its clock, what happens on silence, whether it was put off; None of any other."""
    if row["state"] not in WAITING_FOR_PEOPLE:
        return None
    found = decisions.waits(tx, row, now, ctx.county)
    return {"clock": clock(ctx, found, now), **silence(ctx, row), "put_off": decisions.delayed(tx, found.ref)}


def stopped(tx: Connection, now: datetime) -> list[dict[str, str]]:
    """One row a version in force that is stopped on a channel until a person has looked."""
    from notifiers.stops import stopped as on

    v = t.alert_version.c
    alive = [f"{a}.v{n}" for a, n in tx.execute(select(v.alert_id, v.version).where(v.state == "issued", v.expires > iso(now)).order_by(v.alert_id)).tuples()]
    return [{"version": ref, "channel": channel, "title": title} for channel, title in TITLES.items() for ref in alive if ref in on(tx, channel)]


def sms(tx: Connection, ctx: Context, now: datetime) -> dict[str, Any]:
    """SMS of the period handed over and delivered, by town and by group (a resident of two groups counts in both); who held the same already is not counted."""
    from notifiers.history import NOTHING, RESERVE, SAME

    by_town: dict[str, Counter[str]] = defaultdict(Counter)
    by_group: dict[str, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    d = t.delivery.c
    query = select(d.town, d.groups, d.state, func.count().label("n")).where(
        d.channel == "sms", d.code.not_in((SAME, NOTHING, RESERVE)), of_shown(t.delivery, now)).group_by(d.town, d.groups, d.state)
    for row in tx.execute(query):
        state = DeliveryState(row.state)
        for mark in ("planned", *(["handed"] if state in HANDED else []), "waiting" if state in WAITING else state.value):
            total[mark] += row.n
            by_town[row.town][mark] += row.n
            for group in json.loads(row.groups):
                by_group[group][mark] += row.n
    names = {town.key: town.name for town in ctx.county.towns}
    titles = {group.group: group.title for group in ctx.county.groups}
    return {
        "total": dict(total),
        "by_town": {names.get(k, k): dict(v) for k, v in sorted(by_town.items())},
        "by_group": {titles.get(k, k): dict(v) for k, v in sorted(by_group.items())},
    }


def broadcast(tx: Connection, now: datetime) -> dict[str, Any]:
    """Loudspeakers of the period by what became of each frame; those never reached are named."""
    from notifiers.history import RESERVE

    d = t.delivery.c
    mine = (d.channel == "broadcast") & of_shown(t.delivery, now)
    by_state: Counter[str] = Counter(dict(tx.execute(select(d.state, func.count()).where(mine).group_by(d.state)).tuples().all()))
    reached = {r for (r,) in tx.execute(select(d.recipient).where(mine, d.state == DeliveryState.DELIVERED).distinct())}
    # what waits for a signature, and a reserve that was not needed, was not missed
    tried = select(d.recipient).where(mine, d.state != DeliveryState.PLANNED, d.code != RESERVE).distinct()
    everyone = {r for (r,) in tx.execute(tried)}
    return {"frames": dict(by_state), "reached": sorted(reached), "not_reached": sorted(everyone - reached)}


def lost(tx: Connection, ctx: Context, now: datetime) -> list[dict[str, Any]]:
    """One row a version in force and channel that it has lost: in which towns, and how many people that leaves uncovered."""
    from notifiers.cover import losses

    v, names, rows = t.alert_version.c, {town.key: town.name for town in ctx.county.towns}, []
    for alert_id, number in tx.execute(select(v.alert_id, v.version).where(v.state == "issued", v.expires > iso(now)).order_by(v.alert_id)).tuples().all():
        found = [loss for loss in losses(tx, (alert_id, number)) if loss.town in names]
        for channel in sorted({loss.channel for loss in found}):
            mine = [loss for loss in found if loss.channel == channel]
            rows.append({"version": f"{alert_id}.v{number}", "channel": channel, "title": TITLES[channel], "towns": [names[loss.town] for loss in mine],
                         "people": sum(loss.people(ctx.county) for loss in mine)})
    return rows


def duty(tx: Connection) -> list[dict[str, Any]]:
    """The last twenty entries of the duty log."""
    rows = tx.execute(select(t.duty_log).order_by(t.duty_log.c.entry.desc()).limit(20)).mappings()
    return [dict(row) for row in rows][::-1]


def expectations(ctx: Context, expect: dict[str, Any], data: dict[str, Any]) -> list[tuple[str, bool]]:
    """Hold a scenario's `expect` against what happened: (sentence, does it hold).

    Keys: `alerts` (exact number of alert threads), `min_peak` {hazard: colour} for at least one town, `floor_respected`
    (no town's published level below an official signal that concerned it).
    """
    held: list[tuple[str, bool]] = []
    threads = {row["alert_id"] for row in data["alerts"]}
    if "alerts" in expect:
        held.append((f"预警 {len(threads)} 起，应为 {expect['alerts']} 起", len(threads) == int(expect["alerts"])))
    for hazard, colour in dict(expect.get("min_peak", {})).items():
        peak = max((Level(row["peak"]) for row in data["towns"] if row["hazard"] == hazard), default=Level.NONE)
        held.append((f"{Hazard(hazard).zh}最高级别 {peak.zh}，应不低于 {Level[str(colour).upper()].zh}", peak >= Level[str(colour).upper()]))
    if expect.get("floor_respected"):
        broken = [row["name"] for row in data["towns"] if row["peak"] < row["peak_floor"]]
        held.append(("官方信号为下限，无镇街低于它", not broken))
    return held
