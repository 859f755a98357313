"""The time line of a version, from its deliveries."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from core.ledger import tables as t
from notifiers.versions import Ref


def stamp(tx: Connection, ref: Ref) -> None:
    """Fill in first and last handed over, last acknowledged."""
    d, v = t.delivery.c, t.alert_version.c
    mine = (d.alert_id == ref[0]) & (d.version == ref[1])
    first, last = tx.execute(select(func.min(d.handed_at), func.max(d.handed_at)).where(mine)).one()
    done = tx.execute(select(func.max(d.finished_at)).where(mine, d.state == "delivered")).scalar()
    if first:
        values = {"first_handed_at": first, "last_handed_at": last, "acknowledged_at": done}
        tx.execute(update(t.alert_version).where(v.alert_id == ref[0], v.version == ref[1]).values(**values))
