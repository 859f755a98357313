"""Stage, discharge and rain from USGS NWIS (instantaneous values, WaterML as JSON). Times carry their zone; feet, cubic feet and inches.

Gage height (00065) is above the gage's own zero, which is the datum of the station in the county's table; 62620 and 63160 are above NAVD88
whatever the table says. -999999 (the document's own noDataValue) says missing, and the qualifier then says why (Ice, Eqp, Mnt ...).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.quality.datums import settle
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed, Station
from core.errors import ParseError
from core.model import Batch, Flag, Observation
from core.settings import Settings
from core.units import PROPERTIES, convert

#: parameter code -> (observed property, NWIS unit, datum: None the station's own, '' none). 00045 is rain per recording interval.
PARAMETERS: dict[str, tuple[str, str, str | None]] = {
    "00060": ("discharge", "ft3/s", ""), "00065": ("stage", "ft", None), "00045": ("rain", "in", ""),
    "62620": ("tide", "ft", "NAVD88"), "63160": ("stage", "ft", "NAVD88"),
}
#: qualifiers (https://help.waterdata.usgs.gov/codes-and-parameters/instantaneous-value-qualification-code-uv_rmk_cd): e estimated, others say a fault.
PLAIN = frozenset({"P", "A"})
DEFAULT_MISSING = -999999.0


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The last `period` (option, ISO 8601, default PT8H) of the sites in option `sites` (comma list)."""
    params = {"format": "json", "siteStatus": "all", "sites": str(feed.options.get("sites", "")), "period": str(feed.options.get("period", "PT8H")),
              "parameterCd": ",".join(PARAMETERS)}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, params=params)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations in m, m3/s and mm; rain needs the option `rain_interval_s`, because the document does not say how long its interval is."""
    document = loads(body, feed=feed.feed)
    value = document.get("value") if isinstance(document, dict) else None
    series = value.get("timeSeries") if isinstance(value, dict) else None
    if not isinstance(series, list):
        raise ParseError("no WaterML time series (value.timeSeries)", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def read(one: Fields, station: Station, code: str, missing: float) -> Iterator[Observation]:
        """One value of the parameter `code`, in the property's unit; `missing` is the source's own number for none, a mark makes it SUSPECT."""
        name, unit, datum = PARAMETERS[code]
        time, given = one.zoned("dateTime"), one.number("value", missing=(missing,))
        given_marks = one.maybe("qualifiers") or []
        marks = [given_marks] if isinstance(given_marks, str) else _list(given_marks)
        reasons = tuple(str(mark)[:20] for mark in marks if str(mark) not in PLAIN)
        interval_s = int(feed.options.get("rain_interval_s", 0)) if name == "rain" else 0
        if name == "rain" and not interval_s:
            raise Refused("rain without the option rain_interval_s")
        value, flag = None if given is None else round(convert(given, unit, PROPERTIES[name]), 6), Flag.SUSPECT if reasons else Flag.GOOD
        if datum is None:
            datum = station.datum
        elif datum:
            value, datum, worse, more = settle(value, datum, station, county)
            flag, reasons = max(flag, worse), (*reasons, *more)
        yield gather.observation(
            station.station, name, time, value, interval_s=interval_s, datum=datum, flag=flag, reasons=reasons, synthetic=station.synthetic
        )

    for index, one in enumerate(series):
        where = f"timeSeries[{index}]"
        try:
            station, code, missing = _head(Fields(one), stations)
            rows = [row for block in _list(Fields(one).take("values")) for row in _list(Fields(block).take("value"))]
        except Refused as error:
            gather.refuse(where, str(error), one)
            continue
        gather.each(rows, where, lambda fields, a=station, b=code, c=missing: read(fields, a, b, c))  # type: ignore[misc]
    return gather.batch()


def _head(one: Fields, stations: Stations) -> tuple[Station, str, float]:
    """Station, parameter code and missing code of a series; the unit must be the code's own."""
    source, variable = Fields(one.take("sourceInfo")), Fields(one.take("variable"))
    station = stations.known(_code(source.take("siteCode")))
    place = source.maybe("geoLocation")
    if place is not None:
        point = Fields(Fields(place).take("geogLocation"))
        stations.in_place(station, point.maybe("latitude"), point.maybe("longitude"))
    code = _code(variable.take("variableCode"))
    if code not in PARAMETERS:
        raise Refused(f"parameter {code[:10]!r} is not one we read")
    unit = variable.maybe("unit")
    if unit is not None and Fields(unit).maybe("unitCode") not in (None, PARAMETERS[code][1]):
        raise Refused(f"parameter {code} is given in another unit than {PARAMETERS[code][1]}")
    missing = to_number(variable.maybe("noDataValue"), "noDataValue")
    return station, code, DEFAULT_MISSING if missing is None else missing


def _code(values: object) -> str:
    first = _list(values)[:1]
    return Fields(first[0]).text("value") if first else ""


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Refused(f"a list was expected, not {type(value).__name__}")
    return value
