"""Whom one version concerns, written down before anybody signs: town x group x level, and the ledger for what people hold already.

A town at a level: the groups of that level, and whoever holds another level there. A town where it ends: whoever holds a level or may
come to. So nobody is lost when a version replaces one that was still being sent. Those who hold exactly this already are in the list
too, and are passed over at the instant of sending (outbox.passing): by then a row that was on its way has arrived or has failed.
A number that several residents share gets one row a town (household.once).
An area that is empty or unknown reaches nobody and rings the duty desk. The rows are the outbox itself (state planned); their hash is
in the snapshot that officers sign, and dispatch compares both.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from core.county import County
from core.ledger import tables as t
from core.model import Level, MsgType
from notifiers.history import RESERVE, Holding, Key, holdings
from notifiers.household import once

Row = dict[str, Any]


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
        people += _level_audience(tx, county, body, town, Level(level), reserve=True) if level else []
        for person in once(people, {key[:2] for key in held if key[2] == town}):  # one row a recipient: whoever moved is told where the level is higher
            rows.setdefault((person["channel"], person["recipient"]), base | person | {"town": town, "priority": max(old, level)})
    renew = "renew" in body["why"]
    keys = {(row["channel"], row["recipient"], row["town"]): levels[row["town"]] for row in rows.values()}
    same = {key for key, level in keys.items() if key in held and held[key].told == level and not held[key].maybe - {level}
            and not (renew and key[0] == "broadcast")}
    return list(rows.values()), same, tuple(sorted(levels.keys() - known))


def _person(key: Key, holding: Holding) -> Row:
    return {"channel": key[0], "recipient": key[1], "groups": holding.groups, "number": holding.number, "code": ""}


def _level_audience(tx: Connection, county: County, body: dict[str, Any], town: str, level: Level, *, reserve: bool = False) -> list[Row]:
    """Whom a level concerns in a town through its channels, or through their reserve."""
    groups = set(body["audience_groups"].get(str(int(level)), ()))
    spare = set(body.get("reserve_by_level", {}).get(str(int(level)), ()))
    channels = spare if reserve else set(body["channels"]) & set(county.policy.channels[level])
    r = t.resident.c
    here = (r.town == town) & r.opted_out.is_(False) & r.erase_at.is_(None)
    residents = tx.execute(select(r.resident_id, r.groups, r.phone_index).where(here).order_by(r.resident_id))
    rows = [{"channel": "sms", "recipient": i, "groups": g, "number": n} for i, g, n in residents if groups & set(json.loads(g))] if "sms" in channels else []
    speakers = [s.speaker for s in county.loudspeakers if s.town == town] if "broadcast" in channels else []
    rows += [{"channel": "broadcast", "recipient": s, "groups": "[]", "number": None} for s in speakers]
    return [row | {"code": RESERVE if reserve else ""} for row in rows]
