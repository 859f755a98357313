"""Field reports of disaster-information officers from a web form (JSON), a list (CSV), an SMS text or a BeiDou code, all into one FieldReport.

The reporter must stand in reporters.csv and reports from their own town (the district tier from any). What was seen more than STALE before it arrived, or
is dated after its arrival, is refused: it could no longer be checked. The same report by two channels has one id.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.reading.records import Fields, Gather, Refused
from core.county import County
from core.errors import ConfigError
from core.model import FieldReport
from core.pii import MASK, mask
from core.reporting import KINDS, UNIT_WORDS, Kind, report_id
from core.times import iso
from core.units import UnknownUnit, convert

STALE = timedelta(days=7)
MAX_NOTE = 140
COLUMNS = ("reporter", "town", "village", "kind", "value", "unit", "time", "lat", "lon", "note", "synthetic")


def read_record(gather: Gather, county: County, channel: str, fields: Fields) -> Iterator[FieldReport]:
    """One record of the web form or the list; `time` is ISO 8601 with a zone, a value comes with its unit, lat and lon come together."""
    who, where, kind = fields.text("reporter"), fields.text("town"), fields.text("kind")
    value, unit = fields.number("value"), fields.maybe("unit")
    lat, lon = fields.number("lat"), fields.number("lon")
    if (lat is None) != (lon is None) or (lat is not None and lon is not None and not (-90 <= lat <= 90 and -180 <= lon <= 180)):
        raise Refused("field lat: lat and lon must come together, in degrees")
    yield make(
        gather, county, channel, reporter=who, town=where, kind=kind_of(kind), value=in_unit(kind_of(kind), value, unit), time=fields.zoned("time"),
        village=str(fields.maybe("village") or ""), note=str(fields.maybe("note") or ""), point=None if lat is None or lon is None else (lat, lon),
        synthetic=fields.yes("synthetic"),
    )


def rows_of(text: str) -> list[dict[str, str]]:
    """Rows of a CSV list whose header holds at least reporter, town, kind and time; ValueError otherwise."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    head = tuple(reader.fieldnames or ())
    if not {"reporter", "town", "kind", "time"} <= set(head) <= set(COLUMNS):
        raise Refused(f"header must be out of {','.join(COLUMNS)}, with reporter, town, kind and time")
    return [{str(k): (v or "") for k, v in row.items()} for row in reader]


def kind_of(word: str) -> str:
    """Key of a kind by key, title or another word for it; Refused where nobody knows it."""
    found = next((key for key, kind in KINDS.items() if word == key or word in kind.words), None)
    if found is None:
        raise Refused(f"field kind is unknown: {word[:20]!r}; use one of {'、'.join(k.title for k in KINDS.values())}")
    return found


def in_unit(key: str, value: float | None, unit: object) -> float | None:
    """A value in the kind's canonical unit; Refused for a value without unit, a unit that does not fit, or a value nobody believes."""
    kind: Kind = KINDS[key]
    if value is None:
        return None
    if not kind.unit:
        raise Refused(f"field value: {kind.title} is reported without a value")
    if not isinstance(unit, str) or unit.strip() not in UNIT_WORDS:
        raise Refused(f"field unit: {kind.title} needs a unit, one of {'、'.join(UNIT_WORDS)}")
    given, factor = UNIT_WORDS[unit.strip()]
    try:
        found = round(convert(value * factor, given, kind.unit), 3)
    except UnknownUnit as error:
        raise Refused(f"field unit: {unit} does not fit {kind.title}") from error
    if not 0 <= found <= kind.most:
        raise Refused(f"field value: {found:g} {kind.unit} of {kind.title} is not between 0 and {kind.most:g}")
    return found


def without_numbers(text: str) -> str:
    """Free words without anything that may be a telephone number, also where it stands right behind a Chinese word."""
    return re.sub(r"\+?\d(?:[ -]?\d){6,}", MASK, mask(text))


def make(
    gather: Gather, county: County, channel: str, *, reporter: str, town: str, kind: str, value: float | None, time: datetime, village: str = "",
    note: str = "", point: tuple[float, float] | None = None, synthetic: bool = False,
) -> FieldReport:
    """The report; Refused for a reporter or town that the county does not know, a town that is not the reporter's, or a time too long ago."""
    who = county.reporter(reporter)
    if who is None:
        raise Refused("field reporter is not in the county's list")
    try:
        place = county.town(town)
    except ConfigError as error:
        raise Refused(f"field town is unknown: {town[:20]!r}") from error
    if who.tier != "district" and who.town != place.key:
        raise Refused(f"field town: {who.reporter} reports from {who.town}, not from {place.key}")
    if gather.received - time > STALE:
        raise Refused(f"field time: seen {time.isoformat()}, over {STALE.days} days before it arrived")
    return FieldReport(
        feed=gather.feed.feed, report=report_id(reporter, place.key, village, kind, iso(time), value), reporter=reporter, trust=who.trust,
        town=place.key, village=without_numbers(village)[:40], kind=kind, value=value, time=time, received=gather.received, raw=gather.raw,
        lat=point[0] if point else None, lon=point[1] if point else None, channel=channel, note=without_numbers(note)[:MAX_NOTE],
        synthetic=synthetic or who.synthetic,
    )
