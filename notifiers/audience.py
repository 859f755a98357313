"""Whom one version concerns, written down before anybody signs: town x group x level, and the ledger for what people hold already.

A town at a level: the groups of that level, and whoever holds another level there. A town where it ends: whoever holds a level or may
come to. So nobody is lost when a version replaces one that was still being sent. Those who hold exactly this already are in the list
too, and are passed over at the instant of sending (history.pass_over): by then a row that was on its way has arrived or has failed.
An area that is empty or unknown reaches nobody and rings the duty desk. The rows are the outbox itself (state planned); their hash is
in the snapshot that officers sign, and dispatch compares both.
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
from notifiers.history import Holding, Key, holdings
from notifiers.register import ensure_register

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceReport:
    """How many recipients a version speaks to, by channel and town, and the hash that officers sign; `unknown` towns reach nobody.

    `concerned` counts also those who hold exactly this already and will hear nothing.
    """

    ref: str
    count: int
    by_channel: dict[str, int]
    by_town: dict[str, int]
    hash: str
    concerned: int = 0
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
        rows, same, unknown = plan(tx, version, county)
        if rows:
            tx.execute(insert(t.delivery), rows)
        snapshot = _snapshot(rows, same, unknown)
        alerts.record_audience(tx, ref, snapshot)
        if not rows or unknown:
            who = "、".join(unknown) or "空"
            ledger.duty(tx, now, "audience", f"{ref} 受众为空或有无法识别的区域（{who}），这些区域不发送 / reaches nobody there", str(ref))
        ledger.audit(tx, now, "notifiers", "audience.plan", str(ref), {"hash": snapshot["hash"], "count": snapshot["count"]})
        return _report(str(ref), snapshot)


def plan(tx: Connection, version: Any, county: County) -> tuple[list[Row], set[Key], tuple[str, ...]]:
    """The delivery rows of a version, those of them who hold the same already, and the towns that the county does not know."""
    body = json.loads(version["body"])
    ends = version["msg_type"] == MsgType.CANCEL
    levels = {town: 0 if ends else int(level) for town, level in body["levels"].items()}
    known = {town.key for town in county.towns}
    held = holdings(tx, version["alert_id"], version["version"])
    base = {"alert_id": version["alert_id"], "version": version["version"], "state": "planned", "attempt": 0}
    rows: dict[tuple[str, str], Row] = {}
    for town in sorted(levels.keys() & known, key=lambda key: (-levels[key], key)):
        level, old = levels[town], int(body["changed"].get(town, (0, 0))[0])
        people = _level_audience(tx, county, body, town, Level(level)) if level else []
        people += [_person(key, h) for key, h in held.items() if key[2] == town and h.needs(level)]
        for person in people:  # one row a recipient: whoever moved is told where the level is higher
            rows.setdefault((person["channel"], person["recipient"]), base | person | {"town": town, "priority": max(old, level)})
    renew = "renew" in body["why"]
    keys = {(row["channel"], row["recipient"], row["town"]): levels[row["town"]] for row in rows.values()}
    same = {key for key, level in keys.items() if key in held and held[key].told == level and not held[key].maybe - {level}
            and not (renew and key[0] == "broadcast")}
    return list(rows.values()), same, tuple(sorted(levels.keys() - known))


def _person(key: Key, holding: Holding) -> Row:
    return {"channel": key[0], "recipient": key[1], "groups": holding.groups}


def _level_audience(tx: Connection, county: County, body: dict[str, Any], town: str, level: Level) -> list[Row]:
    groups = set(body["audience_groups"].get(str(int(level)), ()))
    channels = set(body["channels"]) & set(county.policy.channels[level])
    r = t.resident.c
    residents = tx.execute(select(r.resident_id, r.groups).where(r.town == town, r.opted_out.is_(False)).order_by(r.resident_id))
    rows = [{"channel": "sms", "recipient": i, "groups": g} for i, g in residents if groups & set(json.loads(g))] if "sms" in channels else []
    speakers = [s.speaker for s in county.loudspeakers if s.town == town] if "broadcast" in channels else []
    return rows + [{"channel": "broadcast", "recipient": s, "groups": "[]"} for s in speakers]


def _snapshot(rows: list[Row], same: set[Key], unknown: tuple[str, ...]) -> dict[str, Any]:
    told = [row for row in rows if (row["channel"], row["recipient"], row["town"]) not in same]
    count = {name: dict(sorted(Counter(row[name] for row in told).items())) for name in ("channel", "town")}
    by_group = Counter(group for row in told for group in json.loads(row["groups"]))
    return {"hash": audience_hash((r["channel"], r["recipient"], r["town"]) for r in rows), "count": len(told), "by_channel": count["channel"],
            "by_town": count["town"], "by_group": dict(sorted(by_group.items())), "concerned": len(rows), "unknown": list(unknown)}


def _report(ref: str, s: dict[str, Any]) -> AudienceReport:
    return AudienceReport(ref=ref, count=s["count"], by_channel=s["by_channel"], by_town=s["by_town"], hash=s["hash"],
                          concerned=s["concerned"], unknown=tuple(s["unknown"]))
