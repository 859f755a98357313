"""Earthquakes in the list form of the China Earthquake Networks Center (speed reports): JSON, Beijing clock, numbers as text.

The fields are those that the public list carries: O_TIME, EPI_LAT, EPI_LON, EPI_DEPTH (km), M, LOCATION_C, CATA_ID, AUTO_FLAG ('M' reviewed, 'A'
automatic). No interface document is public: names as seen, verified: false.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.quakes import felt
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings

CLOCK = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
LISTS = ("shuju", "data", "list")
IGNORE = ("id", "CATA_ID", "SAVE_TIME", "SYNC_TIME", "CATA_TYPE", "EQ_TYPE", "EPI_DEPTH", "LOCATION_C", "LOCATION_S", "IS_DEL", "M_MB", "M_MB2", "M_ML", "M_MS", "M_MS7",
          "NEW_DID", "Mw")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET."""
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Magnitude, distance and estimated intensity at the county's points."""
    document = loads(body, feed=feed.feed)
    rows = next((document[name] for name in LISTS if name in document), None) if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise ParseError("no list of earthquakes", where=feed.feed)
    gather = Gather(feed=feed, received=received, raw=raw)

    def read(fields: Fields) -> Iterator[Observation]:
        """One earthquake, Beijing time, as felt at the county's points; Refused without place or magnitude, or with an AUTO_FLAG but A and M."""
        time, auto = fields.beijing("O_TIME", *CLOCK), fields.maybe("AUTO_FLAG")
        lat, lon, magnitude = fields.number("EPI_LAT"), fields.number("EPI_LON"), fields.number("M")
        if lat is None or lon is None or magnitude is None:
            raise Refused("place or magnitude is missing")
        if auto not in (None, "A", "M"):
            raise Refused(f"AUTO_FLAG {str(auto)[:10]!r} is not known")
        yield from felt(gather, county, feed, time=time, lat=lat, lon=lon, magnitude=magnitude, automatic=auto == "A")

    gather.each(rows, "list", read, ignore=IGNORE)
    return gather.batch()
