"""Units: the reference points of other people's tables, ways that agree with each other, and nothing that is not declared."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import _CONVERSIONS, BEAUFORT_EDGES, PROPERTIES, UnknownUnit, accepted, beaufort, convert

PAIRS = sorted(_CONVERSIONS)
VALUES = st.floats(-1e9, 1e9)


@pytest.mark.parametrize(("value", "given_", "wanted", "is_"), [
    (212.0, "degF", "degC", 100.0), (-40.0, "degF", "degC", -40.0), (273.15, "K", "degC", 0.0), (1.0, "kt", "m/s", 0.514444), (36.0, "km/h", "m/s", 10.0),
    (100.0, "mph", "m/s", 44.704), (29.92, "inHg", "hPa", 1013.207), (101_325.0, "Pa", "hPa", 1013.25), (10.0, "in", "mm", 254.0), (1.0, "mi", "m", 1609.344),
    (1000.0, "ft3/s", "m3/s", 28.316847), (3.0, "ft", "m", 0.9144), (45.0, "%", "1", 0.45), (2.5, "1e6 m3", "m3", 2_500_000.0), (90.0, "min", "s", 5400.0),
])
def test_reference_points(value: float, given_: str, wanted: str, is_: float) -> None:
    assert convert(value, given_, wanted) == pytest.approx(is_, rel=1e-6, abs=1e-9)


@given(VALUES)
def test_two_ways_to_one_unit_agree(value: float) -> None:
    for (first, middle), (again, last) in product(PAIRS, PAIRS):
        if middle == again and first == last:
            assert convert(convert(value, first, middle), middle, last) == pytest.approx(value, rel=1e-9, abs=1e-9)
        elif middle == again and (first, last) in PAIRS:
            assert convert(convert(value, first, middle), middle, last) == pytest.approx(convert(value, first, last), rel=1e-9, abs=1e-9)


@given(VALUES, VALUES, st.sampled_from(PAIRS))
def test_what_is_more_in_one_unit_is_not_less_in_another(low: float, high: float, pair: tuple[str, str]) -> None:
    low, high = sorted((low, high))
    assert convert(low, *pair) <= convert(high, *pair)


@given(st.sampled_from(sorted(PROPERTIES)), st.text(max_size=8))
def test_a_property_takes_its_declared_units_and_no_other(name: str, unit: str) -> None:
    units = accepted(name)
    assert units[0] == PROPERTIES[name] and len(set(units)) == len(units)
    assert all(math.isfinite(convert(3.0, one, PROPERTIES[name])) for one in units)
    if unit not in units:
        with pytest.raises(UnknownUnit):
            convert(3.0, unit, PROPERTIES[name])


@pytest.mark.parametrize("force", range(18))
def test_a_force_is_its_own_lower_edge(force: int) -> None:
    edge = convert(float(force), "Bft", "m/s")
    assert beaufort(edge) == force and (force == 0 or beaufort(math.nextafter(edge, 0.0)) == force - 1)


@pytest.mark.parametrize("value", [-1.0, 18.0, 7.5, math.nan, math.inf, -math.inf])
def test_no_such_force(value: float) -> None:
    with pytest.raises(UnknownUnit):
        convert(value, "Bft", "m/s")


@given(st.floats(0, 100))
def test_the_force_of_any_wind_is_that_of_the_last_edge_it_reached(speed: float) -> None:
    assert beaufort(speed) == sum(edge <= speed for edge in BEAUFORT_EDGES)
