"""The moon is a cause that is known in advance: a spring tide alone is proved at once, a drift on a neap tide is asked about, and nothing unknown suppresses."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rules_world import ROOT, World, make, reading
from test_rule_explained import DRY, HOURS, OFF, STAGE, Series, notices, run

import rules
from connectors.quality.derive import derive
from core.county.overrides import COLUMNS, FILE
from core.model import Batch, Hazard, Level, RiskScore
from rules.assess import judge
from rules.testworld import START, sources, world

GAUGE = {"T": {"path": "t", "warning_stage": 5.2, "guaranteed_stage": 6.0}}
DEAF = replace(STAGE, explained_by=replace(STAGE.explained_by, tide_margin=None))
#: What the gauge tells: a low water all day, then over its warning.
UP: list[float | None] = [4.0] * (HOURS - 2) + [5.3, 5.3]


def foretold(values: list[float | None], issued: int = 0) -> list[dict]:
    """Predictions at the hours after the issue."""
    return [{"issued": f"{issued} h", "series": {"tide_astronomic@T": " ".join("_" if v is None else f"{v:g}" for v in values)}}]


def last(rule, own: list[float | None], **case: object) -> tuple[Level, Level]:
    """(proved, ceiling) at the last hour of a dry day at the one gauge."""
    proved, ceiling, _ = run(rule, {"tide@T": own, "rain@M": DRY}, stations=GAUGE, **case)
    return Level(int(proved[-1])), Level(int(ceiling[-1]))


@pytest.mark.parametrize(("why", "case", "level"), [
    ("the tide comes up to it", foretold([5.1] * 50), Level.YELLOW),
    ("it comes near", foretold([4.7] * 50), Level.BLUE),
    ("it does not", foretold([4.5] * 50), Level.NONE),
    ("it was high two hours ago", foretold([5.1] * 36 + [4.5] * 14), Level.NONE),
    ("it will be high in an hour", foretold([4.5] * 38 + [5.1] * 12), Level.YELLOW),
    ("the newer issue takes it back", foretold([5.1] * 50) + foretold([4.5] * 30, 20), Level.NONE),
    ("the newer issue is not out yet", foretold([5.1] * 50) + foretold([4.5] * 30, HOURS), Level.YELLOW),
    ("a doubted prediction is none", [{"issued": "0 h", "series": {"tide_astronomic@T": "5.1x49?"}}], Level.NONE),
    ("another gauge's tide", [{"issued": "0 h", "series": {"tide_astronomic@M": "5.1x49"}}], Level.NONE),
])
def test_as_much_of_a_claim_counts_as_the_tide_may_bring(why: str, case: list[dict], level: Level) -> None:
    assert last(STAGE, UP, forecasts=case) == (level, Level.YELLOW), why
    assert last(DEAF, UP, forecasts=case) == (Level.NONE, Level.YELLOW) and last(OFF[STAGE.id], UP)[0] == Level.YELLOW


def proved(stations: dict, **change: object):
    """The county, the last two ticks and what is known of UP and a tide of 5.1 m, its predictions changed."""
    case = {"name": "x", "stations": stations, "forecasts": foretold([5.1] * 50), "series": {"tide@T": " ".join(map(str, UP)), "rain@M": "0x50"}}
    county, ticks = world(case, 1.0), [START + timedelta(hours=HOURS - n) for n in (2, 1)]
    known = sources(case, 1.0, county, ticks[-1])
    return judge(replace(known, forecasts=known.forecasts.assign(**change)), ticks[-1], county, (STAGE,), ticks).findings[0].proved[:, 0].tolist()


def test_a_prediction_in_another_datum_is_never_compared_and_none_counts_before_it_is_issued() -> None:
    places = {"T": GAUGE["T"] | {"datum": "吴淞"}}
    assert [proved(places, datum=datum) for datum in ("吴淞", "", "废黄河")] == [[2, 2], [2, 2], [0, 0]]
    assert proved(GAUGE, issued=pd.Timestamp(START + timedelta(hours=HOURS - 1))) == [0, 2]


@pytest.mark.parametrize(("why", "day", "level"), [
    ("as high a tide the day before", [4.0] * 14 + [5.1] + [4.0] * 23, Level.YELLOW),
    ("no such tide", [4.0] * 38, Level.NONE),
    ("a hole in that day", [4.0] * 14 + [None] + [4.0] * 23, Level.YELLOW),
    ("the gauge is new", [None] * 30 + [4.0] * 8, Level.YELLOW),
    ("what was high too long ago, or too short", [5.1, 5.1] + [4.0] * 26 + [5.1] * 10, Level.NONE),
])
def test_without_a_prediction_the_tidal_day_before_bounds_it_and_where_that_is_unknown_the_claim_counts(why: str, day: list, level: Level) -> None:
    assert last(STAGE, [*day, 5.3, 5.3])[0] == level, why


def test_a_gauge_that_lies_high_does_not_hide_the_tide_of_another_on_its_line_nor_live_by_it() -> None:
    places = {"T": GAUGE["T"], "Z": {"path": "t", "warning_stage": 2.8, "guaranteed_stage": 3.3}}
    creep: Series = {"stage@Z": [2.0] * 26 + [round(2.0 + 0.1 * n, 2) for n in range(HOURS - 26)], "rain@M": DRY}
    both = run(STAGE, creep | {"tide@T": UP}, stations=places, forecasts=foretold([5.3] * 50))
    low = run(STAGE, creep | {"tide@T": [4.0] * HOURS}, stations=places, forecasts=foretold([5.3] * 50))
    unknown = run(STAGE, creep | {"tide@T": [None] * 30 + [4.0] * 10}, stations=places)
    assert both[0][-1] == Level.YELLOW and both[1][-1] == Level.ORANGE
    assert not low[0].any() and not unknown[0].any()


HEIGHTS = st.lists(st.one_of(st.none(), st.floats(3.5, 6.2).map(lambda v: round(v, 2))), min_size=HOURS, max_size=HOURS)


@settings(max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=[HealthCheck.too_slow])
@given(HEIGHTS, HEIGHTS, st.integers(0, 20))
def test_the_tide_only_ever_lets_count_and_never_more_than_the_gauge_claims_and_unknown_never_suppresses(own, ahead, issued) -> None:
    series: Series = {"tide@T": own, "rain@M": DRY}
    asked, deaf, free = (run(rule, series, stations=GAUGE, forecasts=foretold(ahead, issued)) for rule in (STAGE, DEAF, OFF[STAGE.id]))
    for lower, upper in ((deaf, asked), (asked, free)):
        assert (lower[0] <= upper[0]).all() and (lower[2] <= upper[2]).all() and (lower[1] == upper[1]).all()
    holed = {"tide@T": [None if n % 12 == 5 else v for n, v in enumerate(own)], "rain@M": DRY}
    for one, other in zip(run(STAGE, holed, stations=GAUGE), run(OFF[STAGE.id], holed, stations=GAUGE), strict=True):
        assert (one == other).all(), "neither a prediction nor a whole day before: nobody knows the tide, and yet it was held against the gauge"


def test_many_ticks_at_once_say_what_each_says_alone() -> None:
    wave = [round(4.5 + 0.8 * math.sin(n / 2) + max(0, n - 30) * 0.1, 2) for n in range(HOURS)]
    case = {"name": "x", "series": {"tide@T": " ".join(map(str, wave)), "rain@M": "0x50"}, "stations": GAUGE,
            "forecasts": foretold([4.9] * 10, 20) + foretold([4.6] * 20, 27)}
    county, ticks = world(case, 1.0), [START + timedelta(hours=h) for h in range(HOURS)]
    block = judge(sources(case, 1.0, county, ticks[-1]), ticks[-1], county, (STAGE,), ticks).findings[0]
    for number, tick in enumerate(ticks):
        alone = judge(sources(case, 1.0, county, tick), tick, county, (STAGE,)).findings[0]
        for side in ("proved", "ceiling", "heading", "unexplained"):
            assert getattr(alone, side)[-1, 0] == getattr(block, side)[number, 0], (tick, side)
    assert block.proved.any() and block.unexplained.any()


# --- the county's tidal gauge, from its past in the lake to the level

MADE = ((1.25, 12.4206012, 0.3), (0.55, 12.0, 1.1), (0.25, 25.8193417, 2.9))
FIRST = datetime(2026, 6, 1, tzinfo=UTC)


def moon(at: datetime) -> float:
    """A tide of springs and neaps over 3.3 m, m."""
    seconds = at.timestamp()
    return 3.3 + sum(a * math.cos(2 * math.pi * seconds / (period * 3600) - phase) for a, period, phase in MADE)


HOURLY = [FIRST + timedelta(hours=h) for h in range(60 * 24, 75 * 24)]
#: The high waters of half a month: the highest hour and the lowest.
HIGH = [at for at in HOURLY if moon(at) == max(moon(at + timedelta(hours=h)) for h in range(-4, 5))]
SPRING, NEAP = max(HIGH, key=moon), min(HIGH, key=moon)


def judged(folder: Path, now: datetime, days: int, drift: float = 0.0, hours: int = 6, county: Path | None = None) -> tuple[World, RiskScore]:
    """A dry, still county in which TSG has told `days` of tide and at last drifts by `drift` (m) within six hours, `hours` ago; and Haimen's score."""
    home = make(folder, county)
    feed = home.county.feed("water")
    home.calm(now, hours=60)
    told = [reading("TSG", "tide", at, round(moon(at) + drift * min(1.0, max(0.0, (hours - h) / 6)), 3), feed="water", received=now, datum="吴淞")
            for h in range(days * 24, -1, -1) if (at := now - timedelta(hours=h))]
    home.lake.append("water", Batch(observations=tuple(told[:-1])), now)
    home.feed("water", now, derive(Batch(observations=tuple(told[-1:])), feed=feed, county=home.county, lake=home.lake, now=now))
    report = rules.assess(now=now, county=home.county, lake=home.lake, ledger=home.ledger)
    return home, next(s for s in report.scores if (s.town, s.hazard) == ("haimen", Hazard.FLOOD))


def test_the_made_tide_is_over_the_warning_at_springs_and_far_under_it_at_neaps() -> None:
    assert moon(SPRING) > 5.2 and moon(NEAP) < 4.4


@pytest.mark.parametrize("days", [60, 8, 1])
def test_a_spring_tide_alone_is_proved_at_the_same_tick_with_and_without_a_prediction(tmp_path: Path, days: int) -> None:
    home, score = judged(tmp_path, SPRING, days)
    proof = next(e for e in score.evidence if e.rule == "flood.stage")
    assert (score.level, score.proved) == (Level.YELLOW, Level.YELLOW) and "tide_reaches" in proof.flags and notices(home) == []
    assert score.reason.startswith("潮位超警戒水位 ") and rules.explain(
        town="haimen", hazard=Hazard.FLOOD, at=SPRING, county=home.county, lake=home.lake, ledger=home.ledger).matches


@pytest.mark.parametrize(("days", "hours", "says"), [(60, 6, "天文潮最高 3.9"), (60, 48, "天文潮最高 3.9"), (8, 6, "无天文潮预报，前一潮日最高 4.1")])
def test_a_drift_on_a_neap_tide_is_asked_about(tmp_path: Path, days: int, hours: int, says: str) -> None:
    """Two days of drift hide nothing either where there is a prediction: it does not know the last three days."""
    home, score = judged(tmp_path, NEAP, days, drift=1.5, hours=hours)
    assert (score.level, score.ceiling) == (Level.NONE, Level.YELLOW)
    [(ref, text)] = notices(home)
    assert ref.startswith("TSG/flood.stage/yellow") and f"也不见成因（{says}" in text and "；其他线路：周边24小时雨量 0 mm、" in text and "（潮位超警戒水位 " in text
    told = rules.explain(town="haimen", hazard=Hazard.FLOOD, at=NEAP, county=home.county, lake=home.lake, ledger=home.ledger)
    assert told.matches and "stage_above_warning 天文潮加 0.3 m 所及：现 -" in told.text() and "m，阈值 0.2 m，不成立" in told.text()


def test_a_drift_of_two_days_without_a_prediction_cannot_be_told_from_a_tide_and_counts(tmp_path: Path) -> None:
    assert judged(tmp_path, NEAP, 8, drift=1.5, hours=48)[1].level == Level.YELLOW


@pytest.mark.parametrize(("own", "level"), [(0.45, Level.BLUE), (0.30, Level.YELLOW)])
def test_the_tide_is_held_against_the_gauges_own_number(tmp_path: Path, own: float, level: Level) -> None:
    """Half a metre of drift on a spring tide of 5.2 m: with its margin that reaches 0.3 m over the mark, and not 0.45 m."""
    folder = tmp_path / "haimen"
    shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios"))
    (folder / FILE).write_text(",".join(COLUMNS) + f"\nflood.stage,yellow,stage_above_warning,,TSG,{own},m,,自定,false,\n", encoding="utf-8")
    score = judged(tmp_path, SPRING, 60, drift=0.5, county=folder)[1]
    assert (score.level, score.ceiling) == (level, Level.YELLOW)
