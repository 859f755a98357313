"""Active fires from NASA FIRMS (CSV, area query; VIIRS or MODIS): how many burn near each of the county's points and with what power. Times are UTC.

A fire belongs to the nearest of the feed's stations within `reach_km` (option, 10). What a satellite saw in one overpass is one reading: fire_count and
fire_power (radiative power, MW, summed). Low confidence ('l', or under 30 of 100) is not counted, as FIRMS advises for its alerts.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import datetime

from connectors.reading import http
from connectors.reading.jsonstrict import refuse_page
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import distance_km
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings, secret

REQUIRED = ("latitude", "longitude", "acq_date", "acq_time", "confidence", "frp")
KNOWN = (*REQUIRED, "country_id", "bright_ti4", "bright_ti5", "brightness", "bright_t31", "scan", "track", "satellite", "instrument", "version", "daynight", "type")
LOW = 30.0
WORDS = {"l": 0.0, "low": 0.0, "n": 60.0, "nominal": 60.0, "h": 100.0, "high": 100.0}


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET; `{key}` in a live address stands for the map key, which is the feed's secret."""
    url = feed.url(settings)
    if "{key}" in url:
        url = url.replace("{key}", secret(feed.secret))
    return http.get(feed, url, settings=settings, conditional=conditional)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """fire_count and fire_power per station and overpass; no row is an answer of no fire, a text that is no such table an error."""
    refuse_page(body, feed=feed.feed)
    try:
        lines = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True, restkey="*")
        head = lines.fieldnames or []
        rows = list(lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ParseError(f"not a CSV table: {error}", where=feed.feed) from error
    missing = [name for name in REQUIRED if name not in head]
    if missing or len(set(head)) != len(head):
        raise ParseError(f"no FIRMS table: column {missing[0]} is missing" if missing else "a column stands twice", where=feed.feed)
    gather = Gather(feed=feed, received=received, raw=raw, unread=set(head).difference(KNOWN))
    seen: dict[tuple[str, datetime], list[float]] = defaultdict(list)
    stations = county.stations_of(feed.feed)
    known: set[tuple[object, ...]] = set()
    for index, row in enumerate(rows):
        pixel = tuple(map(str, row.values()))
        if pixel in known:
            continue  # a line that stands twice is one fire
        known.add(pixel)
        try:
            fire = _fire(row, stations, float(feed.options.get("reach_km", 10)))
        except Refused as error:
            gather.refuse(f"line {index + 2}", str(error), row)
            continue
        if fire is not None:
            seen[fire[0].station, fire[1]].append(fire[2])
    synthetic = {station.station for station in stations if station.synthetic}
    gather.each([{"station": s, "time": t, "powers": p} for (s, t), p in sorted(seen.items())], "overpasses", lambda fields: _readings(gather, fields, synthetic))
    return gather.batch()


def _readings(gather: Gather, fields: Fields, synthetic: set[str]) -> list[Observation]:
    station, time, powers = fields.text("station"), fields.take("time"), fields.take("powers")
    values = {"fire_count": float(len(powers)), "fire_power": round(sum(powers), 3)}
    return [gather.observation(station, name, time, value, synthetic=station in synthetic) for name, value in values.items()]


def _fire(row: dict[str, str], stations: tuple[Station, ...], reach_km: float) -> tuple[Station, datetime, float] | None:
    """Nearest station, time and power of one fire; None where it is too far, or too doubtful, to count."""
    if "*" in row or None in row.values():
        raise Refused("the number of cells differs from the header")
    fields = Fields({name: row[name] for name in REQUIRED})
    lat, lon, power = fields.number("latitude"), fields.number("longitude"), fields.number("frp")
    if lat is None or lon is None or not -90 <= lat <= 90 or not -180 <= lon <= 180:
        raise Refused("latitude and longitude are no place")
    if power is None or power < 0:
        raise Refused("frp is no power")
    time = Fields({"acq": f"{row['acq_date']} {row['acq_time'].strip().zfill(4)}"}).utc("acq", "%Y-%m-%d %H%M")
    word = row["confidence"].strip().lower()
    confidence = WORDS[word] if word in WORDS else fields.number("confidence")
    if confidence is None:
        raise Refused("confidence is missing")
    nearest = min(stations, key=lambda station: distance_km(station.lat, station.lon, lat, lon), default=None)
    if nearest is None or confidence < LOW or distance_km(nearest.lat, nearest.lon, lat, lon) > reach_km:
        return None
    return nearest, time, power
