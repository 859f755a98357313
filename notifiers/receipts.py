"""Status callbacks into the ledger: forward only, each (delivery, kind) once, so that shuffled, doubled and replayed ones change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.ledger import Ledger
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso
from notifiers.outbox import among

d = t.delivery.c
#: Twilio's status -> our state; a status that is not here is kept as a receipt and moves nothing.
STATES = {"accepted": D.ACCEPTED, "scheduled": D.ACCEPTED, "queued": D.ACCEPTED, "sending": D.ACCEPTED, "sent": D.SENT, "delivered": D.DELIVERED,
          "read": D.DELIVERED, "undelivered": D.UNDELIVERED, "failed": D.UNDELIVERED}
#: From which states a callback may move a row.
FROM = {D.ACCEPTED: (D.SENDING, D.UNKNOWN), D.SENT: (D.SENDING, D.UNKNOWN, D.ACCEPTED),
        D.DELIVERED: (D.SENDING, D.UNKNOWN, D.ACCEPTED, D.SENT), D.UNDELIVERED: (D.SENDING, D.UNKNOWN, D.ACCEPTED, D.SENT)}


class Callback(NamedTuple):
    """One callback whose signature held: the delivery named in its address, the form, and when it came."""

    delivery_id: int | None
    form: Mapping[str, str]
    at: datetime


def record(ledger: Ledger, form: Mapping[str, str], at: datetime, delivery_id: int | None = None) -> int:
    """Record one callback; returns how many receipts were new (0 or 1)."""
    return record_many(ledger, [Callback(delivery_id, form, at)])


def record_many(ledger: Ledger, callbacks: Iterable[Callback]) -> int:
    """Record many in one commit; returns how many receipts were new. A second message id for one delivery rings the duty desk (sent twice)."""
    with ledger.begin() as tx:
        rows = list(_resolve(tx, list(callbacks)))
        insert = (postgresql if tx.dialect.name == "postgresql" else sqlite).insert(t.receipt)
        new = 0
        if rows:
            made = tx.execute(insert.on_conflict_do_nothing(), [
                {"delivery_id": r["i"], "kind": r["status"][:32], "at": r["at"], "detail": r["code"]} for r in rows])
            new = max(0, made.rowcount)
        for state, leaves in FROM.items():
            moving = [r for r in rows if STATES.get(r["status"]) is state]
            if moving:
                query = update(t.delivery).where(d.delivery_id == bindparam("i"), among(leaves))
                tx.execute(query.values(state=state, provider_id=bindparam("sid"), **_more(state)), moving)
        for r in rows:
            if r["known"] and r["known"] != r["sid"]:
                tx.execute(update(t.delivery).where(d.delivery_id == r["i"]).values(possible_duplicate=True))
                ledger.duty(tx, r["when"], "duplicate", f"投递 {r['i']} 有两条短信 / two messages for one delivery", f"sms.{r['i']}")
    return new


def _resolve(tx: Any, callbacks: list[Callback]) -> Iterable[dict[str, Any]]:
    sids = [c.form.get("MessageSid", "") for c in callbacks]
    by_sid = dict(tx.execute(select(d.provider_id, d.delivery_id).where(d.provider_id.in_([s for s in sids if s]))).tuples().all())
    ids = [c.delivery_id for c in callbacks if c.delivery_id is not None]
    known = dict(tx.execute(select(d.delivery_id, d.provider_id).where(d.delivery_id.in_(ids), d.channel == "sms")).tuples().all())
    for c, sid in zip(callbacks, sids, strict=True):
        found = c.delivery_id if c.delivery_id in known else by_sid.get(sid)
        if sid and found is not None:
            yield {"i": found, "sid": sid, "status": c.form.get("MessageStatus", ""), "code": c.form.get("ErrorCode", "")[:32], "at": iso(c.at),
                   "when": c.at, "known": known.get(found, "")}


def _more(state: D) -> dict[str, Any]:
    done = state in (D.DELIVERED, D.UNDELIVERED)
    return {"finished_at": bindparam("at"), "code": bindparam("code")} if done else {}
