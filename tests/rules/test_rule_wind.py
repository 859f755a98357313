"""Wind fields against the reference table, an independent computation, and another model's profile at the points both are fitted to."""

from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import wind
from rules.spatial import apart_km, bearing_deg, distance_km, quadrants, toward, unit_vectors

#: In-Fa at Haimen (31.896 N 121.173 E), reference table: centre lat, lon, pc, Vmax, distance, bearing, Holland 1980, Holland 2010 (Pn 1010).
TABLE = [
    (30.0, 122.5, 965, 38, 246, 329, 16.1, 20.0), (30.2, 121.9, 970, 35, 201, 340, 18.2, 22.2), (30.5, 121.3, 970, 33, 156, 356, 21.9, 24.2),
    (30.8, 121.0, 978, 28, 123, 8, 22.7, 23.6), (31.0, 120.7, 980, 23, 109, 24, 23.3, 20.4), (31.1, 120.1, 985, 20, 135, 49, 19.7, 17.7),
    (31.3, 119.7, 985, 20, 154, 64, 18.1, 17.1),
]


@pytest.mark.parametrize(("lat", "lon", "pressure", "vmax", "km", "bearing", "h80", "h10"), TABLE)
def test_reference_table(lat, lon, pressure, vmax, km, bearing, h80, h10) -> None:
    assert float(distance_km(np.array(lat), np.array(lon), np.array(31.896), np.array(121.173))) == pytest.approx(km, abs=2.5)
    assert float(bearing_deg(np.array(lat), np.array(lon), np.array(31.896), np.array(121.173))) == pytest.approx(bearing, abs=1.5)
    assert float(wind.holland_1980(km, wind=vmax, pressure=pressure, lat=lat)) == pytest.approx(h80, rel=0.01)
    assert float(wind.holland_2010(km, wind=vmax, pressure=pressure, lat=lat)) == pytest.approx(h10, rel=0.015)


def scalar_1980(r_km: float, vmax: float, pc: float, lat: float) -> float:
    """Holland (1980) written once more, with plain floats, from the formula in the reference."""
    dp = max(1010 - pc, 1) * 100
    b = min(max(1.15 * math.e * vmax**2 / dp, 1.0), 2.5)
    rm = float(np.interp(pc, (872, 940, 980, 1021), (14.907318, 15.726927, 25.742142, 56.856522))) * 1852
    r, f = r_km * 1000, 2 * 7.292115e-5 * math.sin(math.radians(lat))
    return math.sqrt(b / 1.15 * (rm / r) ** b * dp * math.exp(-((rm / r) ** b)) + (r * f / 2) ** 2) - r * f / 2


@given(st.floats(5, 700), st.floats(12, 65), st.floats(900, 1000), st.floats(10, 40))
def test_holland_1980_against_plain_arithmetic(km: float, vmax: float, pc: float, lat: float) -> None:
    assert float(wind.holland_1980(km, wind=vmax, pressure=pc, lat=lat)) == pytest.approx(scalar_1980(km, vmax, pc, lat), rel=1e-9, abs=1e-9)


@given(st.floats(20, 60), st.floats(900, 995), st.floats(15, 35), st.floats(150, 450))
def test_holland_2010_passes_through_what_it_is_fitted_to(vmax: float, pc: float, lat: float, r7: float) -> None:
    rm = float(wind.radius_of_maximum_wind(pc))
    assert float(wind.holland_2010(rm, wind=vmax, pressure=pc, lat=lat, outer_km=r7, outer_wind=13.9)) == pytest.approx(vmax, rel=1e-6)
    b = float(wind.shape_b_2008(1010 - pc, lat, 0.0))
    xn = float(wind.exponent(b, rm, vmax, r7, 13.9))
    if 0.1 < xn < 1:
        assert float(wind.holland_2010(r7, wind=vmax, pressure=pc, lat=lat, outer_km=r7, outer_wind=13.9)) == pytest.approx(13.9, rel=1e-6)


def test_another_model_agrees_where_both_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """tcwindprofile (Tao et al. 2025) is no Holland profile: both pass through (Rmax, Vmax) and (R34, 34 kt); between, they stay within a third."""
    for name in ("matplotlib", "matplotlib.pyplot"):  # it imports a plotting library it need not have here
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    profile = pytest.importorskip("tcwindprofile.windprofile").generate_wind_profile
    pc, vmax, lat, r34 = 965.0, 38.0, 30.0, 250.0
    rm = float(wind.radius_of_maximum_wind(pc))
    km, theirs, _ = profile(vmax, rm, r34, lat)
    at = np.array([rm, 80.0, 120.0, 180.0, r34])
    ours = wind.holland_2010(at, wind=vmax, pressure=pc, lat=lat, outer_km=r34, outer_wind=34 * 0.5144444)
    other = np.interp(at, km, theirs)
    assert ours[[0, -1]] == pytest.approx(other[[0, -1]], rel=0.02)
    assert np.all(np.abs(ours - other) <= other / 3)


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(-180, 180)), min_size=2, max_size=6, unique=True), st.floats(0, 360))
def test_quadrants_and_distances_are_those_of_the_angles(places: list[tuple[float, float]], heading: float) -> None:
    lat, lon = np.array(places).T
    points = unit_vectors(lat, lon)
    km, bearing = distance_km(lat[:1], lon[:1], lat, lon), bearing_deg(lat[:1], lon[:1], lat, lon)
    assert apart_km(points[:1], points)[0] == pytest.approx(km, abs=1e-3)
    apart = (km > 1e-3) & (km < 20_000) & (np.abs(bearing % 90 - 45) < 44.999999)  # on a line between two quadrants either will do
    assert np.array_equal(quadrants(points[:1], lon[:1], points, lon)[0][apart], (bearing // 90)[apart])
    ahead, right = toward(points[:1], points, np.array([heading]))
    there = (km > 1.0) & (km < 20_000)
    turned = (np.degrees(np.arctan2(right, ahead))[0] + heading - bearing + 180) % 360 - 180  # 360 is 0
    assert np.abs(turned[there]).max(initial=0.0) < 1e-3


def test_a_bearing_opens_its_quadrant() -> None:
    lat, lon = np.array([30.0, 31.0, 30.9, 29.0, 29.1, 31.0, 29.0]), np.array([121.0, 121.0, 122.0, 122.0, 120.0, 120.0, 121.0])
    assert quadrants(unit_vectors(lat, lon)[:1], lon[:1], unit_vectors(lat, lon)[1:], lon[1:])[0].tolist() == [0, 0, 1, 2, 3, 2]


@pytest.mark.parametrize(("vmax", "pc", "lat", "translation", "rn", "vn", "at_10_km"), [
    (38.0, 965.0, 30.0, 5.0, 250.0, 13.9, 8.00), (50.0, 940.0, 24.0, 6.0, 350.0, 17.0, 16.69), (25.0, 975.0, 33.0, 4.0, 220.0, 13.9, 6.022),
])
def test_holland_2010_is_that_of_another_library(vmax, pc, lat, translation, rn, vn, at_10_km) -> None:
    """cht_cyclones 2.0.0 (MIT, Deltares) keeps the exponent constant beyond Rm where the paper and we let it run linearly from 0.5 to xn: the
    two must agree inside Rm (its value at 10 km stands here), at Rm and at the fitted outer radius."""
    rm = float(wind.radius_of_maximum_wind(pc))
    ours = wind.holland_2010(np.array([10.0, rm, rn]), wind=vmax, pressure=pc, lat=lat, outer_km=rn, outer_wind=vn, translation=translation)
    assert ours == pytest.approx([at_10_km, vmax, vn], rel=0.01)
