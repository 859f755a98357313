"""Sensor telemetry over MQTT (tilt, crack, displacement, groundwater): drains a persistent session and acknowledges after storing.

The broker keeps what the session has not acknowledged, and QoS 1 messages are acknowledged once the lake has them. A process that dies
before gets the same messages again; their identity is station, property and time, so twice is once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.telemetry.mqtt import Session
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings
from core.signing import canonical
from core.units import PROPERTIES, convert

#: So many at once means that more may wait behind them: brokers hand out 20 unacknowledged messages unless told otherwise.
ROUND = 20
#: The queue counts as drained when nothing came for so long: (sandbox, live) seconds.
QUIET_S = {"sandbox": 0.05, "live": 1.0}
MAX_MESSAGE = 4096
SENSORS = ("displacement", "tilt", "crack", "groundwater")
IGNORE = ("seq",)


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
        """One message of a sensor, in its envelope; Refused where topic and body differ or the unit does not fit the property."""
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
