"""Statistics of a station's readings, by the names that indicators.yaml may use. A statistic is one function of a window and its indicator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rules.statistics import basic, deformation, heat, rain, stage
from rules.statistics.basic import CARRY_H
from rules.statistics.window import StationValues, Window, negated, opened, window

if TYPE_CHECKING:
    from rules.catalogue import Indicator

STATISTICS: dict[str, Callable[[Window, Indicator], StationValues]] = {
    "last": basic.last, "share": basic.last, "sum": basic.total, "max": basic.highest, "min": basic.highest, "rise": basic.rise,
    "fall": basic.fall, "mean": basic.mean, "change": basic.change, "mean_drop": basic.mean_drop,
    "antecedent": rain.antecedent, "intensity_duration": rain.intensity_duration,
    "projected": stage.projected, "hours_to": stage.hours_to, "hours_above": stage.hours_above,
    "tangent_angle": deformation.tangent_angle, "failure_eta": deformation.failure_eta,
    "lowest_daily_max": heat.lowest_daily_max, "min_drop": heat.min_drop,
}
#: Statistics whose small values are the dangerous ones: they are worked out upside down (`negated`), so that "worst" is the highest everywhere.
FALLING = frozenset({"min", "hours_to", "failure_eta"})
#: How far back a statistic looks, as a multiple of its window.
REACH_BACK = {"mean_drop": 2.0, "tangent_angle": deformation.STEADY + 1.0, "min_drop": 2.0}
#: Statistics of which a lost station is asked what it was heading for in the window before its loss.
BEFORE_LOSS = frozenset({"sum", "max", "min", "antecedent", "intensity_duration", "hours_above"})

__all__ = ["BEFORE_LOSS", "CARRY_H", "FALLING", "REACH_BACK", "STATISTICS", "StationValues", "Window", "negated", "opened", "window"]
