"""Ground that creeps: the improved tangent angle and the time to failure from the inverse velocity.

Sources (re-derived; verified False until read in the original):
- Xu Qiang et al. (2009), 一种改进的切线角及对应的滑坡预警判据: improved tangent angle of the displacement-time curve, T = S / v with v the rate of the steady
  stage, so that alpha = arctan(dT / dt) = arctan(rate / steady rate). As others restate it about 45 degrees is steady creep (blue), from there to 80 yellow,
  80 to 85 orange, from 85 red.
- Fukuzono (1985), A new method for predicting the failure time of a slope, Proc. 4th Int. Conf. and Field Workshop on Landslides, Tokyo (summary read):
  1/v falls along a line, a convex or a concave curve, and where a line meets zero is the time of failure. Only the line is used, which is alpha = 2 of
  Voight (1989), A relation to describe rate-dependent material failure, Science 243, 200-203 (not read).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rules.grid import Floats
from rules.statistics.window import LONGEST_H, StationValues, Window, held
from rules.trailing import take

if TYPE_CHECKING:
    from rules.catalogue import Indicator

#: A fit of 1/v that explains less than this of its variance is no acceleration (own choice, unverified).
LEAST_R2 = 0.8
SEGMENTS = 6
#: Windows before the present one from which the rate of the steady stage is taken (own choice, unverified).
STEADY = 7


def tangent_angle(w: Window, indicator: Indicator) -> StationValues:
    """Degrees: the rate over the window against the steady rate, which is the median rate of the STEADY windows before, as far as they are known, and
    is not taken under `floor` a day. Against the window before alone a slope that doubles its rate every day would stand at 63 degrees for ever."""
    values = held(w.grid)
    places = np.stack([take(values, w.end - i * w.width, np.nan) for i in range(STEADY + 2)])
    rates = np.abs(np.diff(places, axis=0))
    steady = np.maximum(_median(rates[1:]), indicator.floor * indicator.window_h / 24)
    angle: Floats = np.degrees(np.arctan2(rates[0], np.maximum(steady, 1e-9)))
    return _told(w, angle.round(6))


def _median(values: Floats) -> Floats:
    """(T, S) the median of what is known among `values` (n, T, S), the lower of two in the middle; NaN for nothing."""
    middle = np.maximum(np.isfinite(values).sum(axis=0) - 1, 0) // 2
    return np.asarray(np.take_along_axis(np.sort(values, axis=0), middle[None], axis=0)[0])  # what is unknown is sorted to the end


def failure_eta(w: Window, _: Indicator) -> StationValues:
    """Hours until 1/v reaches zero, upside down (the fewer, the worse); no failure where the rate does not grow steadily."""
    values, hours = held(w.grid), w.width * w.grid.step_s / 3600 / SEGMENTS
    places = np.stack([take(values, w.end - round(i * w.width / SEGMENTS), np.nan) for i in range(SEGMENTS, -1, -1)])
    return _told(w, -np.minimum(inverse_velocity(places, hours), LONGEST_H))


def inverse_velocity(places: Floats, hours: float) -> Floats:
    """Hours from the last of equally spaced displacements (n + 1, ...) to failure; inf where 1/v does not fall along a line."""
    speed = np.diff(places, axis=0) / hours
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(speed > 0, 1.0 / speed, np.nan)
        time = ((np.arange(len(speed)) + 0.5 - len(speed)) * hours).reshape(-1, *[1] * (places.ndim - 1))
        mean_t, mean_y = time.mean(axis=0), inverse.mean(axis=0)
        spread, joint = ((time - mean_t) ** 2).sum(axis=0), ((time - mean_t) * (inverse - mean_y)).sum(axis=0)
        slope, explained = joint / spread, joint**2 / (spread * ((inverse - mean_y) ** 2).sum(axis=0))
        zero = mean_t - mean_y / slope
        sound = (slope < 0) & (explained >= LEAST_R2)
    return np.asarray(np.where(sound, np.round(np.maximum(np.nan_to_num(zero), 0.0), 6), np.inf))


def _told(w: Window, value: Floats) -> StationValues:
    """Known where the readings at the window's marks are; a station lost meanwhile keeps what it last showed."""
    lo = np.where(w.known & np.isfinite(take(held(w.grid), w.end - w.width, np.nan)) & np.isfinite(value), value, -np.inf)
    return w.values(lo, w.whole)
