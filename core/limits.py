"""Limits of readings as data: what of each observed property is impossible, what is unlikely, and how fast or alone it may move.

Limits are wide on purpose: a flag takes evidence away from a rule, and a storm is not an error. What fails is physically impossible; what is suspect
needs a second witness. Those marked `verified=False` are engineering choices, made for a tidal plain. Where a place differs by physics, physics says
by how much (core.heights); where it differs by its nature, the county says so in limits.csv (core.county.limits).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

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
    own: tuple[tuple[str, str], ...] = ()


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
                    source="chosen for a tidal plain; for a mountain stream see limits.csv"),
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
class Settable:
    """A limit that a county may set for its own places, as limits.csv names it: the `test` that it belongs to, the field of Limits (or, `around`, of
    Agreement) and which end of it; what its number is multiplied by, and the largest."""

    test: str
    field: str
    end: int | None = None
    around: bool = False
    times: float = 1.0
    most: float = 1e6

    def of(self, limits: Limits, agreement: Agreement) -> float:
        """The number in force, as limits.csv would write it; nan: the test does not apply."""
        held = getattr(agreement if self.around else limits, self.field)
        return float(held if self.end is None else held[self.end]) / self.times


#: Begins the reason of a reading that the county's own limit lets through where the house's would doubt it.
BELIEVED = "believed: "
#: What is physically impossible (`fail`) is nobody's to set, nor how many witnesses it takes.
SETTABLE: dict[str, Settable] = {
    "low": Settable(test="range", field="suspect", end=0),
    "high": Settable(test="range", field="suspect", end=1),
    "step": Settable(test="step", field="step"),
    "spike": Settable(test="spike", field="spike"),
    "flat_h": Settable(test="flat", field="flat", times=3600.0, most=12.0),
    "quiet": Settable(test="flat", field="quiet"),
    "leap": Settable(test="leap", field="leap"),
    "stands_h": Settable(test="leap", field="stands", times=3600.0, most=12.0),
    "tenfold": Settable(test="tenfold", field="tenfold"),
    "drift": Settable(test="drift", field="drift"),
    "apart": Settable(test="apart", field="apart", around=True),
    "silent": Settable(test="silent", field="silent", end=1, around=True),
    "alone": Settable(test="alone", field="alone", end=0, around=True),
    "over": Settable(test="over", field="over", end=0, around=True),
}


def settable(name: str) -> tuple[str, ...]:
    """The limits that a county may set for a property: those of the tests that it has; a range every property may have but rain, whose range is by
    its interval, and a direction."""
    limits, agreement = LIMITS[name], NEIGHBOURS.get(name, Agreement())
    ranged = name not in ("rain", "wind_direction")
    return tuple(word for word, one in SETTABLE.items()
                 if (ranged if one.test == "range" else not math.isnan(one.of(limits, agreement)) and (one.field != "stands" or not math.isnan(limits.leap))))


def looser(word: str, value: float, name: str) -> bool:
    """Whether a county's number lets more through than the house's does."""
    house = SETTABLE[word].of(LIMITS[name], NEIGHBOURS.get(name, Agreement()))
    return not math.isnan(house) and (value < house if word in ("low", "stands_h") else value > house)


def fitted(name: str, numbers: Mapping[str, tuple[float, str]]) -> tuple[Limits, Agreement]:
    """The limits of a property with a county's own `numbers` in them, by word of SETTABLE: the number, and its row in limits.csv."""
    limits, around = dict[str, Any](), dict[str, Any]()
    for word, (value, _) in numbers.items():
        one, into = SETTABLE[word], around if SETTABLE[word].around else limits
        held = into.get(one.field, getattr(NEIGHBOURS.get(name, Agreement()) if one.around else LIMITS[name], one.field))
        into[one.field] = value * one.times if one.end is None else tuple(value if n == one.end else old for n, old in enumerate(held))
    own = tuple((SETTABLE[word].test, place) for word, (_, place) in numbers.items())
    return replace(LIMITS[name], **limits, own=own), replace(NEIGHBOURS.get(name, Agreement()), **around)
