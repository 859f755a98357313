"""Surface weather of CIMISS/MUSIC (JSON or XML): hourly rain, wind, pressure, temperature of the county's automatic stations. Times are UTC.

999999 says missing, 999990 a trace of rain; each element has a quality code `Q_<element>` beside it (0 right, 1 doubtful, 2 wrong,
3 and 4 corrected, 7 no such sensor, 8 missing, 9 not checked).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.music_codes import CALM_DIRECTION, ELEMENTS, IGNORE, MISSING, NOT_CHECKED, TRACE, answered, best_first, clock_of, flag_of, reasons_of
from connectors.music_columns import by_columns
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.reading.xmlstrict import loads as load_xml
from connectors.reading.xmlstrict import local
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.model import Batch, Flag, Observation
from core.settings import Settings, secret

XML_BYTES = 64 * 1024 * 1024  # one answer for the whole nation is 40 MB


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The last `hours` (option, default 6) up to `now`; the user's name and password are one secret 'user:password'."""
    hours = int(feed.options.get("hours", 6))
    params = {
        "interfaceId": "getSurfEleByTimeRange", "dataCode": str(feed.options.get("data_code", "SURF_CHN_MUL_HOR")), "dataFormat": str(feed.options.get("format", "json")),
        "timeRange": f"[{now - timedelta(hours=hours):%Y%m%d%H%M%S},{now:%Y%m%d%H%M%S}]",
        "elements": ",".join(("Station_Id_C", "Station_Name", "Lat", "Lon", "Datetime", *ELEMENTS, *(f"Q_{name}" for name in ELEMENTS))),
    }
    if settings.mode == "live":
        params["userId"], _, params["pwd"] = secret(feed.secret).partition(":")
        params["adminCodes"] = str(feed.options.get("admin_codes", ""))
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, params=params)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations of the county's stations; an element is not reported where the station does not observe it."""
    with suppress(ValueError):
        return by_columns(body, feed=feed, county=county, received=received, raw=raw)
    return by_record(body, feed=feed, county=county, received=received, raw=raw)


def by_record(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Any answer, record by record; of two elements that are one property the better one that has a value."""
    document = _xml(body, feed) if body.lstrip()[:1] == b"<" else loads(body, feed=feed.feed)
    rows = document.get("DS", []) if isinstance(document, dict) else []
    answered(document, len(rows) if isinstance(rows, list) else None, feed)
    gather = Gather(feed=feed, received=received, raw=raw)
    stations, elements = Stations(county, feed), best_first(feed)

    def read(fields: Fields) -> Iterator[Observation]:
        """One record: an observation a property, the best element that has a value; a missing one only where the station observes it."""
        station = stations.known(fields.text("Station_Id_C"))
        stations.in_place(station, fields.maybe("Lat"), fields.maybe("Lon"))
        time, synthetic = clock_of(fields.text("Datetime")) if fields.has("Datetime") else _split_time(fields), fields.yes("synthetic")
        told: dict[str, Observation] = {}
        for element in elements:
            name, interval_s = ELEMENTS[element]
            given, quality = fields.maybe(element), fields.number(f"Q_{element}")
            value, flag, reasons = _value(element, given, quality)
            if value is None and name not in station.properties:
                continue  # the station has no such sensor
            if given is not None and (name not in told or (told[name].value is None and value is not None)):
                told[name] = gather.observation(
                    station.station, name, time, value, interval_s=interval_s, flag=flag, reasons=reasons,
                    synthetic=synthetic or station.synthetic,
                )
        yield from told.values()

    gather.each(rows, "DS", read, ignore=IGNORE)
    return gather.batch()


def _xml(body: bytes, feed: Feed) -> dict[str, Any]:
    """The XML answer (<DS returnCode=...><R Station_Id_C=.../></DS>) as the JSON one would be."""
    root = load_xml(body, feed=feed.feed, max_bytes=XML_BYTES)
    return {str(key): str(value) for key, value in root.attrib.items()} | {"DS": [dict(row.attrib) for row in root if local(row) == "R"]}


def _split_time(fields: Fields) -> datetime:
    """UTC from the columns Year, Mon, Day, Hour and, where it stands, Min."""
    try:
        year, month, day, hour, minute = (int(fields.text(name)) if name != "Min" or fields.has(name) else 0 for name in ("Year", "Mon", "Day", "Hour", "Min"))
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError as error:
        raise Refused(f"no time (Datetime, or Year to Min): {error}") from error


def _value(element: str, given: object, quality: float | None) -> tuple[float | None, Flag, tuple[str, ...]]:
    """One element with its flag; an unreadable or missing one costs that element, not the row."""
    try:
        value = Fields({element: given}).number(element, missing=(MISSING, CALM_DIRECTION))
    except Refused as error:
        return None, Flag.MISSING, (str(error),)
    if value == TRACE:
        value = 0.0
    if value is None:
        return None, Flag.MISSING, ()
    code = NOT_CHECKED if quality is None else int(quality)
    return value, flag_of(code), reasons_of(code)
