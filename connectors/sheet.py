"""A feed's measured readings as sheets: one (ticks x stations) array a property, of a new batch laid over what the lake holds around it.

What is held is looked at as columns; a reading becomes an object again only when it is judged anew or compared with one that came again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from core.checks import REACH_S, Bools, Floats, Ints
from core.lake import CORRECTED, Lake
from core.model import Flag, Observation

if TYPE_CHECKING:
    import pandas as pd

REACH = timedelta(seconds=REACH_S)
#: Columns of a held reading, as `_observation` takes them; a measured one has no issue time.
FIELDS = ("feed", "station", "observed_property", "time", "value", "received", "raw", "flag", "reasons", "interval_s", "datum", "synthetic")


@dataclass(frozen=True, slots=True)
class Sheet:
    """`times` (T,) epoch s; `values` by property (T, S), NaN for none; `origin` by property (T, S): number of the reading, -1 for none.

    The readings are numbered: first those of `fresh`, the new batch, then the rows of `held` as the lake has them. By number: `stamps` epoch s,
    `interval_s`, and `marked`, whether its reasons may hold one of ours.
    """

    times: Floats
    stations: tuple[str, ...]
    values: dict[str, Floats]
    origin: dict[str, Ints]
    fresh: tuple[Observation, ...]
    held: pd.DataFrame
    stamps: Floats
    interval_s: Ints
    marked: Bools

    def again(self) -> Ints:
        """Numbers of the held readings of the batch's own times."""
        return self._held(np.isin(self.stamps, self.stamps[: len(self.fresh)]))

    def touched(self, told: Collection[int], first: datetime, last: datetime) -> Ints:
        """Numbers of the held readings within REACH of [first, last] of which something is to be said, now (`told`) or as before; the others stay
        what they are."""
        speak = self.marked.copy()
        speak[list(told)] = True
        return self._held(speak & (self.stamps >= (first - REACH).timestamp()) & (self.stamps <= (last + REACH).timestamp()))

    def _held(self, where: Bools) -> Ints:
        numbers = np.flatnonzero(where)
        return numbers[numbers >= len(self.fresh)]

    def former(self, numbers: Ints) -> list[Observation]:
        """The held readings of these numbers."""
        rows = numbers - len(self.fresh)
        columns = (self.held[name].array.take(rows).tolist() for name in FIELDS) if len(rows) else ()
        return [_observation(*row) for row in zip(*columns, strict=True)]


def lay(measured: Sequence[Observation], held: pd.DataFrame) -> Sheet:
    """The new readings over those held (as `around` gives them); a corrected one is never covered."""
    names = [*(o.station for o in measured), *held["station"].tolist()]
    properties = [*(o.observed_property for o in measured), *held["observed_property"].tolist()]
    reasons = [*(";".join(o.reasons) for o in measured), *held["reasons"].tolist()]
    value = np.concatenate([np.array([np.nan if o.value is None else o.value for o in measured]), held["value"].to_numpy(dtype=np.float64)])
    stamps = np.concatenate([np.array([o.time.timestamp() for o in measured]), _epoch(held["time"])])
    interval_s = np.concatenate([np.array([o.interval_s for o in measured], dtype=np.int64), held["interval_s"].to_numpy(dtype=np.int64)])
    corrected = np.array([text.startswith(CORRECTED) for text in reasons], dtype=bool)
    stations = tuple(sorted(set(names)))
    number_of = {name: number for number, name in enumerate(stations)}
    column = np.array([number_of[name] for name in names], dtype=np.int64)
    times, place = np.unique(stamps, return_inverse=True)
    kind = np.array(properties, dtype=object)
    values, origin = {}, {}
    for name in sorted(set(properties)):
        mine = np.flatnonzero(kind == name)
        values[name], origin[name] = np.full((len(times), len(stations)), np.nan), np.full((len(times), len(stations)), -1, dtype=np.int64)
        for rows in (mine[::-1], mine[corrected[mine]]):  # the batch comes last, so it lies on top; then what a person has set right
            values[name][place[rows], column[rows]], origin[name][place[rows], column[rows]] = value[rows], rows
    return Sheet(times, stations, values, origin, tuple(measured), held, stamps, interval_s, np.array(["qc" in text for text in reasons], dtype=bool))


def around(lake: Lake, feed: str, first: datetime, last: datetime, now: datetime) -> pd.DataFrame:
    """What the lake holds of a feed from twice REACH before `first` to twice REACH after `last`: enough to judge all that a new reading touches."""
    return lake.observations(start=first - 2 * REACH, end=last + 2 * REACH, as_of=now, feeds=[feed])


def is_corrected(o: Observation) -> bool:
    """Whether a person has set this reading right."""
    return bool(o.reasons) and o.reasons[0].startswith(CORRECTED)


def same(a: Observation, b: Observation) -> bool:
    """Whether two rows of one reading say the same; when and in which payload they came is not compared."""
    return (a.value, a.flag, a.reasons, a.interval_s, a.datum, a.synthetic) == (b.value, b.flag, b.reasons, b.interval_s, b.datum, b.synthetic)


def _epoch(times: pd.Series[pd.Timestamp]) -> Floats:
    out: Floats = times.dt.as_unit("us").astype("int64").to_numpy() / 1e6
    return out


def _observation(
    feed: str, station: str, observed_property: str, time: pd.Timestamp, value: float, received: pd.Timestamp, raw: str, flag: int, reasons: str,
    interval_s: int, datum: str, synthetic: bool,
) -> Observation:
    """One row of the lake in the order of FIELDS; NaN is no value."""
    return Observation(
        feed=feed, station=station, observed_property=observed_property, time=time.to_pydatetime(), value=None if value != value else value,
        received=received.to_pydatetime(), raw=raw, flag=Flag(flag), reasons=tuple(part for part in reasons.split(";") if part),
        interval_s=interval_s, datum=datum, synthetic=synthetic,
    )
