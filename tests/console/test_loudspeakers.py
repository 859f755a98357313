"""From dispatch over a real broker to the loudspeakers and back: acked, listed as not reached, refused by the broker."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.publish import multiple
from sqlalchemy import select, update

import notifiers
from console.sandbox.broker import Broker, start_broker
from console.sandbox.clock import Clock
from console.sandbox.loudspeakers import Fleet, Speaker
from core.ledger import tables as t
from core.times import iso
from notifiers import frames, stops

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw


@pytest.fixture(params=[False, True], ids=["installed", "embedded"])
def broker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Broker]:
    running = start_broker(tmp_path / "broker", embedded=request.param)
    yield running
    running.stop()


def quiet_place(tmp_path: Path, broker: Broker) -> nw.Place:
    """Only loudspeakers: every SMS waits, because its gateway is not there."""
    place = nw.make(tmp_path, people=60, speakers=True, broker_port=broker.port, broker_protocol=broker.protocol)
    place.county = replace(place.county, policy=replace(place.county.policy, channels=dict.fromkeys(place.county.policy.channels, ("broadcast",))))
    return place


def test_played_acked_and_the_silent_ones_listed(tmp_path: Path, broker: Broker) -> None:
    place = quiet_place(tmp_path, broker)
    fleet = Fleet(county=place.county, host=broker.host, port=broker.port, protocol=broker.protocol, keys=tmp_path / "keys", clock=Clock(place.now))
    fleet.start()
    try:
        ref = place.publish(yuelai=3, haimen=3)
        report = place.dispatch()
        wanted = {who for channel, who, _ in place.recipients(ref) if channel == "broadcast"}
        assert report.not_reached == ("spk-yuelai-03",)
        assert place.states("broadcast") == {"delivered": len(wanted) - 1, "undelivered": 1}
        with place.ledger.read() as tx:  # a loudspeaker's answer is also the proof that something was handed to it
            d = t.delivery.c
            assert all(tx.execute(select(d.handed_at).where(d.channel == "broadcast", d.state == "delivered")).scalars())
        assert place.dispatch().outcomes == {} and sum(s.plays for s in fleet.speakers) == len(wanted) - 1
        rogue = [{"topic": f"actual/broadcast/{s.spec.town}", "payload": b'{"text": "evacuate"}', "qos": 1} for s in fleet.speakers] * 20
        multiple(rogue, hostname=broker.host, port=broker.port, protocol=mqtt.MQTTv311)
        assert sum(s.plays for s in fleet.speakers) == len(wanted) - 1
    finally:
        fleet.stop()


def test_a_stopped_version_is_not_said_again_though_a_process_died_while_it_was_said(tmp_path: Path, broker: Broker) -> None:
    place = quiet_place(tmp_path, broker)
    fleet = fleet_of(place, broker)
    fleet.start()
    try:
        ref, d = place.publish(haimen=3), t.delivery.c
        with place.ledger.begin() as tx:
            tx.execute(update(t.delivery).where(d.channel == "broadcast").values(state="sending", claimed_at=iso(place.now)))
            stops.stop(place.ledger, tx, place.now, str(ref), "broadcast", "收到的与签发的不同")
        place.dispatch()
        assert not any(s.plays for s in fleet.speakers) and "delivered" not in place.states("broadcast")
        notifiers.resume(now=place.now, version=str(ref), channel="broadcast", officer="duty-1", ledger=place.ledger)
        place.later(minutes=2)
        place.dispatch()
        assert place.states("broadcast") == {"delivered": 3} and {s.plays for s in fleet.speakers if s.spec.town == "haimen"} == {1}
    finally:
        fleet.stop()


ACL = "pattern read exercise/broadcast/#\ntopic readwrite exercise/ack/#\ntopic read exercise/broadcast/#\n"


def desk(place: nw.Place, kind: str) -> list[str]:
    with place.ledger.read() as tx:
        return list(tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == kind)).scalars())


def fleet_of(place: nw.Place, broker: Broker) -> Fleet:
    return Fleet(county=place.county, host=broker.host, port=broker.port, protocol=broker.protocol, keys=place.settings.home / "keys",
                 clock=Clock(place.now))


def accounted(place: nw.Place, ref: object, fleet: Fleet) -> None:
    """Every target is proved, or listed where people look; nobody is both."""
    wanted = {who for channel, who, _ in place.recipients(ref) if channel == "broadcast"}
    with place.ledger.read() as tx:
        states = dict(tx.execute(select(t.delivery.c.recipient, t.delivery.c.state).where(t.delivery.c.channel == "broadcast")).tuples().all())
    proved = {who for who, state in states.items() if state == "delivered"}
    assert states.keys() == wanted and set(states.values()) <= {"delivered", "undelivered", "refused"}
    assert proved <= {s.spec.speaker for s in fleet.speakers if s.plays}
    listed = "".join(desk(place, "not_reached"))
    assert all(who in listed for who in wanted - proved)


def test_a_broker_that_refuses_the_publish_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text(ACL, encoding="utf-8")
    broker = start_broker(tmp_path / "broker", config=f"acl_file {tmp_path / 'acl'}\n")
    if broker.protocol == 4:
        broker.stop()
        pytest.skip("mosquitto is not installed: the embedded broker has no access list")
    try:
        for protocol in (5, 4):  # MQTT 3.1.1 says Success to what it refuses; only the missing answer tells
            broker.protocol, home = protocol, tmp_path / str(protocol)
            place = quiet_place(home, broker)
            fleet = fleet_of(place, broker)
            fleet.start()
            ref = place.publish(haimen=3)
            report = place.dispatch()
            fleet.stop()
            accounted(place, ref, fleet)
            assert not any(s.plays for s in fleet.speakers) and set(report.not_reached) == {who for _, who, _ in place.recipients(ref)}
            assert set(place.states("broadcast")) == ({"refused"} if protocol == 5 else {"undelivered"})
            assert len(desk(place, "broadcast")) == (1 if protocol == 5 else 0)
            assert "没有其他渠道" in desk(place, "not_reached")[0]
    finally:
        broker.stop()


def test_a_broker_killed_in_the_middle_loses_nobody_from_sight(tmp_path: Path, broker: Broker) -> None:
    place = quiet_place(tmp_path, broker)
    fleet = fleet_of(place, broker)
    first, handle = fleet.speakers[0], fleet.speakers[0].handle

    def dying(topic: str, payload: bytes) -> tuple[str, bytes] | None:
        broker.process.kill()  # kill -9 while the first loudspeaker plays
        return handle(topic, payload)

    first.handle = dying  # type: ignore[method-assign]
    fleet.start()
    try:
        ref = place.publish(**{first.spec.town: 3, "yuelai": 3})
        place.dispatch()
        broker.process.wait(10)
        accounted(place, ref, fleet)
        assert place.states("broadcast")["undelivered"]
        first.handle = handle  # type: ignore[method-assign]
        again = start_broker(tmp_path / "broker", broker.port, embedded=broker.protocol == 4)
        try:
            on = {s.spec.speaker for s in fleet.speakers}
            fleet.await_all()
            place.later(minutes=2)
            place.dispatch()
            accounted(place, ref, fleet)
            with place.ledger.read() as tx:
                missing = set(tx.execute(select(t.delivery.c.recipient).where(t.delivery.c.channel == "broadcast", t.delivery.c.state != "delivered")).scalars())
            assert not missing & on and all(s.plays <= 1 for s in fleet.speakers), "who is on was reached, and nobody played twice"
        finally:
            again.stop()
    finally:
        fleet.stop()


def test_a_silent_loudspeaker_is_called_again_and_not_for_ever(tmp_path: Path) -> None:
    broker = start_broker(tmp_path / "broker")
    try:
        place = quiet_place(tmp_path, broker)
        place.settings = place.settings.model_copy(update={"ack_wait_s": 0.05})
        place.publish(haimen=3)
        calls = []
        for _ in range(9):
            place.dispatch()
            calls.append(sequence(place))
            place.later(minutes=2)
        assert [n - calls[0] for n in calls] == [0, 1, 2, 3, 4, 5, 5, 5, 5] and len(desk(place, "not_reached")) == 1
    finally:
        broker.stop()


def test_a_loudspeaker_that_holds_something_else_stops_the_version(tmp_path: Path, broker: Broker) -> None:
    place = quiet_place(tmp_path, broker)
    fleet = fleet_of(place, broker)
    odd = next(s for s in fleet.speakers if s.spec.town == "haimen")
    ack = frames.content
    fleet.start()
    try:
        def other(topic: str, payload: bytes) -> tuple[str, bytes] | None:
            answer = Speaker.handle(odd, topic, payload)
            fields = frames.unseal(answer[1], frames.ACK_FIELDS, place.keyring.public(odd.spec.speaker)) if answer else {}
            return (answer[0], frames.seal(fields | {"content": ack(frames_of(payload) | {"text": "留下"})}, place.keyring.private(odd.spec.speaker))) if answer else None

        odd.handle = other  # type: ignore[method-assign]
        place.publish(haimen=3)
        report = place.dispatch()
        assert odd.spec.speaker in report.not_reached and len(desk(place, "stop")) == 1
    finally:
        fleet.stop()


@pytest.mark.parametrize(("change", "signer", "code"), [
    ({}, "spk-yuelai-01", "no_ack"),  # under another loudspeaker's key: it proves nothing of this one
    ({"played_to": "", "reason": "功放故障 / amplifier"}, "spk-haimen-01", "功放故障 / amplifier"),
    ({"verified": False, "reason": "bad_signature"}, "spk-haimen-01", "bad_signature"),
])
def test_an_answer_that_proves_no_playing_is_no_delivery(tmp_path: Path, change: dict[str, object], signer: str, code: str) -> None:
    broker = start_broker(tmp_path / "broker", embedded=True)
    place = quiet_place(tmp_path, broker)
    place.settings = place.settings.model_copy(update={"ack_wait_s": 0.3 if code == "no_ack" else 5.0})
    fleet = fleet_of(place, broker)
    odd = next(s for s in fleet.speakers if s.spec.speaker == "spk-haimen-01")
    fleet.start()
    try:
        def other(topic: str, payload: bytes) -> tuple[str, bytes] | None:
            answer = Speaker.handle(odd, topic, payload)
            fields = frames.unseal(answer[1], frames.ACK_FIELDS, place.keyring.public(odd.spec.speaker)) if answer else {}
            return (answer[0], frames.seal(fields | change, place.keyring.private(signer))) if answer else None

        odd.handle = other  # type: ignore[method-assign]
        place.publish(haimen=3)
        report = place.dispatch()
        with place.ledger.read() as tx:
            d = t.delivery.c
            row = tx.execute(select(d.state, d.code).where(d.recipient == odd.spec.speaker)).one()
        assert odd.spec.speaker in report.not_reached and (row.state, row.code) == ("undelivered", code)
    finally:
        fleet.stop()
        broker.stop()


def sequence(place: nw.Place) -> int:
    with place.ledger.read() as tx:
        return int(tx.execute(select(t.sequence.c.value).where(t.sequence.c.name == "issuer-exercise")).scalar_one())


def frames_of(payload: bytes) -> dict[str, object]:
    return dict(json.loads(payload))


def test_without_a_broker_the_rows_wait_and_the_desk_is_rung(tmp_path: Path) -> None:
    broker = start_broker(tmp_path / "broker")
    broker.stop()
    place = quiet_place(tmp_path, broker)
    place.publish(haimen=3)
    place.dispatch()
    assert set(place.states("broadcast")) == {"pending"}
    with place.ledger.read() as tx:
        assert "broadcast" in tx.execute(select(t.duty_log.c.kind)).scalars().all()


def test_a_loudspeaker_whose_night_began_a_little_earlier_is_asked_again_in_the_morning(tmp_path: Path, broker: Broker) -> None:
    place = quiet_place(tmp_path, broker)
    place.now = datetime(2021, 7, 25, 13, 59, 30, tzinfo=UTC)  # 21:59:30 in Haimen, and two minutes later by the loudspeakers' clock
    clock = Clock(place.now + timedelta(minutes=2))
    fleet = Fleet(county=place.county, host=broker.host, port=broker.port, protocol=broker.protocol, keys=tmp_path / "keys", clock=clock)
    fleet.start()
    try:
        place.publish(haimen=2)
        place.dispatch()
        assert set(place.states("broadcast")) == {"pending"} and sum(s.plays for s in fleet.speakers) == 0
        with place.ledger.read() as tx:
            assert tx.execute(select(t.duty_log.c.kind)).scalars().all() == ["quiet_hours"]
        for hours, plays in ((1, False), (8.1, True)):
            place.now = datetime(2021, 7, 25, 14, tzinfo=UTC) + timedelta(hours=hours)
            clock.set(place.now)
            place.dispatch()
            assert (sum(s.plays for s in fleet.speakers) > 0) is plays
        assert set(place.states("broadcast")) == {"delivered"}
    finally:
        fleet.stop()
