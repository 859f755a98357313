"""Quality flags of readings, in QARTOD's manner: pure functions over arrays, limits as data, a reason with every flag.

Flags never drop or change a value. Limits are wide on purpose: a flag takes evidence away from a rule, and a storm is not an error. What
fails is physically impossible; what is suspect needs a second witness. Limits marked `verified=False` are engineering choices. The arithmetic
is in core.checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from core import checks, signatures
from core.checks import Bools, Floats
from core.model import Flag
from core.witnesses import Near

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one property in its canonical unit. nan: the test does not apply.

    `fail`, `suspect`: (low, high) gross ranges. `step`: largest believable change per hour. `spike`: a single reading that leaves both its
    neighbours by more than this, the same way, is suspect. `flat`: seconds of exactly equal values after which a sensor is stuck.
    `quiet`: a flat line at or below this value is calm, not stuck. `leap`: a larger change between two readings waits until it has stood for
    `stands` seconds, or a station on another path moves too. `tenfold`: a value about ten times what the station read half a day ago, and this
    much away from it, has a slipped decimal point. `drift`: largest believable move away from the neighbours in half a day.
    """

    fail: tuple[float, float]
    suspect: tuple[float, float] = (NAN, NAN)
    step: float = NAN
    spike: float = NAN
    flat: float = NAN
    quiet: float = NAN
    leap: float = NAN
    stands: float = 0.0
    tenfold: float = NAN
    drift: float = NAN
    source: str
    verified: bool = False


#: Heights above a datum: their range is that of a plain, and is meant about the gauge's own level where that lies above it.
HEIGHTS = frozenset({"stage", "gate_upstream", "gate_downstream"})
LIMITS: dict[str, Limits] = {
    "rain": Limits(fail=(0.0, NAN), source="upper limit by interval: rain_limits()"),
    "rain_total": Limits(fail=(0.0, 1e6), source="a counter since the gauge was set up"),
    "wind_speed": Limits(fail=(0.0, 75.0), suspect=(0.0, 60.0), spike=20.0, flat=6 * 3600, quiet=0.5, tenfold=15.0,
                         source="WMO-No. 8 gross range of mean wind; rest chosen"),
    "wind_gust": Limits(fail=(0.0, 150.0), suspect=(0.0, 85.0), spike=35.0, flat=6 * 3600, quiet=1.0, tenfold=25.0,
                        source="WMO-No. 8 gross range of gusts; rest chosen"),
    "wind_direction": Limits(fail=(0.0, 360.0), source="a circle"),
    "pressure": Limits(fail=(500.0, 1080.0), suspect=(870.0, 1060.0), step=25.0, spike=8.0, flat=12 * 3600, drift=6.0,
                       source="WMO-No. 8; 870 hPa is the lowest on record"),
    "pressure_msl": Limits(fail=(850.0, 1090.0), suspect=(870.0, 1060.0), step=25.0, spike=8.0, source="as pressure, at sea level"),
    "temperature": Limits(fail=(-80.0, 60.0), suspect=(-25.0, 45.0), step=20.0, spike=8.0, flat=12 * 3600, drift=8.0,
                          source="WMO-No. 8; rest chosen"),
    "stage": Limits(fail=(-20.0, 60.0), suspect=(-5.0, 15.0), step=2.5, spike=0.6, leap=0.4, stands=5400, tenfold=2.0, drift=0.8,
                    source="chosen for a tidal plain: a mountain county needs a greater leap"),
    "tide": Limits(fail=(-15.0, 20.0), suspect=(-6.0, 12.0), step=4.0, spike=1.5, flat=6 * 3600, leap=1.5, stands=5400, tenfold=4.0,
                   source="chosen for the Yangtze mouth"),
    "discharge": Limits(fail=(-150_000.0, 150_000.0), source="larger than the Yangtze's flood of record at Datong"),
    "gate_upstream": Limits(fail=(-20.0, 60.0), suspect=(-5.0, 15.0), step=4.0, source="as stage"),
    "gate_downstream": Limits(fail=(-20.0, 60.0), suspect=(-6.0, 15.0), step=4.0, source="as tide"),
    "customers_out": Limits(fail=(0.0, NAN), source="a count"),
    "customers_restored": Limits(fail=(0.0, NAN), source="a count"),
    "critical_out": Limits(fail=(0.0, NAN), source="a count"),
    "pumps_out": Limits(fail=(0.0, NAN), source="a count"),
    "customers_total": Limits(fail=(0.0, NAN), source="a count"),
    "areas_out": Limits(fail=(0.0, NAN), source="a count"),
    "areas_total": Limits(fail=(0.0, NAN), source="a count"),
    "displacement": Limits(fail=(-10_000.0, 10_000.0), suspect=(-2_000.0, 2_000.0), step=500.0, leap=4.0, stands=7200, tenfold=4.0,
                           source="chosen; the leap is under the first colour of a day's movement"),
    "tilt": Limits(fail=(-180.0, 180.0), suspect=(-90.0, 90.0), step=30.0, leap=0.08, stands=7200, tenfold=0.3,
                   source="a circle; rest chosen; the leap is under the first colour of a day's change"),
    "crack": Limits(fail=(-100.0, 10_000.0), suspect=(-20.0, 1_000.0), step=200.0, leap=1.6, stands=7200, tenfold=1.6,
                    source="chosen; the leap is under the first colour of a day's opening"),
    "groundwater": Limits(fail=(-500.0, 100.0), suspect=(-100.0, 20.0), step=5.0, source="chosen"),
    "inflow": Limits(fail=(-150_000.0, 150_000.0), source="as discharge"),
    "storage": Limits(fail=(0.0, 2e11), source="the largest reservoir holds 1.8e11 m3"),
    "tide_astronomic": Limits(fail=(-15.0, 20.0), source="as tide"),
    "tide_residual": Limits(fail=(-6.0, 10.0), suspect=(-3.0, 4.0), source="chosen"),
    "soil_moisture": Limits(fail=(0.0, 1.0), suspect=(0.0, 0.7), source="a share of volume; rest chosen"),
    "voltage": Limits(fail=(0.0, 60.0), source="chosen"),
    "quake_magnitude": Limits(fail=(-2.0, 10.0), source="9.5 is the largest on record"),
    "quake_distance": Limits(fail=(0.0, 20_040.0), source="half the Earth's girth"),
    "quake_intensity": Limits(fail=(0.0, 12.0), source="GB/T 17742 has twelve degrees"),
    "fire_count": Limits(fail=(0.0, NAN), source="a count"),
    "fire_power": Limits(fail=(0.0, NAN), source="a power"),
    "hazard_points": Limits(fail=(0.0, NAN), source="a count"),
    "hazard_people": Limits(fail=(0.0, NAN), source="a count"),
    "bank_class": Limits(fail=(1.0, 3.0), source="a class of three"),
    "visibility": Limits(fail=(0.0, 100_000.0), source="WMO-No. 8 range; upper end chosen"),
    "humidity": Limits(fail=(0.0, 1.05), source="a share; sensors read a little over 1 in fog"),
    "dew_point": Limits(fail=(-80.0, 50.0), suspect=(-40.0, 35.0), step=20.0, spike=8.0, source="WMO-No. 8; rest chosen"),
    "ground_temperature": Limits(fail=(-80.0, 90.0), suspect=(-30.0, 75.0), source="WMO-No. 8; rest chosen"),
    "road_temperature": Limits(fail=(-80.0, 100.0), suspect=(-30.0, 80.0), source="chosen"),
    "snowfall": Limits(fail=(0.0, 3_000.0), suspect=(0.0, 500.0), source="chosen"),
    "wave_height": Limits(fail=(0.0, 35.0), suspect=(0.0, 20.0), spike=5.0, source="chosen above the highest wave measured by a buoy (19 m)"),
    "reservoir_stage": Limits(fail=(-20.0, 5_000.0), step=5.0, source="chosen"),
    "outflow": Limits(fail=(-1_000.0, 150_000.0), source="as discharge"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """When a reading stands alone among at least two neighbours on other paths.

    `apart`: smooth fields, distance from the neighbours' median. `silent`: (own at most, every neighbour at least): a blocked gauge.
    `alone`: (own at least, every neighbour at most): a gauge under a sprinkler, or a cell so small that it needs a second witness.
    `over`: (own at least, times the highest neighbour): as alone, while it rains around.
    `tenfold`: own at least this, and about ten times the neighbours' median in two readings running: a slipped decimal point.
    """

    apart: float = NAN
    silent: tuple[float, float] = (NAN, NAN)
    alone: tuple[float, float] = (NAN, NAN)
    over: tuple[float, float] = (NAN, NAN)
    tenfold: float = NAN


NEIGHBOURS: dict[str, Agreement] = {
    "rain": Agreement(silent=(0.0, 15.0), alone=(30.0, 0.2), over=(40.0, 10.0), tenfold=8.0),
    "wind_speed": Agreement(tenfold=15.0),
    "wind_gust": Agreement(tenfold=20.0),
    "pressure": Agreement(apart=12.0),
    "temperature": Agreement(apart=12.0),
}


def rain_limits(interval_s: int) -> tuple[float, float]:
    """(suspect, fail) depths in mm for rain in an interval.

    Fail is the envelope of the world's records, R = 422 D^0.475 mm with D in hours (WMO-No. 168, restated from memory: verified False);
    suspect is half of it: 211 mm in one hour, just above China's record hour of 201.9 mm (Zhengzhou, 2021-07-20).
    """
    hours = max(interval_s, 60) / 3600
    fail = 422.0 * hours**0.475
    return fail / 2, fail


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
    """One test's finding: where (T, S), how bad, and why."""

    where: Bools
    flag: Flag
    reason: str


def check(name: str, times: Floats, values: Floats, *, interval_s: int = 0, zero: Floats | None = None) -> list[Doubt]:
    """What a station's own past says of one property over all stations: range, spike, step, flat line.

    `times` (T,) epoch seconds, rising; `values` (T, S) canonical unit, NaN missing; `interval_s` of accumulated properties; `zero` (S,) the height
    about which an upland gauge's range is meant, NaN for a gauge near its datum. What is physically impossible or a spike is not measured against any
    further, or the honest reading after it would be called a jump.
    """
    limits = LIMITS.get(name)
    if limits is None:
        return [Doubt(np.isfinite(values), Flag.UNKNOWN, "no limits for this property")]
    fail, suspect = limits.fail, limits.suspect
    if name == "rain":
        high_suspect, high_fail = rain_limits(interval_s)
        fail, suspect = (0.0, high_fail), (0.0, high_suspect)
    low = np.ones(values.shape[1], dtype=bool) if zero is None else np.isnan(zero)
    broken = checks.outside(values, *fail) & low
    found = [Doubt(broken, Flag.FAIL, f"range {fail[0]:g}..{fail[1]:g}")]
    if zero is not None and not low.all():
        away = checks.outside(values - zero, *fail)
        found.append(Doubt(away, Flag.FAIL, f"range {fail[0]:g}..{fail[1]:g} about the gauge's own level"))
        broken = broken | away
    values = np.where(broken, NAN, values)
    found.append(Doubt(checks.outside(values, *suspect) & low, Flag.SUSPECT, f"unlikely outside {suspect[0]:g}..{suspect[1]:g}"))
    change, apart = checks.since(times, values)
    most, swing = np.fmax.reduce(np.abs(change), axis=0, initial=0.0), _swing(values)
    peaks = _where(most > limits.spike, lambda own: checks.spike(times, own, limits.spike), values)
    found.append(Doubt(peaks, Flag.SUSPECT, f"spike over {limits.spike:g}"))
    steep = np.logical_or.reduce((np.abs(change) > checks.allowed(apart, limits.step)) | peaks, axis=0)
    steps = _where(steep, lambda own: checks.step(times, own, limits.step), np.where(peaks, NAN, values))
    found.append(Doubt(steps, Flag.SUSPECT, f"step over {limits.step:g} an hour"))
    stuck = _where((change == 0).sum(axis=0) >= 3, lambda own: checks.flat(times, own, limits.flat, limits.quiet), values)
    found.append(Doubt(stuck, Flag.SUSPECT, f"flat for {limits.flat / 3600:g} h"))
    pulses = _where(most > limits.spike, lambda own: signatures.pulse(times, own, limits.spike), values)
    found.append(Doubt(pulses, Flag.SUSPECT, f"pulse over {limits.spike:g}"))
    tens = _where(swing >= limits.tenfold, lambda own: signatures.tenfold(own, signatures.anchor(times, own), limits.tenfold), values)
    found.append(Doubt(tens, Flag.SUSPECT, "ten times, or a tenth of, what it read half a day ago"))
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


def check_leaps(name: str, times: Floats, values: Floats, near: Near, since: int = 0) -> list[Doubt]:
    """Where a station leaps and nobody moves with it, from row `since` on; `near` are the others near by on other paths."""
    limits = LIMITS.get(name)
    if limits is None or np.isnan(limits.leap):
        return []
    change, apart = checks.since(times, values)
    columns = np.logical_or.reduce((np.abs(change) > limits.leap) & (apart <= signatures.LEAP_S), axis=0)
    size = np.full(values.shape, NAN)
    if columns.any():
        size[:, columns] = signatures.leap(times, values[:, columns], limits.leap, limits.stands)[1]
    size[:since] = NAN
    doubted = np.isfinite(size) & ~signatures.moved_too(times, values, size, near)
    return [Doubt(doubted, Flag.SUSPECT, f"leap over {limits.leap:g}, not yet stood {limits.stands / 3600:g} h, no other path moves")]


def check_drift(name: str, times: Floats, values: Floats, near: Near, since: int = 0) -> list[Doubt]:
    """Where, from row `since` on, a station has moved away from the median of at least three stations near by (`near`, each its own witness) since its
    anchor, half a day ago."""
    limits = LIMITS.get(name)
    if limits is None or np.isnan(limits.drift) or len(values) < signatures.ANCHORED:
        return []
    moved = values - signatures.anchor(times, values, since)
    where = np.zeros(values.shape, dtype=bool)
    rows, stations = np.nonzero(_off(moved, limits.drift) & (near.count >= MANY))
    count, _, middle, _ = near.said(moved, rows, stations)
    where[rows, stations] = (count >= MANY) & (np.abs(moved[rows, stations] - middle) > limits.drift)
    return [Doubt(where, Flag.SUSPECT, f"moved over {limits.drift:g} away from its neighbours in half a day")]


def _off(values: Floats, most: float) -> Bools:
    """Where a value is farther than `most` from any other of its row: all others are no farther from their neighbours' median."""
    low, high = np.fmin.reduce(values, axis=1, initial=np.inf), np.fmax.reduce(values, axis=1, initial=-np.inf)
    out: Bools = (values - low[:, None] > most) | (high[:, None] - values > most)
    return out


def check_neighbours(name: str, values: Floats, near: Near, since: int = 0) -> list[Doubt]:
    """Where, from row `since` on, a station stands alone among at least two neighbours on other paths: `near` are those, a path a witness."""
    agreement = NEIGHBOURS.get(name)
    if agreement is None:
        return []
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

    def doubt(hit: Bools, reason: str) -> Doubt:
        """SUSPECT, for this reason, at those of the compared readings that `hit` (a flag each) marks."""
        where = np.zeros(values.shape, dtype=bool)
        where[rows[hit], stations[hit]] = True
        return Doubt(where, Flag.SUSPECT, reason)

    return [
        doubt(np.abs(own - middle) > agreement.apart, f"over {agreement.apart:g} from the neighbours' median"),
        doubt((own <= dry) & (low >= wet), f"nothing here, every neighbour at least {wet:g}"),
        doubt(single, f"{agreement.alone[0]:g} or more here, no neighbour over {agreement.alone[1]:g}"),
        doubt((own >= agreement.over[0]) & (own >= agreement.over[1] * high) & ~single,
              f"{agreement.over[0]:g} or more here, {agreement.over[1]:g} times every neighbour"),
        doubt(twice, "ten times what every neighbour reads, twice running"),
    ]


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
