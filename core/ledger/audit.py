"""The audit chain: each row's hash covers its content and the hash before it, so that any edit, loss or reorder shows.

The last rows of a chain can be cut off without a trace in the chain itself, so the number of rows is kept beside it (table sequence,
name `audit`; its row lock is also what makes writers queue on PostgreSQL). Whoever can rewrite the whole database can rewrite both:
against him the head (`AuditReport.head`) is noted outside, in a printed summary or with another office, and given back as `anchor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select

from core.ledger.counters import next_value
from core.ledger.tables import audit, sequence
from core.signing import canonical, digest
from core.times import iso

if TYPE_CHECKING:
    from core.ledger.store import Ledger

GENESIS = "0" * 64
COUNTER = "audit"
_COVERED = ("seq", "at", "actor", "action", "subject", "payload", "prev")


@dataclass(frozen=True, slots=True)
class AuditReport:
    """How many rows hold, the first sequence number at which the chain does not (None: intact), and the hash of the last row that does."""

    rows: int
    broken_at: int | None
    head: str = GENESIS


def append(tx: Connection, at: datetime, actor: str, action: str, subject: str, payload: dict[str, Any]) -> None:
    """Add one row to the chain inside the caller's transaction; `payload` is JSON with finite numbers and holds no telephone number."""
    seq = next_value(tx, COUNTER)
    prev = tx.execute(select(audit.c.hash).where(audit.c.seq == seq - 1)).scalar() or GENESIS
    row = {"seq": seq, "at": iso(at), "actor": actor, "action": action, "subject": subject, "payload": canonical(payload), "prev": prev}
    tx.execute(insert(audit).values(**row, hash=digest(canonical(row))))


def verify_audit(ledger: Ledger, anchor: tuple[int, str] | None = None) -> AuditReport:
    """Walk the whole chain in one view; `anchor` is (rows, head) of an earlier report, which this chain must contain."""
    prev, count = GENESIS, 0
    with ledger.read() as tx:
        expected = tx.execute(select(sequence.c.value).where(sequence.c.name == COUNTER)).scalar() or 0
        for row in tx.execute(select(audit).order_by(audit.c.seq)).mappings():
            content = {name: row[name] for name in _COVERED}
            if row["seq"] != count + 1 or row["prev"] != prev or row["hash"] != digest(canonical(content)):
                return AuditReport(count, count + 1, prev)
            count, prev = count + 1, row["hash"]
            if anchor is not None and anchor[0] == count and anchor[1] != prev:
                return AuditReport(count - 1, count, row["prev"])
    short = count < expected or (anchor is not None and count < anchor[0])
    return AuditReport(count, count + 1 if short or count > expected else None, prev)
