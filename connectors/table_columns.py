"""A plain declared table as columns; connectors.table is the reference for what it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from connectors import jsonplain
from connectors.columns import Element, Records, each_once, readings
from connectors.jsonplain import Plain
from connectors.stations import Stations
from connectors.table_values import HEIGHTS, canonical, codes, number_of, time_of
from core.checks import Floats
from core.county import Column, County, Feed, Table
from core.model import Batch
from core.readings import Words

MAX_ROWS = 200_000


def of_json(body: bytes, table: Table, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """The batch of a document whose records are flat; ValueError for any other."""
    return jsonplain.read(
        body, table.records, lambda plain: _batch(plain, table, feed, county, received, raw), numbers=table.columns, texts=_texts(table), ignore=table.ignore,
        feed=feed.feed, word=lambda given, name: number_of(given, name, table),
    )


def of_lines(head: Sequence[str], lines: Sequence[Sequence[str]], table: Table, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """The batch of lines of as many texts as the head has; ValueError for any other."""
    given = dict(zip(head, zip(*lines, strict=True), strict=True))
    if not set(head) <= {*_texts(table), *table.columns, *table.ignore}:
        raise ValueError("a column that is not known")
    numbers = {name: jsonplain.by_word(given[name], name, lambda word, name: number_of(word, name, table)) for name in table.columns}
    plain = Plain(around=None, size=len(lines), numbers=numbers, texts={name: list(given[name]) for name in _texts(table)}, written=None)
    return _batch(plain, table, feed, county, received, raw)


def _texts(table: Table) -> tuple[str, ...]:
    return (table.station, table.time, *([table.issued] if table.issued else []))


def _batch(plain: Plain, table: Table, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    texts = _texts(table)
    if plain.size > MAX_ROWS or len({*texts, *table.columns}) < len(texts) + len(table.columns):
        raise ValueError("too many records, or one field for two things")
    records = Records.of(
        Stations(county, feed), *(plain.texts[name] for name in texts), read=lambda text: time_of(text.strip(), table), received=received,
    )
    properties, datum = records.of_station("properties"), records.of_station("datum")
    none = np.full(plain.size, np.nan)
    elements = [_element(column, plain.numbers.get(name, none), table, properties, datum) for name, column in table.columns.items()]
    return Batch(observations=readings(
        records, elements, feed=feed.feed, received=received, raw=raw, synthetic=records.of_station("synthetic").where(bool),
    ))


def _element(column: Column, given: Floats, table: Table, properties: Words[tuple[str, ...]], datum: Words[str]) -> Element:
    """One column of every record in its canonical unit; what the station observes is told also where it is missing."""
    value = each_once(np.where(np.isin(given, codes(table.missing)), np.nan, given), lambda number: canonical(number, column))
    return Element(
        observed_property=column.observed_property, interval_s=column.interval_s, value=value,
        told=~np.isnan(value) | properties.where(lambda names: column.observed_property in names),
        datum=datum if column.observed_property in HEIGHTS else None,
    )
