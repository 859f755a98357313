"""A bad night: the storm spreads, a recall lies unsigned, a text cannot be written. None of it may keep a warning from people."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import World

from core import alerts
from core.county.outline import with_cells
from core.errors import LifeCycleError
from core.ledger import tables as t
from core.model import AlertState, Hazard, Level, MsgType


@pytest.fixture
def world(tmp_path: Path) -> World:
    return alerts_world.make(tmp_path)


def recall(world: World, alert_id: str) -> alerts.VersionRef:
    return alerts.cancel(now=world.now, alert_id=alert_id, reason="误报", county=world.county, ledger=world.ledger)


def silence(world: World, ref: alerts.VersionRef) -> AlertState:
    return alerts.decide_silence(now=world.now, ref=ref, county=world.county, ledger=world.ledger, keyring=world.keyring)


def wait(world: World) -> alerts.Waiting:
    (one,) = alerts.waiting(now=world.now, county=world.county, ledger=world.ledger)
    return one


def test_the_standing_order_covers_a_storm_that_spreads_and_not_one_that_leaves(world: World) -> None:
    world.assess(haimen=3, floor=3)
    (first,) = world.draft()
    world.approve(first)
    world.issue(first)
    world.later(minutes=31)
    world.assess(haimen=3, baochang=3, floor=3)
    (spread,) = world.draft()
    world.address(spread)
    world.later(minutes=5)
    assert silence(world, spread) is AlertState.APPROVED
    world.issue(spread)
    world.later(minutes=31)
    world.assess(baochang=3, linjiang=3, floor=3)
    (moved,) = world.draft()
    world.address(moved)
    world.later(minutes=5)
    assert silence(world, moved) is AlertState.DRAFT, "haimen would be told that it is over: a person must decide"


def test_a_storm_that_spreads_does_not_start_the_clock_anew(world: World) -> None:
    deadline = world.county.policy.approvals[Level.ORANGE].deadline_s
    world.assess(haimen=3, floor=3)
    world.draft()
    began = world.now
    for towns in ({"baochang": 3}, {"baochang": 3, "linjiang": 3}):
        world.later(seconds=deadline // 3)
        world.assess(haimen=3, floor=3, **towns)
        (ref,) = world.draft()
        assert not wait(world).overdue and (wait(world).deadline - began).total_seconds() == deadline
    world.address(ref)
    world.later(seconds=deadline // 3)
    assert ref.version == 3 and wait(world).overdue and silence(world, ref) is AlertState.APPROVED


@pytest.mark.parametrize("meanwhile", [{}, {"haimen": 2}, {"baochang": 3}])
def test_another_question_has_a_clock_of_its_own(world: World, meanwhile: dict[str, int]) -> None:
    world.assess(haimen=3, floor=3)
    world.draft()
    for towns in (meanwhile, {"haimen": 3}):
        world.later(minutes=4)
        world.assess(floor=3, **towns)
        world.draft()
    assert not wait(world).overdue and (wait(world).deadline - world.now).total_seconds() == 300


def test_an_unsigned_recall_does_not_keep_a_rising_storm_quiet(world: World) -> None:
    first = world.publish(haimen=3)
    world.later(minutes=1)
    ref = recall(world, first.alert_id)
    world.later(minutes=4)
    world.assess(haimen=4)
    assert world.draft() == [], "the recall may still be signed in time"
    world.later(minutes=1)
    world.assess(haimen=3)
    assert world.draft() == [] and world.state(ref) is AlertState.DRAFT, "nothing has grown"
    world.assess(haimen=4)
    (red,) = world.draft()
    assert red.level is Level.RED and world.state(ref) is AlertState.SUPERSEDED


def test_a_recall_that_ran_out_unsigned_bars_neither_the_machine_nor_the_next_recall(world: World) -> None:
    first = world.publish(haimen=3)
    ref = recall(world, first.alert_id)
    world.later(hours=2)
    again = recall(world, first.alert_id)
    assert again.version > ref.version and world.state(ref) is AlertState.SUPERSEDED
    world.later(hours=2)
    world.assess(baochang=3, haimen=3)
    (spread,) = world.draft()
    assert spread.msg_type is MsgType.UPDATE


def test_a_number_in_an_official_title_is_not_quoted_and_stops_nothing(world: World) -> None:
    scores = [replace(alerts_world.score("haimen", hazard, 3, world.now), reason=text, basis=text)
              for hazard, text in ((Hazard.FLOOD, "官方暴雨咨询0513-82212345橙色信号生效"), (Hazard.TYPHOON, "见www.example.com/x"))]
    with world.ledger.begin() as tx:
        world.ledger.save_scores(tx, world.now, scores, world.now)
    flood, typhoon = world.draft()
    for ref in (flood, typhoon):
        world.approve(ref)
        path = world.issue(ref)
        with world.ledger.read() as tx:
            said = alerts.find(tx, ref)["body"] + path.read_text(encoding="utf-8")
        assert "82212345" not in said and "example.com" not in said
    assert "官方暴雨咨询橙色信号生效" in _body(world, flood), "the rest of the title stays"


def _body(world: World, ref: alerts.VersionRef) -> str:
    with world.ledger.read() as tx:
        return str(alerts.find(tx, ref)["body"])


def test_a_hazard_whose_text_cannot_be_written_rings_and_costs_the_others_nothing(world: World) -> None:
    flood = {name: text for name, text in world.county.templates["flood"].items() if name != "sms"}
    world.county = replace(world.county, templates={**world.county.templates, "flood": flood})
    with world.ledger.begin() as tx:
        world.ledger.save_scores(tx, world.now, [alerts_world.score("haimen", hazard, 3, world.now) for hazard in (Hazard.FLOOD, Hazard.TYPHOON)], world.now)
    (ref,) = world.draft()
    assert "typhoon" in ref.alert_id and world.draft() == [ref]
    with world.ledger.read() as tx:
        (text,) = tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == "draft")).scalars()
        assert "洪涝" in text and tx.execute(select(t.alert.c.hazard)).scalars().all() == ["typhoon"], "nothing half written is left of it"


def test_what_is_not_issued_leaves_no_cap_file(world: World, tmp_path: Path) -> None:
    first = world.publish(haimen=3)
    end = recall(world, first.alert_id)
    world.approve(end)
    with world.ledger.begin() as tx:
        tx.execute(update(t.alert_version).where(t.alert_version.c.version == 1).values(state="expired"))
    with pytest.raises(LifeCycleError, match="nothing in force"):
        world.issue(end)
    assert [path.name for path in (tmp_path / "cap").rglob("*.xml")] == [f"{first}.xml"]


def test_an_outline_with_a_bay_or_with_many_corners_keeps_no_alert_back(world: World) -> None:
    bay = [(121.0, 31.7), (121.6, 31.7), (121.6, 31.75), (121.05, 31.75), (121.05, 32.0), (121.6, 32.0), (121.6, 32.1), (121.0, 32.1)]
    coast = [(121.3 + 0.4 * math.cos(math.tau * n / 60_000), 31.9 + 0.3 * math.sin(math.tau * n / 60_000)) for n in range(60_000)]
    for outline, rings in ((bay, range(1, 12)), (coast, range(12, 13))):
        world.later(hours=1)
        world.county = replace(world.county, towns=with_cells(world.county.towns, outline))
        scores = [alerts_world.score(town.key, Hazard.FLOOD, 1 + len(outline) % 3, world.now) for town in world.county.towns]
        with world.ledger.begin() as tx:
            world.ledger.save_scores(tx, world.now, scores, world.now)
        (ref,) = world.draft()
        world.approve(ref)
        message = world.issue(ref).read_text(encoding="utf-8")
        assert message.count("<polygon>") // 2 in rings and message.count("<geocode>") == 24, "every town by its code, the sound rings beside it"


def test_an_assessment_made_while_the_clock_was_wrong_silences_nothing(world: World) -> None:
    world.later(hours=8)
    world.assess()
    world.later(hours=-7)
    world.assess(haimen=3)
    (ref,) = world.draft()
    assert ref.level is Level.ORANGE
