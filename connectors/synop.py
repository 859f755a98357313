"""SYNOP reports of land stations (FM 12): bulletins as they go round the world (AAXX YYGGi ... =), or lines with the date in front.

Lines 'IIiii,year,month,day,hour,minute,AAXX ...' carry their date (UTC); a bare bulletin has a day and an hour, and is the newest such day
not after its receipt. Ships (BBXX) are read past.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from connectors.fm12 import decode
from connectors.reading import http
from connectors.reading.jsonstrict import refuse_page
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Observation
from core.settings import Settings
from core.units import PROPERTIES, convert

MAX_GROUPS, MAX_REPORTS = 120, 20000
LAST = "NNNN"  # the end-of-message signal, where the telegram still has it
_LINE = re.compile(r"(?P<station>\d{5}),(?P<y>\d{4}),(?P<m>\d\d?),(?P<d>\d\d?),(?P<h>\d\d?),(?P<min>\d\d?),(?P<report>AAXX .*)\Z", re.DOTALL)
_HEAD = re.compile(r"AAXX\s+(?P<day>\d\d)(?P<hour>\d\d)(?P<wind>[0-9/])\Z")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The last `hours` (option, default 12): parameters begin and end (UTC, YYYYMMDDHHMM) and, where given, option `block` (leading figures)."""
    begin = now - timedelta(hours=int(feed.options.get("hours", 12)))
    params = {"begin": f"{begin:%Y%m%d%H%M}", "end": f"{now:%Y%m%d%H%M}", "block": str(feed.options.get("block", ""))}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, params=params)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations in canonical units at the report's time (UTC); stations that the county does not list are read past in a bulletin of many."""
    refuse_page(body, feed=feed.feed)
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError as error:
        raise ParseError(f"not a bulletin: byte {error.start} is not ASCII", where=feed.feed) from error
    if "AAXX" not in text and "BBXX" not in text:
        raise ParseError("no SYNOP bulletin (AAXX)", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)
    known = {station.station for station in county.stations_of(feed.feed)}

    def read(fields: Fields) -> Iterator[Observation]:
        """One report of a known station; nothing for others, Refused where the station sent NIL or the head is not SYNOP's."""
        head, groups, time = fields.text("head"), fields.text("report").split(), fields.take("time")
        match = _HEAD.match(head)
        if match is None or len(groups) > MAX_GROUPS:
            raise Refused(f"not a SYNOP report: {head[:20]!r}")
        if groups[0] not in known:
            return
        if groups[1:2] == ["NIL"]:
            raise Refused(f"station {groups[0]} sent no report (NIL)")
        station, time = stations.known(groups[0]), time or _dated(match, received)
        if (time.day, time.hour) != (int(match["day"]), int(match["hour"])):
            raise Refused(f"the line says {time:%d %H}, its report {match['day']} {match['hour']}")
        for one in decode(groups[1:], match["wind"]):
            value = round(convert(one.value, one.unit, PROPERTIES[one.name]), 4)
            yield gather.observation(station.station, one.name, time, value, interval_s=one.interval_s, synthetic=station.synthetic)

    records = list(_records(text))
    if len(records) > MAX_REPORTS:
        raise ParseError(f"{len(records)} reports are over {MAX_REPORTS}", where=feed.feed)
    gather.each(records, "report", read)
    if text.rpartition("=")[2].split() not in ([], [LAST]):
        gather.refuse("bulletin", "it ends within a report: no = at its end")
    return gather.batch()


def _records(text: str) -> Iterator[dict[str, object]]:
    """Each report with its head 'AAXX YYGGi', which stands once before many, and the line's own time where there is one."""
    head = ""
    for part in text.split("="):
        line = _LINE.match(part.strip())
        words = (line["report"] if line else part).split()
        if "AAXX" in words[:8]:
            words = words[words.index("AAXX"):]
            head, words = " ".join(words[:2]), words[2:]
        elif "BBXX" in words:
            head = ""
        if words and head:
            yield {"head": head, "report": " ".join(words), "time": _line_time(line) if line else None}


def _line_time(line: re.Match[str]) -> datetime | None:
    try:
        return datetime(*(int(line[name]) for name in ("y", "m", "d", "h", "min")), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def _dated(match: re.Match[str], received: datetime) -> datetime:
    for back in range(32):
        day = received - timedelta(days=back)
        if day.day == int(match["day"]) and int(match["hour"]) < 24:
            time = day.replace(hour=int(match["hour"]), minute=0, second=0, microsecond=0)
            if time <= received:
                return time
    raise Refused(f"no such time: {match['day']} {match['hour']}")
