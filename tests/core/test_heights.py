"""What height does to pressure and temperature, held against the standard atmosphere (ISO 2533, its published table)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import heights, quality
from core.limits import LIMITS
from core.model import Flag
from core.witnesses import Near

#: m above the sea: hPa.
STANDARD = {0.0: 1013.25, 1000.0: 898.75, 2000.0: 794.95, 3000.0: 701.09, 5000.0: 540.20}
ABOVE = st.floats(-400, 6000)


@pytest.mark.parametrize(("metres", "pressure"), STANDARD.items())
def test_the_standard_atmosphere_is_believed_at_its_height_and_comes_down_to_the_sea(metres: float, pressure: float) -> None:
    low, high = heights.pressure_range(*LIMITS["pressure"].suspect, np.array([metres]))
    assert low[0] < pressure < high[0]
    assert heights.brought_down("pressure", np.array([[pressure]]), np.array([metres]))[0, 0] == pytest.approx(1013.25, abs=2.0)
    assert heights.brought_down("temperature", np.array([[15.0 - 0.0065 * metres]]), np.array([metres]))[0, 0] == pytest.approx(15.0)


@given(ABOVE, ABOVE)
def test_a_range_sinks_with_height_and_never_closes(one: float, other: float) -> None:
    lower, upper = sorted((one, other))
    (low, high), (low_up, high_up) = (heights.pressure_range(870.0, 1060.0, np.array([z])) for z in (lower, upper))
    assert low_up[0] <= low[0] and high_up[0] <= high[0] and low[0] < high[0] and low_up[0] < high_up[0]


def test_at_the_sea_it_is_the_range_of_the_plain_and_a_height_that_nobody_told_bounds_nothing() -> None:
    assert [float(end[0]) for end in heights.pressure_range(870.0, 1060.0, np.zeros(1))] == [870.0, 1060.0]
    assert all(np.isnan(end[0]) for end in heights.pressure_range(870.0, 1060.0, np.array([np.nan])))
    values = np.array([[800.0]])
    assert (heights.brought_down("pressure", values, np.array([np.nan])) == values).all()


@given(st.lists(st.floats(0, 3500), min_size=3, max_size=6), st.floats(250, 316), st.floats(985, 1030))
def test_one_air_mass_over_a_mountain_is_never_taken_for_a_liar(metres: list[float], kelvin: float, sea: float) -> None:
    """Stations in one column of air of any believable temperature, each on a path of its own, agree whatever their heights."""
    z, number = np.array(metres), np.arange(len(metres))
    one, other = np.nonzero(~np.eye(len(metres), dtype=bool))
    told = sea * np.exp(-heights.GRAVITY * z / (heights.DRY_AIR * kelvin))
    found = quality.check_neighbours("pressure", told[None, :], Near.of(one, other, number), elevation=z)
    found += quality.check("pressure", np.zeros(1), told[None, :], elevation=z)
    assert not any(doubt.where.any() for doubt in found if doubt.flag >= Flag.SUSPECT)


def test_a_barometer_that_is_forty_off_its_neighbours_is_still_told() -> None:
    z, number = np.array([300.0, 1450.0, 2400.0]), np.arange(3)
    one, other = np.nonzero(~np.eye(3, dtype=bool))
    told = 1010.0 * np.exp(-heights.GRAVITY * z / (heights.DRY_AIR * 285.0))
    told[1] -= 60.0
    found = quality.check_neighbours("pressure", told[None, :], Near.of(one, other, number), elevation=z)
    assert [doubt.where[0].tolist() for doubt in found if doubt.test == "apart"] == [[False, True, False]]
