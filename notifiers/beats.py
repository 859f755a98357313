"""Receipts of the canary: what comes back of a beat comes through the receiver and the address that every receipt takes, and into the same ledger, in the
same commit. It is a mark of one row and no delivery: nobody was told anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from core.ledger import Ledger
from core.ledger import tables as t
from core.times import iso, parse_iso

if TYPE_CHECKING:
    from notifiers.receipts import Callback

#: Where the ledger keeps the newest beat that came back, and when it did.
HEARD = ("canary", "receipts")
#: The parameter of a callback's address that names a beat, and how it is written.
PARAMETER, NAME = "c", "%Y%m%dT%H%M%SZ"


def address(callback: str, beat: datetime) -> str:
    """The address for the receipts of a beat (UTC), '' where the installation asks for none."""
    return f"{callback}?{PARAMETER}={beat.strftime(NAME)}" if callback else ""


def hear(ledger: Ledger, tx: Connection, callbacks: Iterable[Callback]) -> None:
    """Note the newest beat among `callbacks`, the first time that one of its receipts comes."""
    came = [(iso(c.beat), iso(c.at)) for c in callbacks if c.beat is not None]
    if came and max(came)[0] > (_position(tx) or ("",))[0]:
        beat = max(came)[0]
        ledger.save_watermark(tx, *HEARD, " ".join(min(one for one in came if one[0] == beat)))


def heard(tx: Connection) -> tuple[datetime, datetime] | None:
    """The newest beat that came back, and when."""
    found = _position(tx)
    return (parse_iso(found[0]), parse_iso(found[1])) if found else None


def _position(tx: Connection) -> tuple[str, str] | None:
    w = t.watermark.c
    text = tx.execute(select(w.position).where(w.consumer == HEARD[0], w.source == HEARD[1])).scalar()
    beat, _, at = (text or "").partition(" ")
    return (beat, at) if at else None
