"""The outbox: what is to be sent, claimed by compare-and-swap in batches.

planned -> pending -> sending -> accepted -> sent -> delivered | undelivered; refused, expired, cancelled, unknown end it.
`sending` is committed before the provider is called, so that after a crash every doubtful message is known by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from core.ledger import Ledger
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso

_d = t.delivery.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one hand-over; `not_before` is ISO text for a wait before the next try."""

    delivery_id: int
    state: D
    provider_id: str = ""
    code: str = ""
    handed_at: str | None = None
    not_before: str | None = None


def release(tx: Connection, alert_id: str, version: int, states: Sequence[D], to: D) -> int:
    """Move a version's rows in one of `states` to `to`; how many."""
    names = [str(s) for s in states]
    query = update(t.delivery).where(_d.alert_id == alert_id, _d.version == version, _d.state.in_(names))
    return int(tx.execute(query.values(state=str(to))).rowcount)


def claim(ledger: Ledger, channel: str, now: datetime, size: int) -> list[RowMapping]:
    """Take up to `size` pending rows, the most urgent first, and commit them as `sending`."""
    with ledger.begin() as tx:
        due = (_d.not_before.is_(None)) | (_d.not_before <= iso(now))
        query = select(_d.delivery_id).where(_d.state == D.PENDING, _d.channel == channel, due).order_by(_d.priority, _d.delivery_id).limit(size)
        ids = [i for (i,) in tx.execute(query)]
        if not ids:
            return []
        tx.execute(update(t.delivery).where(_d.delivery_id.in_(ids), _d.state == D.PENDING)
                   .values(state=str(D.SENDING), claimed_at=iso(now), attempt=_d.attempt + 1))
        return list(tx.execute(select(t.delivery).where(_d.delivery_id.in_(ids)).order_by(_d.priority, _d.delivery_id)).mappings())


def doubtful(ledger: Ledger, channel: str) -> list[RowMapping]:
    """Rows that were being sent when nobody noted the end."""
    with ledger.begin() as tx:
        return list(tx.execute(select(t.delivery).where(_d.state == D.SENDING, _d.channel == channel)).mappings())


def record(ledger: Ledger, outcomes: Iterable[Outcome]) -> None:
    """Note outcomes, in one commit; only rows still `sending` move, so that a receipt that was faster is not overwritten."""
    rows: list[dict[str, Any]] = [{
        "b_id": o.delivery_id, "b_state": str(o.state), "b_sid": o.provider_id, "b_code": o.code, "b_handed": o.handed_at, "b_wait": o.not_before,
    } for o in outcomes]
    if rows:
        with ledger.begin() as tx:
            tx.execute(update(t.delivery).where(_d.delivery_id == bindparam("b_id"), _d.state == str(D.SENDING)).values(
                state=bindparam("b_state"), provider_id=bindparam("b_sid"), code=bindparam("b_code"),
                handed_at=func.coalesce(bindparam("b_handed"), _d.handed_at), not_before=bindparam("b_wait")), rows)


def pending(ledger: Ledger, channel: str) -> tuple[int, str | None]:
    """How many rows wait, and the earliest time at which one may be tried."""
    with ledger.begin() as tx:
        row = tx.execute(select(func.count(), func.min(func.coalesce(_d.not_before, ""))).where(_d.state == D.PENDING, _d.channel == channel)).one()
        return int(row[0]), row[1]
