"""Rain that loosens ground: effective antecedent rain, and intensity against an intensity-duration threshold.

Sources (re-derived; the numbers as others restate them; verified False until read in the original):
- Crozier & Eyles (1980), the antecedent daily rainfall model: here Re = R0 + sum over days i of k^i R_i. k is a place's own, from the recession of its
  floods (Glade, Crozier & Smith 2000, Pure Appl. Geophys. 157, 1059-1079, abstract): 0.8-0.9 is in use; ten days by Crozier (1999), abstract.
- Caine (1980), The rainfall intensity-duration control of shallow landslides and debris flows, Geografiska Annaler A 62, 23-27: a limiting curve under 73
  published cases, I = 14.82 D^-0.39, 0.167 < D < 500 h.
- Guzzetti, Peruccacci, Rossi & Stark (2008), the same: an update, Landslides 5, 3-17: the world's lower bound I = 2.20 D^-0.44, 0.1 < D < 1000 h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from rules.grid import Floats
from rules.statistics.window import StationValues, Window
from rules.trailing import Running, Slots

if TYPE_CHECKING:
    from rules.catalogue import Indicator

DAY_H = 24.0
#: Durations, h, at which an intensity-duration threshold is tried; those longer than the indicator's window are left out.
DURATIONS_H = (1.0, 3.0, 6.0, 12.0, 24.0, 48.0, 72.0)


def threshold_mm(hours: float, a: float, b: float) -> float:
    """Depth in mm that an intensity I = a D^-b (mm/h) reaches in D hours: a D^(1 - b)."""
    return float(a * hours ** (1.0 - b))


def antecedent(w: Window, indicator: Indicator) -> StationValues:
    """Effective antecedent rain, mm: the last 24 h whole, each day before it weighted by `decay` once more."""
    day, days = w.grid.slots(DAY_H), max(1, round(indicator.window_h / DAY_H))

    def index(rain: Running, end: Slots) -> Floats:
        """mm: the sum over the days before `end` of the day's rain by decay to the power of its age."""
        weighted = [indicator.decay**i * rain.trailing(end - i * day, day) for i in range(days)]
        return np.asarray(np.round(np.sum(weighted, axis=0), 6))

    return _bounded(w, index)


def intensity_duration(w: Window, indicator: Indicator) -> StationValues:
    """Rain over the threshold of its duration, without unit: the highest of R(D) / (a D^(1-b)) over DURATIONS_H up to the window."""
    a, b = indicator.curve
    spans = [hours for hours in DURATIONS_H if hours <= indicator.window_h]

    def ratio(rain: Running, end: Slots) -> Floats:
        """The largest share, over the spans, of the rain that its threshold intensity allows; 1 is the threshold."""
        ratios = [rain.trailing(end, w.grid.slots(hours)) / threshold_mm(hours, a, b) for hours in spans]
        return np.asarray(np.round(np.max(ratios, axis=0), 6))

    return _bounded(w, ratio)


def _bounded(w: Window, index: Callable[[Running, Slots], Floats]) -> StationValues:
    """What is known to have fallen proves the index; a missing slot may hold anything."""
    return w.bounded(index(w.grid.amounts, w.end), lambda some: index(some.grid.amounts, np.maximum(some.position.known, 0)))
