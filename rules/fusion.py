"""Several sources of one thing become one value: weights, agreement, the source to look at. Pure functions over columns (T ticks x M members).

The value is the lower weighted median of the members that tell, and never more than a second path supports: with two paths that is the lower one,
with three the middle one, so that no single path can raise it, however heavy (a median's breakdown point is one half: Huber, Robust Statistics,
1981, ch. 1; general knowledge). A member that is missing, stale or suspect has weight 0. It widens the interval and never lowers what is held: the
upper end keeps every telling member's upper end, and whatever the others were known to have or were heading for; it is open when less than half
of the declared weight tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rules.grid import Bools, Floats, Ints
from rules.statistics import StationValues

#: A member whose reading is overdue keeps at least this share of its weight until it is stale (own choice, unverified).
LATE_SHARE = 0.1
#: The interval is bounded only while this share of the declared weight tells.
QUORUM = 0.5


@dataclass(frozen=True, slots=True)
class Fused:
    """One thing. `values` (T, 1) as those of one station; `weights` (T, M), 0 for a member that does not count; `agreement` (T,) 0..1;
    `preferred` (T,) number of the member to look at, -1 when none tells."""

    values: StationValues
    weights: Floats
    agreement: Floats
    preferred: Ints


def fuse(
    members: StationValues, *, declared: Floats, paths: Ints, interval_s: Floats, max_age_s: Floats, baseline: float = 0.0,
) -> Fused:
    """Fuse the members' statistics (T, M). `declared` weights, numbers of `paths`, `interval_s` and `max_age_s` of the members' feeds, (M,) each;
    `baseline`: where the statistic begins to matter, in its own unit."""
    told = members.sure & ~members.stale
    late: Floats = np.clip((max_age_s - members.age_s) / np.maximum(max_age_s - interval_s, 1.0), LATE_SHARE, 1.0)
    weights = np.where(told, declared * late, 0.0)
    partial = np.where(np.isfinite(members.lo), declared, 0.0)  # a gap still proves what was read around it
    some: Bools = np.asarray(told.any(axis=1))
    counted = np.where(some[:, None], weights, partial)
    lo = supported(members.lo, counted, paths)
    headed = np.maximum(lo, supported(members.heading, np.where(np.isfinite(members.heading), declared, 0.0), paths))
    known = np.maximum(np.where(np.isfinite(members.heading), members.heading, -np.inf), members.lo).max(axis=1)
    top = np.maximum(np.where(told, members.lo if members.above is None else members.above, -np.inf).max(axis=1), known)
    sure: Bools = some & (np.where(told, declared, 0.0).sum(axis=1) >= QUORUM * declared.sum())
    near = likeness(members.lo, lo, baseline)
    agreement = np.round((weights * near).sum(axis=1) / declared.sum(), 6)
    likely = weights * near
    preferred = np.where(some, np.where(told, likely, -np.inf).argmax(axis=1), -1)
    stale, age = np.asarray(members.stale.all(axis=1)), np.asarray(members.age_s.min(axis=1))
    one = StationValues(lo[:, None], sure[:, None], headed[:, None], stale[:, None], age[:, None], np.maximum(top, headed)[:, None])
    return Fused(one, np.asarray(np.round(weights, 6), dtype=np.float64), agreement, preferred)


def supported(values: Floats, weights: Floats, paths: Ints) -> Floats:
    """(T,): the lower weighted median of `values` (T, M), and no more than the best value of a second path where there is one; -inf without weight."""
    return np.minimum(lower_median(values, weights), second_path(np.where(weights > 0, values, -np.inf), weights > 0, paths))


def lower_median(values: Floats, weights: Floats) -> Floats:
    """(T,): the smallest of `values` (T, M) that at least half of the weight lies at or under; what has no weight is passed over."""
    order = np.argsort(np.where(weights > 0, values, np.inf), axis=1, kind="stable")
    ranked, load = np.take_along_axis(values, order, axis=1), np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    first = (load >= load[:, -1:] / 2 - 1e-12).argmax(axis=1)
    return np.where(load[:, -1] > 0, ranked[np.arange(len(values)), first], -np.inf)


def second_path(values: Floats, told: Bools, paths: Ints) -> Floats:
    """(T,): the best value that comes by another path than the best one; +inf where fewer than two paths tell."""
    names = np.unique(paths)
    if len(names) < 2:
        return np.full(len(values), np.inf)
    best = np.stack([np.where((paths == p) & told, values, -np.inf).max(axis=1) for p in names], axis=1)
    count = sum((told & (paths == p)).any(axis=1).astype(np.int64) for p in names)
    return np.where(count >= 2, np.sort(best, axis=1)[:, -2], np.inf)


def likeness(values: Floats, fused: Floats, baseline: float) -> Floats:
    """(T, M) 0..1: how far each value agrees with the fused one: the smaller over the greater distance above `baseline`; both at or under it agree."""
    a, b = np.maximum(np.where(np.isfinite(values), values, baseline) - baseline, 0.0), np.maximum(np.where(np.isfinite(fused), fused, baseline) - baseline, 0.0)[:, None]
    high = np.maximum(a, b)
    return np.where(high > 0, np.minimum(a, b) / np.where(high > 0, high, 1.0), 1.0)
