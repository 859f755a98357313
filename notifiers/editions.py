"""Editions of the register: a list is written beside what is in force, in transactions so short that no dispatch waits for one, and comes into force whole,
with one number. Whoever dies half way leaves the former edition in force, and rows that the next import or erasure removes.

What else changes the register meanwhile (a wish, an erasure) touches it; an import that finds it touched begins anew, so that no list undoes a wish.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, delete, insert, literal, select, tuple_, update

from core.ledger import Ledger
from core.ledger import tables as t
from core.ledger.counters import next_value
from notifiers.lock import only_one

w = t.resident_row.c
#: Rows a transaction: some tens of milliseconds on a slow disk.
BATCH = 400
TOUCHED, IMPORTING = f"{t.REGISTER}.touched", f"{t.REGISTER}-import"
Change = Callable[[Connection], None]
T = TypeVar("T")


def parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in transactions' worth."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def touch(tx: Connection) -> int:
    """Say, first of all in a transaction, that it changes the register; it runs alone with others that do. How many did by now."""
    return next_value(tx, TOUCHED)


def touches(tx: Connection) -> int:
    """How often the register was touched."""
    return int(tx.execute(select(t.sequence.c.value).where(t.sequence.c.name == TOUCHED)).scalar() or 0)


def current(tx: Connection) -> int:
    """The number of the edition in force."""
    return int(tx.execute(select(t.edition)).scalar_one())


def add(edition: int, rows: Sequence[dict[str, Any]]) -> Change:
    """`rows` whole, instead of what their residents have in the edition in force."""

    def change(tx: Connection) -> None:
        _end(tx, edition, [row["resident_id"] for row in rows])
        tx.execute(insert(t.resident_row), [row | {"since": edition, "until": None} for row in rows])

    return change


def leave(edition: int, residents: Sequence[str], erase_at: str) -> Change:
    """Residents who leave the list and may be erased from `erase_at` (ISO UTC) on."""

    def change(tx: Connection) -> None:
        taken = {column.name: column for column in t.resident.c} | {"erase_at": literal(erase_at), "since": literal(edition)}
        tx.execute(insert(t.resident_row).from_select(list(taken), select(*taken.values()).where(t.resident.c.resident_id.in_(residents))))
        _end(tx, edition, residents)

    return change


def _end(tx: Connection, edition: int, residents: Sequence[str]) -> None:
    tx.execute(update(t.resident_row).where(w.resident_id.in_(residents), w.since < edition, w.until.is_(None)).values(until=edition))


def in_turn(ledger: Ledger, changes: Iterable[Change]) -> None:
    """Each change in a transaction of its own, and after each a pause as long as it held the ledger: others get their turn."""
    for change in changes:
        with ledger.begin() as tx:
            began = time.monotonic()
            change(tx)
        time.sleep(time.monotonic() - began)


def come_into_force(tx: Connection, edition: int, seen: int) -> bool:
    """Put a whole edition in force, unless the register was touched since it was `seen`."""
    if touch(tx) != seen + 1:
        return False
    return next_value(tx, t.REGISTER, edition) == edition


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
    in_turn(ledger, (_executing(again.where(w.resident_id.in_(part))) for part in parts(ended)))


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
        yield _executing(delete(t.resident_row).where(tuple_(w.resident_id, w.since).in_(part)))


def _executing(statement: Any) -> Change:
    def change(tx: Connection) -> None:
        tx.execute(statement)

    return change
