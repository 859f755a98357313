"""Earthquakes from USGS (GeoJSON summary feed or FDSN event query): what was strong and near enough to matter. Times are epoch milliseconds, UTC.

Needs nothing but an address, e.g. earthquake.usgs.gov/earthquakes/feed/v1.0/summary/2.5_day.geojson. Coordinates are lon, lat, depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from connectors.quakes import felt
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings

#: Blasts and ice quakes shake too, but are nobody's earthquake.
KINDS = ("earthquake",)
STATES = ("automatic", "reviewed")
IGNORE = (
    "updated", "tz", "url", "detail", "felt", "cdi", "mmi", "alert", "tsunami", "sig", "net", "code", "ids", "sources", "types", "nst", "dmin",
    "rms", "gap", "magType", "title", "place",
)


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET."""
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Magnitude, distance and estimated intensity at the county's points; deleted events are set aside, other kinds passed over."""
    document = loads(body, feed=feed.feed)
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection" or not isinstance(document.get("features"), list):
        raise ParseError("no GeoJSON list of earthquakes", where=feed.feed)
    head, rows = document.get("metadata"), document["features"]
    count = head.get("count") if isinstance(head, dict) else None
    if count is not None and count != len(rows):
        raise ParseError(f"{count} events announced, {len(rows)} came", where=feed.feed)
    gather = Gather(feed=feed, received=received, raw=raw)

    def read(feature: Fields) -> Iterator[Observation]:
        """One feature as felt at the county's points; Refused where deleted or of unknown state, nothing for what is no earthquake."""
        fields, geometry = Fields(feature.take("properties")), Fields(feature.take("geometry"))
        state, kind = fields.maybe("status"), fields.maybe("type")
        if state == "deleted":
            raise Refused("the event was deleted by its issuer")
        if state not in STATES:
            raise Refused(f"status {str(state)[:20]!r} is not known")
        magnitude = fields.number("mag")
        if kind not in KINDS or magnitude is None:
            return
        place = geometry.take("coordinates")
        if not isinstance(place, list) or len(place) < 2:
            raise Refused("coordinates are no point")
        lon, lat = (to_number(value, "coordinates") for value in place[:2])
        if lon is None or lat is None:
            raise Refused("coordinates are no point")
        time = moment(fields.number("time"))
        yield from felt(gather, county, feed, time=time, lat=lat, lon=lon, magnitude=magnitude, automatic=state == "automatic")
        gather.unread |= fields.unread.difference(IGNORE)

    gather.each(rows, "features", read, ignore=("type", "id", "bbox"))
    return gather.batch()


def moment(milliseconds: float | None) -> datetime:
    """Epoch milliseconds as UTC; Refused for none or a time that no calendar has."""
    if milliseconds is None:
        raise Refused("field time is missing")
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise Refused(f"field time is no time: {milliseconds:g}") from error
