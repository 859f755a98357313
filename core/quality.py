"""Quality flags of readings, in QARTOD's manner: pure functions over arrays, limits as data (core.limits), a reason with every flag.

Flags never drop or change a value. The arithmetic is in core.checks and core.signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from core import checks, heights, signatures
from core.checks import Bools, Floats
from core.limits import LIMITS, NEIGHBOURS, Agreement, Limits, rain_limits
from core.model import Flag
from core.witnesses import Near


@dataclass(frozen=True, slots=True, kw_only=True)
class Cross:
    """Two properties of one station that must fit: `low` <= `high` + `slack`, or with `equal` both within `slack` of each other."""

    low: str
    high: str
    slack: float
    equal: bool = False
    source: str


CROSS: tuple[Cross, ...] = (
    Cross(low="wind_speed", high="wind_gust", slack=0.5, source="a gust is the highest wind of the period (WMO-No. 8)"),
    Cross(low="customers_out", high="customers_total", slack=0.0, source="a part of a whole"),
    Cross(low="areas_out", high="areas_total", slack=0.0, source="a part of a whole"),
    Cross(low="stage", high="gate_upstream", slack=0.5, equal=True, source="one water seen by two gauges; slack chosen"),
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One test's finding: where (T, S), how bad, why, and the `test` by the name that core.limits.SETTABLE has for it ("" for others)."""

    where: Bools
    flag: Flag
    reason: str
    test: str = ""


def check(
    name: str, times: Floats, values: Floats, *, interval_s: int = 0, zero: Floats | None = None, elevation: Floats | None = None,
    limits: Limits | None = None,
) -> list[Doubt]:
    """What a station's own past says of one property over all stations: range, spike, step, flat line.

    `times` (T,) epoch seconds, rising; `values` (T, S) canonical unit, NaN missing; `interval_s` of accumulated properties; `zero` (S,) the height
    about which an upland gauge's range is meant, NaN for a gauge near its datum; `elevation` (S,) m of barometers, NaN where it is not known; `limits`:
    the house's unless others are given. What is physically impossible or a spike is not measured against any further, or the honest reading after it
    would be called a jump.
    """
    limits = limits or LIMITS.get(name)
    if limits is None:
        return [Doubt(np.isfinite(values), Flag.UNKNOWN, "no limits for this property")]
    nowhere = np.full(values.shape[1], np.nan)
    if name == "rain":
        odd, impossible = rain_limits(interval_s)
        limits = replace(limits, suspect=(0.0, odd), fail=(0.0, impossible))
    found = _ranges(limits, values, nowhere if zero is None else zero, nowhere if elevation is None else elevation)
    values = np.where(np.logical_or.reduce([doubt.where for doubt in found if doubt.flag is Flag.FAIL]), np.nan, values)
    change, apart = checks.since(times, values)
    most, swing = np.fmax.reduce(np.abs(change), axis=0, initial=0.0), _swing(values)
    peaks = _where(most > limits.spike, lambda own: checks.spike(times, own, limits.spike), values)
    found.append(Doubt(peaks, Flag.SUSPECT, f"spike over {limits.spike:g}", "spike"))
    steep = np.logical_or.reduce((np.abs(change) > checks.allowed(apart, limits.step)) | peaks, axis=0)
    steps = _where(steep, lambda own: checks.step(times, own, limits.step), np.where(peaks, np.nan, values))
    found.append(Doubt(steps, Flag.SUSPECT, f"step over {limits.step:g} an hour", "step"))
    stuck = _where((change == 0).sum(axis=0) >= 3, lambda own: checks.flat(times, own, limits.flat, limits.quiet), values)
    found.append(Doubt(stuck, Flag.SUSPECT, f"flat for {limits.flat / 3600:g} h", "flat"))
    pulses = _where(most > limits.spike, lambda own: signatures.pulse(times, own, limits.spike), values)
    found.append(Doubt(pulses, Flag.SUSPECT, f"pulse over {limits.spike:g}", "spike"))
    tens = _where(swing >= limits.tenfold, lambda own: signatures.tenfold(own, signatures.anchor(times, own), limits.tenfold), values)
    found.append(Doubt(tens, Flag.SUSPECT, "ten times, or a tenth of, what it read half a day ago", "tenfold"))
    return found


def _ranges(limits: Limits, values: Floats, zero: Floats, elevation: Floats) -> list[Doubt]:
    """What lies out of the gross ranges, (T, S): of an upland gauge about its `zero`, of a raised barometer brought up to its `elevation`; a range of the
    county's own is meant as it is read."""
    fail, suspect, upland, raised = limits.fail, limits.suspect, np.isfinite(zero), np.isfinite(elevation)
    plain, whole, odd = ~(upland | raised), f"range {fail[0]:g}..{fail[1]:g}", f"unlikely outside {suspect[0]:g}..{suspect[1]:g}"
    found = [Doubt(checks.outside(values, *fail) & plain, Flag.FAIL, whole)]
    if upland.any():
        found.append(Doubt(checks.outside(values - zero, *fail), Flag.FAIL, f"{whole} about the gauge's own level"))
    if raised.any():
        found.append(Doubt(checks.outside(values, *heights.pressure_range(*fail, elevation)), Flag.FAIL, f"{whole} brought to its height"))
    possible = np.where(np.logical_or.reduce([doubt.where for doubt in found]), np.nan, values)
    own = "range" in dict(limits.own)
    found.append(Doubt(checks.outside(possible, *suspect) & (plain | own), Flag.SUSPECT, odd, "range"))
    if raised.any() and not own:
        found.append(Doubt(checks.outside(possible, *heights.pressure_range(*suspect, elevation)), Flag.SUSPECT, f"{odd} brought to its height", "range"))
    return found


def _swing(values: Floats) -> Floats:
    """(S,) between the lowest and the highest reading of each station; NaN for none."""
    with np.errstate(invalid="ignore"):
        swing: Floats = np.fmax.reduce(values, axis=0, initial=-np.inf) - np.fmin.reduce(values, axis=0, initial=np.inf)
    return swing


def _where(columns: Bools, test: Callable[..., Bools], *values: Floats) -> Bools:
    """`test` of those stations alone of which it can say anything: (T, S)."""
    out = np.zeros(values[0].shape, dtype=bool)
    if columns.any():
        out[:, columns] = test(*(each[:, columns] for each in values))
    return out


def check_leaps(name: str, times: Floats, values: Floats, near: Near, since: int = 0, limits: Limits | None = None) -> list[Doubt]:
    """Where a station leaps and nobody moves with it, from row `since` on; `near` are the others near by on other paths."""
    limits = limits or LIMITS.get(name)
    if limits is None or np.isnan(limits.leap):
        return []
    change, apart = checks.since(times, values)
    columns = np.logical_or.reduce((np.abs(change) > limits.leap) & (apart <= signatures.LEAP_S), axis=0)
    size = np.full(values.shape, np.nan)
    if columns.any():
        size[:, columns] = signatures.leap(times, values[:, columns], limits.leap, limits.stands)[1]
    size[:since] = np.nan
    doubted = np.isfinite(size) & ~signatures.moved_too(times, values, size, near)
    return [Doubt(doubted, Flag.SUSPECT, f"leap over {limits.leap:g}, not yet stood {limits.stands / 3600:g} h, no other path moves", "leap")]


def check_drift(name: str, times: Floats, values: Floats, near: Near, since: int = 0, limits: Limits | None = None) -> list[Doubt]:
    """Where, from row `since` on, a station has moved away from the median of at least three stations near by (`near`, each its own witness) since its
    anchor, half a day ago."""
    limits = limits or LIMITS.get(name)
    if limits is None or np.isnan(limits.drift) or len(values) < signatures.ANCHORED:
        return []
    moved = values - signatures.anchor(times, values, since)
    where = np.zeros(values.shape, dtype=bool)
    rows, stations = np.nonzero(_off(moved, limits.drift) & (near.count >= MANY))
    count, _, middle, _ = near.said(moved, rows, stations)
    where[rows, stations] = (count >= MANY) & (np.abs(moved[rows, stations] - middle) > limits.drift)
    return [Doubt(where, Flag.SUSPECT, f"moved over {limits.drift:g} away from its neighbours in half a day", "drift")]


def _off(values: Floats, most: float) -> Bools:
    """Where a value is farther than `most` from any other of its row: all others are no farther from their neighbours' median."""
    low, high = np.fmin.reduce(values, axis=1, initial=np.inf), np.fmax.reduce(values, axis=1, initial=-np.inf)
    out: Bools = (values - low[:, None] > most) | (high[:, None] - values > most)
    return out


def check_neighbours(
    name: str, values: Floats, near: Near, since: int = 0, *, elevation: Floats | None = None, agreement: Agreement | None = None,
) -> list[Doubt]:
    """Where, from row `since` on, a station stands alone among at least two neighbours on other paths: `near` are those, a path a witness. With
    `elevation` (S,) m they are compared as at one height."""
    agreement = agreement or NEIGHBOURS.get(name)
    if agreement is None:
        return []
    slack = np.zeros(values.shape[1])
    if elevation is not None and name in heights.A_METRE:
        values, slack = heights.brought_down(name, values, elevation), heights.A_METRE[name] * _climb(elevation, near)
    (dry, wet), tens = agreement.silent, (values >= agreement.tenfold).sum(axis=0) >= 2
    alone = np.fmin(agreement.alone[0], agreement.over[0])
    silent = (values <= dry) & np.logical_or.reduce(values >= wet, axis=1, keepdims=True)
    possible = _off(values, agreement.apart) | (values >= alone) | tens | silent
    possible[:since] = tens  # a second tenfold reading is told by the first
    stations, rows = np.nonzero((possible & np.isfinite(values) & (near.count >= 2)).T)
    count, low, middle, high = near.said(values, rows, stations)
    told = count >= 2
    stations, rows, low, middle, high = stations[told], rows[told], low[told], middle[told], high[told]
    own = values[rows, stations]
    ten = (own >= agreement.tenfold) & (middle > 0) & (own >= 10 / signatures.TENFOLD * middle) & (own <= 10 * signatures.TENFOLD * middle)
    twice = ten & np.append(False, ten[:-1] & (stations[1:] == stations[:-1]))[: len(ten)]
    single = (own >= agreement.alone[0]) & (high <= agreement.alone[1])

    def doubt(hit: Bools, reason: str, test: str = "") -> Doubt:
        """SUSPECT, for this reason, at those of the compared readings that `hit` (a flag each) marks."""
        where = np.zeros(values.shape, dtype=bool)
        where[rows[hit], stations[hit]] = True
        return Doubt(where, Flag.SUSPECT, reason, test)

    return [
        doubt(np.abs(own - middle) > agreement.apart + slack[stations], f"over {agreement.apart:g} from the neighbours' median", "apart"),
        doubt((own <= dry) & (low >= wet), f"nothing here, every neighbour at least {wet:g}", "silent"),
        doubt(single, f"{agreement.alone[0]:g} or more here, no neighbour over {agreement.alone[1]:g}", "alone"),
        doubt((own >= agreement.over[0]) & (own >= agreement.over[1] * high) & ~single,
              f"{agreement.over[0]:g} or more here, {agreement.over[1]:g} times every neighbour", "over"),
        doubt(twice, "ten times what every neighbour reads, twice running"),
    ]


def _climb(elevation: Floats, near: Near) -> Floats:
    """(S,) m between each station and the one of its neighbours that stands farthest above or below it; 0 where a height is not known."""
    place, other = near.stations(np.arange(len(elevation)))
    out = np.zeros(len(elevation))
    np.fmax.at(out, place, np.abs(elevation[place] - elevation[other]))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two properties of one station that a wrong column order can exchange; `least`: how far apart they must have been to tell."""

    one: str
    other: str
    least: float


PAIRS: tuple[Pair, ...] = (
    Pair(one="wind_speed", other="wind_direction", least=15.0),
    Pair(one="wind_gust", other="wind_direction", least=15.0),
    Pair(one="temperature", other="dew_point", least=5.0),
    Pair(one="tilt", other="displacement", least=1.0),
    Pair(one="tilt", other="crack", least=0.5),
    Pair(one="crack", other="groundwater", least=1.0),
    Pair(one="gate_upstream", other="gate_downstream", least=1.0),
    Pair(one="stage", other="discharge", least=2.0),
)
#: Stations whose moves make a drift stand out: at least this many.
MANY = 3


def check_exchanged(times: Floats, series: dict[str, Floats], since: int = 0) -> dict[str, list[Doubt]]:
    """By property: where, from row `since` on, two properties of one station read what the other one read half a day ago."""
    found: dict[str, list[Doubt]] = {}
    for pair in PAIRS:
        if pair.one in series and pair.other in series:
            a, b = series[pair.one], series[pair.other]
            moved = np.fmin(_swing(a), _swing(b)) >= 0.4 * pair.least  # each has to leave its own anchor by half of what the two are apart
            where = _where(moved, partial(signatures.exchanged, times, least=pair.least, since=since), a, b)
            for name, with_name in ((pair.one, pair.other), (pair.other, pair.one)):
                found.setdefault(name, []).append(Doubt(where, Flag.SUSPECT, f"reads like {with_name}: fields exchanged"))
    return found


def check_cross(series: dict[str, Floats]) -> dict[str, list[Doubt]]:
    """By property: where two properties of one station contradict each other; which of them lies is not known, so both are suspect."""
    found: dict[str, list[Doubt]] = {}
    for rule in CROSS:
        if rule.low not in series or rule.high not in series:
            continue
        above = series[rule.low] - series[rule.high]
        where = (np.abs(above) if rule.equal else above) > rule.slack
        word = "differs from" if rule.equal else "is over"
        for name in (rule.low, rule.high):
            found.setdefault(name, []).append(Doubt(where, Flag.SUSPECT, f"{rule.low} {word} {rule.high}"))
    return found
