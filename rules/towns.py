"""From station columns to an interval per town, and what of it rests on one path alone.

The value of a town is the worst of its core stations. Two more columns say what is left of it when the path that gives it is taken away:
`second`, what the other paths prove by themselves, and `backed`, the same carried on from the indicator's baseline by what counts as support of a
first warning. Both equal the value where no other path is there to contradict it: none within reach has been heard for a day. One that fell silent
within the day still counts for what it proves and, in the heading, for where it was going: a silence invents no proof, and what one gauge says
beside a dead one stands in the ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rules.catalogue import Indicator
from rules.grid import Bools, Floats, Ints
from rules.spatial import Reach, extend, over_towns, weights
from rules.statistics import StationValues

#: An extreme that another path supports to this share is corroborated (own choice, unverified).
SUPPORT_SHARE = 0.5
#: How far the other paths themselves must be on their way from the baseline to a rule's first colour before one path may show it (own choice, unverified).
FIRST_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class TownValues:
    """One indicator over T ticks and N towns. `absent` (N,): no station can tell; `single` (N,): only one path can;
    `corroborated` (T, N): the part of lo that a second path supports; `heading` (T, N); `feeds`: whose silence shows here; `age_s` (T, N):
    age of the newest reading that counts, 0 for what needs none. `second`, `backed` and the same of the heading (T, N): what is left without
    the path that gives the value, None where nothing is. `sinking`: all of it stands upside down, because small values are the worst."""

    lo: Floats
    hi: Floats
    heading: Floats
    corroborated: Floats
    absent: Bools
    single: Bools
    feeds: tuple[str, ...]
    age_s: Floats
    sinking: bool = False
    second: Floats | None = None
    backed: Floats | None = None
    second_heading: Floats | None = None
    backed_heading: Floats | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """Columns (T, S) and what is known of each: how it reaches the towns, the number of its independent path, whether its whole feed is silent."""

    values: StationValues
    found: Reach
    path: Ints
    silent: Bools


def worst(places: Side, stations: Side, feeds: tuple[str, ...], indicator: Indicator) -> TownValues:
    """The worst of each town's core places; one that is not sure is excused by a healthy one on another path.

    `places`: stations and fused things; `stations`: every station by itself. What two stations on different paths both say counts in full, also where
    a third one has talked a thing out of it.
    """
    values, found = places.values, places.found
    core, sure, absent = list(found.core), np.isfinite(values.hi), found.absent
    best_core = over_towns(np.where(sure, values.hi, -np.inf), found, core)
    best_any = over_towns(np.where(sure, values.hi, -np.inf), found)
    healthy = np.where(np.isfinite(best_core), best_core, best_any)
    (lo, second), (heading, second_heading) = (_twice_told(places, stations, name) for name in ("lo", "heading"))
    hi = np.where(_excused(sure, places), np.maximum(np.maximum(lo, heading), healthy), np.inf)
    base = (-1.0 if indicator.sinking else 1.0) * indicator.baseline
    told = TownValues(
        lo, np.where(absent, np.inf, hi), heading, np.minimum(second.best / SUPPORT_SHARE, lo), absent, _single(stations, indicator.local), feeds,
        youngest(values, found),
    )
    if indicator.local:
        return told
    (left, backed), (left_heading, backed_heading) = (_left(own, two, stations, base) for own, two in ((lo, second), (heading, second_heading)))
    return replace(told, second=left, backed=backed, second_heading=left_heading, backed_heading=backed_heading)


@dataclass(frozen=True, slots=True)
class Second:
    """(T, N): the best value that comes by another path than the best one, and the number of the best one's path."""

    best: Floats
    owner: Ints


def _twice_told(places: Side, stations: Side, name: str) -> tuple[Floats, Second]:
    """A town's worst value by places, raised to what two of its stations on different paths both say; and the second path's."""
    own = over_towns(getattr(places.values, name), places.found, list(places.found.core))
    values = getattr(stations.values, name)
    second = _two_paths(values, stations)
    both = np.minimum(over_towns(values, stations.found, list(stations.found.core)), second.best)
    return np.where(places.found.absent, -np.inf, np.maximum(own, both)), second


def _left(own: Floats, second: Second, stations: Side, base: float) -> tuple[Floats, Floats]:
    """(second, backed) (T, N): what the paths other than the best one prove of a town's value `own`, and that carried on from `base` to a first
    warning. Only a path that was heard within the day contradicts."""
    contradicted = _other_heard(stations, second.owner)
    left = np.where(contradicted, np.minimum(second.best, own), own)
    return left, np.where(contradicted, np.minimum(own, np.round(base + (left - base) / FIRST_SHARE, 6)), own)


def _other_heard(stations: Side, owner: Ints) -> Bools:
    """(T, N): a station within reach that was heard comes by another path than `owner`."""
    heard = np.isfinite(stations.values.age_s)
    wide, path = np.concatenate([heard, np.zeros((len(heard), 1), dtype=bool)], axis=1), np.append(stations.path, NOBODY)
    out = np.zeros(owner.shape, dtype=bool)
    for member in stations.found.member:
        out |= wide[:, member] & (path[member] != owner) & (path[member] != NOBODY)
    return out


#: Path number of "no station" in a layer.
NOBODY = -1


def youngest(values: StationValues, found: Reach) -> Floats:
    """(T, N): age of the newest reading among a town's core stations; 0 where there is none to wait for."""
    age = -over_towns(-values.age_s, found, list(found.core))
    return np.where(found.absent, 0.0, age)


def _excused(sure: Bools, places: Side) -> Bools:
    """(T, N): every core place is sure, or a sure one within reach comes by another path than each that is not."""
    found = places.found
    present = np.append(np.ones(len(places.path), dtype=bool), False)[found.member]
    wide_sure = extend(sure.astype(np.float64), 0.0).astype(bool)
    path = np.append(places.path, NOBODY)[found.member].astype(np.float64)
    hushed = np.append(places.silent, False)[found.member]
    low = np.full((sure.shape[0], found.member.shape[1]), np.inf)
    high = -low
    for layer in range(len(path)):
        ok = wide_sure[:, found.member[layer]] & present[layer]
        low, high = np.where(ok, np.minimum(low, path[layer]), low), np.where(ok, np.maximum(high, path[layer]), high)
    good = np.ones_like(low, dtype=bool)
    for layer in range(len(path)):
        unsure = ~wide_sure[:, found.member[layer]] & found.core[layer] & present[layer]
        other = np.isfinite(low) & ((low != path[layer]) | (high != path[layer])) & ~hushed[layer]
        good &= ~unsure | other
    return good


def _two_paths(values: Floats, stations: Side) -> Second:
    """Best value per town that comes by another path than the best one, witnesses included."""
    found = stations.found
    wide, path = extend(values, -np.inf), np.append(stations.path, NOBODY)[found.member]
    shape = (values.shape[0], found.member.shape[1])
    first, second, owner = np.full(shape, -np.inf), np.full(shape, -np.inf), np.full(shape, -2, dtype=np.int64)
    for layer in range(len(path)):
        value = np.take(wide, found.member[layer], axis=1)
        np.maximum(second, np.minimum(first, value), out=second, where=owner != path[layer])
        owner = np.where(value > first, path[layer], owner)
        np.maximum(first, value, out=first)
    return Second(second, owner)


def _single(stations: Side, local: bool) -> Bools:
    """(N,): one path alone can tell; of what only its own station measures, always."""
    paths = np.sort(np.append(stations.path, NOBODY)[stations.found.member], axis=0)
    return np.asarray(local | ((np.diff(paths, axis=0, prepend=NOBODY) != 0).sum(axis=0) < 2))


def mean(places: Side, indicator: Indicator, feeds: tuple[str, ...]) -> TownValues:
    """Weighted mean of the intervals' ends; one unknown place leaves the mean unknown on that side. One path is diluted, not contradicted."""
    values, found = places.values, places.found
    operator = weights(found, values.lo.shape[1], inverse_distance=indicator.reach == "idw")

    def over(ends: Floats, unknown: float) -> Floats:
        finite = np.isfinite(ends)
        result = (operator @ np.where(finite, ends, 0.0).T).T
        return np.where((operator @ (~finite).astype(np.float64).T).T > 0, unknown, np.round(result, 6))

    lo, heading = over(values.lo, -np.inf), over(values.heading, -np.inf)
    blank = np.broadcast_to(found.absent, lo.shape)
    lo, hi, heading = np.where(blank, -np.inf, lo), np.where(blank, np.inf, over(values.hi, np.inf)), np.where(blank, -np.inf, heading)
    return TownValues(lo, hi, heading, lo, found.absent, np.zeros(found.member.shape[1], dtype=bool), feeds, youngest(values, found))
