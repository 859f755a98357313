"""A new ledger in an instant: its tables are made once a process, and every other one begins as a copy of that file."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from core.ledger import Ledger


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        Ledger.open(f"sqlite:///{folder}/ledger.db").close()
        return Path(folder, "ledger.db").read_bytes()


def ledger_in(folder: Path) -> Ledger:
    """The ledger of an installation's home: the one that is there, else a new one."""
    path = folder / "ledger.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_empty())
    return Ledger.open(f"sqlite:///{path}")
