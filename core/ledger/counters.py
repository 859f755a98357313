"""Numbers that only grow: frame sequences, the length of the audit chain."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from core.ledger.tables import sequence


def next_value(tx: Connection, name: str) -> int:
    """The next number of `name`, from 1; its row stays locked until the caller's transaction ends, so numbers leave no gap and no twin."""
    insert = (postgresql if tx.dialect.name == "postgresql" else sqlite).insert(sequence).values(name=name, value=1)
    moved = insert.on_conflict_do_update(index_elements=["name"], set_={"value": sequence.c.value + 1})
    return int(tx.execute(moved.returning(sequence.c.value)).scalar_one())
