"""Officers at a terminal on the night on which Airflow stands still: who may decide, what is refused, what goes out. The gateway and the ledger are the witnesses."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from command_line import one_line
from night_desk import WORDS, Night, said
from sqlalchemy import select, update

from console import decide, desk
from console.context import Context
from console.dossier import facts
from core import alerts
from core.errors import AuthorityError, LifeCycleError
from core.ledger import tables as t
from core.ledger import verify_audit
from core.model import Status
from core.times import iso

D = t.delivery.c


def context(night: Night, monkeypatch: pytest.MonkeyPatch) -> Context:
    for name, value in (night.env | {"FENGSUI_HOME": str(night.place.settings.home)}).items():
        monkeypatch.setenv(name, value)
    return Context.load()


def test_two_officers_take_an_orange_draft_to_sms_without_any_airflow(night: Night) -> None:
    ref = night.draft(haimen=3, baochang=1)
    listed = night.call("alerts", "--json", *night.at())
    (waits,) = said(listed)["waiting"]
    assert listed.returncode == 0 and waits["ref"] == str(ref) and [o["officer"] for o in waits["clock"]["asked"]] == ["duty-1"]
    assert waits["clock"]["left_s"] == 300 and {town["name"] for town in waits["towns"]} == {"海门街道", "包场镇"} and all(t["segments"] for t in waits["towns"])
    first = night.alone("alerts", "review", ref, "--officer", "duty-1", *night.at(), types=(WORDS["duty-1"], "演练"))
    assert first.returncode == 0 and night.row(ref)["state"] == "review", first
    second = night.alone("alerts", "approve", ref, "--officer", "chief-1", "--json", *night.at(), types=(WORDS["chief-1"], "drill"))
    assert second.returncode == 0 and said(second)["state"] == "issued", second
    assert night.signed(ref) == [("duty-1", "author", "approve"), ("chief-1", "approver", "approve")]
    texts = {town["sms"] for town in waits["towns"]}
    sent = night.messages()
    assert len(sent) == waits["audience"]["by_channel"]["sms"] > 0 and {m["body"] for m in sent} == texts, "the exact words that were shown"
    assert night.decide("approve", ref, "chief-1", types=()).returncode == 0 and len(night.messages()) == len(sent), "a repeat sends nothing"
    assert verify_audit(night.place.ledger).broken_at is None
    assert WORDS["duty-1"] not in first.stdout + first.stderr and WORDS["chief-1"] not in second.stdout + second.stderr


def test_what_an_officer_is_shown_is_all_that_will_be_said(night: Night) -> None:
    ref = night.draft(haimen=3, baochang=2)
    shown, as_json = night.call("alerts", "show", ref, *night.at()).stdout, said(night.call("alerts", "show", ref, "--json", *night.at()))
    for town in as_json["towns"]:
        assert town["sms"] in shown and town["broadcast"] in shown and f"{town['segments']} 段" in shown
    assert "演练 EXERCISE" in shown and "ACTUAL" not in shown and "duty-1" in shown and "还剩 5 分 0 秒" in shown
    assert "继续等" in shown and as_json["part_on_silence"] == [], "one rule alone: policy holds on silence, and says so"


WRONG = [
    ("chief-1", ("x", "drill"), "may not be author"), ("stranger", ("x", "drill"), "not an officer"), ("duty-2", ("x", "drill"), "no public key"),
    ("duty-1", ("not the passphrase", "drill"), "wrong passphrase"), ("duty-1", (WORDS["duty-1"], "yes"), "nothing was signed"),
    ("duty-1", (WORDS["duty-1"], ""), "nothing was signed"), ("duty-1", (WORDS["duty-1"],), "nothing was typed"), ("duty-1", (), "nothing was typed"),
]


def test_the_wrong_hand_or_word_signs_nothing(night: Night) -> None:
    ref = night.draft(haimen=3)
    for officer, types, says in WRONG:
        refused = night.decide("review", ref, officer, types=types)
        assert refused.returncode == 2 and says in refused.stderr and "Traceback" not in refused.stderr, (officer, types, refused)
    assert night.signed(ref) == [] and night.row(ref)["state"] == "draft" and night.messages() == []


def test_what_has_run_out_is_not_signed(night: Night) -> None:
    ref = night.draft(haimen=3)
    night.place.later(days=2)
    assert "run out" in night.decide("review", ref, "duty-1").stderr and night.signed(ref) == []


def test_nobody_signs_twice_nor_what_was_changed_nor_with_a_key_that_was_taken_back(night: Night) -> None:
    ref = night.draft(haimen=3)
    assert night.decide("approve", ref, "chief-1").returncode == 2, "nobody approves what nobody has reviewed"
    assert night.decide("review", ref, "duty-1").returncode == 0
    assert "does not wait for this" in night.decide("review", ref, "duty-1").stderr
    assert "may not be approver" in night.decide("approve", ref, "duty-1").stderr
    body = night.row(ref)["body"]
    spoil = update(t.alert_version).where(t.alert_version.c.alert_id == ref.alert_id)
    with night.place.ledger.begin() as tx:
        tx.execute(spoil.values(body=body.replace("低洼处", "高坡处")))
    assert "body was changed" in night.decide("approve", ref, "chief-1").stderr
    with night.place.ledger.begin() as tx:
        tx.execute(spoil.values(body=body))
    assert night.call("officers", "key", "duty-1", "--revoke").returncode == 0
    assert "no public key for 'duty-1'" in night.decide("approve", ref, "chief-1").stderr, "what the key had signed holds no more"
    assert night.messages() == [] and not list(night.place.settings.home.rglob("*.xml"))


def test_a_signature_is_over_what_was_shown(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    ref, ctx = night.draft(haimen=3), context(night, monkeypatch)
    seen = facts(ctx, ref, night.place.now)
    hand = desk.open_key(ctx, "duty-1", lambda name: WORDS[name])
    night.place.address(ref)
    with night.place.ledger.begin() as tx:
        alerts.record_audience(tx, ref, json.loads(night.row(ref)["audience"]) | {"hash": "22" * 32})
    with pytest.raises(AuthorityError, match="signed something else"):
        desk.sign(night.place.now, ctx, hand, seen, "author", "approve")
    assert WORDS["duty-1"] not in repr(hand) and hand.private not in repr(hand)


def test_a_refusal_ends_it_and_says_why(night: Night) -> None:
    ref = night.draft(haimen=3)
    assert night.decide("refuse", ref, "chief-1", "--reason", " ", types=(WORDS["chief-1"],)).returncode == 2
    assert night.decide("refuse", ref, "chief-1", "--reason", "雨带已南移", types=(WORDS["chief-1"],)).returncode == 0
    assert night.row(ref)["state"] == "refused" and night.signed(ref) == [("chief-1", "approver", "refuse")]
    assert "雨带已南移" in night.call("alerts", "show", ref, "--json", *night.at()).stdout and set(night.place.states()) <= {"planned", "cancelled"}


def test_the_clock_is_put_off_once_and_then_runs_out(night: Night) -> None:
    ref = night.draft(haimen=3)
    night.place.later(minutes=4)
    put_off = night.decide("delay", ref, "duty-1", "--reason", "派人去看", "--json", types=(WORDS["duty-1"],))
    assert put_off.returncode == 0 and datetime.fromisoformat(said(put_off)["deadline"]) == night.place.now + timedelta(minutes=5)
    assert "put off once" in night.decide("delay", ref, "duty-1", "--reason", "再看看", types=(WORDS["duty-1"],)).stderr
    night.place.later(minutes=4)
    with pytest.raises(LifeCycleError, match="has not passed"):
        alerts.decide_silence(now=night.place.now, ref=ref, county=night.place.county, ledger=night.place.ledger, keyring=night.place.keyring)
    night.place.later(minutes=1)
    assert night.call("alerts", *night.at()).returncode == 1, "overdue again"


@pytest.mark.parametrize("second", ["chief-1", ""])
def test_a_recall_is_one_action_and_reaches_exactly_whom_it_concerns(night: Night, second: str) -> None:
    first = night.draft(haimen=3)
    night.decide("review", first, "duty-1")
    assert night.decide("approve", first, "chief-1").returncode == 0
    with night.place.ledger.begin() as tx:
        rows = list(tx.execute(select(D.delivery_id, D.provider_id, D.state).where(D.channel == "sms").order_by(D.delivery_id)))
        for (delivery, _, _), state, code in zip(rows, ("unknown", "refused", "undelivered"), ("", "21610", "30006"), strict=False):
            tx.execute(update(t.delivery).where(D.delivery_id == delivery).values(state=state, code=code, finished_at=iso(night.place.now)))
    to = {message["sid"]: message["to"] for message in night.messages()}
    concerned = {to[provider] for delivery, provider, _ in rows if delivery not in {rows[1][0], rows[2][0]}}
    night.place.later(minutes=10)
    call = ("cancel", first.alert_id, "duty-1", "--reason", "雨量计误报", "--mistake", *(("--second", second) if second else ()))
    wrong = night.decide(*call, types=(WORDS["duty-1"], *((WORDS[second],) if second else ()), "no"))
    assert wrong.returncode == 2 and night.row(first)["state"] == "issued" and night.numbers(3) == []
    done = night.decide(*call, "--json", types=(WORDS["duty-1"], *((WORDS[second],) if second else ()), "drill"))
    assert done.returncode == 0, done
    if not second:
        assert night.numbers(3) == []
        assert night.decide("approve", said(done)["ref"], "chief-1").returncode == 0
    assert sorted(night.numbers(3)) == sorted(concerned) and len(concerned) == len(rows) - 2
    assert all("更正" in m["body"] and "有误" in m["body"] for m in night.messages() if "·3〕" in m["body"])
    assert night.row(first)["state"] == "cancelled" and "nothing in force" in night.decide(*call, types=()).stderr


def test_a_warning_of_the_whole_county_needs_its_code_from_both(night: Night) -> None:
    ref = night.draft(**{town.key: 3 for town in night.place.county.towns})
    assert "320614" in night.call("alerts", "show", ref, *night.at()).stdout
    for code in ((), ("",), ("320601",)):
        assert night.decide("review", ref, "duty-1", types=(WORDS["duty-1"], "drill", *code)).returncode == 2
    assert night.signed(ref) == []
    assert night.decide("review", ref, "duty-1", types=(WORDS["duty-1"], "drill", "320614")).returncode == 0
    assert night.decide("approve", ref, "chief-1").returncode == 2 and night.messages() == []
    assert night.decide("approve", ref, "chief-1", types=(WORDS["chief-1"], "drill", "320614")).returncode == 0 and night.messages()


def test_a_signature_printed_at_the_terminal_holds_on_the_page(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = night.draft(haimen=3)
    printed = night.decide("sign", ref, "duty-1")
    assert printed.returncode == 0 and night.row(ref)["state"] == "draft"
    no = night.decide("sign", ref, "duty-1", "--refuse", types=(WORDS["duty-1"],))
    assert json.loads(no.stdout)["decision"] == "refuse"
    later = night.decide("sign", ref, "duty-1", "--delay", types=(WORDS["duty-1"],))
    assert json.loads(later.stdout)["decision"] == "put_off" and night.decide("sign", ref, "duty-1", "--delay", "--refuse").returncode == 2
    context(night, monkeypatch)
    for paper in ("", printed.stdout, later.stdout):  # neither a click nor a yes puts anything off, where the officer's own key is wanted
        decide.take(f"{ref}@{iso(night.place.now)}", "author", 0, {"chosen_options": ["延后"], "responded_by_user": {"id": "duty-1"},
                                                                   "params_input": {"signature": paper, "area": "", "reason": "派人去看"}})
        assert (len(night.told("put_off")), len(night.told("not_put_off"))) == (paper == later.stdout, 1)
    with pytest.raises(AuthorityError):  # a no is not a yes
        decide.take(f"{ref}@{iso(night.place.now)}", "author", 0, {"chosen_options": ["送审"], "responded_by_user": {"id": "duty-1"},
                                                                   "params_input": {"signature": no.stdout, "area": ""}})
    given = {"chosen_options": ["送审"], "responded_by_user": {"id": "duty-1"}, "params_input": {"signature": printed.stdout, "area": ""}}
    with pytest.raises(AuthorityError):
        decide.take(f"{ref}@{iso(night.place.now)}", "author", 0, given | {"responded_by_user": {"id": "duty-2"}})
    assert decide.take(f"{ref}@{iso(night.place.now)}", "author", 0, given) and night.signed(ref) == [("duty-1", "author", "approve")]


def test_page_and_terminal_race_and_one_wins(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    for turn, haimen in enumerate((2, 3), 1):
        ref, ctx = night.draft(haimen=haimen), context(night, monkeypatch)
        assert night.decide("review", ref, "duty-1").returncode == 0
        context(night, monkeypatch)
        key, now, seen = f"{ref}@{iso(night.place.now)}", night.place.now, facts(ctx, ref, night.place.now)
        hands = {name: desk.open_key(ctx, name, WORDS.__getitem__) for name in ("chief-1", "deputy-1")}
        paper = {"signature": json.dumps(asdict(desk.signature(now, hands["chief-1"], seen, "approver", "approve"))), "area": ""}
        both, lost = threading.Barrier(2), list[str]()

        def page(key: str = key, paper: dict[str, str] = paper, both: threading.Barrier = both) -> None:
            both.wait()
            decide.take(key, "approver", 0, {"chosen_options": ["签发"], "responded_by_user": {"id": "chief-1"}, "params_input": paper})
            decide.carry_out(key)

        runs = threading.Thread(target=page)
        runs.start()
        both.wait()
        ctx = Context.load()  # as every call does, so that neither is ahead
        try:
            desk.sign(now, ctx, hands["deputy-1"], seen, "approver", "approve")
        except LifeCycleError as error:
            lost.append(str(error))
        decide.finish(now, ctx, ref)
        runs.join()
        assert night.row(ref)["state"] == "issued" and len(night.signed(ref)) == 2 and len(night.told("too_late")) + len(lost) <= turn
        assert [who for who, role, _ in night.signed(ref) if role == "approver"] == (["chief-1"] if lost else ["deputy-1"])
        assert len(night.numbers(turn)) == len(set(night.numbers(turn))) > 0, "nobody hears it twice"
        night.place.later(minutes=31)


LIVE = {"FENGSUI_MODE": "live", "FENGSUI_STATUS": "Actual", "FENGSUI_SMS_URL": "https://sms.invalid", "FENGSUI_BROKER_HOST": "broker.invalid",
        "FENGSUI_BROKER_USER": "desk", "FENGSUI_BROKER_PASSWORD": "p" * 32}


def test_the_real_thing_asks_for_its_colour_and_place_at_a_terminal(night: Night) -> None:
    night.place.now = datetime.now(UTC).replace(microsecond=0)
    night.place.settings = night.place.settings.model_copy(update={"status": Status.ACTUAL})
    ref = night.draft(haimen=3, baochang=1)
    night.env |= LIVE
    for piped in (("橙色 海门街道等2个镇街",), ("drill",)):
        refused = night.call("alerts", "review", ref, "--officer", "duty-1", types=(WORDS["duty-1"], *piped))
        assert refused.returncode == 2 and "at a terminal" in one_line(refused)
    call = ("alerts", "review", ref, "--officer", "duty-1")
    for typed, code, state in (("drill", 2, "draft"), ("orange haimen+1", 0, "review")):
        left, screen = night.typed(*call, answers=[("passphrase", WORDS["duty-1"]), ("colour and place", typed)])
        assert (left, night.row(ref)["state"]) == (code, state), screen
        assert "真实预警 ACTUAL" in screen and "演练" not in screen and WORDS["duty-1"] not in screen
    assert "wall clock" in night.call(*call, *night.at()).stderr and night.messages() == []


def test_what_belongs_to_another_world_is_not_signed(night: Night) -> None:
    night.place.settings = night.place.settings.model_copy(update={"status": Status.TEST})
    ref = night.draft(haimen=3)
    assert "of another world" in night.decide("review", ref, "duty-1").stderr and night.signed(ref) == []
