"""Who got what before: the audience of an end is read from the ledger, not from today's list."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, or_, select

from core.ledger import tables as t
from core.model import DeliveryState as D

#: The message may be in the recipient's hands. `sending` is in: its outcome is not known.
REACHED = (D.SENDING, D.ACCEPTED, D.SENT, D.DELIVERED, D.UNKNOWN)
#: A loudspeaker that did not answer may still play what the broker keeps for it.
MAY_PLAY = "no_ack"


def reached(tx: Connection, alert_id: str, below: int) -> list[dict[str, Any]]:
    """Recipients of earlier versions of a thread whose last message there was not the end for their town: {channel, recipient, town, groups}.

    A resident who opted out since is left out.
    """
    d, r = t.delivery.c, t.resident.c
    query = (
        select(d.channel, d.recipient, d.town, d.groups, d.version).select_from(t.delivery.outerjoin(t.resident, r.resident_id == d.recipient))
        .where(d.alert_id == alert_id, d.version < below, or_(d.state.in_(REACHED), d.code == MAY_PLAY), r.opted_out.is_not(True))
        .order_by(d.version, d.channel, d.recipient)
    )
    last = {(row["channel"], row["recipient"], row["town"]): row for row in tx.execute(query).mappings()}
    ended = _ended(tx, alert_id, below)
    return [{name: row[name] for name in ("channel", "recipient", "town", "groups")}
            for row in last.values() if (row["version"], row["town"]) not in ended and (row["version"], None) not in ended]


def _ended(tx: Connection, alert_id: str, below: int) -> set[tuple[int, str | None]]:
    """(version, town) that told a town of its end; town None for a Cancel, which ends all."""
    v = t.alert_version.c
    out: set[tuple[int, str | None]] = set()
    for number, msg_type, body in tx.execute(select(v.version, v.msg_type, v.body).where(v.alert_id == alert_id, v.version < below)):
        if msg_type == "Cancel":
            out.add((number, None))
        out |= {(number, town) for town, (_, new) in json.loads(body)["changed"].items() if int(new) == 0}
    return out
