"""A feed's measured readings as sheets: one (ticks x stations) array a property, of a new batch laid over what the lake holds around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.checks import REACH_S, Floats, Ints
from core.lake import CORRECTED, Lake
from core.model import Flag, Observation

REACH = timedelta(seconds=REACH_S)


@dataclass(frozen=True, slots=True)
class Sheet:
    """`times` (T,) epoch s; `values` by property (T, S), NaN for none; `origin` by property (T, S): number in `rows`, -1 for none.

    `rows` are the readings themselves, the first `fresh` of them the new batch, the others as the lake has them.
    """

    times: Floats
    stations: tuple[str, ...]
    values: dict[str, Floats]
    origin: dict[str, Ints]
    rows: tuple[Observation, ...]
    fresh: int


def lay(measured: Sequence[Observation], held: Sequence[Observation]) -> Sheet:
    """The new readings over those held; a corrected one is never covered."""
    rows = (*measured, *held)
    stations = tuple(sorted({o.station for o in rows}))
    column = {name: number for number, name in enumerate(stations)}
    stamps = np.array([o.time.timestamp() for o in rows], dtype=np.float64)
    times, place = np.unique(stamps, return_inverse=True)
    shape = (len(times), len(stations))
    values = {name: np.full(shape, np.nan) for name in sorted({o.observed_property for o in rows})}
    origin = {name: np.full(shape, -1, dtype=np.int64) for name in values}
    for number in reversed(range(len(rows))):  # the batch comes last, so it lies on top
        o, at = rows[number], (place[number], column[rows[number].station])
        under = origin[o.observed_property][at]
        if under < 0 or not is_corrected(rows[under]):
            values[o.observed_property][at] = np.nan if o.value is None else o.value
            origin[o.observed_property][at] = number
    return Sheet(times, stations, values, origin, rows, len(measured))


def around(lake: Lake, feed: str, first: datetime, last: datetime, now: datetime) -> list[Observation]:
    """What the lake holds of a feed from twice REACH before `first` to twice REACH after `last`: enough to judge all that a new reading touches."""
    frame = lake.observations(start=first - 2 * REACH, end=last + 2 * REACH, as_of=now, feeds=[feed])
    return [_observation(row) for row in frame.itertuples(index=False)]


def is_corrected(o: Observation) -> bool:
    """Whether a person has set this reading right."""
    return bool(o.reasons) and o.reasons[0].startswith(CORRECTED)


def same(a: Observation, b: Observation) -> bool:
    """Whether two rows of one reading say the same; when and in which payload they came is not compared."""
    return (a.value, a.flag, a.reasons, a.interval_s, a.datum, a.synthetic) == (b.value, b.flag, b.reasons, b.interval_s, b.datum, b.synthetic)


def _observation(row: Any) -> Observation:
    return Observation(
        feed=row.feed, station=row.station, observed_property=row.observed_property, time=row.time.to_pydatetime(),
        value=None if pd.isna(row.value) else float(row.value), received=row.received.to_pydatetime(), raw=row.raw, flag=Flag(int(row.flag)),
        reasons=tuple(part for part in row.reasons.split(";") if part), interval_s=int(row.interval_s), datum=row.datum, synthetic=bool(row.synthetic),
    )
