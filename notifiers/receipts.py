"""Status callbacks into the ledger: forward only, each (delivery, kind) once, so that shuffled, doubled and replayed ones change nothing; none of a row
whose recipient was erased."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.ledger import Ledger
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso
from notifiers import stops
from notifiers.again import MARK
from notifiers.beats import hear
from notifiers.outbox.rows import among, in_order
from notifiers.proof import ERASED
from notifiers.sms.codes import FILTERED, STATES

d = t.delivery.c
#: From which states a callback may move a row.
FROM = {D.ACCEPTED: (D.SENDING, D.UNKNOWN), D.SENT: (D.SENDING, D.UNKNOWN, D.ACCEPTED),
        D.DELIVERED: (D.SENDING, D.UNKNOWN, D.ACCEPTED, D.SENT), D.UNDELIVERED: (D.SENDING, D.UNKNOWN, D.ACCEPTED, D.SENT)}


class Callback(NamedTuple):
    """One callback whose signature held: the delivery named in its address, the form, when it came, and which attempt it is about (0: not said);
    or the beat of the canary (UTC) that it is about, and then no delivery."""

    delivery_id: int | None
    form: Mapping[str, str]
    at: datetime
    attempt: int = 0
    beat: datetime | None = None


def record(ledger: Ledger, form: Mapping[str, str], at: datetime, delivery_id: int | None = None, attempt: int = 0) -> int:
    """Record one callback; returns how many receipts were new (0 or 1)."""
    return record_many(ledger, [Callback(delivery_id, form, at, attempt)])


def record_many(ledger: Ledger, callbacks: Iterable[Callback]) -> int:
    """Record many in one commit; returns how many receipts were new.

    A second message id for one delivery rings the duty desk (sent twice); a filtered text stops its version.
    """
    callbacks = list(callbacks)
    with ledger.begin() as tx:
        hear(ledger, tx, callbacks)
        rows = list(_resolve(tx, [c for c in callbacks if c.beat is None]))
        if not rows:
            return 0
        in_order(tx, {r["i"] for r in rows})
        insert = (postgresql if tx.dialect.name == "postgresql" else sqlite).insert(t.receipt)
        made = tx.execute(insert.on_conflict_do_nothing(), [{"delivery_id": r["i"], "kind": r["status"][:32], "at": r["at"], "detail": r["code"]} for r in rows])
        for state, leaves in FROM.items():
            moving = {r["i"]: r for r in rows if STATES.get(r["status"]) is state and not r["late"]}
            if moving:  # parameters named as no column is: one that bears a column's name would be written into it
                query = update(t.delivery).where(d.delivery_id == bindparam("_i"), among(leaves)).values(state=state, provider_id=bindparam("_p"))
                more: dict[str, Any] = {"finished_at": bindparam("_at"), "code": bindparam("_c")} if state in (D.DELIVERED, D.UNDELIVERED) else {}
                tx.execute(query.values(**more), [{"_i": i, "_p": r["sid"], "_at": r["at"], "_c": r["code"]} for i, r in moving.items()])
        for r in rows:
            if r["known"] and r["known"] != r["sid"] and not r["late"]:
                tx.execute(update(t.delivery).where(d.delivery_id == r["i"]).values(possible_duplicate=True))
                ledger.duty(tx, r["when"], "duplicate", f"投递 {r['i']} 有两条短信 / two messages for one delivery", f"sms.{r['i']}")
            if r["code"] == FILTERED:
                stops.stop(ledger, tx, r["when"], r["version"], "sms", "运营商过滤该内容 30007 / the carrier filters this text")
    return max(0, made.rowcount)


def _resolve(tx: Connection, callbacks: list[Callback]) -> Iterable[dict[str, Any]]:
    sids = [c.form.get("MessageSid", "") for c in callbacks]
    ids = [c.delivery_id for c in callbacks if c.delivery_id is not None]
    columns = (d.delivery_id, d.recipient, d.provider_id, d.attempt, d.alert_id, d.version)
    known = {row.delivery_id: row for row in tx.execute(select(*columns).where(d.delivery_id.in_(ids), d.channel == "sms"))}
    lost = [sid for c, sid in zip(callbacks, sids, strict=True) if sid and c.delivery_id not in known]
    by_sid = {row.provider_id: row for row in tx.execute(select(*columns).where(d.provider_id.in_(lost)))} if lost else {}
    r = t.receipt.c
    behind = [c.delivery_id for c in callbacks if c.attempt and c.delivery_id in known and c.attempt < known[c.delivery_id].attempt]
    retried = set(tx.execute(select(r.delivery_id).where(r.delivery_id.in_(behind), r.kind.startswith(MARK))).scalars()) if behind else set()
    for c, sid in zip(callbacks, sids, strict=True):
        found = known.get(c.delivery_id or -1) or by_sid.get(sid)
        if sid and found is not None and not found.recipient.startswith(ERASED):
            yield {"i": found.delivery_id, "sid": sid, "status": c.form.get("MessageStatus", ""), "code": c.form.get("ErrorCode", "")[:32], "at": iso(c.at),
                   "when": c.at, "known": found.provider_id, "version": f"{found.alert_id}.v{found.version}",
                   "late": found.delivery_id in retried and 0 < c.attempt < found.attempt}
