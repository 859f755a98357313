"""A plain answer of CIMISS/MUSIC as columns; connectors.music_surface is the reference for what it says."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from connectors.music_codes import CALM_DIRECTION, ELEMENTS, IGNORE, MISSING, NOT_CHECKED, TRACE, answered, best_first, clock_of, flag_of, reasons_of
from connectors.reading import jsonplain
from connectors.reading.columns import Records, readings
from connectors.reading.plain import Plain
from connectors.reading.records import Fields
from connectors.reading.stations import Stations
from core.checks import Bools, Floats, Ints
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
        """One block of rows: its readings, a row a record and element, and the rows of unknown stations set aside."""
        answered(plain.around, plain.size, feed)
        plain, number, aside = plain.of_known(stations, "Station_Id_C", "DS")
        records = Records.of(stations, number, plain.texts["Datetime"], read=clock_of, received=received)
        if {"Lat", "Lon"} <= plain.numbers.keys():
            records.in_place(plain, "Lat", "Lon")
        elements = [element for element in best_first(feed) if element in plain.numbers]
        names, interval_s = [ELEMENTS[element][0] for element in elements], [ELEMENTS[element][1] for element in elements]
        given, code = plain.beside(elements), _codes(plain.beside([f"Q_{element}" for element in elements]))
        missing = (given == MISSING) | (given == CALM_DIRECTION)
        value = np.where(missing, np.nan, np.where(given == TRACE, 0.0, given))
        told = _one_each(names, value, ~np.isnan(given) & (~missing | records.observes(names)))
        reasons = Words(np.where(missing, REASONS.codes[0], REASONS.codes[code]).ravel(), REASONS.words)
        synthetic = records.of_station("synthetic").where(bool)
        if "synthetic" in plain.texts:
            synthetic |= Words.of(plain.texts["synthetic"]).where(lambda text: Fields({"it": text}).yes("it"))
        return Batch(rejected=aside, observations=readings(
            records, names, interval_s, value, told, flag=FLAGS[code], reasons=reasons, feed=feed.feed, received=received, raw=raw, synthetic=synthetic,
        ))

    return jsonplain.read(
        body, "DS", build, numbers=NUMBERS, texts=("Station_Id_C", "Datetime"), marks=("synthetic",), ignore=IGNORE, feed=feed.feed,
    )


def _one_each(names: list[str], value: Floats, told: Bools) -> Bools:
    """(N, E) `told` with one element a property: of two the first, or the other one where it alone has a value."""
    for second, first in ((at, names.index(name)) for at, name in enumerate(names) if name in names[:at]):
        better = told[:, second] & ~(told[:, first] & (np.isfinite(value[:, first]) | np.isnan(value[:, second])))
        told[:, first] &= ~better
        told[:, second] = better
    return told


def _codes(quality: Floats) -> Ints:
    """Quality codes as numbers, none given as not checked; ValueError for one that is no code."""
    code = np.where(np.isnan(quality), NOT_CHECKED, quality)
    whole = code.astype(np.int64)
    if (whole != code).any() or (whole < 0).any() or (whole > NOT_CHECKED).any():
        raise ValueError("no quality code")
    return whole
