"""GRIB2 messages out of bytes, each value at the grid point nearest to a place. The only file that imports eccodes (extra `grib`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from connectors.reading.records import Gather, Refused
from connectors.reading.stations import distance_km
from core.errors import ConfigError, ParseError
from core.units import convert

#: (discipline, category, number) of code table 4.2 -> (name, unit of the table, canonical unit); u and v are joined later.
PARAMETERS = {
    (0, 1, 8): ("rain", "mm", "mm"), (0, 1, 52): ("rain", "mm", "mm"), (0, 2, 2): ("u", "m/s", "m/s"), (0, 2, 3): ("v", "m/s", "m/s"),
    (0, 2, 22): ("wind_gust", "m/s", "m/s"), (0, 0, 0): ("temperature", "K", "degC"), (0, 3, 1): ("pressure_msl", "Pa", "hPa"),
    (0, 0, 6): ("dew_point", "K", "degC"), (0, 19, 0): ("visibility", "m", "m"),
}
MAX_MESSAGES, MAX_POINTS, CELL_KM = 5000, 4_000_000, 40.0
#: Height above ground or sea at which a property is ours (m): 10 m winds, 2 m temperatures, the surface, mean sea level.
LEVELS = {"u": {10}, "v": {10}, "temperature": {2}, "dew_point": {2}}
MISSING = 1e30


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of one message at the grid point of one station."""

    station: str
    name: str
    value: float
    issued: datetime
    time: datetime
    start_h: int
    end_h: int
    centre: str


def library() -> Any:
    """eccodes; ConfigError that says what to install where it is absent."""
    try:
        import sqlite3  # noqa: F401 - first: eccodes' wheels carry an old SQLite, which would become the ledger's

        with suppress(ImportError):  # and psycopg first: a process that loads it after eccodes, and connects, crashes when it ends
            import psycopg  # noqa: F401

        import eccodes
    except (ImportError, RuntimeError) as error:
        raise ConfigError("读 GRIB2 需要 eccodes / reading GRIB2 needs eccodes", hint="安装 / install: pip install 'fengsui[grib]'") from error
    return eccodes


def messages(body: bytes, where: str) -> Iterator[bytes]:
    """The messages one after the other by their own length; ParseError for anything between them, a broken end or another edition."""
    at = count = 0
    while at < len(body):
        length = int.from_bytes(body[at + 8:at + 16], "big")
        if body[at:at + 4] != b"GRIB" or body[at + 7:at + 8] != b"\x02":
            raise ParseError(f"no GRIB2 message at byte {at}", where=where)
        if length < 100 or at + length > len(body) or body[at + length - 4:at + length] != b"7777":
            raise ParseError(f"the GRIB2 message at byte {at} is cut off", where=where)
        count += 1
        if count > MAX_MESSAGES:
            raise ParseError(f"more than {MAX_MESSAGES} messages", where=where)
        yield body[at:at + length]
        at += length
    if not count:
        raise ParseError("the answer is empty", where=where)


def cells(body: bytes, places: Mapping[str, tuple[float, float]], gather: Gather) -> Iterator[Cell]:
    """All values at `places` (station -> lat, lon in degrees) in canonical units."""
    lib = library()
    for number, message in enumerate(messages(body, gather.feed.feed)):
        handle = None
        try:
            handle = lib.codes_new_from_message(message)
            yield from _read(lib, handle, places)
        except (lib.CodesInternalError, ValueError, OverflowError) as error:
            gather.refuse(f"message[{number}]", str(error)[:120])
        finally:
            if handle is not None:
                lib.codes_release(handle)


def _read(lib: Any, handle: Any, places: Mapping[str, tuple[float, float]]) -> Iterator[Cell]:
    numbers = tuple(lib.codes_get_long(handle, key) for key in ("discipline", "parameterCategory", "parameterNumber"))
    if numbers not in PARAMETERS:
        return
    name, unit, wanted = PARAMETERS[numbers]
    if name in LEVELS and lib.codes_get_long(handle, "level") not in LEVELS[name]:
        return
    if not 0 < lib.codes_get_long(handle, "numberOfDataPoints") <= MAX_POINTS:
        raise Refused(f"a grid of more than {MAX_POINTS} points")
    lib.codes_set(handle, "stepUnits", "h")
    start, end = (int(lib.codes_get_long(handle, key)) for key in ("startStep", "endStep"))
    issued = _time(lib, handle)
    centre, lats, lons, values = str(lib.codes_get_string(handle, "centre")), *_grid(lib, handle)
    for station, (lat, lon) in places.items():
        near = int(np.argmin((lats - lat) ** 2 + (np.cos(np.radians(lat)) * ((lons - lon + 180) % 360 - 180)) ** 2))
        if distance_km(lat, lon, float(lats[near]), float(lons[near])) > CELL_KM:
            raise Refused(f"the grid does not reach station {station}")
        value = float(values[near])
        if abs(value) < MISSING:
            yield Cell(station, name, convert(value, unit, wanted), issued, issued + timedelta(hours=end), start, end, centre)


def _grid(lib: Any, handle: Any) -> tuple[Any, Any, Any]:
    lib.codes_set(handle, "missingValue", MISSING * 10)
    lats, lons, values = (np.asarray(lib.codes_get_array(handle, key), dtype=float) for key in ("latitudes", "longitudes", "values"))
    if not len(lats) == len(lons) == len(values):
        raise Refused("points and values do not match")
    if not np.isfinite(values).all():
        raise Refused("a value is not finite")
    return lats, lons, values


def _time(lib: Any, handle: Any) -> datetime:
    """The run's reference time (UTC)."""
    date, hhmm = int(lib.codes_get_long(handle, "dataDate")), int(lib.codes_get_long(handle, "dataTime"))
    return datetime(date // 10000, date // 100 % 100, date % 100, hhmm // 100, hhmm % 100, tzinfo=UTC)
