"""Editions of the register: a list is written beside what is in force, in transactions so short that no dispatch waits for one, and comes into force whole
(core.ledger.editions has the numbers). Whoever dies half way leaves the former edition in force, and rows that the next import or erasure removes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, delete, insert, literal, select, tuple_, update

from core.ledger import Ledger
from core.ledger import tables as t
from core.ledger.editions import current
from core.ledger.turns import Change, executing, in_turn, parts
from notifiers.lock import only_one

w = t.resident_row.c
IMPORTING = f"{t.REGISTER}-import"


def add(edition: int, rows: Sequence[dict[str, Any]]) -> Change:
    """`rows` whole, instead of what their residents have in the edition in force."""

    def change(tx: Connection) -> None:
        """First what they had ends, then the rows."""
        tx.execute(_end(edition, [row["resident_id"] for row in rows]))
        tx.execute(insert(t.resident_row), [row | {"since": edition, "until": None} for row in rows])

    return change


def leave(edition: int, residents: Sequence[str], erase_at: str) -> Change:
    """Residents who leave the list and may be erased from `erase_at` (ISO UTC) on."""
    taken = {column.name: column for column in t.resident.c} | {"erase_at": literal(erase_at), "since": literal(edition)}
    gone = select(*taken.values()).where(t.resident.c.resident_id.in_(residents))
    return executing(insert(t.resident_row).from_select(list(taken), gone), _end(edition, residents))


def _end(edition: int, residents: Sequence[str]) -> Update:
    return update(t.resident_row).where(w.resident_id.in_(residents), w.since < edition, w.until.is_(None)).values(until=edition)


def sweep(ledger: Ledger) -> None:
    """Delete what was replaced: no edition to come has it."""
    with ledger.read() as tx:
        now = current(tx)
    in_turn(ledger, _deleting(ledger, w.until <= now))


def sweep_unfinished(ledger: Ledger) -> None:
    """Take back what an import wrote that died; only by who holds `IMPORTING`."""
    with ledger.read() as tx:
        now = current(tx)
        ended = list(tx.execute(select(w.resident_id).where(w.since <= now, w.until > now)).scalars())
    in_turn(ledger, _deleting(ledger, w.since > now))
    again = update(t.resident_row).where(w.since <= now, w.until > now).values(until=None)
    in_turn(ledger, (executing(again.where(w.resident_id.in_(part))) for part in parts(ended)))


def tidy(ledger: Ledger, home: Path) -> None:
    """Both, unless an import is under way."""
    with only_one(ledger, home, IMPORTING, 0.0) as held:
        if held:
            sweep_unfinished(ledger)
            sweep(ledger)


def _deleting(ledger: Ledger, which: ColumnElement[bool]) -> Iterator[Change]:
    with ledger.read() as tx:
        keys = tx.execute(select(w.resident_id, w.since).where(which)).tuples().all()
    for part in parts(keys):
        yield executing(delete(t.resident_row).where(tuple_(w.resident_id, w.since).in_(part)))
