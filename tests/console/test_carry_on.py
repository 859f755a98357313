"""What a lost bell, a failed task or a stopped scheduler leaves behind is carried on, and the board shows what has grown old."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import alerts_world
import notify_world as nw

from console import board
from console.context import Context
from console.decide import carry_on, describe, net, tell_silence
from console.report import collect
from console.steps import draft_and_address
from core import alerts
from core.county.words import CHINESE
from core.lake import Lake
from core.ledger import tables as t
from core.model import AlertState, Hazard, Level

WORLD = alerts_world.World


@pytest.fixture
def world(tmp_path: Path) -> WORLD:
    return alerts_world.make(tmp_path)


def context(world: WORLD | nw.Place) -> Context:
    return Context(settings=world.settings, county=world.county, lake=Lake(world.settings.lake_root), ledger=world.ledger, keyring=world.keyring)


def drafted(world: WORLD, *hazards: Hazard) -> list[alerts.VersionRef]:
    """An orange alert a hazard, corroborated, with its audience."""
    with world.ledger.begin() as tx:
        world.ledger.save_scores(tx, world.now, [alerts_world.score("haimen", hazard, 3, world.now, floor=3) for hazard in hazards], world.now)
    refs = world.draft()
    for ref in refs:
        world.address(ref)
    return refs


def test_what_is_approved_is_issued_though_its_run_died(world: WORLD) -> None:
    (ref,) = drafted(world, Hazard.FLOOD)
    world.approve(ref)
    world.later(minutes=5)
    assert carry_on(world.now, context(world)) == [str(ref)] and world.state(ref) is AlertState.ISSUED
    assert carry_on(world.now, context(world)) == []


def test_the_policys_default_acts_though_nobody_was_ever_asked_and_one_bad_version_costs_the_other_nothing(world: WORLD) -> None:
    flood, typhoon = drafted(world, Hazard.FLOOD, Hazard.TYPHOON)
    world.later(minutes=4)
    assert carry_on(world.now, context(world)) == []
    world.sign(flood, "duty-1", "author")
    world.sign(flood, "chief-1", "approver")
    with world.ledger.begin() as tx:
        tx.execute(delete(t.approval).where(t.approval.c.role == "approver"))
    world.later(minutes=1)
    assert carry_on(world.now, context(world)) == [str(typhoon)] and world.state(flood) is AlertState.APPROVED
    with world.ledger.read() as tx:
        assert str(flood) in tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == "stuck")).scalar_one()


@pytest.mark.parametrize("body", ["{", "[]", '{"levels": {}}'])
def test_a_spoilt_draft_keeps_neither_the_default_from_another_nor_what_is_issued_from_going_out(tmp_path: Path, body: str) -> None:
    gateway = nw.Gateway(tmp_path)
    place = nw.make(tmp_path, people=60, sms_url=gateway.url)
    with place.ledger.begin() as tx:
        place.ledger.save_scores(tx, place.now, [alerts_world.score("haimen", hazard, 3, place.now, floor=3) for hazard in (Hazard.FLOOD, Hazard.TYPHOON)], place.now)
    flood, typhoon = draft_and_address(place.now, context(place))
    v = t.alert_version.c
    with place.ledger.begin() as tx:
        tx.execute(update(t.alert_version).where(v.alert_id == flood.alert_id).values(body=body))
    place.later(minutes=6)
    report = net(place.now, context(place))
    gateway.stop()
    assert alerts.state(ref=typhoon, ledger=place.ledger) is AlertState.ISSUED and report.dispatch.sent > 0
    with place.ledger.read() as tx:
        told = tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind.in_(("stuck", "silence")), t.duty_log.c.text.contains(str(flood)))).scalars().all()
    assert told, "the desk is told"


def test_whatever_is_wrong_with_what_waits_what_is_issued_goes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = nw.Gateway(tmp_path)
    place = nw.make(tmp_path, people=60, sms_url=gateway.url)
    place.publish(haimen=3)
    monkeypatch.setattr(alerts, "waiting", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        net(place.now, context(place))
    gateway.stop()
    assert place.states()["pending"] == 0 and place.states()["accepted"] + place.states()["delivered"] > 0


def test_a_draft_without_an_audience_gets_one_from_the_next_pass(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60)
    ref = place.draft(haimen=3)  # and here the process died
    place.later(minutes=1)
    assert draft_and_address(place.now, context(place)) == [ref] and place.recipients(ref)
    assert draft_and_address(place.now, context(place)) == []


def test_an_assessment_that_stopped_is_not_shown_as_calm(world: WORLD) -> None:
    world.assess()
    fresh, old = board.render(context(world), world.now), board.render(context(world), world.now + timedelta(hours=3))
    assert "研判停在" not in fresh and "数据足以排除" in fresh
    assert "研判停在 3.0 小时前" in old and "数据足以排除" not in old and "均未达到预警级别" not in old


def test_the_board_shows_the_newest_assessment_of_the_past(world: WORLD) -> None:
    world.later(hours=8)
    world.assess()
    world.later(hours=-7)
    world.assess(haimen=3)
    assert [row["level"] for row in collect(context(world), world.now)["towns"] if row["town"] == "haimen"] == [3], "the clock had been wrong for a while"


def test_an_alert_that_ran_out_is_not_shown_in_force(world: WORLD) -> None:
    world.publish(haimen=3)
    states = [collect(context(world), world.now + timedelta(hours=hours))["alerts"][0]["state"] for hours in (1, 24)]
    assert states == ["issued", "expired"]


def test_the_desk_is_told_once_what_is_silent(world: WORLD) -> None:
    (ref,) = drafted(world, Hazard.FLOOD)
    first = tell_silence(world.now, context(world))
    assert first and str(ref) not in first and "assess" not in first, "feeds that were never pulled"
    world.later(hours=1)
    second = tell_silence(world.now, context(world))
    assert second == ["assess", *first[:-1], str(ref), "register"] and first[-1] == "register" and tell_silence(world.now, context(world)) == second
    with world.ledger.read() as tx:
        kinds = Counter(tx.execute(select(t.duty_log.c.kind)).scalars())
    assert kinds == {"feed": len(first) - 1, "assess": 1, "overdue": 1, "register": 1}, "nobody is in the register of this world"


def test_an_officer_is_shown_the_words_of_every_level_and_of_the_end(world: WORLD, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(haimen=2, linjiang=2)
    world.later(minutes=31)
    world.assess(haimen=4, baochang=2)
    (ref,) = world.draft()
    monkeypatch.setattr(Context, "load", lambda: context(world))
    with world.ledger.read() as tx:
        texts = json.loads(alerts.find(tx, ref)["body"])["texts"]
    shown = describe(f"{ref}@{world.now.isoformat()}")
    assert all(texts[town][channel].removeprefix(CHINESE.exercise) in shown for town in ("haimen", "baochang", "linjiang") for channel in ("sms", "broadcast"))


def test_the_board_looks_at_the_clock_and_not_at_the_last_assessment(world: WORLD) -> None:
    world.assess()
    assert board.as_of(context(world)) == world.now, "a sandbox has the scenario's clock"
    world.settings = world.settings.model_copy(update={"mode": "live"})
    assert datetime.now(UTC) - board.as_of(context(world)) < timedelta(minutes=1)


def test_one_doubtful_town_does_not_keep_the_default_from_the_others(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60)
    scores = [replace(place.score(town.key, level), floor=Level(floor)) for town in place.county.towns
              for level, floor in [{"haimen": (4, 4), "baochang": (1, 0)}.get(town.key, (0, 0))]]
    with place.ledger.begin() as tx:
        place.ledger.save_scores(tx, place.now, scores, place.now)
    (ref,) = draft_and_address(place.now, context(place))
    place.later(minutes=5)
    (part,) = carry_on(place.now, context(place))
    assert part != str(ref) and alerts.state(ref=part, ledger=place.ledger) is AlertState.ISSUED
    with place.ledger.read() as tx:
        row = alerts.find(tx, part)
    told = place.recipients(alerts.VersionRef.of(row))
    assert told and {town for _, _, town in told} <= {"haimen", ""}, "nobody in the doubtful town"
    (rest,) = draft_and_address(place.now, context(place))
    assert rest.version == row["version"] + 1 and carry_on(place.now, context(place)) == []
