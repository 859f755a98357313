"""Who is left uncovered when a channel fails (R19), read from the deliveries of one version: no ping, no guess, what became of the messages counts.

A town has lost a channel when more than half of those whom it should reach there have not been reached and it was tried; or when the channel
fails everywhere, more often than it works, and most of the town still waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, or_, select

from core.county import County
from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.history import SAME
from notifiers.versions import Ref

d = t.delivery.c
#: So many tries say something about a channel that fails everywhere.
ENOUGH = 20
#: Whom a version should reach by a channel: who waits for a signature is not asked yet, and who holds the same message from before is reached.
ASKED = and_(or_(d.state.not_in((D.PLANNED, D.CANCELLED)), d.code == SAME), d.code != "quiet_hours")
_COVERED = or_(d.state.in_((D.ACCEPTED, D.SENT, D.DELIVERED)), d.code == SAME)
#: Given back with a reason, or ended badly; what waits for its turn or for the morning has not failed.
_FAILED = or_(d.state.in_((D.UNDELIVERED, D.REFUSED, D.UNKNOWN)), and_(d.state.in_((D.PENDING, D.SENDING)), d.code.not_in(("", "not_called", "not_taken"))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One channel that a town has lost: of `asked` recipients `missed` were not reached."""

    channel: str
    town: str
    asked: int
    missed: int

    def people(self, county: County) -> int:
        """How many people that leaves without this channel: the addressees of SMS, everybody within earshot of loudspeakers."""
        return self.missed if self.channel == "sms" else sum(town.population for town in county.towns if town.key == self.town)


def losses(tx: Connection, ref: Ref) -> list[Loss]:
    """What a version has lost by now, by channel and town."""
    asked = and_(d.alert_id == ref[0], d.version == ref[1], ASKED)
    counts = [func.sum(case((which, 1), else_=0)) for which in (_COVERED, _FAILED)]
    rows = tx.execute(select(d.channel, d.town, func.count(), *counts).where(asked).group_by(d.channel, d.town).order_by(d.channel, d.town)).tuples().all()
    down = {channel for channel in {row[0] for row in rows} if _fails([row[2:] for row in rows if row[0] == channel])}
    return [Loss(channel=channel, town=town, asked=n, missed=n - covered) for channel, town, n, covered, failed in rows
            if failed * 2 > n or (channel in down and (n - covered) * 2 > n)]


def _fails(counts: list[tuple[int, int, int]]) -> bool:
    """Whether a channel fails everywhere, by (asked, covered, failed) of its towns: more often than it works, in enough tries."""
    asked, covered, failed = map(sum, zip(*counts, strict=True))
    return failed > covered and failed + covered >= min(asked, ENOUGH)
