"""A plain answer of CIMISS/MUSIC as columns; connectors.music_surface is the reference for what it says."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from connectors import jsonplain
from connectors.columns import Element, Records, readings
from connectors.jsonplain import Plain
from connectors.music_codes import CALM_DIRECTION, ELEMENTS, IGNORE, MISSING, NOT_CHECKED, TRACE, answered, clock_of, flag_of, reasons_of
from connectors.records import Fields
from connectors.stations import Stations
from core.county import County, Feed
from core.model import Batch
from core.readings import Words

NUMBERS = frozenset({"Lat", "Lon", *ELEMENTS, *(f"Q_{element}" for element in ELEMENTS)})
#: By quality code.
FLAGS = np.array([int(flag_of(code)) for code in range(NOT_CHECKED + 1)], dtype=np.int8)
REASONS = Words.of(map(reasons_of, range(NOT_CHECKED + 1)))


def by_columns(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """A plain JSON answer as columns; ValueError for any other."""
    stations = Stations(county, feed)

    def build(plain: Plain) -> Batch:
        answered(plain.around, plain.size, feed)
        records = Records.of(stations, plain.texts["Station_Id_C"], plain.texts["Datetime"], read=clock_of, received=received)
        if {"Lat", "Lon"} <= plain.numbers.keys():
            records.in_place(stations, plain, "Lat", "Lon")
        observed = records.of_station("properties")
        elements = [
            _element(plain, element, name, interval_s, observed) for element, (name, interval_s) in ELEMENTS.items() if element in plain.numbers
        ]
        synthetic = records.of_station("synthetic").where(bool)
        if "synthetic" in plain.texts:
            synthetic |= Words.of(plain.texts["synthetic"]).where(lambda text: Fields({"it": text}).yes("it"))
        return Batch(observations=readings(records, elements, feed=feed.feed, received=received, raw=raw, synthetic=synthetic))

    return jsonplain.read(
        body, "DS", build, numbers=NUMBERS, texts=("Station_Id_C", "Datetime"), marks=("synthetic",), ignore=IGNORE, feed=feed.feed,
    )


def _element(plain: Plain, element: str, name: str, interval_s: int, observed: Words[tuple[str, ...]]) -> Element:
    """One element of every record, with flags and reasons by its quality code; ValueError for a code that is none."""
    given, quality = plain.numbers[element], plain.numbers.get(f"Q_{element}", np.full(plain.size, np.nan))
    missing = np.isin(given, (MISSING, CALM_DIRECTION))
    code = np.where(np.isnan(quality), NOT_CHECKED, quality).astype(np.int64)
    if not ((code == quality) | np.isnan(quality)).all() or not ((code >= 0) & (code <= NOT_CHECKED)).all():
        raise ValueError("no quality code")
    return Element(
        observed_property=name, interval_s=interval_s, told=~np.isnan(given) & (~missing | observed.where(lambda properties: name in properties)),
        value=np.where(missing, np.nan, np.where(given == TRACE, 0.0, given)),
        flag=FLAGS[code], reasons=Words(np.where(missing, REASONS.codes[0], REASONS.codes[code]), REASONS.words),
    )
