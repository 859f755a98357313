"""What a body says: corroboration, parts by colour, words for every town, and a storm's worth of versions in one thread."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core import alerts, cap
from core.alerts.body import EVENTS, Change, compose, corroboration, sender
from core.alerts.states import body_of
from core.ledger import tables as t
from core.ledger import verify_audit
from core.model import AlertState, Hazard, Level, MsgType, Status

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import START, evidence, score

COUNTY = alerts_world.load_county(alerts_world.ROOT / "county" / "haimen")
RAIN, STAGE = evidence("flood.rainstorm", Level.RED), evidence("flood.stage", Level.BLUE, indicator="stage")


@pytest.mark.parametrize(("rules", "floor", "holds"), [
    ((RAIN, STAGE), 0, True),
    ((RAIN,), 0, False),
    ((), 0, False),
    ((RAIN,), 1, True),
    ((RAIN, evidence("flood.rain2", Level.RED)), 0, False),                  # the same indicator twice is one source
    ((RAIN, replace(STAGE, level=Level.NONE)), 0, False),                    # a rule that does not fire agrees with nobody
    ((RAIN, replace(STAGE, role="impact")), 0, False),                       # an impact is no second sight of the hazard
])
def test_corroboration_counts_independent_sources(rules: tuple, floor: int, holds: bool) -> None:
    scores = {"haimen": score("haimen", Hazard.FLOOD, 4, START, floor=floor, rules=rules)}
    assert corroboration(scores, opened(haimen=4))["holds"] is holds


def opened(**levels: int) -> Change:
    return Change(MsgType.ALERT, levels, {}, ("open",))


def test_one_uncorroborated_town_is_enough_to_ask_a_person() -> None:
    scores = {"haimen": score("haimen", Hazard.FLOOD, 4, START, rules=(RAIN, STAGE)), "linjiang": score("linjiang", Hazard.FLOOD, 4, START)}
    assert corroboration(scores, opened(haimen=4, linjiang=4))["holds"] is False
    assert corroboration(scores, opened(haimen=4, unknown=4))["holds"] is False
    assert corroboration(scores, opened())["holds"] is False


def test_what_is_in_force_is_asked_about_only_where_nothing_is_raised() -> None:
    scores = {"haimen": score("haimen", Hazard.FLOOD, 4, START, rules=(RAIN, STAGE)), "linjiang": score("linjiang", Hazard.FLOOD, 4, START)}
    levels = {"haimen": 4, "linjiang": 4}
    assert corroboration(scores, Change(MsgType.UPDATE, levels, {"linjiang": 4}, ("up",)))["holds"] is True
    assert corroboration(scores, Change(MsgType.UPDATE, levels, levels, ("renew",)))["holds"] is False


def test_a_sender_a_world() -> None:
    assert len({sender(COUNTY, status) for status in Status}) == 3


@settings(max_examples=60)
@given(level=st.integers(1, 4), before=st.integers(0, 4), hazard=st.sampled_from(COUNTY.hazards), status=st.sampled_from(list(Status)),
       cancel=st.booleans(), reason=st.sampled_from(["", "3小时雨量62毫米", "风圈七级覆盖，阵风十级"]))
def test_every_text_has_place_hazard_and_its_world(
    level: int, before: int, hazard: Hazard, status: Status, cancel: bool, reason: str,
) -> None:
    levels = {} if cancel else {town.key: level for town in COUNTY.towns}
    former = {town.key: before or 1 for town in COUNTY.towns} if before or cancel else {}
    scores = {town.key: replace(score(town.key, hazard, level, START), reason=reason) for town in COUNTY.towns}
    body = compose(now=START, county=COUNTY, alert_id="320614FSX-x-20210725130800", version=1, hazard=hazard, status=status, former=[],
                   change=Change(MsgType.CANCEL if cancel else MsgType.ALERT, levels, former, ("open",)), scores=scores)
    for town in COUNTY.towns:
        for channel, text in body["texts"][town.key].items():
            assert town.name in text and EVENTS[hazard].zh in text and ("解除" in text) == cancel
            assert text.startswith("【演练】") == (status is not Status.ACTUAL)
            assert channel != "sms" or len(text) <= (134 if level <= Level.YELLOW else 268)
    assert body["level"] == (before or 1 if cancel else level)
    json.dumps(body)


def test_a_whole_storm_is_one_thread_and_one_clean_chain(tmp_path: Path) -> None:
    """Far out, nearer, landfall, peak, falling, all clear: six versions whose CAP files refer to each other without a gap."""
    world = alerts_world.make(tmp_path)
    course = [{"haimen": 1}, {"haimen": 2, "baochang": 1}, {"haimen": 3, "baochang": 3, "linjiang": 2},
              {"haimen": 4, "baochang": 3, "linjiang": 2}, {"haimen": 2, "baochang": 1}, {}]
    for levels in course:
        world.assess(hazard=Hazard.TYPHOON, **levels)
        (ref,) = world.draft()
        world.approve(ref)
        world.later(minutes=2)
        world.issue(ref)
        world.later(hours=3)
        alerts.expire(now=world.now, ledger=world.ledger)
    with world.ledger.begin() as tx:
        rows = list(tx.execute(select(t.alert_version).order_by(t.alert_version.c.version)).mappings())
    assert len({row["alert_id"] for row in rows}) == 1
    assert [row["msg_type"] for row in rows] == ["Alert", "Update", "Update", "Update", "Update", "Cancel"]
    assert [row["state"] for row in rows] == ["superseded"] * 4 + ["cancelled", "expired"]
    seen: list[str] = []
    for row in rows:
        body = body_of(row)
        assert body["references"] == seen
        seen.append(cap.reference(body))
        cap.validate(Path(row["cap_path"]).read_bytes())
        assert Path(row["cap_path"]).read_bytes() == cap.build(body), "written years later it is the same"
        line = [row[name] for name in ("reading_at", "assessed_at", "drafted_at", "decided_at", "issued_at")]
        assert all(line) and line == sorted(line)
    report = verify_audit(world.ledger)
    assert report.broken_at is None and report.rows >= 6 * 4
    assert alerts.pending(ledger=world.ledger) == []


def test_what_waits_is_shown_with_the_highest_colour_first(tmp_path: Path) -> None:
    world = alerts_world.make(tmp_path)
    with world.ledger.begin() as tx:
        both = [score("haimen", Hazard.FLOOD, 1, world.now), score("haimen", Hazard.TYPHOON, 4, world.now)]
        world.ledger.save_scores(tx, world.now, both)
    refs = world.draft()
    assert [ref.level for ref in refs] == [Level.RED, Level.BLUE]
    waits = alerts.waiting(now=world.now, county=world.county, ledger=world.ledger)
    assert [(wait.ref.level, wait.state, wait.overdue) for wait in waits] == [
        (Level.RED, AlertState.DRAFT, False), (Level.BLUE, AlertState.DRAFT, False)]
    assert set(alerts.pending(ledger=world.ledger)) == set(refs)
    assert alerts.pending(ledger=world.ledger, status=Status.TEST) == []
