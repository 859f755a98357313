"""Hourly forecast of Open-Meteo (https://open-meteo.com/en/docs): rain, wind, pressure, temperature at the points of the feed row.

The units stand in the answer (`hourly_units`) and are converted by what it says. An answer does not say when its model run was made:
with the option `run` (path of the model's meta.json, for example /data/ecmwf_ifs025/static/meta.json) the run's own time is kept as the issue
time, else the hour of receipt, which is never earlier than the truth. One feed row is one agency's model
(option `models`); a forecast is no reading, so the row says age_from: fetch.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.points import points
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.reading.stations import Stations, distance_km
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings
from core.signing import canonical
from core.units import PROPERTIES, convert

#: Open-Meteo's variable -> (observed property, length of the interval that ends at the time, s).
VARIABLES = {
    "precipitation": ("rain", 3600), "wind_speed_10m": ("wind_speed", 0), "wind_gusts_10m": ("wind_gust", 3600), "wind_direction_10m": ("wind_direction", 0),
    "pressure_msl": ("pressure_msl", 0), "surface_pressure": ("pressure", 0), "temperature_2m": ("temperature", 0), "visibility": ("visibility", 0),
    "relative_humidity_2m": ("humidity", 0), "dew_point_2m": ("dew_point", 0),
}
UNITS = {"°": "deg", "°C": "degC", "mp/h": "mph", "kn": "kt", "inch": "in"}
#: The grid cell that answers may lie this far from the point (coarsest global model: 0.25 degrees).
CELL_KM = 40.0


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET for all points, and the run's meta.json where the row names it; joined as {"forecast": text, "run": text}."""
    places = points(feed)
    params = {
        "latitude": ",".join(str(lat) for lat, _ in places.values()), "longitude": ",".join(str(lon) for _, lon in places.values()),
        "hourly": ",".join(VARIABLES), "timezone": "UTC", "wind_speed_unit": "ms", "forecast_days": str(feed.options.get("days", 3)),
    }
    if "models" in feed.options:
        params["models"] = str(feed.options["models"])
    forecast = http.get(feed, feed.url(settings), settings=settings, params=params)
    if forecast is None:
        return None
    joined = {"forecast": forecast.body.decode(errors="replace")}
    if "run" in feed.options:
        home = urlsplit(feed.url(settings))
        run = http.get(feed, f"{home.scheme}://{home.netloc}{feed.options['run']}", settings=settings)
        joined["run"] = run.body.decode(errors="replace") if run else ""
    return Payload(body=canonical(joined).encode(), content_type="application/json")


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Forecast observations (issued set), one a point, variable and hour; null is not forecast and leaves no record. ParseError when no
    point's answer can be used."""
    joined = loads(body, feed=feed.feed)
    if not isinstance(joined, dict) or not isinstance(joined.get("forecast"), str):
        raise ParseError("no Open-Meteo answer", where=feed.feed)
    document = loads(joined["forecast"].encode(), feed=feed.feed)
    if isinstance(document, dict) and document.get("error"):
        raise ParseError(f"Open-Meteo refused: {str(document.get('reason', ''))[:80]}", where=feed.feed)
    rows, stations = document if isinstance(document, list) else [document], list(points(feed))
    if len(rows) != len(stations):
        raise ParseError(f"{len(stations)} points asked, {len(rows)} answered", where=feed.feed)
    gather, known = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)
    issued = _issued(joined, feed, received)
    for name, row in zip(stations, rows, strict=True):
        try:
            station, columns = known.known(name), _columns(Fields(row))
            _near(station, row)
        except Refused as error:
            gather.refuse(name, str(error), row)
            continue
        gather.each(columns, name, lambda fields, a=station: _hour(gather, a, fields, issued))  # type: ignore[misc]
    refused = {rejected.where: rejected.reason for rejected in gather.rejected}
    if refused.keys() >= set(stations):
        raise ParseError(f"no point's answer can be used: {refused[stations[0]]}", where=feed.feed)
    return gather.batch()


def _issued(joined: dict[str, Any], feed: Feed, received: datetime) -> datetime:
    """Start of the model's run by its meta.json, else the hour of receipt (UTC)."""
    if "run" not in joined:
        return received.replace(minute=0, second=0, microsecond=0)
    run = loads(str(joined["run"]).encode(), feed=feed.feed)
    made = run.get("last_run_initialisation_time") if isinstance(run, dict) else None
    if not isinstance(made, int) or isinstance(made, bool) or not 0 < made < 4_102_444_800:
        raise ParseError("meta.json does not say when the run was made", where=feed.feed)
    return datetime.fromtimestamp(made, UTC)


def _columns(one: Fields) -> list[dict[str, Any]]:
    """The columns as one record an hour: {"time": text, variable: (value, unit)}."""
    hourly, units = one.take("hourly"), one.take("hourly_units")
    if not isinstance(hourly, dict) or not isinstance(units, dict):
        raise Refused("hourly or hourly_units is no object")
    if units.get("time") != "iso8601" or one.number("utc_offset_seconds") != 0:
        raise Refused("times are not ISO 8601 in UTC")
    lengths = {name: len(column) if isinstance(column, list) else -1 for name, column in hourly.items()}
    if "time" not in lengths or set(lengths.values()) != {lengths["time"]}:
        raise Refused("columns of different length")
    names = [name for name in hourly if name != "time"]
    return [{"time": hourly["time"][i]} | {name: (hourly[name][i], units.get(name)) for name in names} for i in range(lengths["time"])]


def _near(station: Station, row: dict[str, Any]) -> None:
    lat, lon = to_number(row.get("latitude"), "latitude"), to_number(row.get("longitude"), "longitude")
    if lat is None or lon is None or distance_km(station.lat, station.lon, lat, lon) > CELL_KM:
        raise Refused(f"the answer is not for the place of {station.station}")


def _hour(gather: Gather, station: Station, fields: Fields, issued: datetime) -> Iterator[Observation]:
    time = fields.utc("time", "%Y-%m-%dT%H:%M")
    if time > issued + timedelta(days=17):
        raise Refused(f"valid at {time.isoformat()}, beyond any forecast")
    for variable, (name, interval_s) in VARIABLES.items():
        value, unit = fields.maybe(variable) or (None, None)
        number = to_number(value, variable)
        if number is not None:
            given = round(convert(number, UNITS.get(str(unit), str(unit)), PROPERTIES[name]), 6)
            yield gather.observation(
                station.station, name, time, given, interval_s=interval_s, issued=issued, synthetic=station.synthetic,
                reasons=(f"model {gather.feed.options.get('models', 'best_match')}",),
            )
