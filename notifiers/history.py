"""Who was told what, read from the ledger at the moment it matters: what a list said when a draft was written is stale when it is signed.

`holdings` is for planning and errs on the side of having too many; `pass_over` is for the instant before a hand-over and knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, or_, select

from core.ledger import tables as t
from core.model import DeliveryState as D

d, v = t.delivery.c, t.alert_version.c
#: The message is in the recipient's hands, or may be and nobody can tell any more.
TOLD = (D.ACCEPTED, D.SENT, D.DELIVERED, D.UNKNOWN)
#: It may still come into them; what did not arrive may be tried again (again.py) while the next version is being signed.
OPEN = (D.PLANNED, D.PENDING, D.SENDING, D.UNDELIVERED)
#: A loudspeaker that did not answer may have played, or may yet play: no proof, but its end must be told. Codes of frames that the broker refused begin so.
MAY_PLAY, BROKER = "no_ack", "broker_"
#: Codes of rows that were passed over (the recipient holds exactly this already, or nothing that could end), and of rows that wait in reserve.
SAME, NOTHING, RESERVE = "told", "never_told", "reserve"

Key = tuple[str, str, str]


@dataclass(slots=True)
class Holding:
    """What one recipient of a thread has in one town: the last level told for sure (0 an end, None never), and levels that may be there or come."""

    groups: str
    told: int | None = None
    maybe: set[int] = field(default_factory=set)

    def needs(self, level: int) -> bool:
        """Whether this recipient must hear that the level is now `level` (0: that it is over)."""
        return any(held not in (0, level) for held in {*self.maybe, self.told or 0})


def levels_said(tx: Connection, alert_id: str, below: int) -> dict[int, dict[str, int]]:
    """What each version below `below` said: level by town; a Cancel and a town that is not there say 0."""
    query = select(v.version, v.msg_type, v.body).where(v.alert_id == alert_id, v.version < below)
    return {number: {} if kind == "Cancel" else {k: int(n) for k, n in json.loads(body)["levels"].items()} for number, kind, body in tx.execute(query)}


def holdings(tx: Connection, alert_id: str, below: int) -> dict[Key, Holding]:
    """By (channel, recipient, town): what the versions below `below` told, or may still tell. Residents who opted out are left out."""
    said, r = levels_said(tx, alert_id, below), t.resident.c
    query = (
        select(d.channel, d.recipient, d.town, d.groups, d.version, d.state).select_from(t.delivery.outerjoin(t.resident, r.resident_id == d.recipient))
        .where(or_(d.state.in_((*TOLD, *OPEN)), d.code.startswith(BROKER, autoescape=True)), d.code != RESERVE, r.opted_out.is_not(True))
        .where(d.alert_id == alert_id, d.version < below).order_by(d.version)
    )
    out: dict[Key, Holding] = {}
    for channel, recipient, town, groups, number, state in tx.execute(query):
        holding, level = out.setdefault((channel, recipient, town), Holding(groups)), said[number].get(town, 0)
        if state in TOLD:
            holding.told, holding.maybe = level, set()
        else:
            holding.maybe.add(level)
    return out


def pass_over(tx: Connection, body: Mapping[str, Any], said: Mapping[int, Mapping[str, int]], rows: Iterable[Mapping[Any, Any]]) -> dict[int, str]:
    """{delivery_id: SAME or NOTHING} of claimed rows of one version and channel that nobody needs now; `said` is levels_said of its thread.

    A renewal speaks again through loudspeakers, which carry its new expiry, and not by SMS.
    """
    wanted = {(row["recipient"], row["town"]): row for row in rows}
    if not wanted:
        return {}
    one = next(iter(wanted.values()))
    query = select(d.recipient, d.town, d.version, d.state).where(
        d.alert_id == one["alert_id"], d.channel == one["channel"], d.version < one["version"], d.recipient.in_({who for who, _ in wanted}),
        or_(d.state.in_(TOLD), d.code == MAY_PLAY)).order_by(d.version)
    last = {(who, town): (said[number].get(town, 0), state in TOLD) for who, town, number, state in tx.execute(query)}
    again = one["channel"] == "broadcast" and "renew" in body["why"]
    out: dict[int, str] = {}
    for key, row in wanted.items():
        level = int(body["levels"].get(row["town"], 0)) if body["msg_type"] != "Cancel" else 0
        held, sure = last.get(key, (0, True))
        if level == 0 and held == 0:
            out[row["delivery_id"]] = SAME if key in last else NOTHING
        elif level and held == level and sure and not again:
            out[row["delivery_id"]] = SAME
    return out
