"""Motion, inflow and decay against values worked out by hand or by another formula, not by the code."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import motion, wind

NORTHWARD = {"rm": 40.0, "lat": 25.0, "speed": 10.0, "heading": 0.0}


def moved(rotating: float, km: float, bearing: float, *, rm: float, lat: float, speed: float, heading: float) -> float:
    """The wind at a bearing, the place told as so far ahead and to the side."""
    more, towards = motion.drift(lat, speed, heading)
    off = math.radians(bearing - float(towards))
    return float(motion.with_motion(rotating, km, km * math.cos(off), math.copysign(km, lat) * math.sin(off), rm=rm, more=more))


@pytest.mark.parametrize(("ratio", "degrees"), [(0.0, 0.0), (0.5, 5.0), (1.0, 10.0), (1.1, 17.5), (1.2, 25.0), (4.0, 25.0)])  # Sobey et al. 1977, table of the text
def test_inflow_angle(ratio: float, degrees: float) -> None:
    assert float(motion.inflow_angle(40 * ratio, 40.0)) == pytest.approx(degrees)


@pytest.mark.parametrize(("bearing", "speed"), [
    # 30 m/s at Rm, 10 m/s northward: 5.5 m/s towards 340 degrees; the wind blows towards the bearing - 100 degrees. Law of cosines by hand.
    (90.0, 35.430),   # 10 degrees apart: sqrt(900 + 30.25 + 330 cos 10)
    (80.0, 35.500),   # 0 degrees apart: the whole 5.5
    (270.0, 24.602),  # 170 degrees apart
    (260.0, 24.500),  # straight against it
    (0.0, 31.425),    # 80 degrees apart
])
def test_motion_adds_as_a_vector(bearing: float, speed: float) -> None:
    assert moved(30.0, 40.0, bearing, **NORTHWARD) == pytest.approx(speed, abs=0.002)


def test_motion_falls_off_outside_and_is_bounded() -> None:
    assert moved(20.0, 80.0, 95.0, **NORTHWARD) == pytest.approx(22.75)  # inflow 25, aligned; 5.5 / 2 at twice Rm
    assert moved(20.0, 40.0, 80.0, **NORTHWARD | {"speed": 100.0}) == pytest.approx(20 + 0.55 * 15.4)  # a leap of the analysis
    assert moved(20.0, 40.0, 123.0, **NORTHWARD | {"speed": 0.0}) == pytest.approx(20.0)


@given(st.floats(5, 60), st.floats(5, 500), st.floats(0, 360), st.floats(0, 15), st.floats(0, 360))
def test_against_complex_numbers_and_in_the_southern_mirror(rotating: float, km: float, bearing: float, speed: float, heading: float) -> None:
    """East is real, north imaginary: the wind turns against the clock and inwards. Mirrored at the equator everything is the same."""
    inflow = 25 if km >= 48 else 10 * km / 40 if km < 40 else 10 + 75 * (km / 40 - 1)
    outwards = cmath.exp(1j * math.radians(90 - bearing))
    vector = rotating * outwards * 1j * cmath.exp(1j * math.radians(inflow))
    vector += 0.55 * speed * min(1, 40 / km) * cmath.exp(1j * math.radians(90 - heading + 20))
    found = moved(rotating, km, bearing, rm=40.0, lat=20.0, speed=speed, heading=heading)
    assert found == pytest.approx(abs(vector), abs=1e-6)
    assert moved(rotating, km, 180 - bearing, rm=40.0, lat=-20.0, speed=speed, heading=180 - heading) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("pressure", [990.0, 970.0, 950.0, 930.0, 910.0])
def test_wind_and_pressure_tell_each_other(pressure: float) -> None:
    """Atkinson & Holliday (1977) for the western Pacific, an independent fit: V = 6.7 (1010 - p)^0.644 knots of one minute, 0.97 of it in two minutes."""
    theirs = 0.97 * 6.7 * (1010 - pressure) ** 0.644 * 0.514444
    assert float(wind.wind_of_pressure(pressure, 20.0)) == pytest.approx(theirs, rel=0.15)
    assert float(wind.pressure_of_wind(wind.wind_of_pressure(pressure, 25.0))) == pytest.approx(pressure, abs=0.05)


@st.composite
def circles(draw: st.DrawFn) -> tuple[float, float, list[tuple[float, float]]]:
    """(maximum wind, Rm, [(km, m/s)] the innermost first, some left out)."""
    vm, rm = draw(st.floats(33, 70)), draw(st.floats(15, 60))
    km = sorted(draw(st.lists(st.floats(rm * 1.05, 600), min_size=3, max_size=3, unique_by=round)))
    kept = draw(st.lists(st.booleans(), min_size=2, max_size=2))
    return vm, rm, [(r if keep else math.nan, v) for r, v, keep in zip(km, (32.7, 24.5, 13.9), [*kept, True], strict=True)]


@given(circles(), st.floats(1.0, 2.0))
def test_the_wind_passes_through_every_circle_and_falls_outwards(storm: tuple[float, float, list[tuple[float, float]]], b: float) -> None:
    vm, rm, told = storm
    km = np.sort(np.concatenate([np.linspace(rm, 800, 200), [r for r, _ in told if math.isfinite(r)]]))
    full = [np.full(km.shape, value) for value in (vm, b, rm)]
    xs = [float(wind.exponent(b, rm, vm, r, v, least=0.0 if v > 14 else wind.LEAST_X)) for r, v in told]
    fits = [wind.Circle(*(np.full(km.shape, each) for each in fit)) for fit in ((r, v, x) for (r, v), x in zip(told, xs, strict=True))]
    found = wind.profile_through(km, *full, fits)
    assert found[0] == pytest.approx(vm) and np.all(found <= vm + 1e-9) and np.all(np.diff(found[km <= told[-1][0]]) <= 1e-6)
    assert np.all(found[km > told[-1][0]] <= 13.9)
    for r, v in told:
        assert np.all(found[km <= r] >= v - 1e-9)
    for fit in fits:
        if np.isfinite(fit.km[0]) and fit.x[0] < wind.MOST_X:
            assert found[km == fit.km[0]] == pytest.approx(fit.speed[0], rel=1e-6)
