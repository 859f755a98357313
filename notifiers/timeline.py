"""The time line of a version, from its deliveries."""

from __future__ import annotations

from sqlalchemy import Connection, case, func, select, update

from core.ledger import tables as t
from notifiers.versions import Ref


def stamp(tx: Connection, ref: Ref) -> None:
    """Fill in first and last handed over, last acknowledged."""
    d, v = t.delivery.c, t.alert_version.c
    mine = (d.alert_id == ref[0]) & (d.version == ref[1])
    acknowledged = case((d.state == "delivered", d.finished_at))  # as a condition SQLite would look through all that was ever delivered
    first, last, done = tx.execute(select(func.min(d.handed_at), func.max(d.handed_at), func.max(acknowledged)).where(mine)).one()
    if first:
        values = {"first_handed_at": first, "last_handed_at": last, "acknowledged_at": done}
        tx.execute(update(t.alert_version).where(v.alert_id == ref[0], v.version == ref[1]).values(**values))
