"""Airfield reports: METAR and SPECI as raw text, as the JSON or as the CSV of aviationweather.gov (/api/data/metar).

The report itself is read (by the library `metar`), never the server's decoding beside it. A raw report has a day and no month: it is the newest such
day not after its receipt. Pressure is QNH, reduced to sea level, so it is `pressure_msl`. Wind in kt or m/s as the report says. VRB has no direction.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from metar import Metar

from connectors.reading import http
from connectors.reading.jsonstrict import loads, refuse_page
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings

#: Longest report with remarks that is seen is about 400 characters.
MAX_REPORT, MAX_REPORTS = 1000, 5000
_HEAD = re.compile(r"(?:(?:METAR|SPECI)\s+)?(?:COR\s+)?(?P<station>[A-Z][A-Z0-9]{3})\s+(?P<day>\d\d)(?P<hour>\d\d)(?P<minute>\d\d)Z\b")
#: attribute of the decoded report, its unit in the library, observed property, interval s.
VALUES = (
    ("wind_speed", "MPS", "wind_speed", 0), ("wind_gust", "MPS", "wind_gust", 0), ("wind_dir", None, "wind_direction", 0), ("temp", "C", "temperature", 0),
    ("dewpt", "C", "dew_point", 0), ("press", "HPA", "pressure_msl", 0), ("vis", "M", "visibility", 0), ("precip_1hr", "MM", "rain", 3600),
)
IGNORE = frozenset({"rawOb", "raw_text"})


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The last `hours` (option, default 3) of the airfields in option `stations` (comma list of ICAO codes)."""
    params = {"ids": str(feed.options.get("stations", "")), "format": "json", "hours": str(feed.options.get("hours", 3))}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, params=params)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations in canonical units; a report in which something stays unread says so in its reasons."""
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def read(fields: Fields) -> Iterator[Observation]:
        """One report: each value of VALUES that it holds, and a missing one where the station observes what the report left out."""
        report = fields.text("report")
        head = _HEAD.match(report)
        if head is None or len(report) > MAX_REPORT:
            raise Refused(f"not a METAR: {report[:40]!r}")
        station, time = stations.known(head["station"]), _dated(head, received)
        decoded = _decode(report, time)
        reasons = () if decoded.decode_completed else ("part of the report was not understood",)
        for attribute, unit, name, interval_s in VALUES:
            value = getattr(decoded, attribute)
            if value is not None or name in station.properties:
                number = None if value is None else round(float(value.value(unit) if unit else value.value()), 4)
                yield gather.observation(station.station, name, time, number, interval_s=interval_s, reasons=reasons, synthetic=station.synthetic)

    gather.each(({"report": report} for report in _reports(body, feed)), "report", read)
    return gather.batch()


def _reports(body: bytes, feed: Feed) -> list[str]:
    """The reports' texts, oldest first where the document says when they came, so that a correction counts."""
    refuse_page(body, feed=feed.feed)
    if body.lstrip()[:1] in (b"[", b"{"):
        rows = loads(body, feed=feed.feed)
        if not isinstance(rows, list):
            raise ParseError("no list of reports", where=feed.feed)
        rows = sorted((row for row in rows if isinstance(row, dict)), key=lambda row: str(row.get("receiptTime", "")))
        found = [str(row.get("rawOb", "")) for row in rows]
    else:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ParseError(f"not UTF-8 at byte {error.start}", where=feed.feed) from error
        found = _table(text, feed) if "raw_text" in text[:2000] else [" ".join(part.split()) for part in re.split(r"=|\n(?=\S)", text) if part.strip()]
    if len(found) > MAX_REPORTS:
        raise ParseError(f"{len(found)} reports are over {MAX_REPORTS}", where=feed.feed)
    return found


def _table(text: str, feed: Feed) -> list[str]:
    """Column raw_text of the CSV, which begins after some lines about the answer itself."""
    lines = text[text.rfind("\n", 0, text.index("raw_text")) + 1:]
    try:
        return [str(row.get("raw_text") or "") for row in csv.DictReader(io.StringIO(lines))]
    except csv.Error as error:
        raise ParseError(f"not CSV: {error}", where=feed.feed) from error


def _dated(head: re.Match[str], received: datetime) -> datetime:
    """The newest such day, hour and minute not over an hour after the receipt (UTC)."""
    for back in range(32):
        day = (received + timedelta(hours=1) - timedelta(days=back)).date()
        if day.day == int(head["day"]) and int(head["hour"]) < 24 and int(head["minute"]) < 60:
            time = datetime(day.year, day.month, day.day, int(head["hour"]), int(head["minute"]), tzinfo=UTC)
            if time <= received + timedelta(hours=1):
                return time
    raise Refused(f"no such time: {head[0][-7:]}")


def _decode(report: str, time: datetime) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the reading's reasons say it
            decoded = Metar.Metar(report, month=time.month, year=time.year, strict=False)
    except (Metar.ParserError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise Refused(f"not a METAR: {str(error)[:60]}") from error
    if " NIL" in report:
        raise Refused("NIL: the station sent no report")
    return decoded
