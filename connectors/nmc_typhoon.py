"""Typhoon tracks of the national weather office (nmc.cn): JSONP, longitude before latitude, UTC times, rows as bare lists.

The list comes in double parentheses, a storm in single ones; its number comes without the century (2613 for 202613). A circle row is [speed in knots,
NE, SE, SW, NW (km), id]; the 30, 50 and 64 knot circles are the 7-, 10- and 12-force circles. Forecasts stand under the position at which they were issued.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.reading import http
from connectors.reading.jsonstrict import loads, unwrap
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.types import Conditional, Payload
from connectors.wind import MAX_RADIUS_KM, bearing, circle_in_force, degrees
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Circle, TrackPoint
from core.settings import Settings
from core.signing import canonical

STAMP = ("%Y%m%d%H%M",)
#: Names of a row's places, in order; the first is the row's own number.
POINT = (
    "row", "time", "epoch_ms", "class", "lon", "lat", "pressure", "wind", "direction", "speed", "circles", "forecasts", "local", "remark",
)
AHEAD = ("lead_h", "issued", "lon", "lat", "pressure", "wind", "agency", "class")
IGNORE = frozenset(POINT) | frozenset(AHEAD) | {"more"}
CIRCLES = {"30KTS": "r7", "50KTS": "r10", "64KTS": "r12"}
ACTIVE = "start"
_STORM = re.compile(r"\d{1,10}\Z")
_SHORT = re.compile(r"\d{4}\Z")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The list, then each active storm; joined as JSON {"list": text, "storms": {id: text}} of the answers as they came."""
    base = feed.url(settings)
    listed = http.get(feed, f"{base}/list_default", settings=settings)
    if listed is None:
        return None
    storms: dict[str, str] = {}
    for row in _list(unwrap(listed.body, feed=feed.feed), feed):
        storm = str(row[0]) if isinstance(row, list) and len(row) > 7 and row[7] == ACTIVE else ""
        if _STORM.match(storm):
            answer = http.get(feed, f"{base}/view_{storm}", settings=settings)
            storms[storm] = answer.body.decode(errors="replace") if answer else ""
    joined = {"list": listed.body.decode(errors="replace"), "storms": storms}
    return Payload(body=canonical(joined).encode(), content_type="application/json")


def _list(document: Any, feed: Feed) -> list[Any]:
    rows = document.get("typhoonList") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise ParseError("typhoonList is missing", where=feed.feed)
    return rows


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Tracks and forecasts of the active storms; also reads a single storm's JSONP as it came. km, m/s, hPa, km/h."""
    gather = Gather(feed=feed, received=received, raw=raw)
    if body.lstrip()[:1] == b"{":
        document = loads(body, feed=feed.feed)
        if not isinstance(document, dict) or not isinstance(document.get("storms"), dict):
            raise ParseError("no list of storms", where=feed.feed)
        _list(unwrap(str(document.get("list", "")).encode(), feed=feed.feed), feed)
        views = [unwrap(str(text).encode(), feed=feed.feed) for text in document["storms"].values()]
    else:
        views = [unwrap(body, feed=feed.feed)]
    for view in views:
        storm = view.get("typhoon") if isinstance(view, dict) else None
        if not isinstance(storm, list) or len(storm) < 9 or not isinstance(storm[8], list):
            raise ParseError("typhoon is no storm", where=feed.feed)
        _storm(gather, storm)
    return gather.batch()


def _storm(gather: Gather, storm: list[Any]) -> None:
    number = _number(storm)
    name = " ".join(str(part).strip() for part in (storm[2], storm[1]) if part)
    points = [_named(POINT, row) for row in storm[8]]
    # positions between the main hours carry no forecast; the newest that does counts
    newest = max((p for p in points if isinstance(p, dict) and p.get("forecasts")), key=lambda p: str(p.get("time")), default={})

    def read(fields: Fields) -> Iterator[TrackPoint]:
        """One analysed point, UTC, m/s, hPa, km; Refused where the row's two times differ."""
        time = fields.utc("time", *STAMP)
        epoch = fields.number("epoch_ms")
        if epoch is not None and datetime.fromtimestamp(epoch / 1000, tz=UTC) != time:
            raise Refused(f"the row's two times differ: {time.isoformat()} and {epoch:.0f} ms")
        wind = fields.number("wind")
        circles = {name: circle_in_force(circle, int(name[1:]), wind) for name, circle in _circles(fields.maybe("circles")).items()}
        yield TrackPoint(
            feed=gather.feed.feed, storm=number, name=name, agency="中国", time=time, received=gather.received, raw=gather.raw,
            lat=degrees(fields, "lat", 90), lon=degrees(fields, "lon", 180), pressure=fields.number("pressure"), wind=wind,
            r7=circles.get("r7"), r10=circles.get("r10"), r12=circles.get("r12"),
            move_speed=fields.number("speed"), move_bearing=bearing(fields.maybe("direction")),
        )

    def ahead(fields: Fields) -> Iterator[TrackPoint]:
        """One forecast point: issue and lead time (0 < h <= 240, else Refused) give its time."""
        issued, lead, agency = fields.utc("issued", *STAMP), fields.number("lead_h"), gather.agency(fields.text("agency"))
        if lead is None or not 0 < lead <= 240:
            raise Refused(f"lead time {lead} h")
        more = fields.maybe("more")
        yield TrackPoint(
            feed=gather.feed.feed, storm=number, name=name, agency=agency, time=issued + timedelta(hours=lead), issued=issued,
            received=gather.received, raw=gather.raw, lat=degrees(fields, "lat", 90), lon=degrees(fields, "lon", 180),
            pressure=fields.number("pressure"), wind=fields.number("wind"), synthetic=isinstance(more, dict) and more.get("synthetic") is True,
        )

    gather.each(points, f"{number}.points", read, ignore=IGNORE)
    for agency, rows in (newest.get("forecasts") or {}).items():
        gather.each([_named(AHEAD, row) for row in rows], f"{number}.forecast[{agency}]", ahead, ignore=IGNORE)


def _number(storm: list[Any]) -> str:
    """The storm's number with its century, as other feeds have it; a storm without number goes by the site's own."""
    number = str(storm[4] or "")
    begun = next((str(row[1]) for row in storm[8] if isinstance(row, list) and len(row) > 1), "")
    return begun[:2] + number if _SHORT.match(number) and begun[2:4] == number[:2] else number or str(storm[0])


def _named(names: tuple[str, ...], row: Any) -> Any:
    """A bare list as a record; anything else is left for the reader to refuse."""
    return dict(zip((*names, "more"), row, strict=False)) if isinstance(row, list) and len(row) >= len(names) - 2 else row


def _circles(rows: Any) -> dict[str, Circle]:
    """Circles by name (r7, r10, r12); absent where the row has none."""
    found = {}
    for row in rows or []:
        if not isinstance(row, list) or len(row) < 5 or row[0] not in CIRCLES:
            raise Refused(f"wind circle {str(row)[:40]!r} is not known")
        ne, se, sw, nw = (to_number(value, "radius") or 0.0 for value in row[1:5])
        if not 0 <= min(ne, se, sw, nw) <= max(ne, se, sw, nw) <= MAX_RADIUS_KM:
            raise Refused(f"wind circle {str(row)[:40]!r} is not in km")
        found[CIRCLES[row[0]]] = Circle(ne=ne, se=se, sw=sw, nw=nw)
    return found
