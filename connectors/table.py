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
from contextlib import suppress
from datetime import datetime
from typing import Any

from connectors import table_columns
from connectors.reading import http
from connectors.reading.jsonstrict import loads, refuse_page
from connectors.reading.nested import flat, records
from connectors.reading.records import Fields, Gather
from connectors.reading.stations import Stations
from connectors.table_columns import MAX_ROWS
from connectors.table_values import HEIGHTS, canonical, number_of, time_of
from connectors.types import Conditional, Payload
from core.county import Column, County, Feed, Table
from core.errors import ConfigError, ParseError
from core.model import Batch, Observation
from core.settings import Settings, secret


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET; the secret, where the row names one, goes in the header that the table names."""
    header = _table(feed).secret_header
    headers = {header: secret(feed.secret)} if header and feed.secret and settings.mode == "live" else {}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, headers=headers)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations of the declared columns in canonical units (forecasts where `issued` is declared)."""
    text = _text(body, _table(feed), feed)
    with suppress(ValueError):
        return by_columns(text, feed=feed, county=county, received=received, raw=raw)
    return by_record(text, feed=feed, county=county, received=received, raw=raw)


def by_columns(text: str, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """A plain table as columns; ValueError for any other, a long one among them."""
    table = _table(feed)
    if table.quantity:
        raise ValueError("a record gives one quantity by name")
    if table.form == "json":
        return table_columns.of_json(text.encode(), table, feed=feed, county=county, received=received, raw=raw)
    return table_columns.of_lines(*_lines(text, table, feed), table, feed=feed, county=county, received=received, raw=raw)


def by_record(text: str, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Any table, record by record."""
    table = _table(feed)
    rows = _csv(text, table, feed) if table.form == "csv" else records(loads(text.encode(), feed=feed.feed), table.records, feed=feed.feed)
    if len(rows) > MAX_ROWS:
        raise ParseError(f"{len(rows)} records are over {MAX_ROWS}", where=feed.feed)
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)

    def read(fields: Fields) -> Iterator[Observation]:
        """One row of the table by its declared columns; a missing value only where the station observes the property."""
        station = stations.known(fields.text(table.station))
        time = time_of(fields.text(table.time), table) if table.time else received
        issued = time_of(fields.text(table.issued), table) if table.issued else None
        for name, column, given in _given(fields, table):
            value = number_of(given, name, table)
            if value is not None or column.observed_property in station.properties:
                yield gather.observation(
                    station.station, column.observed_property, time,
                    None if value is None else canonical(value, column),
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


def _text(body: bytes, table: Table, feed: Feed) -> str:
    refuse_page(body, feed=feed.feed)
    try:
        return body.decode("utf-8-sig" if table.encoding == "utf-8" else table.encoding)
    except UnicodeDecodeError as error:
        raise ParseError(f"not {table.encoding} at byte {error.start}", where=feed.feed) from error


def _csv(text: str, table: Table, feed: Feed) -> list[Any]:
    head, lines = _lines(text, table, feed)
    return [dict(zip(head, line, strict=True)) if len(line) == len(head) else f"{len(line)} fields for {len(head)} columns" for line in lines]


def _lines(text: str, table: Table, feed: Feed) -> tuple[list[str], list[list[str]]]:
    """The head and the lines that are not empty."""
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
    return head, [line for line in lines[1:] if line]
