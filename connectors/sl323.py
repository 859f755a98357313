"""Water and rain from an SL 323-2011 database (any that SQLAlchemy speaks to): river, tide, rain and gate tables. Times are Beijing clock.

The payload is the canonical JSON of the rows read, so that it can be kept and read again like any other. INTV is h.mm: 0.30 is half an
hour and 0.05 five minutes. A stage is Z + DTPR in the datum DTMNM of its own station row; it is never moved to another datum here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa

from connectors.jsonstrict import loads
from connectors.records import Fields, Gather, Refused
from connectors.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import FetchError, ParseError
from core.model import Batch, Flag, Observation
from core.settings import Settings, secret
from core.signing import canonical
from core.times import SHANGHAI

CLOCK = ("%Y-%m-%d %H:%M:%S",)
#: table -> {column: observed property}; the stages among them carry the station's datum.
TABLES: dict[str, dict[str, str]] = {
    "ST_RIVER_R": {"Z": "stage", "Q": "discharge"},
    "ST_TIDE_R": {"TDZ": "tide"},
    "ST_PPTN_R": {"DRP": "rain"},
    "ST_WAS_R": {"UPZ": "gate_upstream", "DWZ": "gate_downstream"},
}
REQUIRED = ("ST_STBPRP_B", "ST_RIVER_R")
WITH_DATUM = frozenset({"stage", "tide", "gate_upstream", "gate_downstream"})
STATION_COLUMNS = ("STCD", "DTMNM", "DTPR", "LGTD", "LTTD")
NO_DATUM: tuple[str, Flag, tuple[str, ...]] = ("", Flag.GOOD, ())
MAX_ROWS = 50_000
#: Names under which the datums of this coast are written, and the one we use.
DATUMS = {
    "废黄河基面": "废黄河", "废黄河口": "废黄河", "废黄河高程": "废黄河", "吴淞基面": "吴淞", "吴淞高程": "吴淞", "吴淞口": "吴淞",
    "85基准": "1985", "85国家高程基准": "1985", "1985国家高程基准": "1985", "国家85高程": "1985", "1956黄海": "1956", "黄海": "1956",
}


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """Rows of the last `hours` (option, default 8) from every table that is there; the live database's URL is the feed's secret."""
    since = (now - timedelta(hours=int(feed.options.get("hours", 8)))).astimezone(SHANGHAI).replace(tzinfo=None)
    engine = _engine(feed, settings)
    try:
        with engine.connect() as connection:
            present = set(sa.inspect(connection).get_table_names())
            missing = [name for name in REQUIRED if name not in present]
            if missing:
                raise FetchError(f"{feed.feed}: table {missing[0]} is not in the database", layer="source", retryable=False)
            tables = {name: _rows(connection, name, since) for name in ("ST_STBPRP_B", *TABLES) if name in present}
    except sa.exc.SQLAlchemyError as error:
        # the driver's own text names host and user, so only its class is told
        raise FetchError(f"{feed.feed}: the database did not answer ({type(error).__name__})") from error
    finally:
        engine.dispose()
    return Payload(body=canonical({"tables": tables}).encode(), content_type="application/json")


def _engine(feed: Feed, settings: Settings) -> sa.Engine:
    if settings.mode == "live":
        url = sa.make_url(secret(feed.secret))
        return sa.create_engine(url, connect_args={"connect_timeout": 5} if url.get_backend_name() == "postgresql" else {})
    path = settings.home.resolve() / feed.sandbox.lstrip("/")
    if not path.is_file():
        raise FetchError(f"{feed.feed}: the database file is not there")
    return sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", connect_args={"timeout": 5})


def _rows(connection: sa.Connection, name: str, since: datetime) -> list[dict[str, Any]]:
    """Rows of one table, newest `since` (Beijing clock, naive) where it has times, in a stable order."""
    if name == "ST_STBPRP_B":
        table = sa.table(name, *(sa.column(column) for column in STATION_COLUMNS))
        query = sa.select(table).order_by(table.c.STCD)
    else:
        extra = ("INTV",) if name == "ST_PPTN_R" else ()
        table = sa.table(name, sa.column("STCD"), sa.column("TM", sa.DateTime), *(sa.column(c) for c in (*TABLES[name], *extra)))
        query = sa.select(table).where(since <= table.c.TM).order_by(table.c.TM, table.c.STCD).limit(MAX_ROWS)
    return [{key: _plain(value) for key, value in row.items()} for row in connection.execute(query).mappings()]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (datetime, date)):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value.strip() if isinstance(value, str) else value


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Stage and tide (m in the station's datum), discharge (m3/s) and rain (mm in the interval that ends at TM)."""
    document = loads(body, feed=feed.feed)
    tables = document.get("tables") if isinstance(document, dict) else None
    if not isinstance(tables, dict) or not isinstance(tables.get("ST_STBPRP_B"), list):
        raise ParseError("no rows of an SL 323 database", where=feed.feed)
    stations, gather = Stations(county, feed), Gather(feed=feed, received=received, raw=raw)
    datums = {str(row.get("STCD")): row for row in tables["ST_STBPRP_B"] if isinstance(row, dict)}

    def read(fields: Fields, columns: dict[str, str]) -> Iterator[Observation]:
        station = stations.known(fields.text("STCD"))
        own = datums.get(station.station, {})
        stations.in_place(station, own.get("LTTD"), own.get("LGTD"))
        time = fields.beijing("TM", *CLOCK)
        interval_s = interval(fields.number("INTV")) if "DRP" in columns else 0
        for column, name in columns.items():
            value = fields.number(column)
            if value is None and name not in station.properties:
                continue
            datum, flag, reasons = _datum(own, station.datum) if name in WITH_DATUM else NO_DATUM
            if name in WITH_DATUM:
                correction = Fields(own).number("DTPR") or 0.0
                value = None if value is None else round(value + correction, 4)
            yield gather.observation(
                station.station, name, time, value, interval_s=interval_s, datum=datum, flag=flag, reasons=reasons,
                synthetic=station.synthetic,
            )

    for table, columns in TABLES.items():
        gather.each(tables.get(table, []), table, partial(read, columns=columns))
    return gather.batch()


def interval(value: float | None) -> int:
    """INTV, written h.mm, in seconds: 0.05 -> 300, 0.30 -> 1800, 1.00 -> 3600 (SL 323-2011); Refused for minutes over 59 or nothing."""
    if value is None or value <= 0:
        raise Refused(f"INTV {value} is no interval")
    hours, minutes = divmod(round(value * 100), 100)
    if minutes > 59:
        raise Refused(f"INTV {value:.2f} is not h.mm")
    return hours * 3600 + minutes * 60


def _datum(own: dict[str, Any], expected: str) -> tuple[str, Flag, tuple[str, ...]]:
    """The datum that the station's row names; one that is not the county's is kept as it is and flagged, never converted by guess."""
    given = str(own.get("DTMNM") or "").strip()
    name = DATUMS.get(given, given)
    if not name:
        return expected, Flag.UNKNOWN, ("the database names no datum",)
    if expected and name != expected:
        return name, Flag.SUSPECT, (f"datum {name}, the county's table says {expected}",)
    return name, Flag.GOOD, ()
