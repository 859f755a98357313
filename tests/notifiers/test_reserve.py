"""A town that loses a channel is told of with its people, and the reserve that was signed for it starts by itself; nothing that was not signed does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from console.board import render
from console.decide import describe
from console.report import collect
from console.sandbox.broker import Broker, start_broker
from console.sandbox.clock import Clock
from console.sandbox.loudspeakers import Fleet
from core import alerts
from core.county import weak_points
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso
from notifiers import sending
from notifiers.cover import ENOUGH, losses
from notifiers.history import RESERVE

d = t.delivery.c


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LOOK_S", 0.2)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = start_broker(tmp_path / "broker")
    yield running
    running.stop()


def world(tmp_path: Path, broker: Broker, sms_url: str = "http://127.0.0.1:9") -> tuple[nw.Place, Fleet]:
    place = nw.make(tmp_path, people=600, speakers=True, sms_url=sms_url, broker_port=broker.port, broker_protocol=broker.protocol)
    fleet = Fleet(county=place.county, host=broker.host, port=broker.port, protocol=broker.protocol, keys=tmp_path / "keys", clock=Clock(place.now))
    fleet.start()
    return place, fleet


def plays(fleet: Fleet) -> dict[str, int]:
    return {speaker.spec.speaker: speaker.plays for speaker in fleet.speakers if speaker.plays}


def desk(place: nw.Place, kind: str) -> list[str]:
    with place.ledger.read() as tx:
        return list(tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == kind)).scalars())


def test_where_sms_is_dead_the_loudspeakers_that_were_signed_with_it_start_and_the_desk_knows_who_is_uncovered(tmp_path: Path, broker: Broker) -> None:
    place, fleet = world(tmp_path, broker)
    try:
        ref = place.publish(haimen=1, yuelai=1)
        with place.ledger.read() as tx:
            row = alerts.find(tx, ref)
        people = sum(1 for channel, _, _ in place.recipients(ref) if channel == "sms")
        assert json.loads(row["audience"])["count"] == people and json.loads(row["audience"])["reserve"] == {"broadcast": 6}
        place.dispatch(deadline_s=1.0)
        assert set(plays(fleet)) == {"spk-haimen-01", "spk-haimen-02", "spk-haimen-03", "spk-yuelai-01", "spk-yuelai-02"}
        (lost,), (started,) = desk(place, "channel_lost"), desk(place, "reserve")
        assert "短信" in lost and "海门街道" in lost and "悦来镇" in lost and "另有大喇叭" in lost and "自动启动" in started
        (shown,) = collect(place.context(), place.now)["lost"]
        assert shown["channel"] == "sms" and shown["people"] == people and set(shown["towns"]) == {"海门街道", "悦来镇"}
        assert f"{people} 人没有通知到" in render(place.context(), place.now)
        place.dispatch(deadline_s=1.0)
        assert sum(plays(fleet).values()) == 5 and len(desk(place, "channel_lost")) == 1, "neither played nor told twice"
    finally:
        fleet.stop()


def test_where_sms_works_the_reserve_keeps_quiet_to_its_end_and_nobody_is_called_missed(tmp_path: Path, broker: Broker, gateway: nw.Gateway) -> None:
    place, fleet = world(tmp_path, broker, gateway.url)
    try:
        gateway.faults(error_500=0.2, too_many=0.2)  # a bad minute is no loss: what failed is tried again
        ref = place.publish(haimen=1)
        assert place.dispatch().not_reached == () and not plays(fleet) and place.states("broadcast") == {"planned": 3}
        ended = alerts.cancel(now=place.now, alert_id=ref.alert_id, reason="", county=place.county, ledger=place.ledger)
        assert set(place.address(ended).by_channel) == {"sms"}, "who was never told is not told that it is over"
        place.later(hours=25)
        place.dispatch()
        assert place.states("broadcast") == {"cancelled": 3} and not plays(fleet)
        assert not desk(place, "channel_lost") and not desk(place, "reserve") and not desk(place, "expired")
        assert collect(place.context(), place.now)["broadcast"]["not_reached"] == []
    finally:
        fleet.stop()


def test_who_heard_it_from_the_reserve_hears_the_end_too(tmp_path: Path, broker: Broker) -> None:
    place, fleet = world(tmp_path, broker)
    try:
        ref = place.publish(haimen=1)
        place.dispatch(deadline_s=1.0)
        ended = alerts.cancel(now=place.now, alert_id=ref.alert_id, reason="", county=place.county, ledger=place.ledger)
        place.address(ended)
        place.issue(ended)
        place.dispatch(deadline_s=1.0)
        assert plays(fleet) == {"spk-haimen-01": 2, "spk-haimen-02": 2, "spk-haimen-03": 2}
    finally:
        fleet.stop()


def test_at_night_the_reserve_waits_for_the_morning(tmp_path: Path, broker: Broker) -> None:
    place, fleet = world(tmp_path, broker)
    try:
        place.later(hours=11)  # 23:00: those on duty are written to at once, and cannot be
        place.county = replace(place.county, policy=replace(place.county.policy, audience=dict.fromkeys(place.county.policy.audience, ("duty",))))
        place.publish(haimen=1, sanyang=1, changle=1)
        place.dispatch(deadline_s=1.0)
        assert not plays(fleet) and desk(place, "quiet_hours")
        with place.ledger.read() as tx:
            waits = set(tx.execute(select(d.not_before).where(d.channel == "broadcast", d.code != RESERVE)).scalars())
        assert waits == {"2021-07-25T22:00:00+00:00"}
    finally:
        fleet.stop()


@pytest.mark.parametrize("forged", ["body", "rows"])
def test_a_reserve_that_was_not_signed_does_not_start(tmp_path: Path, broker: Broker, forged: str) -> None:
    place, fleet = world(tmp_path, broker)
    try:
        county = place.county
        place.county = replace(county, policy=replace(county.policy, reserve={}))
        ref = place.publish(haimen=1)
        place.county = county
        with place.ledger.begin() as tx:
            row, v = alerts.find(tx, ref), t.alert_version.c
            if forged == "body":
                body = json.dumps(json.loads(row["body"]) | {"reserve_by_level": {"1": ["broadcast"]}})
                tx.execute(update(t.alert_version).where(v.alert_id == ref.alert_id).values(body=body))
            tx.execute(insert(t.delivery), [{"alert_id": ref.alert_id, "version": 1, "channel": "broadcast", "recipient": "spk-haimen-01", "town": "haimen",
                                             "state": "planned", "code": RESERVE}])
        assert str(ref) in place.dispatch(deadline_s=1.0).refused and not plays(fleet) and place.states("broadcast") == {"planned": 1}
    finally:
        fleet.stop()


def test_a_dead_broker_is_told_with_everybody_in_earshot(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, people=300, speakers=True, sms_url=gateway.url, broker_port=9)
    place.publish(haimen=3)
    place.dispatch()
    (lost,) = desk(place, "channel_lost")
    assert f"海门街道 {place.county.town('haimen').population} 人" in lost and "大喇叭" in lost and "另有短信" in lost


STATES = [(D.PENDING, ""), (D.PENDING, "no_connection"), (D.PENDING, "quiet_hours"), (D.PLANNED, RESERVE), (D.SENDING, ""), (D.SENDING, "TimeoutError"),
          (D.ACCEPTED, ""), (D.DELIVERED, ""), (D.UNDELIVERED, "30003"), (D.REFUSED, "21211"), (D.CANCELLED, "opted_out"), (D.UNKNOWN, "unknown")]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> nw.Place:
    return nw.make(tmp_path_factory.mktemp("plain"), people=1)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from(["haimen", "yuelai"]), st.sampled_from(STATES)), max_size=30))
def test_what_is_lost_by_counting(plain: nw.Place, rows: list[tuple[str, tuple[D, str]]]) -> None:
    with plain.ledger.begin() as tx:
        tx.execute(delete(t.delivery))
        for n, (town, (state, code)) in enumerate(rows):
            tx.execute(insert(t.delivery).values(alert_id="A", version=1, channel="sms", recipient=f"r{n}", town=town, state=str(state), code=code))
        found = {loss.town: loss.missed for loss in losses(tx, ("A", 1))}
    asked = [(town, state, code) for town, (state, code) in rows if state not in (D.PLANNED, D.CANCELLED) and code != "quiet_hours"]

    def count(*states: D, town: str = "", tried: bool = False) -> int:
        return sum(1 for place, state, code in asked if state in states and town in ("", place) and (not tried or code))

    bad, reached = (D.UNDELIVERED, D.REFUSED, D.UNKNOWN), (D.ACCEPTED, D.SENT, D.DELIVERED)
    failed = count(*bad) + count(D.PENDING, D.SENDING, tried=True)
    down = failed > count(*reached) and failed + count(*reached) >= min(len(asked), ENOUGH)
    wanted = {}
    for town in {town for town, _, _ in asked}:
        n = sum(1 for place, _, _ in asked if place == town)
        missed, tried = n - count(*reached, town=town), count(*bad, town=town) + count(D.PENDING, D.SENDING, town=town, tried=True)
        if tried > n / 2 or (down and missed > n / 2):
            wanted[town] = missed
    assert found == wanted


def test_the_county_check_says_which_towns_have_no_two_independent_channels(plain: nw.Place) -> None:
    county = nw.load_county(nw.ROOT / "county" / "haimen")
    assert weak_points(county) == []
    policy, sms = county.policy, county.policy.needs["sms"]
    silent = replace(county, loudspeakers=tuple(replace(s, state="off") if s.town == "yuelai" else s for s in county.loudspeakers))
    assert [words.partition("：")[0] for words in weak_points(silent)] == ["悦来镇"]
    shared = replace(county, policy=replace(policy, needs=policy.needs | {"broadcast": replace(policy.needs["broadcast"], carrier=sms.carrier)}))
    assert all("移动通信网" in words and "海门街道" in words for words in weak_points(shared)) and weak_points(shared)
    assert "没有写明" in weak_points(replace(county, policy=replace(policy, needs={})))[0]
    assert weak_points(replace(county, policy=replace(policy, reserve={})))[0].startswith("蓝色")


def test_officers_are_shown_the_reserve_that_they_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = nw.make(tmp_path, people=100, speakers=True)
    ref = place.draft(haimen=1, yuelai=3)
    place.address(ref)
    for name, value in {"HOME": str(tmp_path), "COUNTY": str(nw.ROOT / "county" / "haimen"), "STATUS": "Exercise"}.items():
        monkeypatch.setenv(f"FENGSUI_{name}", value)
    assert "备用（一并签发" in (text := describe(f"{ref}@{iso(place.now)}")) and "大喇叭 loudspeakers 3 个" in text


def test_who_holds_the_same_message_from_before_is_no_loss(tmp_path: Path, broker: Broker, gateway: nw.Gateway) -> None:
    """The one loudspeaker that is dead is asked again by every version; the two that said it already, and the people who have it on their phones, are not."""
    place, fleet = world(tmp_path, broker, gateway.url)
    try:
        place.publish(haimen=2, yuelai=2)
        place.dispatch()
        place.later(minutes=31)
        for speaker in fleet.speakers:
            speaker.clock = Clock(place.now)
        ref = place.publish(haimen=2, yuelai=2, linjiang=2)
        place.dispatch()
        with place.ledger.read() as tx:
            rows = dict(tx.execute(select(d.recipient, d.state).where(d.version == ref.version, d.channel == "broadcast", d.town == "yuelai")).tuples().all())
            assert sorted(rows.values()) == ["cancelled", "cancelled", "undelivered"] and losses(tx, (ref.alert_id, ref.version)) == []
        assert not desk(place, "channel_lost")
    finally:
        fleet.stop()
