"""What stays of a message whose recipient is erased: that it went out, where and when, and whether it went to those whom officers signed.

Before the recipients go they are held against the signed hash, and the audit chain keeps what was found.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, cast, func, literal, select, update

from core.ledger import Ledger
from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.snapshot import audience_hash

d, v = t.delivery.c, t.alert_version.c
#: Stands before the row's number in place of a resident; no id of a resident begins so.
ERASED = "~"


def erase_recipients(ledger: Ledger, tx: Connection, now: datetime, alert_id: str, due: ColumnElement[bool]) -> int:
    """Put the row's number in the place of the recipients of one alert's messages that are `due`, how many; the audit chain keeps by version how many they
    were, of how many, and whether all were still those of the hash that was signed."""
    mine, proof = due & (d.alert_id == alert_id), dict[str, Any]()
    for version, n in tx.execute(select(d.version, func.count()).where(mine).group_by(d.version)).tuples().all():
        rows = tx.execute(select(d.channel, d.recipient, d.town).where(d.alert_id == alert_id, d.version == version)).tuples().all()
        signed = json.loads(tx.execute(select(v.audience).where(v.alert_id == alert_id, v.version == version)).scalar() or "{}").get("hash", "")
        partly = any(recipient.startswith(ERASED) for _, recipient, _ in rows)
        unknown = tx.execute(select(func.count()).where(mine, d.version == version, d.state == D.UNKNOWN)).scalar_one()
        proof[str(version)] = {**({"unknown": unknown} if unknown else {}), "erased": n, "of": len(rows), "audience": signed,
                               "recipients": "partly_erased" if partly else "held" if audience_hash(tuple(row) for row in rows) == signed else "differ"}
    tx.execute(update(t.delivery).where(mine).values(recipient=literal(ERASED) + cast(d.delivery_id, String), provider_id="", number=None))
    ledger.audit(tx, now, "notifiers", "register.erase", alert_id, proof)
    return sum(int(part["erased"]) for part in proof.values())
