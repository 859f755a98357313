"""QWeather v7 (https://dev.qweather.com/docs/api/weather/): weather now and the hourly forecast at the points of the feed row.

Asked with unit=m, so winds are km/h, rain mm, pressure hPa; every time carries its zone. The forecast's issue time is `updateTime`. The source
is not a station of ours: `now` is its own interpolation and is marked so in the reasons. The key goes in a header, never in the address.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from connectors.points import answers, points, pull
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import ConfigError
from core.model import Batch, Observation
from core.settings import Settings, secret
from core.units import PROPERTIES, convert

#: Option `kind` -> path behind the address.
KINDS = {"hourly": "/v7/weather/72h", "now": "/v7/weather/now"}
#: QWeather's name -> (observed property, unit, interval s); precip is the hour's sum.
VALUES = {
    "precip": ("rain", "mm", 3600), "windSpeed": ("wind_speed", "km/h", 0), "wind360": ("wind_direction", "deg", 0), "pressure": ("pressure", "hPa", 0),
    "temp": ("temperature", "degC", 0), "humidity": ("humidity", "%", 0), "dew": ("dew_point", "degC", 0), "vis": ("visibility", "km", 0),
}
IGNORE = ("icon", "text", "windDir", "windScale", "pop", "cloud", "feelsLike", "uvIndex")
INTERPOLATED = ("interpolated by the source, no station",)


def header(feed: Feed, settings: Settings) -> dict[str, str]:
    """The key's header; none towards the simulator."""
    return {"X-QW-Api-Key": secret(feed.secret)} if settings.mode == "live" else {}


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET a point; option `kind` is hourly (default) or now. The source wants lon,lat with two decimals."""
    kind = str(feed.options.get("kind", "hourly"))
    if kind not in KINDS:
        raise ConfigError(f"数据源 {feed.feed} 的 kind 不认识 / unknown kind", hint=f"可用 / use: {', '.join(KINDS)}")
    asked = {name: {"location": f"{lon:.2f},{lat:.2f}", "unit": "m", "lang": "zh"} for name, (lat, lon) in points(feed).items()}
    return pull(feed, asked, settings=settings, headers=header(feed, settings), paths=dict.fromkeys(asked, KINDS[kind]))


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Forecast observations (issued set) of `hourly`, observations of `now`."""
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)
    for key, document in answers(body, gather):
        try:
            station = stations.known(key)
            issued, rows = _rows(document)
        except Refused as error:
            gather.refuse(key, str(error), document)
            continue
        gather.each(rows, key, lambda fields, a=station, b=issued: _values(gather, a, fields, b), IGNORE)  # type: ignore[misc]
    return gather.batch()


def _rows(document: dict[str, Any]) -> tuple[datetime | None, list[object]]:
    """Issue time and records of a forecast; (None, the one record) of the weather now."""
    if str(document.get("code")) != "200":
        raise Refused(f"QWeather refused: {str(document.get('code', document.get('error')))[:60]}")
    if isinstance(document.get("hourly"), list):
        return Fields(document).zoned("updateTime"), document["hourly"]
    if isinstance(document.get("now"), dict):
        return None, [document["now"]]
    raise Refused("neither hourly nor now")


def _values(gather: Gather, station: Station, fields: Fields, issued: datetime | None) -> Iterator[Observation]:
    time = fields.zoned("fxTime" if issued else "obsTime")
    for key, (name, unit, interval_s) in VALUES.items():
        given = fields.number(key)
        if given is not None:
            value = round(convert(given, unit, PROPERTIES[name]), 6)
            yield gather.observation(
                station.station, name, time, value, interval_s=interval_s, issued=issued, reasons=() if issued else INTERPOLATED, synthetic=station.synthetic,
            )
