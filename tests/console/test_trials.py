"""How much of a long period is read at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from console.trials import BLOCK, CELLS, SHORTEST, reading
from core.county import load_county

HAIMEN = load_county(Path(__file__).parents[2] / "county" / "haimen")


@pytest.mark.parametrize("times", [1, 20, 500])
def test_a_larger_county_is_read_in_shorter_blocks_and_never_less_than_a_day(times: int) -> None:
    county = replace(HAIMEN, towns=HAIMEN.towns * times, stations=HAIMEN.stations * times)
    block, step = reading(county, timedelta(minutes=10)), timedelta(minutes=10)
    assert SHORTEST <= block <= BLOCK and (block == BLOCK) is (times == 1) and (block == SHORTEST) is (times == 500)
    assert block == SHORTEST or (block // step) * (len(county.towns) + len(county.stations)) <= CELLS
    assert block // step >= 1


def test_a_county_without_stations_is_read_too() -> None:
    assert reading(replace(HAIMEN, stations=(), towns=()), timedelta(hours=1)) == BLOCK
