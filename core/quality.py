"""Quality flags of readings, in QARTOD's manner: pure functions over arrays, limits as data, a reason with every flag.

Flags never drop or change a value. Limits are wide on purpose: a flag takes evidence away from a rule, and a storm is not an error. What
fails is physically impossible; what is suspect needs a second witness. Limits marked `verified=False` are engineering choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.model import Flag

Array = NDArray[np.float64]
Told = list[tuple[Flag, str]]
NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one property in its canonical unit. nan: the test does not apply.

    `fail`, `suspect`: (low, high) gross ranges. `step`: largest believable change per hour. `spike`: a single reading that leaves both its
    neighbours by more than this, the same way, is suspect. `flat`: seconds of exactly equal values after which a sensor is stuck.
    `quiet`: a flat line at or below this value is calm, not stuck.
    """

    fail: tuple[float, float]
    suspect: tuple[float, float] = (NAN, NAN)
    step: float = NAN
    spike: float = NAN
    flat: float = NAN
    quiet: float = NAN
    source: str
    verified: bool = False


LIMITS: dict[str, Limits] = {
    "rain": Limits(fail=(0.0, NAN), source="upper limit by interval: rain_limits()"),
    "rain_total": Limits(fail=(0.0, 1e6), source="a counter since the gauge was set up"),
    "wind_speed": Limits(fail=(0.0, 75.0), suspect=(0.0, 60.0), spike=20.0, flat=6 * 3600, quiet=0.5,
                         source="WMO-No. 8 gross range of mean wind; rest chosen"),
    "wind_gust": Limits(fail=(0.0, 150.0), suspect=(0.0, 85.0), spike=35.0, flat=6 * 3600, quiet=1.0,
                        source="WMO-No. 8 gross range of gusts; rest chosen"),
    "wind_direction": Limits(fail=(0.0, 360.0), source="a circle"),
    "pressure": Limits(fail=(500.0, 1080.0), suspect=(870.0, 1060.0), step=25.0, spike=8.0, flat=12 * 3600,
                       source="WMO-No. 8; 870 hPa is the lowest on record"),
    "temperature": Limits(fail=(-80.0, 60.0), suspect=(-25.0, 45.0), step=20.0, spike=8.0, flat=24 * 3600, source="WMO-No. 8; rest chosen"),
    "stage": Limits(fail=(-20.0, 60.0), suspect=(-5.0, 15.0), step=2.5, spike=0.6, source="chosen for a tidal plain"),
    "tide": Limits(fail=(-15.0, 20.0), suspect=(-6.0, 12.0), step=4.0, spike=1.5, flat=6 * 3600, source="chosen for the Yangtze mouth"),
    "discharge": Limits(fail=(-150_000.0, 150_000.0), source="larger than the Yangtze's flood of record at Datong"),
    "gate_upstream": Limits(fail=(-20.0, 60.0), suspect=(-5.0, 15.0), step=4.0, source="as stage"),
    "gate_downstream": Limits(fail=(-20.0, 60.0), suspect=(-6.0, 15.0), step=4.0, source="as tide"),
    "customers_out": Limits(fail=(0.0, NAN), source="a count"),
    "customers_total": Limits(fail=(0.0, NAN), source="a count"),
    "areas_out": Limits(fail=(0.0, NAN), source="a count"),
    "areas_total": Limits(fail=(0.0, NAN), source="a count"),
    "displacement": Limits(fail=(-10_000.0, 10_000.0), suspect=(-2_000.0, 2_000.0), step=500.0, source="chosen"),
    "tilt": Limits(fail=(-180.0, 180.0), suspect=(-90.0, 90.0), step=30.0, source="a circle; rest chosen"),
    "crack": Limits(fail=(-100.0, 10_000.0), suspect=(-20.0, 1_000.0), step=200.0, source="chosen"),
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """When a reading stands alone among at least two neighbours on other paths.

    `apart`: smooth fields, distance from the neighbours' median. `silent`: (own at most, every neighbour at least): a blocked gauge.
    `alone`: (own at least, every neighbour at most): a gauge under a sprinkler, or a cell so small that it needs a second witness.
    """

    apart: float = NAN
    silent: tuple[float, float] = (NAN, NAN)
    alone: tuple[float, float] = (NAN, NAN)


NEIGHBOURS: dict[str, Agreement] = {
    "rain": Agreement(silent=(0.0, 15.0), alone=(30.0, 0.2)),
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


def check_series(observed_property: str, times: Array, values: Array, *, interval_s: int = 0) -> list[Told]:
    """Flags with reasons for one station's series: `times` in epoch seconds, rising, `values` in the canonical unit, NaN missing.

    One list a reading, empty where nothing is wrong; a property without limits is told UNKNOWN.
    """
    told: list[Told] = [[] for _ in range(len(values))]
    limits = LIMITS.get(observed_property)
    if limits is None:
        return [[(Flag.UNKNOWN, "no limits for this property")] if np.isfinite(v) else [] for v in values]
    fail, suspect = limits.fail, limits.suspect
    if observed_property == "rain":
        high_suspect, high_fail = rain_limits(interval_s)
        fail, suspect = (0.0, high_fail), (0.0, high_suspect)
    _tell(told, outside(values, *fail), Flag.FAIL, f"range {fail[0]:g}..{fail[1]:g}")
    _tell(told, outside(values, *suspect) & ~outside(values, *fail), Flag.SUSPECT, f"unlikely outside {suspect[0]:g}..{suspect[1]:g}")
    _tell(told, step(times, values, limits.step), Flag.SUSPECT, f"step over {limits.step:g} an hour")
    _tell(told, spike(values, limits.spike), Flag.SUSPECT, f"spike over {limits.spike:g}")
    _tell(told, flat(times, values, limits.flat, limits.quiet), Flag.SUSPECT, f"flat for {limits.flat / 3600:g} h")
    return told


def outside(values: Array, low: float, high: float) -> NDArray[np.bool_]:
    """Where a value is out of [low, high]; NaN limits do not bound, NaN values are not judged."""
    out: NDArray[np.bool_] = (values < low) | (values > high)
    return out


def step(times: Array, values: Array, per_hour: float) -> NDArray[np.bool_]:
    """Where a value left the last one that was there faster than `per_hour` (at least a quarter of an hour's worth is always allowed)."""
    out = np.zeros(len(values), dtype=bool)
    there = np.flatnonzero(np.isfinite(values))
    if np.isnan(per_hour) or len(there) < 2:
        return out
    hours = np.maximum(np.diff(times[there]) / 3600, 0.25)
    out[there[1:]] = np.abs(np.diff(values[there])) > per_hour * hours
    return out


def spike(values: Array, threshold: float) -> NDArray[np.bool_]:
    """Where one value stands more than `threshold` above, or below, both its neighbours in time; the newest cannot be judged yet."""
    out = np.zeros(len(values), dtype=bool)
    there = np.flatnonzero(np.isfinite(values))
    if np.isnan(threshold) or len(there) < 3:
        return out
    v = values[there]
    left, right = v[1:-1] - v[:-2], v[1:-1] - v[2:]
    out[there[1:-1]] = (np.minimum(left, right) > threshold) | (np.maximum(left, right) < -threshold)
    return out


def flat(times: Array, values: Array, seconds: float, quiet: float = NAN) -> NDArray[np.bool_]:
    """Where a value has been exactly the same for `seconds` or longer, over at least four readings, and is not at or under `quiet`."""
    out = np.zeros(len(values), dtype=bool)
    if np.isnan(seconds):
        return out
    start, count, last = 0, 0, NAN
    for i, value in enumerate(values):
        if not np.isfinite(value):
            continue
        if value != last:
            start, count, last = i, 0, value
        count += 1
        out[i] = count >= 4 and times[i] - times[start] >= seconds and not value <= quiet
    return out


def gaps(times: Array, interval_s: float) -> NDArray[np.bool_]:
    """Where a reading comes more than one and a half intervals after the one before it."""
    out = np.zeros(len(times), dtype=bool)
    out[1:] = np.diff(times) > 1.5 * interval_s
    return out


def check_neighbours(observed_property: str, value: float, others: Array) -> str:
    """Why a value stands alone among simultaneous readings of independent neighbours, '' when it does not or fewer than two are there."""
    agreement, others = NEIGHBOURS.get(observed_property), others[np.isfinite(others)]
    if agreement is None or len(others) < 2 or not np.isfinite(value):
        return ""
    if abs(value - float(np.median(others))) > agreement.apart:
        return f"{abs(value - float(np.median(others))):.1f} from the neighbours' median"
    if value <= agreement.silent[0] and others.min() >= agreement.silent[1]:
        return f"nothing here, every neighbour at least {others.min():g}"
    if value >= agreement.alone[0] and others.max() <= agreement.alone[1]:
        return f"{value:g} here, no neighbour over {others.max():g}"
    return ""


def _tell(told: list[Told], where: NDArray[np.bool_], flag: Flag, reason: str) -> None:
    for i in np.flatnonzero(where):
        told[int(i)].append((flag, reason))
