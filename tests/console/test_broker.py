"""The brokers of demonstration and tests: what they take, what they keep, how they end, and what they say when they cannot start."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from console.sandbox.broker import Broker, free_port, start_broker
from core.errors import StoreError

KINDS = pytest.mark.parametrize("embedded", [False, True], ids=["installed", "embedded"])


class Listener:
    """A client with a session that the broker keeps."""

    def __init__(self, broker: Broker, topic: str) -> None:
        v5 = broker.protocol == 5
        self.heard, self.up, self.change = list[bytes](), threading.Event(), threading.Condition()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "listener", protocol=broker.protocol, **({} if v5 else {"clean_session": False}))
        self.client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self.client.on_subscribe = lambda *_: self.up.set()
        self.client.on_message = self._message
        extra = {}
        if v5:
            extra = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            extra["properties"].SessionExpiryInterval = 3600
        self.client.connect(broker.host, broker.port, **extra)
        self.client.loop_start()
        assert self.up.wait(10)

    def _message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self.change:
            self.heard.append(message.payload)
            self.change.notify_all()

    def wait(self, n: int) -> bool:
        with self.change:
            return self.change.wait_for(lambda: len(self.heard) >= n, 15)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def publish(broker: Broker, topic: str, n: int) -> None:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=broker.protocol)
    client.connect(broker.host, broker.port)
    client.loop_start()
    for info in [client.publish(topic, str(k).encode(), qos=1) for k in range(n)]:
        info.wait_for_publish(15)
        assert info.is_published()
    client.disconnect()
    client.loop_stop()


@KINDS
def test_a_message_goes_through_and_the_protocol_is_what_it_says(tmp_path: Path, embedded: bool) -> None:
    broker = start_broker(tmp_path / "b", embedded=embedded)
    try:
        assert broker.protocol == (4 if embedded else broker.protocol) and broker.host == "127.0.0.1"
        listener = Listener(broker, "a/+")
        publish(broker, "a/b", 20)
        assert listener.wait(20) and sorted(listener.heard) == sorted(str(k).encode() for k in range(20))
        listener.stop()
    finally:
        broker.stop()


@KINDS
def test_it_ends_and_frees_its_port_and_ends_again_in_peace(tmp_path: Path, embedded: bool) -> None:
    broker = start_broker(tmp_path / "b", embedded=embedded)
    broker.stop()
    broker.stop()
    assert broker.process.poll() is not None
    with socket.socket() as probe:
        assert probe.connect_ex((broker.host, broker.port)) != 0


@KINDS
def test_a_taken_port_is_an_error_with_the_brokers_own_words(tmp_path: Path, embedded: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(StoreError, match="did not start"):
            start_broker(tmp_path / "b", taken.getsockname()[1], embedded=embedded)


def test_two_free_ports_differ_while_one_is_in_use(tmp_path: Path) -> None:
    broker = start_broker(tmp_path / "b")
    try:
        assert free_port() != broker.port
    finally:
        broker.stop()


def test_what_waits_for_a_listener_survives_an_orderly_restart(tmp_path: Path) -> None:
    broker = start_broker(tmp_path / "b")
    if broker.protocol == 4:
        broker.stop()
        pytest.skip("mosquitto is not installed: the embedded broker keeps nothing over a restart")
    listener = Listener(broker, "a/b")
    listener.stop()
    publish(broker, "a/b", 1500)  # more than the 1,000 that a default mosquitto keeps
    os.kill(broker.process.pid, signal.SIGTERM)
    broker.process.wait(10)
    again = start_broker(tmp_path / "b", broker.port)
    try:
        listener = Listener(again, "a/b")
        assert listener.wait(1500) and len(listener.heard) == 1500
        listener.stop()
    finally:
        again.stop()
