"""Quality tests over whole arrays: ticks x stations in, masks of the same shape out. No limits stand here (core.limits), no loop over stations.

`times` (T,) epoch seconds, rising; `values` (T, S) in the canonical unit, NaN where nothing was read. Stations need not report at the same
times: every test looks from one reading of a station to the one before or after it, across the holes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: A reading farther away in time than this says nothing about another one, s. It bounds what a late reading can change.
REACH_S = 12 * 3600.0
#: A step that has stood for this long is the new truth, s (own choice, unverified): a dredged canal, an exchanged sensor.
STEP_STANDS_S = 6 * 3600.0


def outside(values: Floats, low: Floats | float, high: Floats | float) -> Bools:
    """Where a value is out of [low, high]; NaN limits do not bound, NaN values are not judged."""
    out: Bools = (values < low) | (values > high)
    return out


def before(values: Floats) -> Ints:
    """(T, S): row of the last reading before each row, -1 for none."""
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), rows, -1), axis=0)
    return np.concatenate([np.full((1, values.shape[1]), -1), last])[: len(values)]


def after(values: Floats) -> Ints:
    """(T, S): row of the first reading after each row, -1 for none."""
    back = before(values[::-1])[::-1]
    return np.where(back >= 0, len(values) - 1 - back, -1)


def _at(values: Floats, rows: Ints) -> Floats:
    return np.where(rows >= 0, np.take_along_axis(values, np.maximum(rows, 0), axis=0), np.nan)


def _apart(times: Floats, rows: Ints) -> Floats:
    """Seconds between each row and the row given for it; NaN for none or beyond REACH_S."""
    apart = np.abs(times[:, None] - times[np.maximum(rows, 0)])
    return np.where((rows >= 0) & (apart <= REACH_S), apart, np.nan)


def since(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """(T, S) twice: the change since the station's reading before, and how long ago that was, s; NaN for none, or beyond REACH_S."""
    former = before(values)
    apart = np.where(np.isfinite(values), _apart(times, former), np.nan)
    return np.where(np.isfinite(apart), values - _at(values, former), np.nan), apart


def spike(times: Floats, values: Floats, threshold: float) -> Bools:
    """Where one value stands more than `threshold` above, or below, both its neighbours in time; the newest cannot be judged yet."""
    if np.isnan(threshold) or not len(values):
        return np.zeros(values.shape, dtype=bool)
    left_row, right_row = before(values), after(values)
    near = np.isfinite(_apart(times, left_row)) & np.isfinite(_apart(times, right_row))
    left, right = values - _at(values, left_row), values - _at(values, right_row)
    out: Bools = near & ((np.minimum(left, right) > threshold) | (np.maximum(left, right) < -threshold))
    return out


def step(times: Floats, values: Floats, per_hour: float) -> Bools:
    """Where a value left the last believed one faster than `per_hour`; a quarter of an hour's worth is always allowed.

    What follows a jump is compared with the value before the jump, so a shifted sensor stays suspect; a jump that has stood for STEP_STANDS_S
    is believed.
    """
    out = np.zeros(values.shape, dtype=bool)
    if np.isnan(per_hour) or not len(values):
        return out
    stations = values.shape[1]
    believed, at, since = np.full(stations, np.nan), np.full(stations, -np.inf), np.full(stations, np.inf)
    for row, time in enumerate(times):
        value = values[row]
        there = np.isfinite(value)
        with np.errstate(invalid="ignore"):
            jumped = there & (time - at <= REACH_S) & (np.abs(value - believed) > allowed(time - at, per_hour))
        since = np.where(jumped, np.minimum(since, time), np.where(there, np.inf, since))
        out[row] = jumped & (time - since < STEP_STANDS_S)
        accepted = there & ~out[row]
        believed, at = np.where(accepted, value, believed), np.where(accepted, time, at)
        since = np.where(accepted, np.inf, since)
    return out


def allowed(apart: Floats, per_hour: float) -> Floats:
    """Largest believable change in `apart` seconds."""
    out: Floats = per_hour * np.maximum(apart / 3600, 0.25)
    return out


def flat(times: Floats, values: Floats, seconds: float, quiet: float = np.nan) -> Bools:
    """Where a value has been exactly the same for `seconds` or longer, over at least four readings, and is not at or under `quiet`."""
    if np.isnan(seconds) or not len(values):
        return np.zeros(values.shape, dtype=bool)
    there, rows = np.isfinite(values), np.arange(len(values))[:, None]
    former = before(values)
    begins = there & ~((values == _at(values, former)) & np.isfinite(_apart(times, former)))
    start = np.maximum.accumulate(np.where(begins, rows, -1), axis=0)
    number = np.cumsum(there, axis=0)
    count = number - np.where(start >= 0, np.take_along_axis(number, np.maximum(start, 0), axis=0), 0) + 1
    stood = times[:, None] - times[np.maximum(start, 0)]
    calm = values <= quiet if np.isfinite(quiet) else np.zeros(values.shape, dtype=bool)
    out: Bools = there & (start >= 0) & (count >= 4) & (stood >= seconds) & ~calm
    return out


def gaps(times: Floats, values: Floats, interval_s: float) -> Floats:
    """Hours since the reading before, where that is more than one and a half intervals; NaN elsewhere."""
    apart = _apart(times, before(values))
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(values) & (apart > 1.5 * interval_s), apart / 3600, np.nan)


def ordered(values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """(T,) each, of the finite values of each row: how many, the lowest, the median and the highest; NaN where there is none."""
    count = np.isfinite(values).sum(axis=1)
    if not values.shape[1]:
        nothing = np.full(len(values), np.nan)
        return count.astype(np.float64), nothing, nothing, nothing
    rising, rows, last = np.sort(np.where(np.isfinite(values), values, np.inf), axis=1), np.arange(len(values)), np.maximum(count - 1, 0)
    middle = (rising[rows, last // 2] + rising[rows, np.minimum(count // 2, values.shape[1] - 1)]) / 2
    low, middle, high = np.where(count > 0, (rising[:, 0], middle, rising[rows, last]), np.nan)
    return count.astype(np.float64), low, middle, high
