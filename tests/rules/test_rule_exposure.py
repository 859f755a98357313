"""Priorities order a list: more people or more danger never come later, and a level is nothing they can touch."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.county import load_county
from core.lake.rows import to_table
from core.model import Hazard, Observation, RiskScore
from rules import exposure as e
from rules.assess import hold_all, judge, rules_of, score_one
from rules.catalogue import load_catalogue
from rules.situation import Sources
from rules.testworld import sources, world

ROOT = Path(__file__).parents[2]
COUNTY = load_county(ROOT / "county" / "haimen")
TOWN = COUNTY.towns[0]
NOW = datetime(2026, 7, 1, tzinfo=UTC)
RULES = rules_of(COUNTY, NOW)
NOTHING = sources({"name": "x", "series": {}}, 1.0, world({"name": "x", "series": {}}, 1.0), NOW)


def raining(mm: float) -> Sources:
    """`mm` in each of the last three hours at every gauge of the county."""
    rows = [Observation(feed=s.feed, station=s.station, observed_property="rain", time=NOW - timedelta(hours=h), value=mm if h < 3 else 0.0, received=NOW,
                        raw="ab" * 32, interval_s=3600) for s in COUNTY.stations if "rain" in s.properties for h in range(26)]
    return replace(NOTHING, observations=to_table("observations", rows).to_pandas(ignore_metadata=True))


@given(st.floats(0, 100), st.sampled_from(COUNTY.towns))
def test_a_priority_lies_between_half_the_score_and_the_score(score: float, town: object) -> None:
    assert score / 2 - 0.1 <= e.priority(score, town, COUNTY) <= score + 0.1


@pytest.mark.parametrize("worse", [
    {"population": 10**7}, {"over60_share": 0.6}, {"low_ground": True}, {"sea_front": True, "river_front": True}, {"bank_section": 1}, {"subsidence_mm": 3.0},
])
def test_whatever_makes_people_more_vulnerable_raises_it(worse: dict[str, object]) -> None:
    plain = replace(TOWN, population=1000, over60_share=0.1, low_ground=False, sea_front=False, river_front=False, bank_section=0)
    assert e.priority(60.0, replace(plain, **worse), COUNTY) > e.priority(60.0, plain, COUNTY)


def test_ground_that_sinks_counts_as_low_as_far_as_it_sinks() -> None:
    high = replace(TOWN, low_ground=False)
    told = [e.exposure(replace(high, subsidence_mm=mm), COUNTY)["low_ground"] for mm in (0.0, 15.0, 30.0, 90.0)]
    assert told == [0.0, 0.5, 1.0, 1.0] and e.exposure(replace(TOWN, low_ground=True), COUNTY)["low_ground"] == 1.0


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 1)), min_size=12, max_size=12), st.floats(0, 60))
def test_people_move_no_level_ceiling_or_score(people: list[tuple[int, float]], rain: float) -> None:
    """The same rain over the same towns with any other population: every score is the same, text and all; only the order of attention moves."""
    towns = tuple(replace(town, population=n, over60_share=old) for town, (n, old) in zip(COUNTY.towns, people, strict=True))
    told = [judge(raining(rain), NOW, county, RULES) for county in (COUNTY, replace(COUNTY, towns=towns, version=f"{COUNTY.version}-other"))]
    held = [hold_all(judged, {}, NOW) for judged in told]
    for number in range(len(towns)):
        a, b = (score_one(judged, memory, Hazard.FLOOD, number) for judged, memory in zip(told, held, strict=True))
        assert a == b and e.priority(a.score, towns[number], COUNTY) <= max(a.score, 0.1)


def test_no_rule_can_ask_for_a_priority_and_no_score_holds_one() -> None:
    assert not {"priority", "exposure", "population", "over60_share"} & load_catalogue().indicators.keys()
    assert not any("priority" in field.name for field in fields(RiskScore))
    users = [path for path in (ROOT / "rules").rglob("*.py") if "rules.exposure" in path.read_text(encoding="utf-8")]
    assert [path.name for path in users] == ["__init__.py"], "the engine does not import it"


def test_the_weights_are_marked_as_our_own() -> None:
    assert e._weights()["verified"] is False and sum(e._weights()["weights"].values()) == pytest.approx(1.0)
