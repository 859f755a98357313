"""Sensor telemetry over MQTT (tilt, crack, displacement, groundwater): drains a persistent session and acknowledges after storing.

The broker keeps what the session has not acknowledged: `clean_start` is False (a clean start loses the session when the broker restarts,
whatever the expiry says), the client's name is fixed, and QoS 1 messages are acknowledged by hand once lake and ledger have them. A
process that dies before gets the same messages again; their identity is station, property and time, so twice is once.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.jsonstrict import loads
from connectors.records import Fields, Gather, Refused
from connectors.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import FetchError, ParseError
from core.model import Batch, Observation
from core.settings import Settings
from core.signing import canonical
from core.units import PROPERTIES, convert

SESSION_S = 7 * 24 * 3600
#: Messages the broker may have under way to us. Brokers cap it lower (ROUND is the common default), hence the rounds.
RECEIVE_MAXIMUM = 5000
ROUND = 20
CONNECT_S = 5.0
#: The queue counts as drained when nothing came for so long: (sandbox, live) seconds.
QUIET_S = {"sandbox": 0.05, "live": 1.0}
MAX_MESSAGE = 4096
SENSORS = ("displacement", "tilt", "crack", "groundwater")
IGNORE = ("seq",)


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
        if settings.broker_user:
            client.username_pw_set(settings.broker_user, settings.broker_password.get_secret_value())
        client.on_connect = self._connected
        client.on_subscribe = lambda _c, _u, _mid, codes, _p: self._events.put("refused" if any(c.is_failure for c in codes) else "ready")
        client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client = client
        live = urlsplit(feed.address) if settings.mode == "live" else None
        if live is not None and live.scheme == "mqtts":
            client.tls_set()
        host = (live.hostname if live else None) or settings.broker_host
        port = (live.port if live else None) or settings.broker_port
        try:
            client.connect(host, port, keepalive=60, **self._options())
        except (OSError, ValueError) as error:
            raise FetchError(f"{feed.feed}: the broker cannot be reached ({type(error).__name__})") from error
        client.loop_start()
        self._wait()

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
        try:
            told = self._events.get(timeout=CONNECT_S)
        except queue.Empty:
            told = "silent"
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
        """Tell the broker that these are stored."""
        for message in messages:
            self.client.ack(message.mid, message.qos)

    def close(self) -> None:
        """Disconnect and keep the session; safe to call twice."""
        self.client.disconnect()
        self.client.loop_stop()


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """What waits for us, as canonical JSON of (topic, text) in order of arrival; None when nothing waits."""
    session = Session(feed, settings)
    messages = session.drain(QUIET_S[settings.mode], settings.http_deadline_s)
    if not messages:
        session.close()
        return None
    body = [{"topic": m.topic, "text": m.payload[: MAX_MESSAGE + 1].decode(errors="replace")} for m in messages]
    return Payload(
        body=canonical({"messages": body}).encode(), content_type="application/json", again=len(messages) >= ROUND,
        acknowledge=lambda: session.acknowledge(messages), release=session.close,
    )


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Sensor readings in canonical units; the topic's station and property must be those of the message."""
    document = loads(body, feed=feed.feed)
    messages = document.get("messages") if isinstance(document, dict) else None
    if not isinstance(messages, list):
        raise ParseError("no messages", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def read(envelope: Fields) -> Iterator[Observation]:
        topic, text = envelope.text("topic"), envelope.text("text")
        if len(text) > MAX_MESSAGE:
            raise Refused(f"a message of over {MAX_MESSAGE} characters")
        try:
            fields = Fields(loads(text.encode(), feed=topic))
        except ParseError as error:
            raise Refused(str(error)) from error
        station, name = stations.known(fields.text("station")), fields.text("property")
        if topic.split("/")[-2:] != [station.station, name]:
            raise Refused(f"topic {topic[:60]!r} is not that of {station.station}/{name}")
        if name not in SENSORS or name not in station.properties:
            raise Refused(f"{station.station} does not observe {name[:20]!r}")
        value, unit = fields.number("value"), fields.text("unit")
        value = None if value is None else convert(value, unit, PROPERTIES[name])
        synthetic = fields.yes("synthetic") or station.synthetic
        yield gather.observation(station.station, name, fields.zoned("time"), value, synthetic=synthetic)
        gather.unread |= fields.unread.difference(IGNORE)

    gather.each(messages, "messages", read)
    return gather.batch()
