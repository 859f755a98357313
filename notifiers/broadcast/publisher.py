"""One connection with the broker. A broker's word is not a delivery: only the loudspeaker's own signed answer is."""

from __future__ import annotations

import threading
from typing import Any

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.errors import AuthorityError, DeliveryError
from notifiers import frames
from notifiers.job import Job

CONNECT_S, SESSION_S = 5.0, 86_400
#: MQTT 5 PUBACK codes that mean the broker took the frame: success, and no subscriber now. An MQTT 3.1.1 broker says 0 to everything.
TAKEN = (0, 16)
Answer = tuple[str, str, int]


class Publisher:
    """Answers of loudspeakers gather in `acks` by (speaker, alert, version), the broker's codes in `codes` by message number."""

    def __init__(self, job: Job) -> None:
        s, self._keyring, self._place = job.settings, job.keyring, job.settings.broker
        self.acks, self.codes = dict[Answer, dict[str, Any]](), dict[int, int]()
        self._change, self._v5, self._up = threading.Condition(), s.broker_protocol == 5, threading.Event()
        kept: dict[str, Any] = {} if self._v5 else {"clean_session": False}
        self._client = Client(CallbackAPIVersion.VERSION2, f"fengsui-dispatch-{job.county.code}-{job.shard[0]}", protocol=s.broker_protocol, **kept)
        self._client.username_pw_set(s.broker_user or None, s.broker_password.get_secret_value() or None)
        if tls := s.broker_tls():
            self._client.tls_set_context(tls)
        self._client.on_publish, self._client.on_message, self._client.on_connect = self._published, self._answer, self._connected

    def open(self) -> None:
        """Connect and subscribe to the answers, with a session that the broker keeps; DeliveryError when it cannot be reached."""
        extra: dict[str, Any] = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)} if self._v5 else {}
        if extra:
            extra["properties"].SessionExpiryInterval = SESSION_S
        try:
            self._client.connect(*self._place, keepalive=30, **extra)
        except (OSError, ValueError) as error:
            raise DeliveryError(f"消息代理连不上 / broker not reached: {type(error).__name__}", code="no_broker", retryable=True) from None
        self._client.loop_start()
        if not self._up.wait(CONNECT_S):
            raise DeliveryError("消息代理不接受连接 / broker refuses", code="no_broker", retryable=True)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, valid_s: int) -> int:
        """Put one frame on the way; its message number. It runs out at the broker after `valid_s` (MQTT 5)."""
        properties = Properties(PacketTypes.PUBLISH) if self._v5 else None
        if properties:
            properties.MessageExpiryInterval = max(1, valid_s)
        return int(self._client.publish(topic, payload, qos=1, properties=properties).mid)

    def await_codes(self, numbers: set[int]) -> None:
        """Until the broker has said something to each, or a while is over."""
        with self._change:
            self._change.wait_for(lambda: numbers <= self.codes.keys(), CONNECT_S)

    def await_acks(self, wanted: set[Answer], wait_s: float) -> None:
        """Until every wanted answer is there, or `wait_s` is over."""
        with self._change:
            self._change.wait_for(lambda: wanted <= self.acks.keys(), wait_s)

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe([("exercise/ack/+", 1), ("actual/ack/+", 1)])
            self._up.set()

    def _published(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        with self._change:
            self.codes[mid] = reason.value
            self._change.notify_all()

    def _answer(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        speaker = message.topic.rsplit("/", 1)[-1]
        try:
            ack = frames.unseal(message.payload, frames.ACK_FIELDS, self._keyring.public(speaker))
        except AuthorityError:
            return
        if ack["speaker"] == speaker:
            with self._change:
                self.acks[speaker, ack["alert_id"], ack["version"]] = ack
                self._change.notify_all()
