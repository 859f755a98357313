"""One sender at a time per shard."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.ledger import Ledger


@contextmanager
def one_sender(ledger: Ledger, home: Path, shard: tuple[int, int], wait_s: float) -> Iterator[bool]:
    """Hold the shard's lock, on this machine and on the ledger, which a paused process keeps (a lease would not); False when another holds it
    for longer than `wait_s`."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"dispatch-{shard[0]}-{shard[1]}.lock", os.O_RDWR | os.O_CREAT, 0o600)
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
        with ledger.alone(f"dispatch-{shard[0]}-{shard[1]}", wait_s - (time.monotonic() - start)) as alone:
            yield alone
    finally:
        os.close(handle)
