"""Any HTTP source that answers with a JSON list or a CSV table, described in feeds.yaml (`table:`) and not in code.

The row says where the records are, which fields are station and time, what each column is and in which unit (in a long table, whose records give one value
each, what each name of a quantity is); see connectors/README.md. Codes for "missing", zone, encoding and delimiter are declared; a naive time without a
declared zone cannot be written down in the first place. Records that carry no time at all (`time_format: receipt`) are as of their receipt; the same bytes
again are not read again, so that a source that has stopped still ages.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors import http
from connectors.jsonstrict import loads, refuse_page
from connectors.nested import flat, records
from connectors.records import Fields, Gather, Refused, clock, to_number
from connectors.stations import Stations
from connectors.types import Conditional, Payload
from core.county import Column, County, Feed, Table
from core.errors import ConfigError, ParseError
from core.model import Batch, Observation
from core.settings import Settings, secret
from core.units import PROPERTIES, convert

#: Properties that are heights: they carry the station's datum.
HEIGHTS = frozenset({"stage", "tide", "gate_upstream", "gate_downstream", "reservoir_stage"})
MAX_ROWS = 200_000
EPOCH_END = 4_102_444_800.0  # 2100-01-01


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET; the secret, where the row names one, goes in the header that the table names."""
    header = _table(feed).secret_header
    headers = {header: secret(feed.secret)} if header and feed.secret and settings.mode == "live" else {}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, headers=headers)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations of the declared columns in canonical units (forecasts where `issued` is declared)."""
    table = _table(feed)
    refuse_page(body, feed=feed.feed)
    text = _text(body, table, feed)
    rows = _csv(text, table, feed) if table.form == "csv" else records(loads(text.encode(), feed=feed.feed), table.records, feed=feed.feed)
    if len(rows) > MAX_ROWS:
        raise ParseError(f"{len(rows)} records are over {MAX_ROWS}", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def read(fields: Fields) -> Iterator[Observation]:
        station = stations.known(fields.text(table.station))
        time = _time(fields.text(table.time), table) if table.time else received
        issued = _time(fields.text(table.issued), table) if table.issued else None
        for name, column, given in _given(fields, table):
            value = None if given is None or str(given).strip() in table.missing else to_number(given, name, missing=_codes(table))
            if value is not None or column.observed_property in station.properties:
                yield gather.observation(
                    station.station, column.observed_property, time,
                    None if value is None else round(convert(value, column.unit, PROPERTIES[column.observed_property]), 6),
                    interval_s=column.interval_s, datum=station.datum if column.observed_property in HEIGHTS else "", synthetic=station.synthetic, issued=issued,
                )

    gather.each(map(flat, rows), table.records or "row", read, table.ignore)
    return gather.batch()


def _given(fields: Fields, table: Table) -> Iterator[tuple[str, Column, Any]]:
    """Each declared column with what the record gives; of a long table the one quantity that the record names, and records of other quantities are read past."""
    if table.quantity:
        name, value = fields.text(table.quantity), fields.take(table.value)
        if name in table.columns:
            yield name, table.columns[name], value
        return
    for name, column in table.columns.items():
        yield name, column, fields.maybe(name)


def _table(feed: Feed) -> Table:
    if feed.table is None:
        raise ConfigError(f"数据源 {feed.feed} 没有 table / has no table", hint="在 feeds.yaml 写 table: / describe it in feeds.yaml")
    return feed.table


def _codes(table: Table) -> tuple[float, ...]:
    """The missing codes that are numbers, so that 9999.0 is 9999 too."""
    found = []
    for code in table.missing:
        try:
            found.append(float(code))
        except ValueError:
            continue
    return tuple(found)


def _text(body: bytes, table: Table, feed: Feed) -> str:
    try:
        return body.decode("utf-8-sig" if table.encoding == "utf-8" else table.encoding)
    except UnicodeDecodeError as error:
        raise ParseError(f"not {table.encoding} at byte {error.start}", where=feed.feed) from error


def _csv(text: str, table: Table, feed: Feed) -> list[Any]:
    if "\x00" in text:
        raise ParseError("a NUL byte in a CSV", where=feed.feed)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=table.delimiter, strict=True))
    except csv.Error as error:
        raise ParseError(f"not CSV: {error}", where=feed.feed) from error
    head = [name.strip() for name in lines[0]]
    quantities = [table.quantity, table.value] if table.quantity else list(table.columns)
    wanted = [table.station, *quantities, *filter(None, (table.time, table.issued))]
    absent = [name for name in wanted if name not in head]
    if absent or len(set(head)) != len(head):
        raise ParseError(f"columns missing or twice: {', '.join(absent or head)[:120]}", where=f"{feed.feed}:1")
    return [dict(zip(head, line, strict=True)) if len(line) == len(head) else f"{len(line)} fields for {len(head)} columns" for line in lines[1:] if line]


def _time(text: str, table: Table) -> datetime:
    """The row's time as UTC by the declared format and zone; Refused for one without a zone."""
    if table.time_format.startswith("epoch"):
        number = to_number(text, table.time)
        seconds = (number or 0.0) / (1000 if table.time_format == "epoch_ms" else 1)
        if not 0 < seconds < EPOCH_END:
            raise Refused(f"field {table.time} is no time since 1970: {text[:20]}")
        return datetime.fromtimestamp(seconds, UTC)
    try:
        time = datetime.fromisoformat(text) if table.time_format == "iso" else clock(text, table.time, (table.time_format,))
    except ValueError as error:
        raise Refused(f"field {table.time}: {error}") from error
    if time.tzinfo is None and not table.zone:
        raise Refused(f"field {table.time} has no zone")
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(table.zone))).astimezone(UTC)
