"""Levels, flow and rain from the Environment Agency's flood-monitoring API (England): readings, or stations with their latest reading. Times are UTC.

What a value is stands in the name of its measure: STATION-parameter-qualifier-type-period-unit, e.g. 1491TH-level-stage-i-15_min-mASD. mASD is above the
stage's own zero, another one at every station; mAOD above Ordnance Datum Newlyn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from connectors.quality.datums import settle
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused, to_number
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Flag, Observation
from core.settings import Settings

MEASURE = re.compile(r"(?P<station>\w+)-(?P<parameter>[a-z]+)-(?P<qualifier>\w*?)-(?P<kind>[a-z]+)-(?P<count>\d+)_(?P<unit_of_time>min|h|d)-(?P<unit>[A-Za-z0-9_]+)")
SECONDS = {"min": 60, "h": 3600, "d": 86400}
#: (parameter, qualifier) -> observed property; a parameter with '' for all its qualifiers.
PROPERTIES = {
    ("level", "stage"): "stage", ("level", "downstage"): "gate_downstream", ("level", "tidal_level"): "tide", ("flow", ""): "discharge", ("rainfall", ""): "rain",
}
#: unit in the measure's name -> datum of its heights; None is the station's own zero, whose name stands in the county's table.
UNITS: dict[str, str | None] = {"mASD": None, "mAOD": "ODN", "m3_s": "", "mm": ""}
READING = ("@id", "date")
MEASURE_FIELDS = (
    "label", "parameter", "parameterName", "period", "qualifier", "unitName", "valueType", "station", "stationReference", "type", "unit", "notation", "datumType",
)


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET of the address, e.g. .../flood-monitoring/data/readings?latest or .../id/stations/ID/readings?_sorted&_limit=100."""
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations in m, m3/s and mm of the county's stations; stations without a reading in the document tell nothing."""
    document = loads(body, feed=feed.feed)
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, (list, dict)):
        raise ParseError("no items of the flood-monitoring API", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def one(fields: Fields, measure: str) -> Iterator[Observation]:
        """One reading of the measure named: rain over its interval, a stage settled on the station's datum; Refused where we do not read the measure."""
        named = MEASURE.fullmatch(measure.rpartition("/")[2])
        if named is None:
            raise Refused(f"measure {measure[-60:]!r} is not named as it should be")
        station = stations.known(named["station"])
        name = PROPERTIES.get((named["parameter"], named["qualifier"])) or PROPERTIES.get((named["parameter"], ""))
        if name is None or named["unit"] not in UNITS:
            raise Refused(f"measure {measure[-60:]!r} is none that we read")
        value, datum = to_number(fields.take("value"), "value"), UNITS[named["unit"]]
        flag, reasons = Flag.GOOD, tuple[str, ...]()
        if datum != "":
            value, datum, flag, reasons = settle(value, datum or station.datum, station, county)
        interval_s = int(named["count"]) * SECONDS[named["unit_of_time"]] if name == "rain" else 0
        yield gather.observation(
            station.station, name, fields.zoned("dateTime"), value, interval_s=interval_s, datum=datum, flag=flag, reasons=reasons, synthetic=station.synthetic
        )
        gather.unread |= fields.unread.difference(READING)

    def read(fields: Fields) -> Iterator[Observation]:
        """One item of the answer: a reading, or a station with the latest reading of each of its measures."""
        if "measures" not in fields.unread and "stationReference" in fields.unread and "measure" not in fields.unread:
            fields.drop()  # a station that measures nothing
            return
        if "measures" not in fields.unread:
            measure = fields.take("measure")
            yield from one(fields, str(measure.get("@id")) if isinstance(measure, dict) else str(measure))
            return
        measures = fields.take("measures")
        fields.drop()  # the rest describes the station
        for row in [measures] if isinstance(measures, dict) else measures if isinstance(measures, list) else []:
            measured = Fields(row)
            name, latest = measured.text("@id"), measured.maybe("latestReading")
            if isinstance(latest, dict):
                reading = Fields(latest)
                reading.maybe("measure")
                yield from one(reading, name)
            gather.unread |= measured.unread.difference(MEASURE_FIELDS)

    gather.each([items] if isinstance(items, dict) else items, "items", read, ignore=READING)
    return gather.batch()
