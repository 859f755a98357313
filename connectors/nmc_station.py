"""Station weather as nmc.cn shows it (rest/weather): the newest reading and the hourly rain, temperature, pressure and wind of the past day.

Times are the Beijing clock, winds m/s, 9999 says missing. Only measurements are read: the page's daily outlook says day and night in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from connectors.points import answers, pull
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.model import Batch, Observation
from core.settings import Settings
from core.units import PROPERTIES, convert

CLOCK = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
MISSING = (9999.0, 999.9)
#: nmc.cn's name -> (observed property, nmc.cn's unit, interval s).
REAL = {
    "temperature": ("temperature", "degC", 0), "airpressure": ("pressure", "hPa", 0), "humidity": ("humidity", "%", 0),
    "speed": ("wind_speed", "m/s", 0), "degree": ("wind_direction", "deg", 0),
}
PASSED = {
    "rain1h": ("rain", "mm", 3600), "temperature": ("temperature", "degC", 0), "pressure": ("pressure", "hPa", 0), "humidity": ("humidity", "%", 0),
    "windSpeed": ("wind_speed", "m/s", 0), "windDirection": ("wind_direction", "deg", 0),
}
#: Fields that we know and do not need; rain of the newest reading is left to the hourly table, which says its hour.
IGNORE = frozenset({
    "temperatureDiff", "tempDiff", "rain", "rain6h", "rain12h", "rain24h", "rcomfort", "icomfort", "info", "img", "feelst", "direct", "power",
})


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET for each station of option `stations` (comma list of nmc.cn's station codes)."""
    names = [name.strip() for name in str(feed.options.get("stations", "")).split(",") if name.strip()]
    return pull(feed, {name: {"stationid": name} for name in names}, settings=settings)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Measurements of the stations that the county's table has for this feed."""
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)
    for key, document in answers(body, gather):
        try:
            data = _data(document)
            station = stations.known(_code(data, key))
            rows = data.get("passedchart", [])
            if not isinstance(rows, list):
                raise Refused("passedchart is no list")
        except Refused as error:
            gather.refuse(key, str(error), document)
            continue
        gather.each([data["real"]], f"{key}/real", lambda fields, a=station: _real(gather, a, fields))  # type: ignore[misc]
        gather.each(rows, f"{key}/passedchart", lambda fields, a=station: _values(gather, a, fields, PASSED, fields.beijing("time", *CLOCK)), IGNORE)  # type: ignore[misc]
    return gather.batch()


def _data(document: dict[str, Any]) -> dict[str, Any]:
    data = document.get("data")
    if document.get("code") != 0 or not isinstance(data, dict) or not isinstance(data.get("real"), dict):
        raise Refused("no station weather (code 0 and data.real)")
    return data


def _code(data: dict[str, Any], key: str) -> str:
    """The station that answered must be the one that was asked."""
    code = Fields(Fields(data["real"]).take("station")).text("code")
    if code != key:
        raise Refused(f"station {key} was asked, {code[:20]} answered")
    return code


def _real(gather: Gather, station: Station, fields: Fields) -> Iterator[Observation]:
    time = fields.beijing("publish_time", *CLOCK)
    both = _object(fields, "weather") | _object(fields, "wind")  # two small tables of one reading
    one = Fields({name: value for name, value in both.items() if name not in IGNORE})
    yield from _values(gather, station, one, REAL, time)
    gather.unread |= one.unread
    for name in ("station", "warn", "sunriseSunset"):
        fields.maybe(name)


def _values(gather: Gather, station: Station, fields: Fields, table: dict[str, tuple[str, str, int]], time: datetime) -> Iterator[Observation]:
    for key, (name, unit, interval_s) in table.items():
        given = fields.number(key, missing=MISSING)
        if given is not None or name in station.properties:
            value = None if given is None else round(convert(given, unit, PROPERTIES[name]), 6)
            yield gather.observation(station.station, name, time, value, interval_s=interval_s, synthetic=station.synthetic)


def _object(fields: Fields, key: str) -> dict[str, Any]:
    value = fields.take(key)
    if not isinstance(value, dict):
        raise Refused(f"field {key} is no object")
    return value
