"""What goes into a channel and what comes out of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from core.model import DeliveryState
from notifiers.versions import Ref


class Ticker:
    """The step's `now` (aware) running on by elapsed time; nothing here reads a wall clock."""

    def __init__(self, now: datetime) -> None:
        self._now, self._start = now, time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._start

    def now(self) -> datetime:
        """Aware time of the step."""
        return self._now + timedelta(seconds=self.elapsed())


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One claimed delivery; `phone` is sealed, None where the channel has none or the resident is gone; `repeated`: it may have been said twice already."""

    delivery_id: int
    ref: Ref
    recipient: str
    town: str
    attempt: int
    claimed_at: str
    phone: bytes | None = None
    opted_out: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one item: the state it goes to (`sending` = not known yet), the provider's id, a code, seconds to wait, whether the desk is rung."""

    delivery_id: int
    state: DeliveryState
    provider_id: str = ""
    code: str = ""
    wait_s: float = 0.0
    possible_duplicate: bool = False
    alarm: bool = False


class Again(NamedTuple):
    """How often (0: as long as the version is valid) and after how many seconds what a channel gave back with a code is tried again."""

    times: int
    wait_s: float
