"""What a lying sensor looks like beside its own last half day and beside its neighbours: a leap that waits for a second reading, a pulse, a slipped
decimal point, two exchanged fields. Whole arrays in, masks out, as in core.checks; the limits stand in core.limits.

Every test looks no farther than core.checks.REACH_S, so a late reading can change no more than that, and what has stood for longer is the station's
new truth: a lie that outlasts half a day is no longer seen here. It is then work for maintenance.csv.
"""

from __future__ import annotations

import numpy as np

from core.checks import REACH_S, Bools, Floats, ordered
from core.witnesses import BLOCK, Near

#: The anchor of a reading is the median of its station's readings of this half of the reach, s before it: a lie of six hours does not reach its end.
ANCHOR_S = (6 * 3600.0, REACH_S)
#: Least readings of an anchor.
ANCHORED = 3
#: A pulse is at most this long, and comes back to where it began as closely as this share of the leap (own choice, unverified).
PULSE_S, PULSE_BACK = 3 * 3600.0, 0.2
MAX_PULSE = 8
#: Two readings farther apart than this make no leap, s; share of a leap that another station's move must have to confirm it (own choices).
LEAP_S, SHARED = 3 * 3600.0, 1 / 3
#: What tenfold means: within this factor of 10 or of 1/10.
TENFOLD = 1.2


def anchor(times: Floats, values: Floats, since: int = 0) -> Floats:
    """(T, S): median of what each station read 6 to 12 h before; NaN with fewer than three readings there, and before row `since`."""
    out = np.full(values.shape, np.nan)
    first = np.searchsorted(times, times - ANCHOR_S[1])
    rows_back = np.searchsorted(times, times - ANCHOR_S[0], side="right") - first
    rows_back[:since] = 0
    for many in np.unique(rows_back[rows_back >= ANCHORED]):
        alike = np.flatnonzero(rows_back == many)
        for rows in np.array_split(alike, 1 + len(alike) * int(many) * values.shape[1] // BLOCK):
            past = values[first[rows, None] + np.arange(many)].swapaxes(1, 2)
            count, _, middle, _ = ordered(past.reshape(-1, many))
            out[rows] = np.where(count >= ANCHORED, middle, np.nan).reshape(len(rows), values.shape[1])
    return out


def leap(times: Floats, values: Floats, threshold: float, stands_s: float) -> tuple[Bools, Floats]:
    """Where a value left the last believed one by more than `threshold` between two readings at most three hours apart, until the new level has
    stood for `stands_s`; and by how much (NaN elsewhere). The first reading of a leap is always doubted, a slower change is believed as it comes."""
    out, size = np.zeros(values.shape, dtype=bool), np.full(values.shape, np.nan)
    if np.isnan(threshold) or not len(values):
        return out, size
    believed, at, since = (np.full(values.shape[1], fill) for fill in (np.nan, -np.inf, np.inf))
    for row, time in enumerate(times):
        value = values[row]
        there = np.isfinite(value)
        with np.errstate(invalid="ignore"):
            leapt = there & (np.abs(value - believed) > threshold) & ((time - at <= LEAP_S) | np.isfinite(since)) & (time - at <= REACH_S)
        since = np.where(leapt, np.minimum(since, time), since)
        with np.errstate(invalid="ignore"):
            out[row] = leapt & (time - since < stands_s)
        size[row] = np.where(out[row], value - believed, np.nan)
        accepted = there & ~out[row]
        believed, at, since = np.where(accepted, value, believed), np.where(accepted, time, at), np.where(accepted, np.inf, since)
    return out, size


def pulse(times: Floats, values: Floats, threshold: float) -> Bools:
    """Where two to eight readings in a row, within PULSE_S, stand more than `threshold` off the readings before and after them, which agree: a square
    pulse, as calibration makes it. It is known when it is over."""
    out = np.zeros(values.shape, dtype=bool)
    if np.isnan(threshold) or len(values) < 4:
        return out
    order = np.argsort(~np.isfinite(values), axis=0, kind="stable")  # the readings of every station on top, in their order
    dense, when = np.take_along_axis(values, order, axis=0), times[order]
    hit = np.zeros(values.shape, dtype=bool)
    for length in range(2, min(MAX_PULSE, len(dense) - 2) + 1):
        left, right = dense[: -length - 1], dense[length + 1 :]
        runs = np.stack([dense[k : len(dense) - length - 1 + k] for k in range(1, length + 1)])
        with np.errstate(invalid="ignore"):
            off = runs - left
            square = (off.min(axis=0) > threshold) | (off.max(axis=0) < -threshold)
            flat = off.max(axis=0) - off.min(axis=0) <= PULSE_BACK * np.abs(off).max(axis=0)
            home = np.abs(right - left) <= PULSE_BACK * np.abs(off).min(axis=0)
            brief = when[length : len(dense) - 1] - when[1 : len(dense) - length] <= PULSE_S
            near = (when[1 : len(dense) - length] - when[: -length - 1] <= PULSE_S) & (when[length + 1 :] - when[length : len(dense) - 1] <= PULSE_S)
        found = square & flat & home & brief & near
        for k in range(1, length + 1):
            hit[k : len(dense) - length - 1 + k] |= found
    np.put_along_axis(out, order, hit, axis=0)
    return out & np.isfinite(values)


def tenfold(values: Floats, base: Floats, least: float) -> Bools:
    """Where a value is about ten times its `base` (T, S), or a tenth, and `least` or more away from it: a slipped decimal point."""
    if np.isnan(least):
        return np.zeros(values.shape, dtype=bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(values / base)
        tens = ((ratio >= 10 / TENFOLD) & (ratio <= 10 * TENFOLD)) | ((ratio >= 0.1 / TENFOLD) & (ratio <= 0.1 * TENFOLD))
        out: Bools = tens & (np.sign(values) == np.sign(base)) & (np.abs(values - base) >= least)
    return out


def exchanged(times: Floats, a: Floats, b: Floats, least: float, since: int = 0) -> Bools:
    """Where two properties of one station each read what the other one has been reading, and far from what they themselves have; from row `since` on."""
    anchor_a, anchor_b = anchor(times, a, since), anchor(times, b, since)
    with np.errstate(invalid="ignore"):
        apart = np.abs(anchor_a - anchor_b)
        as_other, as_self = np.abs(a - anchor_b) + np.abs(b - anchor_a), np.abs(a - anchor_a) + np.abs(b - anchor_b)
        out: Bools = (apart >= least) & (as_other <= 0.5 * apart) & (as_self >= 1.5 * apart)
    return out


def moved_too(times: Floats, values: Floats, size: Floats, near: Near) -> Bools:
    """Leaps (T, S; `size` as `leap` gives it) that a station near by on another path makes too, the same way and at least SHARED as far, from five
    hours before to two hours after: two paths tell of it, so it is no lie. `near` are those."""
    out = np.zeros(size.shape, dtype=bool)
    leapt = np.isfinite(size)
    for row in np.flatnonzero(leapt.any(axis=1)):
        window = values[np.searchsorted(times, times[row] - 5 * 3600.0, side="right") : np.searchsorted(times, times[row] + 2 * 3600.0, side="right")]
        stations = np.flatnonzero(leapt[row])
        for part in np.array_split(stations, 1 + len(window) * int(near.hears[stations].sum()) // BLOCK):
            place, other = near.stations(part)
            moves = window[:, other] * np.sign(size[row, part])[place]
            lowest = np.minimum.accumulate(np.where(np.isfinite(moves), moves, np.inf), axis=0)
            with np.errstate(invalid="ignore"):
                moved = (moves - lowest >= SHARED * np.abs(size[row, part])[place]).any(axis=0)
            out[row, part[place[moved]]] = True
    return out
