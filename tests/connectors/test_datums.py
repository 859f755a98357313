from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.quality.datums import in_county, settle
from core.model import Flag


@pytest.fixture
def gauge(county):
    return replace(county.stations[0], datum="吴淞", datum_offset=-1.763)


def test_the_same_datum_by_any_of_its_names_stays(county, gauge) -> None:
    for name in ("吴淞", "吴淞基面", " 吴淞高程 "):
        assert settle(4.9, name, gauge, county) == (4.9, "吴淞", Flag.GOOD, ())


def test_the_countys_datum_is_moved_by_the_stations_own_constant(county, gauge) -> None:
    value, datum, flag, reasons = settle(3.137, "废黄河口", gauge, county)
    assert (value, datum, flag) == (4.9, "吴淞", Flag.GOOD) and "-1.763" in reasons[0]
    assert settle(None, "废黄河", gauge, county)[:3] == (None, "吴淞", Flag.GOOD)


def test_nothing_is_moved_by_guess(county, gauge) -> None:
    unlevelled = replace(gauge, datum_offset=None)
    assert settle(3.0, "废黄河", unlevelled, county)[:3] == (3.0, "废黄河", Flag.SUSPECT) and settle(3.0, "1985", gauge, county)[:3] == (3.0, "1985", Flag.SUSPECT)
    assert settle(3.0, "", gauge, county)[:3] == (3.0, "吴淞", Flag.UNKNOWN)
    assert in_county(3.0, "吴淞", unlevelled, county) is None and in_county(3.0, "1985", gauge, county) is None


@given(st.floats(-20, 60), st.floats(-10, 10))
def test_there_and_back_is_the_same_height(county, value, offset) -> None:
    gauge = replace(county.stations[0], datum="1985", datum_offset=offset)
    moved, datum, _, _ = settle(value, county.datum, gauge, county)
    assert moved is not None and in_county(moved, datum, gauge, county) == pytest.approx(value, abs=2e-4)
