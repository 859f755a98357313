"""Priorities order a list: more people or more danger never come later, and a level is nothing they can touch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.county import load_county
from rules import exposure as e

COUNTY = load_county(Path(__file__).parents[2] / "county" / "haimen")
TOWN = COUNTY.towns[0]


@given(st.floats(0, 100), st.sampled_from(COUNTY.towns))
def test_a_priority_lies_between_half_the_score_and_the_score(score: float, town: object) -> None:
    assert score / 2 - 0.1 <= e.priority(score, town, COUNTY) <= score + 0.1


@pytest.mark.parametrize("worse", [
    {"population": 10**7}, {"over60_share": 0.6}, {"low_ground": True}, {"sea_front": True, "river_front": True}, {"bank_section": 1},
])
def test_whatever_makes_people_more_vulnerable_raises_it(worse: dict[str, object]) -> None:
    plain = replace(TOWN, population=1000, over60_share=0.1, low_ground=False, sea_front=False, river_front=False, bank_section=0)
    assert e.priority(60.0, replace(plain, **worse), COUNTY) > e.priority(60.0, plain, COUNTY)


def test_the_weights_are_marked_as_our_own() -> None:
    assert e._weights()["verified"] is False and sum(e._weights()["weights"].values()) == pytest.approx(1.0)
