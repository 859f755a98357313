"""From dispatch over a real broker to the loudspeakers and back: acked, listed as not reached, refused by the broker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.publish import multiple
from sqlalchemy import select

from console.sandbox.broker import Broker, start_broker
from console.sandbox.clock import Clock
from console.sandbox.loudspeakers import Fleet
from core.ledger import tables as t

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
        assert place.dispatch().outcomes == {} and sum(s.plays for s in fleet.speakers) == len(wanted) - 1
        rogue = [{"topic": f"actual/broadcast/{s.spec.town}", "payload": b'{"text": "evacuate"}', "qos": 1} for s in fleet.speakers] * 20
        multiple(rogue, hostname=broker.host, port=broker.port, protocol=mqtt.MQTTv311)
        assert sum(s.plays for s in fleet.speakers) == len(wanted) - 1
    finally:
        fleet.stop()


def test_without_a_broker_the_rows_wait_and_the_desk_is_rung(tmp_path: Path) -> None:
    broker = start_broker(tmp_path / "broker")
    broker.stop()
    place = quiet_place(tmp_path, broker)
    place.publish(haimen=3)
    place.dispatch()
    assert set(place.states("broadcast")) == {"pending"}
    with place.ledger.read() as tx:
        assert "broadcast" in tx.execute(select(t.duty_log.c.kind)).scalars().all()
