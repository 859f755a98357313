"""The outbox's rows as SQL: conditions, the item of a row, the columns of an outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, or_, select

from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso
from notifiers.outbox.items import Item
from notifiers.versions import Version

d = t.delivery.c
#: The states that an outcome may leave, where it is not `sending` alone (an answer never overtakes a later callback).
LEAVES = {D.ACCEPTED: (D.SENDING, D.ACCEPTED, D.SENT, D.DELIVERED, D.UNDELIVERED, D.UNKNOWN)}


def among(states: Iterable[D]) -> ColumnElement[bool]:
    """The row is in one of these states (spelled out: IN lists cannot be used with many parameter sets)."""
    return or_(*(d.state == str(state) for state in states))


def of(version: Version) -> ColumnElement[bool]:
    """The rows of a version that may be served."""
    mine = (d.alert_id == version.ref[0]) & (d.version == version.ref[1])
    return mine if version.towns is None else mine & d.town.in_(version.towns)


def due(until: datetime) -> ColumnElement[bool]:
    """The row is not put off beyond `until`."""
    return or_(d.not_before.is_(None), d.not_before <= iso(until))


def with_resident() -> Any:
    """Rows with the sealed number, its index and the opt-out of their resident."""
    return select(t.delivery, t.resident.c.phone, t.resident.c.phone_index, t.resident.c.opted_out).select_from(
        t.delivery.outerjoin(t.resident, t.resident.c.resident_id == d.recipient))


def its_number() -> Any:
    """The index of the number that the resident of a row has now."""
    return select(t.resident.c.phone_index).where(t.resident.c.resident_id == d.recipient).scalar_subquery()


def item(row: Any, claimed_at: str, attempt: int) -> Item:
    """The item of a row."""
    return Item(delivery_id=row["delivery_id"], ref=(row["alert_id"], row["version"]), recipient=row["recipient"], town=row["town"],
                attempt=attempt, claimed_at=claimed_at, phone=row["phone"], opted_out=bool(row["opted_out"]), repeated=row["possible_duplicate"])


def columns(state: D, now: str) -> dict[str, Any]:
    """What an outcome writes; parameters p (provider's id), c (code), w (not before), dup."""
    if state is D.ACCEPTED:
        return {"state": case((among((D.SENDING, D.UNKNOWN)), D.ACCEPTED.value), else_=d.state), "handed_at": now,
                "provider_id": bindparam("p"), "code": case((among((D.SENDING, D.UNKNOWN)), ""), else_=d.code), "not_before": None}
    if state is D.PENDING:
        return {"state": state, "not_before": bindparam("w"), "code": bindparam("c"), "possible_duplicate": d.possible_duplicate | bindparam("dup")}
    if state is D.SENDING:
        return {"code": bindparam("c")}
    handed = {"handed_at": func.coalesce(d.handed_at, d.claimed_at)} if state is D.DELIVERED else {}  # an answer without a receipt before it
    return {"state": state, "finished_at": now, "code": bindparam("c"), "provider_id": bindparam("p"), **handed}


def in_order(tx: Connection, ids: Collection[int]) -> None:
    """Take the locks of these deliveries in one order before writing several of them, as every writer does: two that met each other's rows
    in different orders would wait in a ring (PostgreSQL; SQLite has one writer at a time)."""
    if ids and tx.dialect.name == "postgresql":
        tx.execute(select(d.delivery_id).where(d.delivery_id.in_(sorted(ids))).order_by(d.delivery_id).with_for_update())
