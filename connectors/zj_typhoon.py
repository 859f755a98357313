"""Typhoon tracks of the Zhejiang water office (typhoon.slt.zj.gov.cn): positions, circles by quadrant, several agencies' forecasts.

All numbers are text and all times are Beijing clock. Traps of this feed, each with a test: landfall rows repeat an hour with the
word "null" as numbers; a 12-force circle stays on when the wind has long fallen below force 12; names of directions such as 西西北.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import urljoin

from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.types import Conditional, Payload
from connectors.wind import MAX_RADIUS_KM, bearing, circle_in_force, degrees
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Circle, TrackPoint
from core.settings import Settings

CLOCK = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
#: Order of the four radii in a payload that does not name it (a single storm kept by hand).
QUADRANTS = "ne|se|sw|nw"
#: Order on the live site: the recorded season, laid beside nmc.cn's track of the same storm, has north-west before south-west. `fetch`
#: writes it into the payload that it joins, so that the kept bytes say what they mean.
LIVE_QUADRANTS = "ne|se|nw|sw"
#: Fields that we know and do not need.
STORM = ("starttime", "endtime", "warnlevel", "centerlat", "centerlng", "land", "timeformate", "ident", "isactive")
POINT = (
    "strong", "power", "ckposition", "jl", "type", "ybsj", "forecast", "timeformate", "remark",
    "radius7_quad", "radius10_quad", "radius12_quad",
)


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The simulator serves whole storms as one array; the live site has a list of active storms and one document for each."""
    if settings.mode == "sandbox":
        whole = http.get(feed, feed.url(settings), settings=settings, conditional=conditional)
        return replace(whole, body=_named(whole.body)) if whole else None
    base = feed.url(settings)
    listed = http.get(feed, urljoin(base, "TyhoonActivity"), settings=settings)
    storms = loads(listed.body, feed=feed.feed) if listed else []
    if not isinstance(storms, list):
        raise ParseError("the list of active storms is no list", where=feed.feed)
    bodies = []
    for storm in storms:
        answer = http.get(feed, f"{base}/{int(Fields(storm).text('tfid'))}", settings=settings)
        if answer:
            bodies.append(answer.body)
    return Payload(body=_named(b"[" + b",".join(bodies) + b"]"), content_type="application/json")


def _named(storms: bytes) -> bytes:
    """The storms as they came, with the order of their radii beside them."""
    return b'{"quadrants":"' + LIVE_QUADRANTS.encode() + b'","storms":' + storms + b"}"


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Tracks of the storms in the payload: analyses (agency 中国) and each point's forecasts; km, m/s, hPa, km/h."""
    document = loads(body, feed=feed.feed)
    quadrants = QUADRANTS
    if isinstance(document, dict) and "storms" in document:
        quadrants, document = document.get("quadrants", QUADRANTS), document["storms"]
    storms = document if isinstance(document, list) else [document]
    gather = Gather(feed=feed, received=received, raw=raw)
    for number, storm in enumerate(storms):
        try:
            fields = Fields(storm)
            storm_id, name, active = fields.text("tfid"), fields.text("name"), fields.text("isactive") == "1"
            english = fields.maybe("enname")
            points = fields.take("points")
            if not isinstance(points, list):
                raise Refused("field points is no list")
        except Refused as error:
            raise ParseError(str(error), where=f"{feed.feed}: storm[{number}]") from error
        gather.unread |= fields.unread.difference(STORM)
        if not active:
            continue  # the site keeps dissipated storms listed; their last positions are no present danger
        _storm(gather, storm_id, f"{name} {english}" if english else name, points, quadrants)
    return gather.batch()


def _storm(gather: Gather, storm: str, name: str, points: list[object], quadrants: str) -> None:
    newest: list[tuple[datetime, list[object]]] = []

    def read(fields: Fields) -> Iterator[TrackPoint]:
        """One analysed point, Beijing time, m/s, hPa, km; the newest that carries forecasts is remembered, a bare landfall mark dropped."""
        wind, landfall = fields.number("speed"), fields.maybe("type") == "DL"
        if landfall and wind is None:
            fields.drop()  # marks the place of landfall; the hour itself has a row of its own
            return
        time, forecast = fields.beijing("time", *CLOCK), fields.maybe("forecast")
        if isinstance(forecast, list) and forecast:
            newest[:] = [(time, forecast)]  # older points keep forecasts that later ones replaced
        r7, r10, r12 = (circle_in_force(_circle(fields.maybe(f"radius{force}"), quadrants), force, wind) for force in (7, 10, 12))
        yield TrackPoint(
            feed=gather.feed.feed, storm=storm, name=name, agency="中国", time=time, received=gather.received, raw=gather.raw,
            lat=degrees(fields, "lat", 90), lon=degrees(fields, "lng", 180), pressure=fields.number("pressure"), wind=wind,
            move_speed=fields.number("movespeed"), move_bearing=bearing(fields.maybe("movedirection")), r7=r7, r10=r10, r12=r12,
            synthetic=fields.yes("synthetic"),
        )

    gather.each(points, f"{storm}.points", read, ignore=POINT)
    for based_on, agencies in newest:
        _forecasts(gather, storm, name, based_on, agencies)


def _forecasts(gather: Gather, storm: str, name: str, based_on: datetime, agencies: list[object]) -> None:
    """Forecasts hung on the newest position; `ybsj` is the issue time where the agency gives one, else the position's time."""
    for number, agency in enumerate(agencies):
        try:
            fields = Fields(agency)
            who, points = gather.agency(fields.text("tm")), fields.take("forecastpoints")
            built = fields.yes("synthetic")
        except Refused as error:
            gather.refuse(f"{storm}.forecast[{number}]", str(error), agency)
            continue

        def read(point: Fields, who: str = who, built: bool = built) -> Iterator[TrackPoint]:
            """One point of an agency's forecast, later than its issue; the first, which is the analysis again, is dropped."""
            said = point.maybe("ybsj")
            issued = Fields({"ybsj": said}).zoned("ybsj") if said else based_on
            time = point.beijing("time", *CLOCK)
            if time <= issued:
                point.drop()  # the first point of a forecast is the analysis again
                return
            yield TrackPoint(
                feed=gather.feed.feed, storm=storm, name=name, agency=who, time=time, issued=issued, received=gather.received,
                raw=gather.raw, lat=degrees(point, "lat", 90), lon=degrees(point, "lng", 180),
                pressure=point.number("pressure"), wind=point.number("speed", missing=(0.0,)), synthetic=built or point.yes("synthetic"),
            )

        gather.each(points if isinstance(points, list) else [], f"{storm}.forecast[{who}]", read, ignore=POINT)


def _circle(text: object, quadrants: str) -> Circle | None:
    """'300|200|250|200' (km, in the order of `quadrants`), or one radius for all four; None for no circle."""
    if text is None:
        return None
    parts = [to_number(part, "radius") for part in str(text).split("|")]
    if len(parts) == 1:
        parts *= 4
    radii = [part for part in parts if part is not None]
    if len(radii) != 4 or min(radii) < 0 or max(radii) > MAX_RADIUS_KM:
        raise Refused(f"wind circle {str(text)[:40]!r} is not four radii in km")
    return Circle(**dict(zip(quadrants.split("|"), radii, strict=True))) if max(radii) > 0 else None
