"""The sandbox's clock: set by the scenario, running on from there by elapsed time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from core.times import utc


class Clock:
    """now() is what was set plus the seconds that passed since."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def set(self, at: datetime) -> None:
        """Move to `at` (aware)."""
        self._at, self._mark = utc(at), time.monotonic()

    def now(self) -> datetime:
        """The scenario's time, aware, UTC."""
        return self._at + timedelta(seconds=time.monotonic() - self._mark)

    @property
    def base(self) -> datetime:
        """The time that was set last."""
        return self._at
