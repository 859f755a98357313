"""The audit chain: each row's hash covers its content and the hash before it, so that any edit, loss or reorder shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select

from core.ledger.tables import audit
from core.signing import canonical, digest
from core.times import iso

if TYPE_CHECKING:
    from core.ledger.store import Ledger

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditReport:
    """How many rows the chain has, and the first sequence number at which it does not hold (None: intact)."""

    rows: int
    broken_at: int | None


def append(tx: Connection, at: datetime, actor: str, action: str, subject: str, payload: dict[str, Any]) -> None:
    """Add one row to the chain inside the caller's transaction; `payload` must hold no telephone number."""
    last = tx.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    seq, prev = (last.seq + 1, last.hash) if last else (1, GENESIS)
    row = {"seq": seq, "at": iso(at), "actor": actor, "action": action, "subject": subject, "payload": canonical(payload), "prev": prev}
    tx.execute(insert(audit).values(**row, hash=digest(canonical(row))))


def verify_audit(ledger: Ledger) -> AuditReport:
    """Walk the whole chain."""
    prev, count = GENESIS, 0
    with ledger.begin() as tx:
        for row in tx.execute(select(audit).order_by(audit.c.seq)).mappings():
            count += 1
            content = {k: row[k] for k in ("seq", "at", "actor", "action", "subject", "payload", "prev")}
            if row["seq"] != count or row["prev"] != prev or row["hash"] != digest(canonical(content)):
                return AuditReport(count, count)
            prev = row["hash"]
    return AuditReport(count, None)
