"""What a channel tells about a message after it took it: forward only, each kind once, late news never turns the state back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.ledger import Ledger
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso

#: Twilio's status -> our state; earlier statuses bring no news.
STATES = {"sent": D.SENT, "delivered": D.DELIVERED, "undelivered": D.UNDELIVERED, "failed": D.UNDELIVERED}
#: From which states each state may be reached.
FROM = {D.SENT: (D.SENDING, D.ACCEPTED), D.DELIVERED: (D.SENDING, D.ACCEPTED, D.SENT), D.UNDELIVERED: (D.SENDING, D.ACCEPTED, D.SENT)}


class News(NamedTuple):
    """One status of one message."""

    provider_id: str
    status: str
    code: str


def record(ledger: Ledger, news: Iterable[News], at: datetime) -> list[News]:
    """Note statuses in one commit; returns those whose message is not known (yet)."""
    wanted = [n for n in dict.fromkeys(news) if n.status in STATES]
    with ledger.begin() as tx:
        d = t.delivery.c
        known: dict[str, int] = {}
        ids = [n.provider_id for n in wanted]
        for start in range(0, len(ids), 500):
            known |= dict(tx.execute(select(d.provider_id, d.delivery_id).where(d.provider_id.in_(ids[start:start + 500]))).tuples().all())
        fresh = [n for n in wanted if n.provider_id in known]
        if fresh:
            dialect = postgresql if ledger.engine.dialect.name == "postgresql" else sqlite
            tx.execute(dialect.insert(t.receipt).on_conflict_do_nothing(), [
                {"delivery_id": known[n.provider_id], "kind": n.status, "at": iso(at), "detail": n.code} for n in fresh])
        for state, sources in FROM.items():
            rows = [{"b_id": known[n.provider_id], "b_code": n.code} for n in fresh if STATES[n.status] is state]
            if rows:
                tx.execute(update(t.delivery).where(d.delivery_id == bindparam("b_id"), d.state.in_([str(s) for s in sources])).values(
                    state=str(state), code=bindparam("b_code"), finished_at=iso(at)), rows)
    return [n for n in wanted if n.provider_id not in known]
