"""Readings from SL 651-2014 telemetry: rain, stage, discharge, groundwater, soil moisture, supply voltage. Times are the Beijing clock of the RTU.

The gateway (connectors.telemetry.gateway) takes the stations' frames over TCP and spools them; this drains the spool. An element is its identifier, a byte of
which the upper five bits are the number of data bytes and the lower three the decimals, and BCD data: a leading FF makes it negative, all FF says
missing (annex C). A uniform report (31H) names its step (04H) and its element once, then one value a step from the time of observation on.

Not certain, verified: false: that the twelve five-minute rains of F4H end at the time of observation also in an extra report (33H); that packets
after the first hold data only. F5H..FCH (stages relative to a base value that the frame does not hold) and pictures are kept raw and not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.spool import Spool
from connectors.telemetry.body import Reading, rain_of, read_body
from connectors.telemetry.frames import Frame
from connectors.telemetry.frames import read as read_frame
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings
from core.signing import canonical
from core.units import PROPERTIES, convert

#: element -> (observed property, its unit in the standard). Rain is chosen by `rain_of`; 39H is a tide where the station observes one.
ELEMENTS = {
    0x0E: ("groundwater", "m"), 0x26: ("rain_total", "mm"), 0x27: ("discharge", "m3/s"), 0x38: ("voltage", "V"), 0x39: ("stage", "m"),
    0x3A: ("gate_downstream", "m"), 0x3B: ("gate_upstream", "m"), **dict.fromkeys(range(0x10, 0x18), ("soil_moisture", "%")),
}
LEVELS = frozenset({"stage", "tide", "gate_upstream", "gate_downstream"})
#: Functions that a station reports readings under; 36H is a picture.
REPORTS = frozenset({0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x37, 0x38, 0x39, 0x3A})


def spool_of(feed: Feed, settings: Settings) -> Spool:
    """Where the gateway leaves what it has answered for."""
    return Spool(Path(settings.home) / "spool" / feed.feed)


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """What waits in the spool; its files go when the lake has them. None when nothing waits."""
    spool = spool_of(feed, settings)
    messages, files = spool.read()
    if not messages:
        return None
    body = canonical({"messages": messages}).encode()
    return Payload(body=body, content_type="application/json", again=len(spool.waiting()) > len(files), acknowledge=lambda: Spool.forget(files))


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations in canonical units; stages in the station's own datum (m), rain with the interval that ends at its time."""
    document = loads(body, feed=feed.feed)
    messages = document.get("messages") if isinstance(document, dict) else None
    if not isinstance(messages, list):
        raise ParseError("no messages", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def read(fields: Fields) -> Iterator[Observation]:
        """One report, its frames joined: what read_body finds; Refused where it is damaged, ours, or of no kind that holds readings."""
        if damaged := fields.maybe("damaged"):
            raise Refused(f"spool file {str(damaged)[:60]} is damaged and was set aside as .bad")
        frame, text = _joined(fields.take("frames"))
        if frame.down:
            raise Refused("a frame of the centre's holds no reading")
        if frame.function not in REPORTS:
            raise Refused(f"function {frame.function:02X}H holds no readings we read; the frame is kept")
        station = find(stations, frame.station)
        found, unread = read_body(text)
        gather.unread |= unread
        yield from (_observation(gather, station, reading) for reading in _chosen(found, station))

    gather.each(messages, "messages", read, ignore=("at",))
    return gather.batch()


def find(stations: Stations, address: str) -> Station:
    """The station of an RTU address: the ten digits as they are, or the eight-digit station code that two zeros were put before."""
    try:
        return stations.known(address)
    except Refused:
        return stations.known(address.removeprefix("00"))


def _joined(texts: object) -> tuple[Frame, bytes]:
    """The first frame of a message and the bodies of all its packets in order; Refused where one is missing or damaged."""
    try:
        frames = [read_frame(bytes.fromhex(text)) for text in texts] if isinstance(texts, list) else []
    except (TypeError, ValueError) as error:
        raise Refused("a frame is no hexadecimal text") from error
    whole = sorted((frame for frame in frames if frame is not None), key=lambda frame: frame.number)
    if not whole or len(whole) != len(frames) or [frame.number for frame in whole] != list(range(1, whole[0].count + 1)):
        raise Refused("a frame's length or CRC does not hold, or a packet is missing")
    return whole[0], b"".join(frame.body for frame in whole)


def _chosen(found: list[Reading], station: Station) -> Iterator[tuple[str, datetime, float | None, int]]:
    """(property, time, value, interval s) of what counts: one kind of rain, and the shallowest soil moisture."""
    yield from (("rain", time, value, interval_s) for time, value, interval_s in rain_of(found))
    soil = min((r.code for r in found if 0x10 <= r.code <= 0x17), default=0x10)
    for reading in found:
        if reading.code not in ELEMENTS or (0x10 <= reading.code <= 0x17 and reading.code != soil):
            continue
        name, unit = ELEMENTS[reading.code]
        if name == "stage" and "tide" in station.properties:
            name = "tide"
        if reading.value is None and name not in station.properties:
            continue  # the RTU has a place for a sensor that is not there
        yield name, reading.time, None if reading.value is None else convert(reading.value, unit, PROPERTIES[name]), 0


def _observation(gather: Gather, station: Station, chosen: tuple[str, datetime, float | None, int]) -> Observation:
    name, time, value, interval_s = chosen
    return gather.observation(
        station.station, name, time, None if value is None else round(value, 6), interval_s=interval_s,
        datum=station.datum if name in LEVELS else "", synthetic=station.synthetic,
    )
