"""Whom one version concerns, written down before anybody signs: town x group x level, and for the end of a warning the ledger.

Level rose or new -> the level's groups in that town. Level fell or ended -> exactly those who got it before and were not told of its
end since. Unchanged -> nobody. An area that is empty or unknown reaches nobody and rings the duty desk. The rows are the outbox
itself (state planned); their hash is in the snapshot that officers sign, and dispatch compares both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from core import alerts
from core.county import County
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import Level, MsgType
from core.settings import Settings
from core.signing import canonical, digest
from notifiers.history import reached
from notifiers.register import ensure_register

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceReport:
    """How many recipients a version has, by channel and town, and the hash that officers sign; `unknown` towns reach nobody."""

    ref: str
    count: int
    by_channel: dict[str, int]
    by_town: dict[str, int]
    hash: str
    unknown: tuple[str, ...] = ()


def audience_hash(recipients: Iterable[tuple[str, str, str]]) -> str:
    """Hash over every (channel, recipient, town), in order."""
    return digest(canonical(sorted(list(r) for r in recipients)))


def address(*, now: datetime, ref: alerts.VersionRef | str, county: County, ledger: Ledger, settings: Settings | None = None) -> AudienceReport:
    """Plan the deliveries of a draft and record the snapshot; a repeat changes nothing. `now` aware. LifeCycleError for an unknown version."""
    ensure_register(county, ledger, settings or Settings.load())
    with ledger.begin() as tx:
        version = alerts.find(tx, ref)
        snapshot = json.loads(version["audience"] or "{}")
        if "hash" in snapshot:
            return _report(str(ref), snapshot)
        rows, unknown = plan(tx, version, county)
        if rows:
            tx.execute(insert(t.delivery), rows)
        snapshot = _snapshot(rows, unknown)
        alerts.record_audience(tx, ref, snapshot)
        if not rows or unknown:
            who = "、".join(unknown) or "空"
            ledger.duty(tx, now, "audience", f"{ref} 受众为空或有无法识别的区域（{who}），这些区域不发送 / reaches nobody there", str(ref))
        ledger.audit(tx, now, "notifiers", "audience.plan", str(ref), {"hash": snapshot["hash"], "count": snapshot["count"]})
        return _report(str(ref), snapshot)


def plan(tx: Connection, version: Any, county: County) -> tuple[list[Row], tuple[str, ...]]:
    """The delivery rows of a version, and the towns that the county does not know."""
    body = json.loads(version["body"])
    changed = {town: (int(old), int(new)) for town, (old, new) in body["changed"].items()}
    known = {town.key for town in county.towns}
    before = reached(tx, version["alert_id"], version["version"])
    if version["msg_type"] == MsgType.CANCEL:
        changed |= {row["town"]: (changed.get(row["town"], (1, 0))[0], 0) for row in before}
    base = {"alert_id": version["alert_id"], "version": version["version"], "state": "planned", "attempt": 0}
    rows: list[Row] = []
    for town in sorted(changed.keys() & known):
        old, new = changed[town]
        people = _level_audience(tx, county, body, town, Level(new)) if new > old else [r for r in before if r["town"] == town]
        rows += [base | {**person, "town": town, "priority": max(old, new)} for person in people]
    return rows, tuple(sorted(changed.keys() - known))


def _level_audience(tx: Connection, county: County, body: dict[str, Any], town: str, level: Level) -> list[Row]:
    groups = set(body["audience_groups"].get(str(int(level)), ()))
    channels = set(body["channels"]) & set(county.policy.channels[level])
    r = t.resident.c
    residents = tx.execute(select(r.resident_id, r.groups).where(r.town == town, r.opted_out.is_(False)).order_by(r.resident_id))
    rows = [{"channel": "sms", "recipient": i, "groups": g} for i, g in residents if groups & set(json.loads(g))] if "sms" in channels else []
    speakers = [s.speaker for s in county.loudspeakers if s.town == town] if "broadcast" in channels else []
    return rows + [{"channel": "broadcast", "recipient": s, "groups": "[]"} for s in speakers]


def _snapshot(rows: list[Row], unknown: tuple[str, ...]) -> dict[str, Any]:
    count = {name: dict(sorted(Counter(row[name] for row in rows).items())) for name in ("channel", "town")}
    by_group = Counter(group for row in rows for group in json.loads(row["groups"]))
    return {"hash": audience_hash((r["channel"], r["recipient"], r["town"]) for r in rows), "count": len(rows), "by_channel": count["channel"],
            "by_town": count["town"], "by_group": dict(sorted(by_group.items())), "unknown": list(unknown)}


def _report(ref: str, s: dict[str, Any]) -> AudienceReport:
    return AudienceReport(ref=ref, count=s["count"], by_channel=s["by_channel"], by_town=s["by_town"], hash=s["hash"], unknown=tuple(s["unknown"]))
