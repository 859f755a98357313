"""Long work in short transactions, so that whoever must write at once waits for one of them at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

if TYPE_CHECKING:
    from core.ledger.store import Ledger

#: Rows a transaction: some tens of milliseconds on a slow disk.
BATCH = 400
Change = Callable[[Connection], None]
T = TypeVar("T")


def parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in transactions' worth."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def executing(*statements: Any) -> Change:
    """The change that executes `statements`, in their order."""

    def change(tx: Connection) -> None:
        """All of them in one transaction."""
        for statement in statements:
            tx.execute(statement)

    return change


def in_turn(ledger: Ledger, changes: Iterable[Change]) -> None:
    """Each change in a transaction of its own, and after each a pause as long as it held the ledger: others get their turn."""
    for change in changes:
        with ledger.begin() as tx:
            began = time.monotonic()
            change(tx)
        time.sleep(time.monotonic() - began)
