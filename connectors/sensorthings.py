"""Observations from an OGC SensorThings API (1.0 or 1.1): /Observations with Datastream, Thing and ObservedProperty expanded. Times carry their zone.

Options: `properties`, 'name=property,...' from the server's ObservedProperty names to ours; `station_key`, the key in Thing.properties that holds the county's
station id (default: the Thing's name). Units come from the datastream's symbol; one that is not declared is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import FetchError, ParseError
from core.model import Batch, Observation
from core.settings import Settings
from core.signing import canonical
from core.times import iso, parse_iso
from core.units import PROPERTIES, convert

EXPAND = "Datastream($select=name,unitOfMeasurement;$expand=Thing($select=name,properties),ObservedProperty($select=name))"
#: Symbols as servers write them -> the units that core.units knows.
SYMBOLS = {"m³/s": "m3/s", "m^3/s": "m3/s", "°C": "degC", "degC": "degC", "Cel": "degC", "°": "deg", "m asl": "m"}
MAX_PAGES = 20
LEVELS = frozenset({"stage", "tide", "gate_upstream", "gate_downstream", "reservoir_stage"})
IGNORE = ("@iot.id", "@iot.selfLink", "resultTime", "resultQuality", "validTime", "parameters", "FeatureOfInterest", "@iot.etag")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The last `hours` (option, 6), page after page of the feed's own host, newest first; FetchError where there are more than MAX_PAGES."""
    since = iso(now - timedelta(hours=int(feed.options.get("hours", 6)))).replace("+00:00", "Z")
    params: dict[str, str] | None = {"$filter": f"phenomenonTime ge {since}", "$orderby": "phenomenonTime desc", "$top": "500", "$expand": EXPAND}
    url, pages = feed.url(settings), list[str]()
    for _ in range(MAX_PAGES):
        payload = http.get(feed, url, settings=settings, params=params)
        if payload is None:
            break
        pages.append(payload.body.decode(errors="replace"))
        document = loads(payload.body, feed=feed.feed)
        url, params = str(document.get("@iot.nextLink") or "") if isinstance(document, dict) else "", None
        if not url:
            return Payload(body=canonical({"pages": pages}).encode(), content_type="application/json")
    raise FetchError(f"{feed.feed}: 超过 {MAX_PAGES} 页 / more than {MAX_PAGES} pages", layer="source", retryable=False)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations in canonical units; a level is in the datum that the county's table gives its station. Rain needs a phenomenonTime that is an interval."""
    document = loads(body, feed=feed.feed)
    pages = document.get("pages") if isinstance(document, dict) else None
    if not isinstance(pages, list):
        raise ParseError("no pages of a SensorThings API", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)
    names = dict(pair.split("=", 1) for pair in str(feed.options.get("properties", "")).split(",") if "=" in pair)

    def read(fields: Fields) -> Iterator[Observation]:
        """One Observation with its Datastream expanded; Refused where its property is not mapped or its unit does not fit."""
        stream = Fields(fields.take("Datastream"))
        station, given = _station(Fields(stream.take("Thing")), stations, feed), Fields(stream.take("ObservedProperty")).text("name")
        name = names.get(given, given)
        if name not in PROPERTIES:
            raise Refused(f"observed property {given[:40]!r} is not in the option properties")
        symbol = Fields(stream.take("unitOfMeasurement")).text("symbol")
        start, end = _phenomenon(fields.text("phenomenonTime"))
        value = fields.number("result")
        interval_s = int((end - start).total_seconds()) if name == "rain" else 0
        if name == "rain" and interval_s <= 0:
            raise Refused("rain without the interval that it fell in")
        yield gather.observation(
            station.station, name, end, None if value is None else round(convert(value, SYMBOLS.get(symbol, symbol), PROPERTIES[name]), 6),
            interval_s=interval_s, datum=station.datum if name in LEVELS else "", synthetic=station.synthetic,
        )

    for number, text in enumerate(pages):
        page = loads(str(text).encode(), feed=f"{feed.feed} page {number + 1}")
        rows = page.get("value") if isinstance(page, dict) else None
        if not isinstance(rows, list):
            raise ParseError("a page without a list of values", where=f"{feed.feed} page {number + 1}")
        gather.each(rows, f"pages[{number}].value", read, ignore=IGNORE)
    return gather.batch()


def _station(thing: Fields, stations: Stations, feed: Feed) -> Station:
    key = str(feed.options.get("station_key", ""))
    return stations.known(Fields(thing.take("properties")).text(key) if key else thing.text("name"))


def _phenomenon(text: str) -> tuple[datetime, datetime]:
    """Start and end (UTC) of a time or of an interval 'start/end'; Refused for a time without a zone."""
    first, _, last = text.partition("/")
    try:
        return parse_iso(first), parse_iso(last or first)
    except ValueError as error:
        raise Refused(f"phenomenonTime: {error}") from error
