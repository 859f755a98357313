"""When a version is drafted, and when it is not."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core import alerts
from core.errors import LifeCycleError
from core.ledger import tables as t
from core.ledger import verify_audit
from core.model import AlertState, Hazard, Level, MsgType, Status

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return alerts_world.make(tmp_path)


def body(world: World, ref: alerts.VersionRef) -> dict:
    with world.ledger.begin() as tx:
        return json.loads(alerts.find(tx, ref)["body"])


def rows(world: World) -> list[tuple[str, int, str, str]]:
    v = t.alert_version.c
    with world.ledger.begin() as tx:
        query = select(v.alert_id, v.version, v.msg_type, v.state).order_by(v.drafted_at, v.alert_id, v.version)
        return [tuple(row) for row in tx.execute(query)]


def test_nothing_assessed_or_all_calm_drafts_nothing(world: World) -> None:
    assert world.draft() == []
    world.assess()
    assert world.draft() == []
    assert rows(world) == []


def test_a_first_alert_says_everything(world: World) -> None:
    world.assess(haimen=1, baochang=3)
    (ref,) = world.draft()
    assert str(ref) == "320614FSX-flood-20210725130800.v1"
    assert (ref.level, ref.msg_type) == (Level.ORANGE, MsgType.ALERT)
    said = body(world, ref)
    assert said["levels"] == {"haimen": 1, "baochang": 3} and said["changed"] == {"haimen": [0, 1], "baochang": [0, 3]}
    assert [info["level"] for info in said["infos"]] == [3, 1]
    assert set(said["texts"]) == {"haimen", "baochang"} and said["synthetic"] is True
    groups = world.county.policy.audience
    assert said["audience_groups"] == {"1": list(groups[Level.BLUE]), "3": list(groups[Level.ORANGE])}
    for text in said["texts"]["baochang"].values():
        assert text.startswith("【演练】") and "包场镇" in text and "橙色" in text
    with world.ledger.begin() as tx:
        row = alerts.find(tx, ref)
    assert row["reading_at"] < row["assessed_at"] == row["drafted_at"] == said["sent"] < row["expires"] == said["expires"]


def test_the_same_now_says_the_same_again(world: World) -> None:
    world.assess(haimen=2)
    first = world.draft()
    before = body(world, first[0])
    assert world.draft() == first and body(world, first[0]) == before
    assert len(rows(world)) == 1


def test_two_installations_with_one_clock_write_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        world = alerts_world.make(tmp_path / name)
        ref = world.publish(haimen=2, linjiang=1)
        with world.ledger.begin() as tx:
            row = alerts.find(tx, ref)
        texts.append((row["body"], row["body_hash"], Path(row["cap_path"]).read_bytes()))
    assert texts[0] == texts[1]


def test_an_unchanged_risk_is_not_material(world: World) -> None:
    world.publish(haimen=2)
    world.later(hours=2)
    world.assess(haimen=2)
    assert world.draft() == []


def test_an_upgrade_does_not_wait_and_a_downgrade_does(world: World) -> None:
    first = world.publish(haimen=2)
    world.later(minutes=1)
    world.assess(haimen=3)
    (up,) = world.draft()
    assert up.msg_type is MsgType.UPDATE and up.version == 2
    world.approve(up)
    world.issue(up)
    assert world.state(first) is AlertState.SUPERSEDED
    world.later(minutes=5)
    world.assess(haimen=2)
    assert world.draft() == [], "below an upgrade: not within min_update_s"
    world.later(seconds=world.county.policy.min_update_s)
    world.assess(haimen=2)
    (down,) = world.draft()
    assert body(world, down)["why"] == ["down"] and body(world, down)["changed"] == {"haimen": [3, 2]}


def test_a_town_that_joins_is_an_upgrade_and_one_that_leaves_is_told(world: World) -> None:
    world.publish(haimen=2)
    world.later(minutes=1)
    world.assess(haimen=2, linjiang=1)
    (joined,) = world.draft()
    assert body(world, joined)["why"] == ["up", "towns"]
    world.approve(joined)
    world.issue(joined)
    world.later(hours=1)
    world.assess(haimen=2)
    (left,) = world.draft()
    said = body(world, left)
    assert said["levels"] == {"haimen": 2, "linjiang": 0} and said["changed"] == {"linjiang": [1, 0]}
    assert "解除" in said["texts"]["linjiang"]["sms"] and [info["lifted"] for info in said["infos"]] == [False, True]
    world.approve(left)
    assert "AllClear" in world.issue(left).read_text(encoding="utf-8")


def test_all_calm_cancels_with_references_to_all_former_versions(world: World) -> None:
    world.publish(haimen=2)
    world.later(minutes=40)
    second = world.publish(haimen=3)
    world.later(minutes=40)
    world.assess()
    (cancel,) = world.draft()
    assert (cancel.msg_type, cancel.level, cancel.alert_id) == (MsgType.CANCEL, Level.ORANGE, second.alert_id)
    said = body(world, cancel)
    assert len(said["references"]) == 2
    assert all(".exercise,320614FSX-flood-" in entry and entry.endswith("+08:00") for entry in said["references"])
    world.approve(cancel)
    world.issue(cancel)
    assert world.state(second) is AlertState.CANCELLED
    world.later(minutes=1)
    world.assess(haimen=1)
    (new,) = world.draft()
    assert new.alert_id != cancel.alert_id and new.msg_type is MsgType.ALERT


def test_a_near_expiry_renews(world: World) -> None:
    ref = world.publish(haimen=1)
    policy = world.county.policy
    world.later(seconds=policy.validity_s[Level.BLUE] - policy.renew_before_s - 60)
    world.assess(haimen=1)
    assert world.draft() == []
    world.later(minutes=2)
    world.assess(haimen=1)
    (renewed,) = world.draft()
    assert body(world, renewed)["why"] == ["renew"] and body(world, renewed)["expires"] > body(world, ref)["expires"]
    world.later(minutes=1)
    world.assess(haimen=1)
    assert world.draft() == [] and world.state(renewed) is AlertState.DRAFT, "the waiting renewal already says so"


def test_a_newer_draft_supersedes_the_undecided_one(world: World) -> None:
    world.assess(haimen=1)
    (old,) = world.draft()
    world.address(old)
    world.sign(old, "duty-1", "author")
    world.later(minutes=1)
    world.assess(haimen=3)
    (new,) = world.draft()
    assert (world.state(old), new.version, new.msg_type) == (AlertState.SUPERSEDED, 2, MsgType.ALERT)
    world.later(minutes=1)
    world.assess()
    assert world.draft() == [] and world.state(new) is AlertState.SUPERSEDED, "the risk has passed: nothing to decide any more"
    with world.ledger.begin() as tx:
        assert tx.execute(select(t.alert.c.closed_at)).scalar_one() is not None


def test_a_refused_draft_comes_back_only_when_it_says_something_else(world: World) -> None:
    world.assess(haimen=2)
    (ref,) = world.draft()
    world.address(ref)
    world.sign(ref, "chief-1", "approver", "refuse")
    for minutes in (1, 30):
        world.later(minutes=minutes)
        world.assess(haimen=2)
        alerts.expire(now=world.now, ledger=world.ledger)
        assert world.draft() == []
    world.later(minutes=1)
    world.assess(haimen=3)
    (again,) = world.draft()
    assert again.version == 2 and again.level is Level.ORANGE


def test_hazards_are_separate_threads_and_one_minute_gives_two_identifiers(world: World) -> None:
    flood, storm = (alerts_world.score("haimen", h, 2, world.now) for h in (Hazard.FLOOD, Hazard.TYPHOON))
    with world.ledger.begin() as tx:
        world.ledger.save_scores(tx, world.now, [flood, storm])
    refs = world.draft()
    assert len({ref.alert_id for ref in refs}) == 2
    for ref in refs:
        world.approve(ref)
    assert len({world.issue(ref).name for ref in refs}) == 2


def test_an_assessment_of_the_future_is_not_used(world: World) -> None:
    world.assess(haimen=4)
    report = alerts.draft(now=world.now - timedelta(minutes=1), county=world.county, ledger=world.ledger, status=Status.EXERCISE)
    assert report.versions == [] and rows(world) == []


def test_missing_and_old_assessments_lower_nothing(world: World) -> None:
    world.publish(haimen=2, linjiang=1)
    world.later(hours=1)
    with world.ledger.begin() as tx:  # linjiang was not assessed at all
        world.ledger.save_scores(tx, world.now, [alerts_world.score("haimen", Hazard.FLOOD, 2, world.now)])
    assert world.draft() == []
    world.later(minutes=1)
    world.assess()
    world.later(seconds=world.county.policy.keep_for_s + 60)
    assert world.draft() == [], "the newest assessment is calm but old"
    world.assess()
    assert [ref.msg_type for ref in world.draft()] == [MsgType.CANCEL]


def test_worlds_do_not_share_threads(world: World) -> None:
    world.assess(haimen=2)
    exercise, test = (alerts.draft(now=world.now, county=world.county, ledger=world.ledger, status=s).versions
                      for s in (Status.EXERCISE, Status.TEST))
    assert exercise[0].alert_id.startswith("320614FSX-") and test[0].alert_id.startswith("320614FST-")
    assert {body(world, ref)["sender"] for ref in (*exercise, *test)} == {"fengsui.320614.exercise", "fengsui.320614.test"}


def test_a_cancel_by_hand_is_not_talked_over(world: World) -> None:
    first = world.publish(haimen=2)
    world.later(minutes=1)
    ref = alerts.cancel(now=world.now, alert_id=first.alert_id, reason="误发", county=world.county, ledger=world.ledger, officer="duty-2")
    assert alerts.cancel(now=world.now, alert_id=first.alert_id, reason="误发", county=world.county, ledger=world.ledger) == ref
    world.assess(haimen=2)
    assert [str(r) for r in world.draft()] == [str(ref)] and "误发" in body(world, ref)["description"]
    world.approve(ref)
    world.issue(ref)
    world.later(minutes=10)
    world.assess(haimen=2)
    assert world.draft() == [], "cancelled by a person, not grown, not calm since"
    world.assess(haimen=3)
    assert len(world.draft()) == 1, "it has grown"
    with pytest.raises(LifeCycleError):
        alerts.cancel(now=world.now, alert_id=first.alert_id, reason="again", county=world.county, ledger=world.ledger)


def test_after_a_cancel_by_hand_an_all_clear_opens_the_way_again(world: World) -> None:
    first = world.publish(haimen=2)
    ref = alerts.cancel(now=world.now, alert_id=first.alert_id, reason="误发", county=world.county, ledger=world.ledger)
    world.approve(ref)
    world.issue(ref)
    for minutes, levels in ((10, {}), (20, {"haimen": 2})):
        world.later(minutes=minutes)
        world.assess(**levels)
    assert len(world.draft()) == 1


def test_every_alert_ends_and_its_thread_closes(world: World) -> None:
    ref = world.publish(haimen=2)
    world.later(seconds=world.county.policy.validity_s[Level.YELLOW])
    assert alerts.expire(now=world.now, ledger=world.ledger) == [ref]
    assert alerts.expire(now=world.now, ledger=world.ledger) == [] and world.state(ref) is AlertState.EXPIRED
    assert alerts.pending(ledger=world.ledger) == []
    with world.ledger.begin() as tx:
        assert tx.execute(select(t.alert.c.closed_at)).scalar_one() is not None
    assert verify_audit(world.ledger).broken_at is None
