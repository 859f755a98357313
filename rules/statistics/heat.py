"""Hot and cold days: the lowest of several daily maxima, and the fall of the minimum from one window to the next.

Days are counted back from the newest reading in blocks of 24 h, so that the value needs no midnight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rules.statistics.window import StationValues, Window
from rules.trailing import trailing_extreme

if TYPE_CHECKING:
    from rules.catalogue import Indicator

DAY_H = 24.0


def lowest_daily_max(w: Window, indicator: Indicator) -> StationValues:
    """The lowest of the highest readings of the last `window_h` / 24 days: "three days running at 35 degC" is this at 72 h."""
    day, days = w.grid.slots(DAY_H), max(1, round(indicator.window_h / DAY_H))
    highs = [trailing_extreme(w.grid.value, w.end - i * day, day, highest=True) for i in range(days)]
    lo = np.min(highs, axis=0)
    return w.bounded(lo)


def min_drop(w: Window, _: Indicator) -> StationValues:
    """Lowest of the window before minus lowest of this one; proved only when the window before is whole."""
    counts = w.grid.counts
    before = w.end - w.width
    enough = w.known & (counts.trailing(before, w.width) >= np.maximum(1.0, counts.trailing(w.end, w.width)))
    low, low_before = (trailing_extreme(w.grid.value, end, w.width, highest=False) for end in (w.end, before))
    with np.errstate(invalid="ignore"):
        drop = np.round(low_before - low, 6)
    return w.values(np.where(enough & np.isfinite(drop), drop, -np.inf), w.whole)
