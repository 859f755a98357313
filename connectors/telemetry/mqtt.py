"""One MQTT session whose messages are acknowledged by hand, so that a queue's messages can be stored before the broker forgets them.

`clean_start` is False: a clean start loses the session when the broker restarts, whatever the expiry says. The client's name is fixed,
because the name is what the broker keeps the session under.
"""

from __future__ import annotations

import queue
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from core.county import Feed
from core.errors import ConfigError, FetchError
from core.settings import Settings, secret

SESSION_S = 7 * 24 * 3600
#: Messages the broker may have under way to us. Brokers cap it lower, mosquitto at 20 unless told otherwise.
RECEIVE_MAXIMUM = 5000
CONNECT_S = 5.0
#: Nobody publishes here; asking to leave it is a question that the broker answers in order.
NO_TOPIC = "fengsui/none"


class Session:
    """One connection to the broker with messages held back until they are acknowledged."""

    def __init__(self, feed: Feed, settings: Settings) -> None:
        self.feed, self.five = feed, settings.broker_protocol == 5
        name = str(feed.options.get("client_id", f"fengsui-{feed.feed}"))
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.messages: queue.SimpleQueue[mqtt.MQTTMessage] = queue.SimpleQueue()
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTProtocolVersion(settings.broker_protocol), manual_ack=True,
            clean_session=None if self.five else False,
        )
        client.on_connect = self._connected
        client.on_subscribe = lambda _c, _u, _mid, codes, _p: self._events.put("refused" if any(c.is_failure for c in codes) else "ready")
        client.on_unsubscribe = lambda _c, _u, _mid, _codes, _p: self._events.put("read")
        client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client = client
        host, port = self._place(settings)
        try:
            client.connect(host, port, keepalive=60, **self._options())
        except (OSError, ValueError) as error:
            raise FetchError(f"{feed.feed}: the broker cannot be reached ({type(error).__name__})") from error
        client.loop_start()
        self._wait()

    def _place(self, settings: Settings) -> tuple[str, int]:
        """Host and port, the client told how to speak there: to our own broker as the settings say, to another's (an address with a host in it) with the
        feed's own secret `user:password`, which goes nowhere in the clear."""
        other = urlsplit(self.feed.address) if settings.mode == "live" else None
        if other is None or not other.hostname:
            if settings.broker_user:
                self.client.username_pw_set(settings.broker_user, settings.broker_password.get_secret_value())
            if tls := settings.broker_tls():
                self.client.tls_set_context(tls)
            return settings.broker
        sealed = other.scheme == "mqtts"
        if sealed:
            self.client.tls_set()
        if self.feed.secret:
            if not sealed:
                raise ConfigError(f"数据源 {self.feed.feed}: 密钥不能明文传送 / a secret does not travel in the clear", hint="address: mqtts://…")
            user, _, password = secret(self.feed.secret).partition(":")
            self.client.username_pw_set(user, password)
        return other.hostname, other.port or (8883 if sealed else 1883)

    def _options(self) -> dict[str, Any]:
        if not self.five:
            return {}
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval, properties.ReceiveMaximum = SESSION_S, RECEIVE_MAXIMUM
        return {"clean_start": False, "properties": properties}

    def _connected(self, client: mqtt.Client, _user: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._events.put("refused")
            return
        topic = str(self.feed.options.get("topic", "sensors/#"))
        client.subscribe(topic, options=SubscribeOptions(qos=1)) if self.five else client.subscribe(topic, qos=1)

    def _wait(self) -> None:
        """Until the broker takes the subscription, or hands over what it kept: some do that first, and wait for the acknowledgements."""
        told, end = "silent", time.monotonic() + CONNECT_S
        while told == "silent" and time.monotonic() < end:
            with suppress(queue.Empty):
                told = self._events.get(timeout=0.05)
            if told == "silent" and not self.messages.empty():
                told = "ready"
        if told != "ready":
            self.close()
            raise FetchError(f"{self.feed.feed}: the broker {'refused us' if told == 'refused' else 'did not answer'}", layer="source")

    def drain(self, quiet_s: float, deadline_s: float) -> list[mqtt.MQTTMessage]:
        """Messages until none came for `quiet_s`, for at most `deadline_s`."""
        found: list[mqtt.MQTTMessage] = []
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            try:
                found.append(self.messages.get(timeout=quiet_s))
            except queue.Empty:
                break
        return found

    def acknowledge(self, messages: list[mqtt.MQTTMessage]) -> None:
        """Tell the broker that these are stored, and wait until it has read that.

        A broker answers each acknowledgement with the next message; closing the socket with those unread resets the connection, and with it
        go acknowledgements under way (measured: 17 of 20). The answer to a later request proves that the earlier ones were read. Where it
        does not come, the same messages come again, which changes nothing.
        """
        for message in messages:
            self.client.ack(message.mid, message.qos)
        self.client.unsubscribe(NO_TOPIC)
        with suppress(queue.Empty):
            while self._events.get(timeout=CONNECT_S) != "read":
                continue  # the answer to the subscription may come only now

    def close(self) -> None:
        """Disconnect and keep the session; safe to call twice."""
        self.client.disconnect()
        self.client.loop_stop()
