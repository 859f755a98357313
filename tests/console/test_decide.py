"""What the officers' questions do to a version, without Airflow: whom they ask and until when, what an answer signs, what comes too late or from the wrong hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from console import decide
from console.context import Context
from console.steps import draft_and_address
from core.alerts import VersionRef
from core.errors import AuthorityError, LifeCycleError
from core.ledger import tables as t
from core.model import Level
from core.times import iso

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

Case = tuple[nw.Place, VersionRef, str]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """An orange draft with its audience, and the environment in which a task of Airflow would find it."""
    gateway = nw.Gateway(tmp_path, send_delay=0.0, deliver_delay=0.0)
    place = nw.make(tmp_path, people=60)
    ref = place.draft(haimen=3, baochang=1)
    place.address(ref)
    for name, value in {"HOME": str(tmp_path), "COUNTY": str(nw.ROOT / "county" / "haimen"), "STATUS": "Exercise", "SEAL_KEY": nw.KEY,
                        "TWILIO_ACCOUNT": "AC" + "0" * 32, "TWILIO_TOKEN": "t" * 32, "TWILIO_SENDER": "FENGSUI", "SMS_URL": gateway.url, "BROKER_PORT": "9"}.items():
        monkeypatch.setenv(f"FENGSUI_{name}", value)
    yield place, ref, f"{ref}@{iso(place.now)}"
    gateway.stop()


def answer(option: str, officer: str, **more: Any) -> dict[str, Any]:
    return {"chosen_options": [option], "responded_by_user": {"id": officer}, **more}


def duty(place: nw.Place, kind: str) -> list[str]:
    with place.ledger.read() as tx:
        return list(tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == kind)).scalars())


def test_the_draft_is_shown_in_full(case: Case) -> None:
    place, ref, key = case
    text = decide.describe(key)
    with place.ledger.read() as tx:
        row = tx.execute(select(t.alert_version)).mappings().one()
    assert "海门街道" in text and "包场镇" in text and Level.ORANGE.zh in text and "3小时雨量62毫米" in text and row["body_hash"][:16] in text
    assert decide.split(key) == (str(ref), place.now)


def test_two_officers_bring_it_out_and_a_repeat_changes_nothing(case: Case) -> None:
    place, ref, key = case
    asked = decide.ask(key, "author", 0)
    assert asked is not None and [name for name, _ in asked.people] == ["duty-1"] and asked.wait_s > 1 and "复核送审" in asked.subject
    assert decide.ask(key, "approver", 0) is None, "nobody approves what nobody has reviewed"
    assert decide.onward(key, "author", 0) == "review_2"
    decide.take(key, "author", 0, answer("送审", "duty-1"))
    assert decide.ask(key, "author", 1) is None and decide.onward(key, "author", 0) == "approve_1"
    asked = decide.ask(key, "approver", 0)
    assert asked is not None and [name for name, _ in asked.people] == ["chief-1"] and "签发" in asked.subject
    with pytest.raises(LifeCycleError, match="nobody is asked"):
        decide.carry_out(key)
    decide.take(key, "approver", 0, answer("签发", "chief-1"))
    assert decide.onward(key, "approver", 0) == "" and decide.carry_out(key) == {"ref": str(ref), "state": "issued"}
    before = place.states()
    assert decide.carry_out(key)["state"] == "issued" and place.states() == before and sum(before.values()) > 0
    assert list((place.settings.home / "cap").rglob("*.xml"))


def test_each_turn_asks_one_more_and_shares_the_deadline(case: Case) -> None:
    place, _, key = case
    deadline = place.county.policy.approvals[Level.ORANGE].deadline_s
    first, second = (decide.ask(key, "author", turn) for turn in (0, 1))
    assert first is not None and second is not None
    assert [name for name, _ in second.people] == ["duty-1", "duty-2"] and first.wait_s == second.wait_s == deadline / 2
    late = decide.ask(key, "author", 2)
    assert late is not None and "已逾时" in late.subject and late.wait_s > deadline, "past its deadline anybody may still sign until it runs out"


@pytest.mark.parametrize(("role", "given"), [
    ("author", answer("签发", "chief-1")), ("author", answer("送审", "chief-1")), ("author", answer("送审", "nobody")), ("approver", answer("送审", "duty-1")),
])
def test_an_answer_of_the_wrong_hand_or_to_another_question_signs_nothing(case: Case, role: str, given: dict[str, Any]) -> None:
    place, _, key = case
    with pytest.raises(AuthorityError):
        decide.take(key, role, 0, given)
    with place.ledger.read() as tx:
        assert tx.execute(select(t.approval)).first() is None


@pytest.mark.parametrize("given", [{}, {"chosen_options": []}, answer("无人应答", ""), {"chosen_options": None}])
def test_silence_is_no_answer(case: Case, given: dict[str, Any]) -> None:
    place, _, key = case
    decide.take(key, "author", 0, given)
    assert decide.onward(key, "author", 0) == "review_2" and duty(place, "too_late") == []


def test_an_answer_after_the_decision_is_written_down_and_changes_nothing(case: Case) -> None:
    place, _, key = case
    decide.take(key, "author", 0, answer("退回", "duty-1"))
    decide.take(key, "author", 1, answer("送审", "duty-2"))
    assert decide.carry_out(key)["state"] == "refused" and len(duty(place, "too_late")) == 1 and "送审" in duty(place, "too_late")[0]
    assert decide.ask(key, "author", 2) is None and set(place.states()) == {"cancelled"}, "nobody is told what was refused"


def test_a_yes_to_a_warning_of_the_whole_county_without_its_code_is_asked_again(case: Case) -> None:
    place, former, _ = case
    place.later(minutes=1)
    ref = place.draft(**{town.key: 3 for town in place.county.towns})
    place.address(ref)
    key = f"{ref}@{iso(place.now)}"
    assert str(ref) != str(former) and "320614" in decide.describe(key)
    for area in ("", "320601", None):
        assert not decide.take(key, "author", 0, answer("送审", "duty-1", params_input={"signature": "", "area": area})) and decide.waits(key, "author")
    assert len(duty(place, "area")) == 1 and "区划代码" in duty(place, "area")[0]
    assert decide.take(key, "author", 0, answer("送审", "duty-1", params_input={"signature": "", "area": "320614"})) and not decide.waits(key, "author")


def test_where_policy_wants_the_officers_own_signature_a_click_is_none(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    key = case[2]
    load = Context.load

    def strict(*_: object) -> Context:
        ctx = load()
        return replace(ctx, county=replace(ctx.county, policy=replace(ctx.county.policy, signing="officer")))

    monkeypatch.setattr(Context, "load", strict)
    with pytest.raises(AuthorityError, match="own signature"):
        decide.take(key, "author", 0, answer("送审", "duty-1"))


def test_what_is_silent_is_told_to_the_desk_once(case: Case) -> None:
    place, ref, _ = case
    ctx, later = Context.load(), place.now + timedelta(hours=5)
    told = decide.tell_silence(later, ctx)
    assert str(ref) in told and {feed.feed for feed in ctx.county.feeds if feed.enabled} <= set(told)

    def entries() -> int:
        with place.ledger.read() as tx:
            return len(tx.execute(select(t.duty_log)).all())

    with place.ledger.read() as tx:
        texts = [row.text for row in tx.execute(select(t.duty_log).where(t.duty_log.c.kind == "feed"))]
    assert texts and all(any(text.startswith(f"{feed.title}：") and text.count(feed.title) == 1 for feed in ctx.county.feeds) for text in texts)
    before = entries()
    assert decide.tell_silence(later + timedelta(minutes=5), ctx) == told and entries() == before >= len(told)


def test_nobody_answers_and_the_run_sends_the_part_on_which_sources_agree(case: Case) -> None:
    place, _, _ = case
    place.later(minutes=1)
    scores = [replace(place.score(town.key, level), floor=Level(floor)) for town in place.county.towns
              for level, floor in [{"haimen": (3, 3), "baochang": (1, 0), "linjiang": (1, 0)}.get(town.key, (0, 0))]]
    with place.ledger.begin() as tx:
        place.ledger.save_scores(tx, place.now, scores, place.now)
    (ref,) = draft_and_address(place.now, Context.load())
    key = f"{ref}@{iso(place.now)}"
    turn = next(turn for turn in range(9) if decide.ask(key, "author", turn) is None)
    assert decide.onward(key, "author", turn) == ""
    decide.carry_out(key)
    with place.ledger.read() as tx:
        rows = [dict(row) for row in tx.execute(select(t.alert_version).order_by(t.alert_version.c.version)).mappings()]
    assert [row["state"] for row in rows][-2:] == ["superseded", "issued"] and place.states()["accepted"] + place.states()["delivered"] > 0
    assert {town for _, _, town in place.recipients(VersionRef.of(rows[-1]))} == {"haimen"}
