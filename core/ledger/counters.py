"""Numbers that only grow: frame sequences, the length of the audit chain."""

from __future__ import annotations

from sqlalchemy import Connection, func
from sqlalchemy.dialects import postgresql, sqlite

from core.ledger.tables import sequence


def next_value(tx: Connection, name: str, floor: int = 1) -> int:
    """The next number of `name`, from `floor`; its row stays locked until the caller's transaction ends, so there is no twin, nor (without a floor) a gap."""
    dialect, higher = (postgresql, func.greatest) if tx.dialect.name == "postgresql" else (sqlite, func.max)
    insert = dialect.insert(sequence).values(name=name, value=floor)
    moved = insert.on_conflict_do_update(index_elements=["name"], set_={"value": higher(sequence.c.value + 1, floor)})
    return int(tx.execute(moved.returning(sequence.c.value)).scalar_one())
