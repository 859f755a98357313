"""A plain declared table as columns; connectors.table is the reference for what it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import numpy as np

from connectors.reading import jsonplain
from connectors.reading.columns import Records, each_once, readings
from connectors.reading.fields import by_word
from connectors.reading.plain import Plain
from connectors.reading.stations import Stations
from connectors.table_values import HEIGHTS, canonical, codes, number_of, time_of
from core.county import County, Feed, Table
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
    numbers = {name: by_word(given[name], name, lambda word, name: number_of(word, name, table)) for name in table.columns}
    plain = Plain(around=None, size=len(lines), numbers=numbers, texts={name: list(given[name]) for name in _texts(table)}, written=None,
                  record=lambda at: dict(zip(head, lines[at], strict=True)))
    return _batch(plain, table, feed, county, received, raw)


def _texts(table: Table) -> tuple[str, ...]:
    return tuple(filter(None, (table.station, table.time, table.issued)))


def _batch(plain: Plain, table: Table, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    texts = _texts(table)
    if plain.size > MAX_ROWS or len({*texts, *table.columns}) < len(texts) + len(table.columns) or (table.issued and not table.time):
        raise ValueError("too many records, one field for two things, or forecasts as of their receipt")
    stations = Stations(county, feed)
    plain, number, aside = plain.of_known(stations, table.station, table.records or "row")
    records = Records.of(
        stations, number, plain.texts[table.time] if table.time else [""] * plain.size, plain.texts.get(table.issued),
        read=lambda text: time_of(text.strip(), table) if table.time else received, received=received,
    )
    columns = list(table.columns.values())
    names, given = [column.observed_property for column in columns], plain.beside(list(table.columns))
    value = np.where(np.isin(given, codes(table.missing)), np.nan, given)
    for place, column in enumerate(columns):
        value[:, place] = each_once(value[:, place], partial(canonical, column=column))
    return Batch(rejected=aside, observations=readings(
        records, names, [column.interval_s for column in columns], value, ~np.isnan(value) | records.observes(names),  # what a station observes is told
        datum=_datums(records.of_station("datum"), names), feed=feed.feed, received=received, raw=raw,  # also where it is missing
        synthetic=records.of_station("synthetic").where(bool),
    ))


def _datums(datum: Words[str], names: Sequence[str]) -> Words[str]:
    """(N x E,): the station's datum for a height, none for anything else."""
    height, none = np.array([name in HEIGHTS for name in names]), Words.of(["", *datum.words])
    return Words(np.where(height, none.codes[1 + datum.codes][:, None], 0).ravel().astype(np.int32), none.words)
