"""From station columns to an interval per town, and what of it rests on one path alone.

The value of a town is the worst of its core stations. Two more columns say what is left of it when the path that gives it is taken away:
`second`, what the other paths prove by themselves, and `backed`, the same carried on from the indicator's baseline by what counts as support of a
first warning. Both equal the value where no other path is there to contradict it: none within reach has been heard for a day. One that fell silent
within the day still counts for what it proves and, in the heading, for where it was going: a silence invents no proof, and what one gauge says
beside a dead one stands in the ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.sparse import csr_array

from rules.catalogue import Indicator
from rules.grid import Bools, Floats
from rules.spatial import Reach, turned
from rules.statistics import StationValues, opened

#: An extreme that another path supports to this share is corroborated (own choice, unverified).
SUPPORT_SHARE = 0.5
#: How far the other paths themselves must be on their way from the baseline to a rule's first colour before one path may show it (own choice, unverified).
FIRST_SHARE = 0.8
#: Up to this share of the towns are looked at one by one, more of them all at once.
FEW_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class TownValues:
    """One indicator over T ticks and N towns. `absent` (N,): no station can tell; `single` (N,): only one path can;
    `corroborated` (T, N): the part of lo that a second path supports; `heading` (T, N); `feeds`: whose silence shows here; `age_s` (T, N):
    age of the newest reading that counts, 0 for what needs none or has none. `second`, `backed` and the same of the heading (T, N): what is left without
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
    """Columns (T, S) and what is known of each: how it reaches the towns, whether its whole feed is silent."""

    values: StationValues
    found: Reach
    silent: Bools

    def at(self, ticks: Bools) -> Side:
        """Some of the ticks."""
        return replace(self, values=self.values.some(ticks))


@dataclass(frozen=True, slots=True)
class Told:
    """What is proved of towns (T, N): `own` by all, `second` by the best path other than the best one, `left` and `backed` as TownValues has second and
    backed."""

    own: Floats
    second: Floats
    left: Floats
    backed: Floats

    def patched(self, some: Told, ticks: Bools) -> Told:
        """The same with `some` at these ticks."""
        out = replace(self, **{field.name: getattr(self, field.name).copy() for field in fields(self)})
        for field in fields(self):
            getattr(out, field.name)[ticks] = getattr(some, field.name)
        return out


def worst(places: Side, stations: Side, feeds: tuple[str, ...], indicator: Indicator, age_s: Floats) -> TownValues:
    """The worst of each town's core places; one that is not sure is excused by a healthy one on another path. `age_s` as `youngest` gives it.

    `places`: stations and fused things; `stations`: every station by itself. What two stations on different paths both say counts in full, also where
    a third one has talked a thing out of it.
    """
    known = _told(places, stations, indicator, "lo")
    headed = _headed(places, stations, indicator, known)
    hi = _possible(np.maximum(known.own, headed.own), places, local=indicator.local)
    single = np.asarray(indicator.local | (stations.found.lines.count < 2))
    return TownValues(
        known.own, hi, headed.own, np.minimum(known.second / SUPPORT_SHARE, known.own), places.found.absent, single, feeds, age_s,
        second=known.left, backed=known.backed, second_heading=headed.left, backed_heading=headed.backed,
    )


def _told(places: Side, stations: Side, indicator: Indicator, name: str) -> Told:
    """A town's worst value by places, raised to what two of its stations on different paths both say; and what the other paths say."""
    values, found = turned(getattr(stations.values, name)), stations.found
    best, second, contradicted = _two_paths(values, stations)
    own = found.cores.joined(values, np.maximum, -np.inf) if found.witnessed else best
    if places.values is not stations.values:
        fused = places.found.cores.joined(turned(getattr(places.values, name)), np.maximum, -np.inf)
        own = np.maximum(fused, np.minimum(own, second))
    own[places.found.absent] = -np.inf
    if indicator.local:
        own = turned(own)
        return Told(own, turned(second), own, own)
    calm, base = ~contradicted, (-1.0 if indicator.sinking else 1.0) * indicator.baseline
    left = np.minimum(second, own)
    np.copyto(left, own, where=calm)  # a town is mostly calm or not for long, so this is fast before it is turned
    backed = (left - base) / FIRST_SHARE
    backed += base
    np.minimum(own, np.round(backed, 6, out=backed), out=backed)
    np.copyto(backed, own, where=calm)
    return Told(turned(own), turned(second), turned(left), turned(backed))


def _headed(places: Side, stations: Side, indicator: Indicator, known: Told) -> Told:
    """The same of where lost stations were heading: `known` itself but at the ticks at which one is lost."""
    lost = np.zeros(len(known.own), dtype=bool)
    for values in (places.values, stations.values):
        if values.heading is not values.lo:
            lost |= (values.heading != values.lo).any(axis=1)
    if not lost.any():
        return known
    return known.patched(_told(places.at(lost), stations.at(lost), indicator, "heading"), lost)


def _two_paths(values: Floats, stations: Side) -> tuple[Floats, Floats, Bools]:
    """Of station rows (S, T), witnesses included: the best value per town (N, T), the best that comes by another path than that one, and whether a path
    other than the best one was heard within the day: only such a path contradicts."""
    lines = stations.found.lines
    rows, shape = lines.rows(values, np.maximum, -np.inf), (len(lines.count), values.shape[1])
    first, second = np.full(shape, -np.inf), np.full(shape, -np.inf)
    for one, two, value in lines.towns.steps(rows, first, second):
        np.maximum(two, np.minimum(one, value), out=two)
        np.maximum(one, value, out=one)
    best, within = lines.towns.sorted(first), np.isfinite(stations.values.age_s)
    if within.all():
        return best, lines.towns.sorted(second), lines.count[:, None] > (best > -np.inf)
    led, heard = first == -np.inf, np.zeros(shape, dtype=bool)
    told = lines.towns.steps(lines.rows(turned(within), np.logical_or, False), heard)
    for (one, taken, value), (other, here) in zip(lines.towns.steps(rows, first, led), told, strict=True):
        leads = (value == one) & ~taken  # the nearest of those that say the most
        other |= here & ~leads
        taken |= leads
    return best, lines.towns.sorted(second), lines.towns.sorted(heard)


def youngest(values: StationValues, found: Reach) -> Floats:
    """(T, N): age of the newest reading among a town's core stations; 0 where there is none to wait for, or none heard of still (grid.LOST_H): what one
    indicator never hears must not hide how late another's readings are.

    At one tick nearly every station was heard at the newest time of all, and nothing is younger: only towns whose nearest was not look at the others.
    """
    ages, present = values.age_s, ~found.absent
    if not ages.size:
        return np.zeros((len(ages), len(present)))
    newest = ages.min(axis=1)[:, None]
    older = np.flatnonzero(np.take((ages > newest).any(axis=0), found.nearest, mode="clip") & present)
    if len(older) > len(present) * FEW_SHARE:
        age = np.where(present, turned(found.cores.joined(turned(ages), np.minimum, np.inf)), 0.0)
    else:
        age = np.where(present, newest, 0.0)
        told = np.take(ages, found.member[:, older], axis=1, mode="clip")  # (T, L, older)
        age[:, older] = np.where(found.core[:, older], told, np.inf).min(axis=1)
    age[np.isinf(age)] = 0.0
    return age


def _possible(known: Floats, places: Side, *, local: bool) -> Floats:
    """(T, N): what cannot be excluded where each core place is sure or excused: `known`, or what the sure ones cannot exclude. A place that measures what is
    its own (`local`) is excused by nobody."""
    found, sure = places.found, turned(places.values.sure)
    excused = (found.cores.joined(sure, np.logical_and, True) if local else _excused(sure, places)) & ~found.absent[:, None]
    if places.values.above is None and not (excused & ~found.cores.joined(sure, np.logical_or, False)).any():
        return opened(known, turned(excused))  # each place is exact or open, so that none can exceed what is known
    bounded = np.where(sure, turned(places.values.hi), -np.inf)
    healthy = found.cores.joined(bounded, np.maximum, -np.inf)
    np.copyto(healthy, found.every.joined(bounded, np.maximum, -np.inf), where=healthy == -np.inf)
    return opened(np.maximum(known, turned(healthy)), turned(excused))


def _excused(sure: Bools, places: Side) -> Bools:
    """(N, T): every core place is sure (S, T), or a sure one within reach comes by another path than each that is not."""
    found, lines = places.found, places.found.lines
    good = np.ones((len(lines.count), sure.shape[1]), dtype=bool)
    if sure.all():
        return good
    told = lines.rows(sure, np.logical_or, False).astype(np.int16)
    paths = np.zeros(good.shape, dtype=np.int16)
    for count, one in lines.towns.steps(told, paths):
        count += one
    paths = np.take(lines.towns.sorted(paths), lines.cores.order, axis=0)
    for (ok, fine), (count, own) in zip(found.cores.steps(sure, good), lines.cores.steps(told, paths), strict=True):
        ok &= fine | (count > own)
    good = found.cores.sorted(good)
    if places.silent.any():
        good &= ~found.cores.joined(~sure & places.silent[:, None], np.logical_or, False)
    return good


def mean(places: Side, indicator: Indicator, feeds: tuple[str, ...], age_s: Floats) -> TownValues:
    """Weighted mean of the intervals' ends; one unknown place leaves the mean unknown on that side. One path is diluted, not contradicted."""
    values, found = places.values, places.found
    operator = found.by_distance if indicator.reach == "idw" else found.equally
    lo = _diluted(values.lo, found, operator, -np.inf)
    if values.above is None:  # a place is exact or unknown, and so is each mean
        hi = np.where(np.isfinite(lo), lo, np.inf)
        if not values.sure.all():
            hi[_lost(~values.sure, found, operator)] = np.inf
    else:
        hi = _diluted(values.hi, found, operator, np.inf)
    heading = lo if values.heading is values.lo else _diluted(values.heading, found, operator, -np.inf)
    return TownValues(lo, hi, heading, lo, found.absent, np.zeros(len(found.absent), dtype=bool), feeds, age_s)


def _lost(unknown: Bools, found: Reach, operator: csr_array) -> Bools:
    """(T, N) towns with a place that is `unknown` (T, S) in their mean."""
    return turned(found.cores.sorted(operator @ turned(unknown).astype(np.float64) > 0))


def _diluted(side: Floats, found: Reach, operator: csr_array, unknown: float) -> Floats:
    """(T, N) the mean of one side of the intervals (T, S), `unknown` where one of a town's places is."""
    finite = np.isfinite(side)
    if finite.all():
        blank = found.absent[None]
    else:
        side, blank = np.where(finite, side, 0.0), _lost(~finite, found, operator) | found.absent
    return np.where(blank, unknown, turned(found.cores.sorted(np.round(operator @ turned(side), 6))))
