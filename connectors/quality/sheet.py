"""A feed's measured readings as sheets: one (ticks x stations) array a property, of a new batch laid over what the lake holds around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from core.checks import REACH_S, Bools, Floats, Ints
from core.lake import CORRECTED, Lake
from core.readings import Readings, Words

REACH = timedelta(seconds=REACH_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """`times` (T,) epoch s; by property `values` (T, S), NaN for none, `origin` (T, S) the number of the reading, -1 for none, and the longest
    `interval_s`. The readings are numbered: first those of the new batch, then those held. `twin`, by new reading: the number among those held of the
    same station, property and time, -1 for none. `since`: the row from which on the batch can change what is told.
    """

    times: Floats
    stations: tuple[str, ...]
    values: dict[str, Floats]
    origin: dict[str, Ints]
    interval_s: dict[str, int]
    twin: Ints
    since: int = 0


def lay(fresh: Readings, held: Readings) -> Sheet:
    """The new readings over those held (as `around` gives them, one a station, property and time); a corrected one is never covered."""
    stations, names = _ranked(Words.join((fresh.station, held.station)))
    kind, properties = _ranked(Words.join((fresh.observed_property, held.observed_property)))
    stamps = np.concatenate([fresh.time, held.time]).astype(np.int64)
    times = np.unique(stamps)
    cell = (kind * len(times) + np.searchsorted(times, stamps)) * len(names) + stations
    new, numbers = len(fresh), np.arange(len(cell))
    origin = np.full(len(properties) * len(times) * len(names), -1)
    origin[cell[new:]] = numbers[new:]
    twin = np.where(origin[cell[:new]] >= 0, origin[cell[:new]] - new, -1)
    corrected = np.flatnonzero(np.concatenate([is_corrected(fresh), is_corrected(held)]))
    for rows in (numbers[:new][::-1], corrected):  # the batch lies on top, its first word of a reading above its others; then what a person has set right
        origin[cell[rows]] = rows
    value, interval_s = np.concatenate([fresh.value, held.value]), np.concatenate([fresh.interval_s, held.interval_s])
    origins = dict(zip(properties, origin.reshape(len(properties), len(times), len(names)), strict=True))
    return Sheet(
        times=times / 1e6, stations=names, origin=origins, twin=twin, since=int(np.searchsorted(times, stamps[:new].min() - REACH_S * 1e6)),
        values={name: np.where(at >= 0, value[at], np.nan) for name, at in origins.items()},
        interval_s={name: int(interval_s[at[at >= 0]].max(initial=0)) for name, at in origins.items()},
    )


def around(lake: Lake, feed: str, first: datetime, last: datetime, now: datetime) -> Readings:
    """What the lake holds of a feed from twice REACH before `first` to twice REACH after `last`: enough to judge all that a new reading touches."""
    return lake.readings(start=first - 2 * REACH, end=last + 2 * REACH, as_of=now, feeds=[feed])


def is_corrected(readings: Readings) -> Bools:
    """(N,): whether a person has set the reading right."""
    return readings.reasons.where(lambda reasons: bool(reasons) and reasons[0].startswith(CORRECTED))


def same(a: Readings, b: Readings) -> Bools:
    """(N,): whether two rows of one reading say the same; when and in which payload they came is not compared."""
    alike = (a.value == b.value) | (np.isnan(a.value) & np.isnan(b.value))
    for one, other in ((a.reasons, b.reasons), (a.datum, b.datum)):
        number: dict[Any, int] = {}
        alike &= one.among(number) == other.among(number)
    out: Bools = alike & (a.flag == b.flag) & (a.interval_s == b.interval_s) & (a.synthetic == b.synthetic)
    return out


def _ranked(column: Words[str]) -> tuple[Ints, tuple[str, ...]]:
    """(N,) places among the different words that occur, sorted; and these."""
    used = np.flatnonzero(np.bincount(column.codes, minlength=len(column.words)))
    names = sorted({column.words[n] for n in used})
    place = {name: n for n, name in enumerate(names)}
    return np.array([place.get(word, -1) for word in column.words], dtype=np.int64)[column.codes], tuple(names)
