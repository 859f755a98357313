"""What CIMISS/MUSIC's elements, numbers and codes mean; see connectors.music_surface."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.reading.records import clock
from core.county import Feed
from core.errors import ParseError
from core.model import Flag

#: element -> (observed property, length of the interval that ends at Datetime, s). MUSIC's units are our canonical ones.
ELEMENTS = {
    "PRE_1h": ("rain", 3600), "PRE_10m": ("rain", 600), "WIN_S_Avg_2mi": ("wind_speed", 0), "WIN_S_Inst_Max": ("wind_gust", 0),
    "WIN_D_Avg_2mi": ("wind_direction", 0), "PRS": ("pressure", 0), "TEM": ("temperature", 0),
}
QUALITY = {0: Flag.GOOD, 1: Flag.SUSPECT, 2: Flag.FAIL, 3: Flag.GOOD, 4: Flag.GOOD, 8: Flag.MISSING}
NOT_CHECKED = 9
MISSING, TRACE = 999999.0, 999990.0
CALM_DIRECTION = 999017.0  # written where the wind is calm: no direction
CLOCK = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S")
IGNORE = (
    "PRS_Sensor_Alti", "Station_Name", "Station_Id_d", "Province", "City", "Cnty", "Town", "Country", "Alti", "Admin_Code_CHN", "Station_levl", "Station_Type",
)
NO_DATA = "-1"  # MUSIC's return code for "query succeeded, no record"


def best_first(feed: Feed) -> list[str]:
    """The elements; of several that are one property the one first whose interval is the feed's own, so that nothing between two records is left out."""
    properties = [name for name, _ in ELEMENTS.values()]
    return sorted(ELEMENTS, key=lambda element: (properties.index(ELEMENTS[element][0]), abs(ELEMENTS[element][1] - feed.interval_s)))


def answered(document: object, rows: int | None, feed: Feed) -> None:
    """ParseError where this is not MUSIC's answer with so many rows (None: no list of them)."""
    if not isinstance(document, dict) or "returnCode" not in document:
        raise ParseError("no MUSIC answer (returnCode is missing)", where=feed.feed)
    code = str(document["returnCode"])
    if code not in ("0", NO_DATA):
        raise ParseError(f"MUSIC refused the query: {code} {str(document.get('returnMessage', ''))[:80]}", where=feed.feed)
    if rows is None:
        raise ParseError("DS is no list", where=feed.feed)
    if str(document.get("rowCount", rows)) != str(rows):
        raise ParseError(f"{document['rowCount']} rows announced, {rows} came", where=feed.feed)


def clock_of(text: str) -> datetime:
    """A time (UTC) as MUSIC writes it; Refused for any other."""
    return clock(text, "Datetime", CLOCK).replace(tzinfo=UTC)


def flag_of(code: int) -> Flag:
    """The flag a source quality code stands for; UNKNOWN for a code of no table, GOOD for 'not checked', for our own tests follow."""
    return Flag.GOOD if code == NOT_CHECKED else QUALITY.get(code, Flag.UNKNOWN)  # our own tests still are to come


def reasons_of(code: int) -> tuple[str, ...]:
    """Why a reading with this source quality code is not plainly good; nothing where it is."""
    if code == NOT_CHECKED:
        return ("not checked by the source",)
    return () if flag_of(code) is Flag.GOOD else (f"source quality code {code}",)
