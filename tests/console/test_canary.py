"""The canary goes the whole real way, reaches nobody but its own ends, and its absence alarms wherever the way is broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

sys.path.insert(0, str(Path(__file__).parent))
from canary_world import PHONE, SPEAKER, Flock
from command_line import ROOT, caller

from console.board import render
from console.canary import ends, lane, walk, watch
from console.canary.log import Log
from console.canary.watch import RECEIPTS
from console.report import collect
from console.sandbox.phone import Phones
from core.county import load_county
from core.ledger import tables as t
from core.settings import Settings
from core.times import iso
from notifiers.lock import one_sender

NOW = datetime(2021, 7, 25, 4, tzinfo=UTC)
PLAN = load_county(ROOT / "county" / "haimen").policy.canary
assert PLAN is not None
#: Numbers with which every beat counts.
EACH = {"sms_every": 1, "window": 2, "may_miss": 0}
LATE = float(PLAN.late_after_s)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker of a test hands over what it kept in an instant, and a gateway that is dead is dead."""
    monkeypatch.setattr(ends, "SILENCE_S", 0.1)
    monkeypatch.setattr(walk, "HAND_OVER_S", 1.0)


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flock]:
    made = Flock(tmp_path_factory.mktemp("steady"), **EACH)
    yield made
    made.stop()


@pytest.fixture
def flock(steady: Flock) -> Flock:
    steady.next_day()
    return steady


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Sitka", "Asia/Kathmandu"])
def test_a_beat_and_its_absence_are_told_on_the_county_clock(tmp_path: Path, zone: str) -> None:
    county = replace(load_county(ROOT / "county" / "haimen"), zone=ZoneInfo(zone))
    beats = [datetime(2021, 11, 7, 7, 30, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(8)]  # the hour that Alaska has twice is among them
    for n, beat in enumerate(beats):
        text = ends.said(beat, county.zone)
        assert f"{beat.astimezone(county.zone):%Y-%m-%d %H:%M}" in text
        (tmp_path / f"{n:02d}").write_text(text, encoding="utf-16" if n % 2 else "utf-8")
    assert list(ends.received(tmp_path)) == beats
    log = Log(tmp_path / "home" / "canary" / "seen.json")
    log.note(PHONE, NOW, NOW)
    found = watch.state(NOW + timedelta(days=1), county, Settings(home=tmp_path / "home"))
    assert found and found["ill"] and f"{NOW.astimezone(county.zone):%m-%d %H:%M}" in found["ends"][0]["line"]


def test_beats_go_the_whole_way_and_nobody_else_hears_anything(tmp_path: Path) -> None:
    flock, heard = Flock(tmp_path, village=True, sms_every=3, window=2, may_miss=0), list[str]()
    spy = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    spy.on_message = lambda _c, _d, message: heard.append(message.topic)
    spy.connect(flock.broker.host, flock.broker.port)
    spy.subscribe("#")
    spy.loop_start()
    try:
        before, keys = flock.counts(), sorted(path.name for path in (tmp_path / "keys").iterdir())
        for n in range(4):
            assert flock.beat(), "one pass behind the real chain is enough"
            flock.later(600 if n < 3 else 0)
        seen = flock.watch()
        assert not any(end.ill for end in seen.values()) and {end.last for end in seen.values()} == {iso(flock.place.now)}
        assert len(flock.messages()) == 2 and flock.fleet.speakers[0].plays == 4, "an SMS costs money: one in three"
        number = flock.numbers[PHONE]
        assert {m["to"] for m in flock.messages()} == {flock.gateway.gateway.who(number)} and {m["from"] for m in flock.messages()} == {"FSDRILL"}
        assert {m["tag"] for m in flock.messages()} == {"c=20210725T040000Z", "c=20210725T043000Z"}, "receipts name the beat, and no delivery of the real ledger"
        assert set(heard) == {"exercise/broadcast/canary", f"exercise/ack/{SPEAKER}"}
        assert flock.village and not any(s.plays or s.refusals for s in flock.village.speakers)
        after = flock.counts()
        assert {name for name in after if after[name] != before[name]} == {"feed_run", "assessment", "evidence", "watermark"}, "no more than the real steps wrote"
        assert after["watermark"] == before["watermark"] + 1 and after["delivery"] == before["delivery"] and not after["receipt"], "nobody was told anything"
        assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == keys
        assert len(list((tmp_path / "canary").glob("2*Z"))) == flock.plan.window + 1, "stores of beats long over are removed"
        data = collect(flock.ctx, flock.place.now)
        assert data["alerts"] == [] and data["canary"]["age_s"] == 0 and not data["canary"]["ill"]
        assert "链路自检 全程通过" in render(flock.ctx, flock.place.now)
    finally:
        spy.loop_stop()
        flock.stop()


def test_what_it_says_is_a_test_and_asks_for_nothing(flock: Flock) -> None:
    before = len(flock.messages())
    flock.place.settings = flock.settings.model_copy(update={"sandbox_recorded": True})  # in a rehearsal of recorded feeds too
    assert flock.beat()
    texts = [path.read_text(encoding="utf-8") for path in (flock.home / "canary" / "inbox" / PHONE).glob("*.txt")]
    wanted = f"【测试】【海门预警】链路自检 {flock.place.now:%Y-%m-%d} 12:00，不是预警，无须行动"
    assert len([text for text in texts if text.startswith(wanted)]) == 1
    assert flock.beat() and len(flock.messages()) == before + 1, "a second pass sends nothing"


def test_at_night_the_loudspeaker_answers_and_keeps_quiet(flock: Flock) -> None:
    flock.later(11 * 3600)
    plays = flock.fleet.speakers[0].plays
    assert flock.beat() and flock.fleet.speakers[0].plays == plays
    assert not flock.watch(LATE)[SPEAKER].ill


def no_feed(flock: Flock) -> None:
    flock.beat(feed=False)


def no_rule(flock: Flock) -> None:
    flock.beat(rule=False)


def no_net(_flock: Flock) -> None:
    """The dispatch net does not run."""


def hung(flock: Flock) -> None:
    with one_sender(flock.place.ledger, flock.home, (0, 1), 1.0) as held:
        assert held
        flock.beat()


def gateway_refuses(flock: Flock) -> None:
    flock.gateway.faults(codes={"20003": 1.0})
    flock.beat()


def gateway_dead(flock: Flock) -> None:
    flock.place.settings = flock.settings.model_copy(update={"sms_url": "http://127.0.0.1:9"})
    flock.beat()


def phone_silent(flock: Flock) -> None:
    flock.gateway.gateway.phones = Phones()
    flock.beat(phone=False)


def broker_dead(flock: Flock) -> None:
    flock.broker.stop()
    flock.beat()


def speaker_dead(flock: Flock) -> None:
    flock.fleet.stop()
    flock.beat()


def receiver_dead(flock: Flock) -> None:
    flock.place.settings = flock.settings.model_copy(update={"sms_callback_url": "http://127.0.0.1:9/receipts/twilio"})
    flock.receiving.right = False
    flock.beat()


def address_wrong(flock: Flock) -> None:
    flock.place.settings = flock.settings.model_copy(update={"sms_callback_url": flock.receiving.address.replace("/twilio", "/twillio")})
    flock.receiving.right = False
    flock.beat()


def proxy_speaks_under_another_name(flock: Flock) -> None:
    flock.receiving.mistake("https://alerts.example/receipts/twilio")
    flock.beat()


BREAKS: list[tuple[Callable[[Flock], None], dict[str, str]]] = [
    (no_feed, {PHONE: "beat", SPEAKER: "beat"}), (no_rule, {PHONE: "feed", SPEAKER: "feed"}), (hung, {PHONE: "rule", SPEAKER: "rule"}),
    (no_net, {PHONE: "", SPEAKER: ""}), (gateway_refuses, {PHONE: "dispatch"}), (gateway_dead, {PHONE: "dispatch"}), (phone_silent, {PHONE: "sms"}),
    (receiver_dead, {RECEIPTS: "callback"}), (address_wrong, {RECEIPTS: "callback"}), (proxy_speaks_under_another_name, {RECEIPTS: "callback"}),
    (speaker_dead, {SPEAKER: "dispatch"}), (broker_dead, {SPEAKER: "dispatch"}),
]


@pytest.mark.parametrize(("broken", "ill"), BREAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_wherever_the_way_is_broken_the_absence_alarms_and_names_the_last_stage(
    flock: Flock, broken: Callable[[Flock], None], ill: dict[str, str], steady: Flock, tmp_path: Path,
) -> None:
    if broken in (speaker_dead, broker_dead):  # for good
        flock = Flock(tmp_path, **EACH)
    assert flock.beat() and not any(end.ill for end in flock.watch().values())
    first = iso(flock.place.now)
    flock.later(600)
    broken(flock)
    seen = flock.watch(LATE)
    assert {name: end.stage for name, end in seen.items() if end.ill} == ill
    assert all(seen[name].late and seen[name].last == first and seen[name].age_s == 2400 and watch.STAGES[stage] in seen[name].line() for name, stage in ill.items())
    if flock is not steady:
        flock.stop()


def test_every_second_beat_lost_is_never_late_and_alarms_all_the_same(tmp_path: Path) -> None:
    flock = Flock(tmp_path, sms_every=1, window=5, may_miss=1)
    try:
        for n in range(5):
            flock.beat(feed=n % 2 == 0)
            flock.later(600 if n < 4 else 0)
        seen = flock.watch(LATE)
        assert not seen.pop(RECEIPTS).ill, "what was never sent has no receipt"
        assert all(end.ill and not end.late and len(end.missed) == 2 and end.stage == "beat" for end in seen.values())
        assert all("时断时续" in end.line() for end in seen.values())
    finally:
        flock.stop()


def test_a_receipt_that_comes_too_late_is_none(tmp_path: Path) -> None:
    plan, log = replace(PLAN, **EACH), Log(tmp_path / "stages.json")
    for n, took in ((0, 5.0), (1, plan.late_after_s), (2, plan.late_after_s + 1.0)):
        at = plan.beat(NOW) + timedelta(seconds=plan.every_s * n)
        log.note("callback", at, at)
        assert {end.end: end for end in watch.judge(at + timedelta(seconds=plan.late_after_s), plan, tmp_path)}[RECEIPTS].late, "not yet there"
        log.note("receipt", at, at + timedelta(seconds=took))
        assert {end.end: end for end in watch.judge(at + timedelta(seconds=plan.late_after_s), plan, tmp_path)}[RECEIPTS].late == (n == 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 3))
def test_the_judgement_by_counting(tmp_path_factory: pytest.TempPathFactory, came: list[bool], may_miss: int) -> None:
    """`came`: whether each beat arrived, the oldest first; all of them are due."""
    plan = replace(PLAN, may_miss=may_miss)
    start, folder = plan.beat(NOW), tmp_path_factory.mktemp("logs")
    log, times = Log(folder / "seen.json"), [start + timedelta(seconds=plan.every_s * n) for n in range(len(came))]
    for at, arrived in zip(times, came, strict=True):
        if arrived:
            log.note(SPEAKER, at, at)
    end = {e.end: e for e in watch.judge(times[-1] + timedelta(seconds=plan.late_after_s), plan, folder)}[SPEAKER]
    since = came[came.index(True):] if True in came else []
    assert end.late == (not came[-1]) and end.ill == (end.late or since[-plan.window:].count(False) > may_miss)


@pytest.mark.parametrize("state", [b"", b"{", b"[]", b'{"x": 3}', b"\xff"])
def test_a_log_that_cannot_be_read_is_an_alarm(tmp_path: Path, state: bytes) -> None:
    (tmp_path / "seen.json").write_bytes(state)
    (tmp_path / "stages.json").write_bytes(state)
    assert all(end.ill and end.last is None and "从未收到" in end.line() for end in watch.judge(NOW, PLAN, tmp_path))


def test_in_a_live_installation_it_goes_to_its_ends_and_with_anybody_else_among_them_to_nobody(flock: Flock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGSUI_SECRET_TEST_PHONE_01", flock.numbers[PHONE])
    flock.place.settings = flock.settings.model_copy(update={"mode": "live"})
    before, plays = len(flock.messages()), flock.fleet.speakers[0].plays
    assert flock.beat() and (len(flock.messages()), flock.fleet.speakers[0].plays) == (before + 1, plays + 1)
    flock.later(600)
    opened = lane.open_lane

    def intruded(*given: object) -> object:
        made = opened(*given)  # type: ignore[arg-type]
        with made.ledger.begin() as tx, flock.place.ledger.read() as real:
            somebody = real.execute(select(t.resident).limit(1)).mappings().one()
            tx.execute(insert(t.resident_row), dict(somebody) | {"town": "canary", "groups": '["canary"]', "synthetic": False})
        return made

    monkeypatch.setattr(walk, "open_lane", intruded)
    assert not flock.beat() and (len(flock.messages()), flock.fleet.speakers[0].plays) == (before + 1, plays + 1)
    assert {end.stage for end in flock.watch(LATE).values() if end.ill} == {"dispatch"}


def test_the_watch_needs_neither_ledger_nor_gateway_and_its_exit_code_is_the_alarm(
    flock: Flock, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    call, at = caller(monkeypatch, capfd), flock.place.now
    env = {"FENGSUI_BROKER_PORT": str(flock.broker.port), "FENGSUI_LEDGER_URL": "postgresql+psycopg://nobody@127.0.0.1:9/none", "FENGSUI_LAKE_URL": "s3://none"}
    none = call("canary", "watch", "--now", iso(at), home=tmp_path / "elsewhere", **env)
    assert none.returncode == 2 and none.stdout.count("从未收到") == 2
    for _ in range(7):  # the county's own numbers: every ten minutes, each sixth by SMS
        flock.place.county = replace(flock.place.county, policy=replace(flock.place.county.policy, canary=PLAN))
        flock.beat()
        flock.later(600)
    fresh = call("canary", "watch", "--json", "--now", iso(at + timedelta(hours=1)), home=flock.home, **env)
    told = json.loads(fresh.stdout)
    assert fresh.returncode == 0 and not told["ill"] and told["last"] == iso(at + timedelta(hours=1)) and told["age_s"] == 0
    assert not (tmp_path / "elsewhere" / "ledger.db").exists()
    late = call("canary", "watch", "--now", iso(at + timedelta(hours=3)), home=flock.home, **env | {"FENGSUI_BROKER_PORT": "9"})
    assert late.returncode == 2 and "迟到" in late.stdout and "没有放出" in late.stdout and "消息代理连不上" in late.stdout
