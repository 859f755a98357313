"""The editions of the register by number: which one is in force, and how often the register was touched.

A list is written beside what is in force and comes into force with one number. What else changes the register (a wish, an erasure) touches it, so that
an import which began before finds that it has to begin anew. Whoever asks for residents more than once in a transaction that writes holds it still.
"""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql

from core.ledger import tables as t
from core.ledger.counters import next_value

TOUCHED = f"{t.REGISTER}.touched"
_touched = t.sequence.c.name == TOUCHED


def touch(tx: Connection) -> int:
    """Say, first of all in a transaction, that it changes the register; it runs alone with others that do. How many did by now."""
    return next_value(tx, TOUCHED)


def touches(tx: Connection) -> int:
    """How often the register was touched."""
    return int(tx.execute(select(t.sequence.c.value).where(_touched)).scalar() or 0)


def hold_still(tx: Connection) -> None:
    """Until the end of the transaction no edition comes into force and nobody touches the register. SQLite's transactions have one view of it anyway; on
    PostgreSQL each statement of one that writes sees what others have committed by then, and two halves of two registers are no register."""
    if tx.dialect.name == "postgresql":
        tx.execute(postgresql.insert(t.sequence).values(name=TOUCHED, value=0).on_conflict_do_nothing())
        tx.execute(select(t.sequence.c.value).where(_touched).with_for_update(read=True))


def current(tx: Connection) -> int:
    """The number of the edition in force."""
    return int(tx.execute(select(t.edition)).scalar_one())


def come_into_force(tx: Connection, edition: int, seen: int) -> bool:
    """Put a whole edition in force, unless the register was touched since it was `seen`."""
    return touch(tx) == seen + 1 and next_value(tx, t.REGISTER, edition) == edition
