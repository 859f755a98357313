"""The whole chain against the running sandbox: feeds over loopback, production connectors, rules, drafts. Nothing of ours is replaced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from console.context import Context
from console.replay import world
from console.steps import BEFORE, TickReport
from console.world import World
from core.ledger import tables as t
from core.model import Hazard, Level, RiskScore

COUNTY = Path(__file__).resolve().parents[2] / "county" / "haimen"
START = datetime(2021, 7, 24, 16, tzinfo=UTC)
STORM = [START, START + timedelta(hours=12), START + timedelta(hours=22), START + timedelta(hours=34)]


def step(outside: World, ctx: Context, at: datetime) -> list[RiskScore]:
    """Everything before people decide, at one time."""
    outside.set_clock(at)
    report = TickReport(at=at)
    for stage in BEFORE:
        stage(at, ctx, report)
    return list(report.assessment.scores)


Played = tuple[list[str], list[str], list[list[RiskScore]]]


def play(home: Path, scenario: str, times: list[datetime], before: Callable[[World, datetime], None] = lambda _w, _t: None) -> Played:
    """Play times of a scenario; the ledger's assessment bodies, alert bodies, and the scores of each time."""
    with world(home, COUNTY, scenario) as (outside, ctx):
        scores = []
        for at in times:
            before(outside, at)
            scores.append(step(outside, ctx, at))
        with ctx.ledger.begin() as tx:
            assessed = [b for (b,) in tx.execute(select(t.assessment.c.body).order_by(t.assessment.c.at, t.assessment.c.town, t.assessment.c.hazard))]
            drafted = [b for (b,) in tx.execute(select(t.alert_version.c.body).order_by(t.alert_version.c.alert_id, t.alert_version.c.version))]
        return assessed, drafted, scores


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("storm"), "in-fa-2021", STORM)


def peak(scores: list[RiskScore], hazard: Hazard) -> Level:
    return max(score.level for score in scores if score.hazard is hazard)


def test_the_storm_is_seen_and_the_official_floor_respected(storm: Played) -> None:
    calm, far, orange, rain = storm[2]
    assert peak(calm, Hazard.TYPHOON) is Level.NONE
    assert peak(far, Hazard.TYPHOON) >= Level.BLUE
    assert {s.level for s in orange if s.hazard is Hazard.TYPHOON} == {Level.ORANGE}  # the signal of 07-25 21:08 concerns every town
    assert all(s.level >= s.floor for scores in storm[2] for s in scores)
    assert peak(rain, Hazard.FLOOD) >= Level.BLUE and storm[1]


def test_two_runs_with_one_clock_are_equal_byte_for_byte(storm: Played, tmp_path: Path) -> None:
    again = play(tmp_path, "in-fa-2021", STORM)
    assert again[0] == storm[0]
    assert again[1] == storm[1]


@pytest.mark.parametrize(("feed", "path", "kind"), [
    ("weather", "/music/api", "off"), ("weather", "/music/api", "login"), ("power", "/power/outages", "truncated"), ("warnings_nmc", "/nmc/rest/findAlarm", "garbage"),
])
def test_a_feed_that_falls_silent_lowers_nothing_and_is_named(
    storm: Played, tmp_path: Path, feed: str, path: str, kind: str,
) -> None:
    last = STORM[-1] + timedelta(hours=6)

    def break_late(outside: World, at: datetime) -> None:
        if at == last:
            outside.fault(path, kind)

    scores = play(tmp_path, "in-fa-2021", [STORM[-2], STORM[-1], last], break_late)[2]
    before = {(s.town, s.hazard): s.level for s in scores[1]}
    for score in scores[2]:
        assert score.level >= before[score.town, score.hazard] or feed != "weather", (score.town, score.hazard)
        assert score.ceiling >= score.level
    if feed == "weather":
        flood = [s for s in scores[2] if s.hazard is Hazard.FLOOD]
        assert all("weather" in s.silent for s in flood)
        assert any(s.ceiling > s.level for s in flood)


def test_the_plum_rain_raises_no_alert_for_haimen(tmp_path: Path) -> None:
    start = datetime(2023, 7, 6, 4, tzinfo=UTC)
    _, drafted, scores = play(tmp_path, "plum-rain-2023", [start + timedelta(hours=h) for h in (0, 9, 15, 16, 22, 28)])
    assert drafted == []
    assert all(score.level is Level.NONE for moment in scores for score in moment)
