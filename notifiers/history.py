"""Who was told what, read from the ledger at the moment it matters: what a list said when a draft was written is stale when it is signed.

`holdings` is for planning and errs on the side of having too many; outbox.passing is for the instant before a hand-over and knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, or_, select

from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.household import heirs

d, v = t.delivery.c, t.alert_version.c
#: The message is in the recipient's hands, or may be and nobody can tell any more.
TOLD = (D.ACCEPTED, D.SENT, D.DELIVERED, D.UNKNOWN)
#: It may still come into them; what did not arrive may be tried again (again.py) while the next version is being signed.
OPEN = (D.PLANNED, D.PENDING, D.SENDING, D.UNDELIVERED)
#: Codes of frames that the broker refused begin so: they may yet be played.
BROKER = "broker_"
#: Codes of rows that were passed over (the recipient holds exactly this already, or nothing that could end), and of rows that wait in reserve.
SAME, NOTHING, RESERVE = "told", "never_told", "reserve"

Key = tuple[str, str, str]


@dataclass(slots=True)
class Holding:
    """What one recipient of a thread has in one town: the last level told for sure (0 an end, None never), and levels that may be there or come; `number`
    is the index of his telephone number, None for a loudspeaker."""

    groups: str
    number: str | None = None
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
    """By (channel, recipient, town): what the versions below `below` told, or may still tell. Residents who opted out are left out; what their telephone was
    told, or one that a resident has no longer, is held by whoever is reached there now."""
    said, r = levels_said(tx, alert_id, below), t.resident.c
    query = select(d.channel, d.recipient, d.town, d.groups, d.version, d.state, func.coalesce(d.number, r.phone_index), r.phone_index, r.opted_out).select_from(
        t.delivery.outerjoin(t.resident, r.resident_id == d.recipient)).where(
        or_(d.state.in_((*TOLD, *OPEN)), d.code.startswith(BROKER, autoescape=True)), d.code != RESERVE,
        d.alert_id == alert_id, d.version < below).order_by(d.version)
    rows = tx.execute(query).all()
    instead = heirs(tx, {number for *_, number, current, opted_out in rows if number and (opted_out or number != current)})
    out: dict[Key, Holding] = {}
    for channel, who, town, groups, version, state, number, current, opted_out in rows:
        for recipient, at in _holders(who, number, current, opted_out, instead):
            holding, level = out.setdefault((channel, recipient, town), Holding(groups, at)), said[version].get(town, 0)
            if state in TOLD:
                holding.told, holding.maybe = level, set()
            else:
                holding.maybe.add(level)
    return out


def _holders(who: str, number: str | None, current: str | None, opted_out: bool | None, instead: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Who holds what `who` was told at `number`, and at which number each is reached now (None: none)."""
    if not opted_out:
        yield who, current
    if number is not None and number in instead and (opted_out or number != current):
        yield instead[number], number
