"""Static layers of the natural-resources office as GeoJSON: geohazard points and bank sections, counted at the county's points. Degrees, lon before lat.

Each feature has an `id`, a `kind` (hazard_point or bank_section), for a hazard point the people it threatens (`people`), for a section its class (`class`,
1 most dangerous to 3). Other field names are told by the option `fields`, 'people=threatened,class=level'. No public exchange standard exists.
A layer has no time of its own: it is read as of the UTC day of its receipt, so that a day's repeated pulls are one reading.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.reading.stations import distance_km
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings, secret

KINDS = ("hazard_point", "bank_section")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET; a live feed carries its key as a bearer token where it has one."""
    headers = {"Authorization": f"Bearer {secret(feed.secret)}"} if settings.mode == "live" and feed.secret else {}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, headers=headers)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """hazard_points, hazard_people and bank_class (the most dangerous, only where there is a section) at each of the feed's stations within `reach_km` (option, 5)."""
    document = loads(body, feed=feed.feed)
    rows = document.get("features") if isinstance(document, dict) and document.get("type") == "FeatureCollection" else None
    if not isinstance(rows, list):
        raise ParseError("no GeoJSON FeatureCollection", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), county.stations_of(feed.feed)
    names = dict(pair.split("=", 1) for pair in str(feed.options.get("fields", "")).split(",") if "=" in pair)
    held: dict[str, dict[str, list[float]]] = {station.station: defaultdict(list) for station in stations}
    seen: set[str] = set()
    for index, row in enumerate(rows):
        try:
            feature = Fields(row)
            fields, station = Fields(feature.take("properties")), _nearest(_point(feature.take("geometry")), stations, float(feed.options.get("reach_km", 5)))
            key, kind = fields.text(names.get("id", "id")), fields.text(names.get("kind", "kind"))
            name, value = _counted(fields, kind, names)
            if key in seen:
                raise Refused(f"{key[:40]!r} stands twice in the layer")
        except ValueError as error:
            gather.refuse(f"features[{index}]", str(error), row)
            continue
        seen.add(key)
        if station is not None:
            held[station.station][name].append(value)
    day = received.replace(hour=0, minute=0, second=0, microsecond=0)
    gather.items += [reading for station in stations for reading in _readings(gather, station, held[station.station], day)]
    return gather.batch()


def _readings(gather: Gather, station: Station, held: dict[str, list[float]], day: datetime) -> list[Observation]:
    values = {"hazard_points": float(len(held["people"])), "hazard_people": sum(held["people"])}
    if held["class"]:
        values["bank_class"] = min(held["class"])
    return [gather.observation(station.station, name, day, value, synthetic=station.synthetic) for name, value in values.items()]


def _counted(fields: Fields, kind: str, names: dict[str, str]) -> tuple[str, float]:
    """('people', how many) of a hazard point, ('class', 1..3) of a bank section."""
    if kind not in KINDS:
        raise Refused(f"kind {kind[:20]!r} is not one of {', '.join(KINDS)}")
    name = "people" if kind == "hazard_point" else "class"
    value = fields.number(names.get(name, name))
    if name == "people":
        value = 0.0 if value is None else value
        low, high = 0.0, 1e6
    else:
        low, high = 1.0, 3.0
    if value is None or value != int(value) or not low <= value <= high:
        raise Refused(f"{name} {value} is none")
    return name, value


def _point(geometry: object) -> tuple[float, float]:
    """A point's (lat, lon), or that of the middle vertex of a line; Refused for other shapes and impossible degrees."""
    shape = Fields(geometry)
    kind, place = shape.text("type"), shape.take("coordinates")
    if kind == "LineString" and isinstance(place, list) and place:
        place = place[len(place) // 2]
    elif kind != "Point":
        raise Refused(f"geometry {kind[:20]!r} is neither Point nor LineString")
    if not isinstance(place, list) or len(place) < 2:
        raise Refused("coordinates are no point")
    lon, lat = (to_number(value, "coordinates") for value in place[:2])
    if lon is None or lat is None or not -90 <= lat <= 90 or not -180 <= lon <= 180:
        raise Refused("coordinates are no place")
    return lat, lon


def _nearest(point: tuple[float, float], stations: tuple[Station, ...], reach_km: float) -> Station | None:
    near = [(distance_km(station.lat, station.lon, *point), station.station, station) for station in stations]
    away, _, station = min(near, default=(reach_km + 1, "", None))
    return station if away <= reach_km else None
