"""Rows that nobody needs any more are settled at the instant of the claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.history import NOTHING, SAME, TOLD, levels_said
from notifiers.household import twins
from notifiers.versions import Ref, Version

d = t.delivery.c
#: A loudspeaker that did not answer may have played, or may yet play: no proof, but its end must be told.
MAY_PLAY = "no_ack"


def needed(
    tx: Connection, versions: Mapping[Ref, Version], said: dict[Ref, dict[int, dict[str, int]]], found: list[Any], now: str,
) -> list[Any]:
    """`found` (rows of one channel) without those who need not hear it; `said` remembers what former versions said."""
    over = dict.fromkeys(twins(tx, found), SAME)
    for ref in {(row["alert_id"], row["version"]) for row in found if row["version"] > 1}:
        if ref not in said:
            try:
                said[ref] = levels_said(tx, *ref)
            except (ValueError, KeyError, TypeError, AttributeError):  # a former version is spoilt: better heard twice than not at all
                continue
        over |= pass_over(tx, versions[ref].body, said[ref], [row for row in found if (row["alert_id"], row["version"]) == ref])
    if over:
        mark = update(t.delivery).where(d.delivery_id == bindparam("i"), d.state == D.PENDING)
        tx.execute(mark.values(state=D.CANCELLED, finished_at=now, code=bindparam("c")), [{"i": i, "c": code} for i, code in over.items()])
    return [row for row in found if row["delivery_id"] not in over]


def pass_over(tx: Connection, body: Mapping[str, Any], said: Mapping[int, Mapping[str, int]], rows: Iterable[Mapping[Any, Any]]) -> dict[int, str]:
    """{delivery_id: SAME or NOTHING} of claimed rows of one version and channel that nobody needs now; `said` is levels_said of its thread.

    What a telephone was told counts for all who share it; one that was told nothing counts as its resident does, whatever number he had then. A renewal speaks
    again through loudspeakers, which carry its new expiry, and not by SMS.
    """
    rows = list(rows)
    if not rows:
        return {}
    one, numbers = rows[0], {row["recipient"]: row["phone_index"] for row in rows}
    query = select(d.recipient, d.number, d.town, d.version, d.state).where(
        d.alert_id == one["alert_id"], d.channel == one["channel"], d.version < one["version"],
        or_(d.recipient.in_(numbers.keys()), d.number.in_(set(numbers.values()) - {None})), or_(d.state.in_(TOLD), d.code == MAY_PLAY)).order_by(d.version)
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    for who, number, town, version, state in tx.execute(query):
        last |= dict.fromkeys(((who, town), (number or who, town)), (said[version].get(town, 0), state in TOLD))
    again = one["channel"] == "broadcast" and "renew" in body["why"]
    out: dict[int, str] = {}
    for row in rows:
        key, level = (row["phone_index"] or row["recipient"], row["town"]), int(body["levels"].get(row["town"], 0)) if body["msg_type"] != "Cancel" else 0
        key = key if key in last else (row["recipient"], row["town"])
        held, sure = last.get(key, (0, True))
        if level == 0 and held == 0:
            out[row["delivery_id"]] = SAME if key in last else NOTHING
        elif level and held == level and sure and not again:
            out[row["delivery_id"]] = SAME
    return out
