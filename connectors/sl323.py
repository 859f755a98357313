"""Water and rain from an SL 323-2011 database (any that SQLAlchemy speaks to): river, tide, rain, gate and reservoir tables. Times are Beijing clock.

The payload is the canonical JSON of the rows read, so that it can be kept and read again like any other. INTV is h.mm: 0.30 is half an
hour and 0.05 five minutes. A stage is Z + DTPR in the datum DTMNM of its own station row. W is in million m3. Table and column names are found
whatever their case: PostgreSQL holds them in lower case, Oracle and DM in upper case.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from connectors.quality.datums import settle
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.reading.stations import Stations
from connectors.sl323_tables import Table, engine_of, rows, tables_of
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import FetchError, ParseError
from core.model import Batch, Flag, Observation
from core.settings import Settings
from core.signing import canonical
from core.times import SHANGHAI
from core.units import PROPERTIES, convert

CLOCK = ("%Y-%m-%d %H:%M:%S",)
#: table -> {column: (observed property, unit)}
TABLES: dict[str, dict[str, tuple[str, str]]] = {
    "ST_RIVER_R": {"Z": ("stage", "m"), "Q": ("discharge", "m3/s")},
    "ST_TIDE_R": {"TDZ": ("tide", "m")},
    "ST_PPTN_R": {"DRP": ("rain", "mm")},
    "ST_WAS_R": {"UPZ": ("gate_upstream", "m"), "DWZ": ("gate_downstream", "m"), "TGTQ": ("discharge", "m3/s")},
    "ST_RSVR_R": {"RZ": ("reservoir_stage", "m"), "INQ": ("inflow", "m3/s"), "OTQ": ("outflow", "m3/s"), "W": ("storage", "1e6 m3")},
}
STATIONS = Table("ST_STBPRP_B", ("STCD",), ("DTMNM", "DTPR", "LGTD", "LTTD"))
READINGS = tuple(Table(name, ("STCD", "TM", *(("INTV",) if name == "ST_PPTN_R" else ())), tuple(columns)) for name, columns in TABLES.items())
WITH_DATUM = frozenset({"stage", "tide", "gate_upstream", "gate_downstream", "reservoir_stage"})


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """Rows of the last `hours` (option, default 8) from every table that is there; the live database's URL is the feed's secret."""
    since = (now - timedelta(hours=int(feed.options.get("hours", 8)))).astimezone(SHANGHAI).replace(tzinfo=None)
    engine = engine_of(feed, settings)
    try:
        with engine.connect() as connection:
            present = tables_of(connection)
            if STATIONS.name not in present or not any(table.name in present for table in READINGS):
                missing = STATIONS.name if STATIONS.name not in present else READINGS[0].name
                raise FetchError(f"{feed.feed}: 库中没有表 {missing} / table {missing} is not in the database", layer="source", retryable=False)
            found = {table.name: rows(connection, table, present[table.name], since, feed) for table in (STATIONS, *READINGS) if table.name in present}
    except sa.exc.SQLAlchemyError as error:
        # the driver's own text names host and user, so only its class is told
        raise FetchError(f"{feed.feed}: 数据库没有应答 / the database did not answer ({type(error).__name__})") from error
    finally:
        engine.dispose()
    return Payload(body=canonical({"tables": found}).encode(), content_type="application/json")


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Stages (m in the station's datum), flows (m3/s), storage (m3) and rain (mm in the interval that ends at TM)."""
    document = loads(body, feed=feed.feed)
    tables = document.get("tables") if isinstance(document, dict) else None
    if not isinstance(tables, dict) or not isinstance(tables.get(STATIONS.name), list):
        raise ParseError("no rows of an SL 323 database", where=feed.feed)
    stations, gather = Stations(county, feed), Gather(feed=feed, received=received, raw=raw)
    datums = {str(row.get("STCD")): row for row in tables[STATIONS.name] if isinstance(row, dict)}

    def read(fields: Fields, columns: dict[str, tuple[str, str]]) -> Iterator[Observation]:
        """One row of a table, Beijing time: each of `columns` (name, unit), a missing one only where the station observes it."""
        station = stations.known(fields.text("STCD"))
        own = datums.get(station.station, {})
        stations.in_place(station, own.get("LTTD"), own.get("LGTD"))
        time = fields.beijing("TM", *CLOCK)
        interval_s = interval(fields.number("INTV")) if "DRP" in columns else 0
        for column, (name, unit) in columns.items():
            value = fields.number(column)
            if value is None and name not in station.properties:
                continue
            datum, flag, reasons = "", Flag.GOOD, tuple[str, ...]()
            if name in WITH_DATUM:
                value = None if value is None else round(value + (Fields(own).number("DTPR") or 0.0), 4)
                value, datum, flag, reasons = settle(value, str(own.get("DTMNM") or ""), station, county)
            yield gather.observation(
                station.station, name, time, None if value is None else convert(value, unit, PROPERTIES[name]), interval_s=interval_s, datum=datum,
                flag=flag, reasons=reasons, synthetic=station.synthetic,
            )

    for table, columns in TABLES.items():
        held: Any = tables.get(table, [])
        if not isinstance(held, list):
            raise ParseError(f"{table} is no list of rows", where=feed.feed)
        gather.each(held, table, partial(read, columns=columns))
    return gather.batch()


def interval(value: float | None) -> int:
    """INTV, written h.mm, in seconds: 0.05 -> 300, 0.30 -> 1800, 1.00 -> 3600 (SL 323-2011); Refused for minutes over 59 or nothing."""
    if value is None or value <= 0:
        raise Refused(f"INTV {value} is no interval")
    hours, minutes = divmod(round(value * 100), 100)
    if minutes > 59:
        raise Refused(f"INTV {value:.2f} is not h.mm")
    return hours * 3600 + minutes * 60
