"""One of a kind at a time: one sender per shard, one import of a list."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from core.ledger import Ledger


def one_sender(ledger: Ledger, home: Path, shard: tuple[int, int], wait_s: float) -> AbstractContextManager[bool]:
    """Hold the shard's lock; False when another process holds it for longer than `wait_s`."""
    return only_one(ledger, home, f"dispatch-{shard[0]}-{shard[1]}", wait_s)


@contextmanager
def only_one(ledger: Ledger, home: Path, name: str, wait_s: float) -> Iterator[bool]:
    """Hold `name`, on this machine and on the ledger, which a paused process keeps (a lease would not); False when another holds it for longer
    than `wait_s`."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    start, held = time.monotonic(), False
    try:
        while not held:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = True
            except BlockingIOError:
                if time.monotonic() - start >= wait_s:
                    break
                time.sleep(0.1)
        if not held:
            yield False
            return
        with ledger.alone(name, wait_s - (time.monotonic() - start)) as alone:
            yield alone
    finally:
        os.close(handle)
