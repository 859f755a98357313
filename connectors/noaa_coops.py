"""Water level and predicted tide from NOAA CO-OPS (Tides and Currents data API): m above the datum asked for, six-minute values, GMT.

One answer is one station and one product, and does not say which; so the payload holds each answer's text beside what was asked. A predicted
(astronomical) tide is a forecast; its issue is the UTC day on which it was pulled, so that pulling it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from connectors.quality.datums import settle
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import FetchError, ParseError
from core.model import Batch, Flag, Observation
from core.settings import Settings
from core.signing import canonical

CLOCK = ("%Y-%m-%d %H:%M",)
#: product -> (list in the answer, observed property)
PRODUCTS = {"water_level": ("data", "tide"), "predictions": ("predictions", "tide_astronomic")}
#: Places of the flags in `f` that doubt a value: flat, rate of change, beyond expected range. The first counts samples left out.
DOUBTS = ("", "flat", "rate of change", "beyond the expected range")
IGNORE = ("s", "type")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The last `hours` (option, 6) of water level and the next `ahead` hours (option, 24) of prediction at the stations of option `stations` (comma list)."""
    datum, answers = str(feed.options.get("datum", "MLLW")), []
    hours, ahead = int(feed.options.get("hours", 6)), int(feed.options.get("ahead", 24))
    for station in filter(None, str(feed.options.get("stations", "")).split(",")):
        for product in PRODUCTS:
            until = now + timedelta(hours=ahead if product == "predictions" else 0)
            params = {
                "station": station.strip(), "product": product, "datum": datum, "units": "metric", "time_zone": "gmt", "format": "json", "application": "fengsui",
                "begin_date": f"{now - timedelta(hours=hours):%Y%m%d %H:%M}", "end_date": f"{until:%Y%m%d %H:%M}",
            }
            payload = http.get(feed, feed.url(settings), settings=settings, params=params)
            if payload is not None:
                answers.append({"station": station.strip(), "product": product, "datum": datum, "text": payload.body.decode(errors="replace")})
    if not answers:
        raise FetchError(f"{feed.feed}: 选项 stations 没有站号 / the option stations names none", layer="source", retryable=False)
    return Payload(body=canonical({"answers": answers}).encode(), content_type="application/json")


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Tide (m, measured) and tide_astronomic (m, predicted) in the datum asked for; the API's own error is set aside with its words, and is a ParseError
    when no answer can be used."""
    document = loads(body, feed=feed.feed)
    answers = document.get("answers") if isinstance(document, dict) else None
    if not isinstance(answers, list):
        raise ParseError("no answers of CO-OPS", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def read(row: Fields, station: Station, product: str, datum: str) -> Iterator[Observation]:
        """One row of the product, UTC, a level settled on the station's datum; a mark of doubt makes it SUSPECT with its reason."""
        time, value = row.utc("t", *CLOCK), row.number("v")
        value, named, flag, reasons = settle(value, datum, station, county)
        doubts = tuple(doubt for doubt, mark in zip(DOUBTS, str(row.maybe("f") or "").split(","), strict=False) if doubt and mark.strip() == "1")
        if doubts:
            flag, reasons = Flag.SUSPECT, (*reasons, *doubts)
        if row.maybe("q") not in (None, "p", "v"):
            raise Refused("field q is not p (preliminary) or v (verified)")
        issued = received.replace(hour=0, minute=0, second=0, microsecond=0) if product == "predictions" else None
        name = PRODUCTS[product][1]
        yield gather.observation(station.station, name, time, value, datum=named, flag=flag, reasons=reasons, synthetic=station.synthetic, issued=issued)

    for index, answer in enumerate(answers):
        try:
            station, product, datum, rows = _answer(Fields(answer), stations)
        except (Refused, ParseError) as error:
            gather.refuse(f"answers[{index}]", str(error), answer)
            continue
        gather.each(rows, f"{station.station}/{product}", partial(read, station=station, product=product, datum=datum), ignore=IGNORE)
    refused = [rejected.reason for rejected in gather.rejected if rejected.where.startswith("answers[")]
    if len(refused) == len(answers):
        raise ParseError(f"none of {len(answers)} answers can be used: {refused[:1]}", where=feed.feed)
    return gather.batch()


def _answer(answer: Fields, stations: Stations) -> tuple[Station, str, str, list[object]]:
    """Station, product, datum and rows of one answer; the metadata's station must be the one asked for, where it should be."""
    station, product, datum = stations.known(answer.text("station")), answer.text("product"), answer.text("datum")
    if product not in PRODUCTS:
        raise Refused(f"product {product[:20]!r} is not one we read")
    document = loads(answer.text("text").encode(), feed=f"{station.station}/{product}")
    if not isinstance(document, dict):
        raise Refused("the answer is no object")
    if "error" in document:
        raise Refused(f"CO-OPS says: {str(document['error'])[:120]}")
    if "metadata" in document:
        head = Fields(document["metadata"])
        if head.text("id") != station.station:
            raise Refused("the answer is of another station than was asked for")
        stations.in_place(station, head.maybe("lat"), head.maybe("lon"))
    rows = document.get(PRODUCTS[product][0])
    if not isinstance(rows, list):
        raise Refused(f"no list of {product}")
    return station, product, datum, rows
