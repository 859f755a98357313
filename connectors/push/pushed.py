"""Documents that a neighbouring department gives us, by push or as a file: observations, official signals, field reports (JSON), CSV of either, CAP 1.2.

A JSON document holds one or more of the lists `observations`, `signals`, `reports`. What cannot be read is set aside with a JSON pointer to the record and,
where it is known, the field (RFC 6901). A pushed signal must say when it ends: no list stands behind it whose silence could end it.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from connectors import cap_feed
from connectors.field_reports import read_record, rows_of
from connectors.official import area, hazard_of
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Item, Refused
from connectors.reading.stations import Stations
from core.county import County
from core.errors import ParseError
from core.model import Batch, Level, MsgType, Observation, OfficialSignal, Rejected
from core.units import PROPERTIES, UnknownUnit, convert

LISTS = ("observations", "signals", "reports")
OBSERVATION_COLUMNS = ("station", "property", "time", "value", "unit")
MAX_RECORDS = 10_000
#: A reading older than this is a mistake of the clock or the year; a text of a signal longer than this is none.
OLDEST, MAX_TEXT = timedelta(days=3660), 200
_FIELD = re.compile(r"field (\w+)")


def read_json(body: bytes, gather: Gather, county: County, channel: str = "web") -> Batch:
    """A JSON document; ParseError when as a whole it is not what is agreed."""
    document = loads(body, feed=gather.feed.feed)
    if not isinstance(document, dict) or not document or not set(document) <= set(LISTS):
        raise ParseError(f"应为含 {'、'.join(LISTS)} 的对象 / an object with only these lists is expected", where="")
    for name in LISTS:
        rows = document.get(name, [])
        if not isinstance(rows, list) or len(rows) > MAX_RECORDS:
            raise ParseError(f"应为不超过 {MAX_RECORDS} 条的数组 / a list of at most {MAX_RECORDS} is expected", where=f"/{name}")
        gather.each(rows, name, _readers(gather, county, channel)[name])
    return pointed(gather.batch())


def read_csv(text: str, gather: Gather, county: County, channel: str = "csv") -> Batch:
    """A CSV list of observations (station,property,time,value,unit) or of field reports, told by its header."""
    try:
        head = next(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), [])
        if set(OBSERVATION_COLUMNS) <= set(head):
            name, rows = "observations", [dict(row) for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))]
        else:
            name, rows = "reports", list(rows_of(text))
    except (Refused, csv.Error) as error:
        raise ParseError(str(error), where=f"{gather.feed.feed}:1") from error
    gather.each(rows, name, _readers(gather, county, channel)[name])
    return pointed(gather.batch())


def read_xml(body: bytes, gather: Gather, county: County) -> Batch:
    """One CAP 1.2 document. An alert without `expires` is set aside."""
    batch = cap_feed.parse(body, feed=gather.feed, county=county, received=gather.received, raw=gather.raw)
    if batch.rejected and not batch.signals:
        raise ParseError(batch.rejected[0].reason, where=batch.rejected[0].where)
    endless = [s for s in batch.signals if s.expires is None and s.msg_type is not MsgType.CANCEL]
    told = tuple(Rejected(where="/alert/info/expires", reason="field expires is missing", record=s.identifier) for s in endless)
    return replace(batch, signals=tuple(s for s in batch.signals if s not in endless), rejected=(*batch.rejected, *told))


def pointed(batch: Batch) -> Batch:
    """The batch with every place as a JSON pointer."""

    def point(rejected: Rejected) -> Rejected:
        """The same refusal with its place as a JSON Pointer, as the answer to a sender names it."""
        name = _FIELD.match(rejected.reason)
        where = re.sub(r"\[(\d+)\]", r"/\1", rejected.where)
        return replace(rejected, where=f"/{where}" + (f"/{name[1]}" if name and where.count("/") == 1 else ""))

    return replace(batch, rejected=tuple(map(point, batch.rejected)))


def _readers(gather: Gather, county: County, channel: str) -> dict[str, Callable[[Fields], Iterator[Item]]]:
    stations = Stations(county, gather.feed)
    return {
        "observations": lambda fields: _observation(gather, stations, fields),
        "signals": lambda fields: _signal(gather, fields),
        "reports": lambda fields: read_record(gather, county, channel, fields),
    }


def _observation(gather: Gather, stations: Stations, fields: Fields) -> Iterator[Observation]:
    """One reading of a station that the county lists under this feed, in any declared unit; a stage is in the station's own datum."""
    name, unit = fields.text("station"), fields.text("unit")
    try:
        station = stations.known(name)
    except Refused as error:
        raise Refused(f"field station: {error}") from error
    if not fields.has("value"):  # a slip of the pen in its name is not the same as no value
        raise Refused("field value is missing")
    observed, value = fields.text("property"), fields.number("value")
    if observed not in PROPERTIES or observed not in station.properties:
        raise Refused(f"field property: station {name[:20]} does not measure {observed[:30]!r}")
    try:
        converted = convert(value or 0.0, unit, PROPERTIES[observed])
        value = None if value is None else round(converted, 6)
    except UnknownUnit as error:
        raise Refused(f"field unit: {error}") from error
    if value is not None and not math.isfinite(value):
        raise Refused("field value is not finite")
    interval = fields.number("interval_s") or 0
    if interval != int(interval) or not 0 <= interval <= 31 * 86400:
        raise Refused("field interval_s is no whole number of seconds up to 31 days")
    time = fields.zoned("time")
    if gather.received - time > OLDEST:
        raise Refused(f"field time: seen {time.isoformat()}, over {OLDEST.days} days before it arrived")
    yield gather.observation(
        name, observed, time, value, interval_s=int(interval), datum=station.datum, synthetic=fields.yes("synthetic") or station.synthetic,
    )


def _signal(gather: Gather, fields: Fields) -> Iterator[OfficialSignal]:
    """One official signal; the level is a colour in English, the areas are administrative codes."""
    identifier, event, colour, areas = fields.text("identifier"), fields.text("event"), fields.text("level").upper(), fields.take("areas")
    kind = str(fields.maybe("msg_type") or "Alert")
    if colour not in Level.__members__ or (colour == "NONE" and kind != "Cancel"):
        raise Refused("field level is none of blue, yellow, orange, red")
    if kind not in tuple(MsgType) or not isinstance(areas, list) or not areas or not all(isinstance(code, str) for code in areas):
        raise Refused("field areas must be a list of codes, field msg_type one of Alert, Update, Cancel")
    references = [] if (given := fields.maybe("references")) is None else given
    if not isinstance(references, list) or not all(isinstance(name, str) for name in references):
        raise Refused("field references must be a list of identifiers")
    issued, expires = fields.zoned("issued"), fields.zoned("expires")
    if expires <= issued:
        raise Refused("field expires must be later than issued")
    title = str(fields.maybe("title") or event)
    if max(map(len, (identifier, event, title, *references))) > MAX_TEXT:
        raise Refused(f"field title, event, identifier or references: a text of over {MAX_TEXT} characters")
    try:
        codes = tuple(area(code, gather.feed) for code in areas)
    except Refused as error:
        raise Refused(f"field areas: {error}") from error
    yield OfficialSignal(
        feed=gather.feed.feed, identifier=identifier, event=event, hazard=hazard_of(event, gather.feed), level=Level[colour], areas=codes,
        title=title, issued=issued, received=gather.received, raw=gather.raw, expires=expires, msg_type=MsgType(kind),
        references=tuple(references), synthetic=fields.yes("synthetic"),
    )
