"""One number, several residents: a family that shares a telephone is told once, not once a head.

What a telephone was told, it was told whoever of the family stands in the row. A number counts once a town, because each town has a text of its own.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from core.ledger import tables as t
from core.model import DeliveryState as D
from core.signing import canonical

d, one, other = t.delivery.c, t.resident.alias("one"), t.resident.alias("other")
#: The message is out, or may be.
OUT = (D.SENDING, D.ACCEPTED, D.SENT, D.DELIVERED, D.UNKNOWN)


def heirs(tx: Connection, numbers: Collection[str]) -> dict[str, str]:
    """{number: the first resident who is reached there now and has not opted out}: what a telephone was told, it holds still."""
    r = t.resident.c
    query = select(r.phone_index, func.min(r.resident_id)).where(r.phone_index.in_(numbers), r.opted_out.is_(False), r.erase_at.is_(None))
    return dict(tx.execute(query.group_by(r.phone_index)).tuples().all()) if numbers else {}


def once(people: Iterable[dict[str, Any]], holding: Collection[tuple[str, str]]) -> list[dict[str, Any]]:
    """`people` of one town, each with the index of a number (None for what has none), with one row a number: that of who is among `holding` (channel,
    recipient) already, else the first; it belongs to the groups of all, so that whoever is on duty is not put off for a child."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for person in people:
        row = dict(person)
        number = row.pop("number")
        key = (row["channel"], number or row["recipient"])
        if (first := rows.get(key)) is None:
            rows[key] = row
        elif first["recipient"] != row["recipient"]:
            first["groups"] = canonical(sorted({*json.loads(first["groups"]), *json.loads(row["groups"])}))
            if (first["channel"], first["recipient"]) not in holding and (row["channel"], row["recipient"]) in holding:
                first["recipient"] = row["recipient"]
    return list(rows.values())


def twins(tx: Connection, rows: Collection[Any]) -> set[int]:
    """Those of `rows` (claimed, of one channel, each with its `phone_index`) whose number has, or gets with another of them, the same version for the same
    town: a list may have brought two residents together after their rows were planned."""
    pairs = one.join(other, (one.c.phone_index == other.c.phone_index) & (one.c.resident_id != other.c.resident_id))
    several = set(tx.execute(select(one.c.phone_index).select_from(pairs).where(one.c.resident_id.in_({row["recipient"] for row in rows}))).scalars())
    mine = [row for row in rows if row["phone_index"] in several]
    if not mine:
        return set()
    query = select(d.alert_id, d.version, d.town, d.number).where(
        d.channel == mine[0]["channel"], d.alert_id.in_({row["alert_id"] for row in mine}), d.number.in_(several), d.state.in_(OUT))
    out, over = {tuple(row) for row in tx.execute(query)}, set[int]()
    for row in mine:
        key = (row["alert_id"], row["version"], row["town"], row["phone_index"])
        over |= {row["delivery_id"]} if key in out else set()
        out.add(key)
    return over
