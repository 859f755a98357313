"""Outages as points with customers out (ArcGIS feature service as JSON or GeoJSON, or a plain list of points), summed per town by the town's cell.

Options name the fields: `id` under which a point counts once (default: GeoJSON's own, or the layer's objectIdFieldName), `out` (default customers_out),
`restored`, `critical` (number or yes/no of a critical customer), `time` (epoch milliseconds), and for a plain list `lat`, `lon` and `records`, its path. A whole
list without a point in a town says 0 there; one that is cut off or partly unreadable says nothing about such towns. Points outside the county are read past.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from math import atan, degrees, exp, pi
from typing import Any

from shapely import Point, Polygon

from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.nested import flat, records
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch
from core.settings import Settings, secret

MERCATOR = frozenset({3857, 102100, 102113, 900913})
DEGREES = frozenset({4326, 4490})
RADIUS_M = 6378137.0
EPOCH_END = 4_102_444_800_000.0
#: Option -> observed property that is summed.
SUMS = {"out": "customers_out", "restored": "customers_restored", "critical": "critical_out"}


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET of the layer's query (where=1=1, all fields, degrees); a live feed carries its key as a bearer token."""
    headers = {"Authorization": f"Bearer {secret(feed.secret)}"} if settings.mode == "live" and feed.secret else {}
    params = {} if "lat" in feed.options else {"where": "1=1", "outFields": "*", "outSR": "4326", "f": "json"}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, headers=headers, params=params)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Sums per town at the newest time that a point carries, else at the receipt."""
    document = loads(body, feed=feed.feed)
    rows, whole = _rows(document, feed)
    gather = Gather(feed=feed, received=received, raw=raw)
    cells = {town.key: Polygon(town.cell) for town in county.towns if town.cell}
    names = {option: name for option, name in SUMS.items() if option == "out" or option in feed.options}
    sums: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(names.values(), 0.0))
    times: list[datetime] = []
    wkid, seen = _wkid(document), dict[str, object]()
    own = str(feed.options.get("id") or (isinstance(document, dict) and document.get("objectIdFieldName")) or "")

    def read(fields: Fields) -> Iterator[Any]:
        """Add one outage to the sums of the town its point lies in; the same point twice counts once, and is Refused if it says two things."""
        key = fields.maybe("id") if fields.has("geometry") else None
        lon, lat = _place(fields, feed, wkid)
        attributes = Fields(_attributes(fields))
        key = attributes.maybe(own) if own and key is None else key
        counts = {name: _count(attributes.maybe(str(feed.options.get(option, name))), option) for option, name in names.items()}
        if "time" in feed.options:
            times.append(_time(attributes.number(str(feed.options["time"])), received))
        fields.drop()
        told = (lon, lat, counts)
        if key is not None and seen.setdefault(str(key), told) is not told:
            if seen[str(key)] != told:
                raise Refused(f"point {str(key)[:20]!r} stands twice and says two things")
            return iter(())
        town = next((key for key, cell in cells.items() if cell.covers(Point(lon, lat))), None)
        if town is not None:
            for name, count in counts.items():
                sums[town][name] += count
        return iter(())

    gather.each(rows, "features", read)
    whole = whole and not gather.rejected
    if not whole and not gather.rejected:
        gather.refuse("features", "the list is cut off (exceededTransferLimit): towns without a point are unknown")
    time = max(times, default=received)
    for station in county.stations_of(feed.feed):
        if station.town in sums or whole:
            gather.items += [gather.observation(station.station, name, time, sums[station.town][name], synthetic=station.synthetic) for name in names.values()]
    return gather.batch()


def _rows(document: Any, feed: Feed) -> tuple[list[Any], bool]:
    """Points and whether the list is whole."""
    if "lat" in feed.options:
        return [flat(row) for row in records(document, str(feed.options.get("records", "")), feed=feed.feed)], True
    if isinstance(document, dict) and isinstance(document.get("features"), list):
        further = document.get("properties")
        cut = isinstance(further, dict) and further.get("exceededTransferLimit")
        return document["features"], not (cut or document.get("exceededTransferLimit"))
    told = document.get("error") if isinstance(document, dict) else None
    raise ParseError(f"no points (features): {str(told)[:80]}" if told else "no points (features)", where=feed.feed)


def _wkid(document: Any) -> int:
    reference = document.get("spatialReference") if isinstance(document, dict) else None
    found = reference.get("latestWkid", reference.get("wkid")) if isinstance(reference, dict) else 4326
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _attributes(fields: Fields) -> object:
    """The attributes of a feature: ArcGIS 'attributes', GeoJSON 'properties', else the record itself."""
    for key in ("attributes", "properties"):
        if fields.has(key):
            return fields.take(key)
    return fields.rest()


def _place(fields: Fields, feed: Feed, wkid: int) -> tuple[float, float]:
    """(lon, lat) in degrees."""
    if "lat" in feed.options:
        x, y, wkid = fields.number(str(feed.options.get("lon", "lon"))), fields.number(str(feed.options["lat"])), 4326
    else:
        shape = Fields(fields.take("geometry"))
        pair = shape.take("coordinates") if shape.has("coordinates") else [shape.maybe("x"), shape.maybe("y")]
        if not isinstance(pair, list) or len(pair) < 2:
            raise Refused("the geometry is no point")
        x, y = to_number(pair[0], "x"), to_number(pair[1], "y")
    if x is None or y is None or wkid not in DEGREES | MERCATOR:
        raise Refused(f"no point in degrees or Web Mercator (wkid {wkid})")
    if wkid in MERCATOR:
        x, y = degrees(x / RADIUS_M), degrees(2 * atan(exp(max(-10.0, min(10.0, y / RADIUS_M)))) - pi / 2)
    if not (-180 <= x <= 180 and -90 <= y <= 90):
        raise Refused("the point lies outside the earth")
    return x, y


def _count(given: object, name: str) -> float:
    if name == "critical" and isinstance(given, str) and given.strip().lower() in ("y", "yes", "true", "是"):
        return 1.0
    if name == "critical" and (given is None or isinstance(given, bool) or str(given).strip().lower() in ("n", "no", "false", "否")):
        return float(given is True)
    value = to_number(given, name)
    if value is None and name != "out":
        return 0.0
    if value is None or value < 0 or value != int(value):
        raise Refused(f"{name} {given!r:.20} is no count")
    return value


def _time(epoch_ms: float | None, received: datetime) -> datetime:
    if epoch_ms is None:
        return received
    if not 0 < epoch_ms < EPOCH_END:
        raise Refused("the time is no epoch in milliseconds")
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
