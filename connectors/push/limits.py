"""Token buckets: how often somebody may knock, in a bounded table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

#: Names that are remembered at once; beyond it the fullest buckets go, which loses nothing that was held against anybody.
MAX_NAMES = 10_000


@dataclass(slots=True)
class Buckets:
    """A bucket a name, full at first. Times are monotonic seconds, given by the caller."""

    _held: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, name: str, rate_per_min: float, burst: float, at: float, cost: float = 1.0) -> int:
        """Take a token: 0 when it was there, else the whole seconds until it will be (nothing is taken). `cost` 0 only looks whether one is there."""
        level, since = self._held.get(name, (burst, at))
        level = min(burst, level + max(0.0, at - since) * rate_per_min / 60)
        if level < 1:
            self._held[name] = (level, at)
            return max(1, math.ceil((1 - level) * 60 / rate_per_min))
        self._held[name] = (level - cost, at)
        if len(self._held) > MAX_NAMES:
            emptiest = sorted(self._held.items(), key=lambda one: one[1][0])
            self._held = dict(emptiest[: MAX_NAMES // 2])
        return 0
