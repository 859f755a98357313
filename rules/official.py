"""Official signals in force, per town: floors under the public colour, and indicators that rules may name.

A signal is in force from its effective time until it expires, or is no longer on its feed's list, or a later message takes
it back. Only a list that was read whole takes anything off. A feed that has fallen silent takes nothing back: what it last said stays, and what it may have
said since cannot be excluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from core.county import County, Town
from core.model import Hazard, Level, MsgType
from rules.catalogue import Catalogue, Concern
from rules.grid import Floats, microseconds

#: Later than any time.
ALWAYS = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal in force: hazard after the county's reading ("" for none), the towns it concerns (N,) and what evidence cites."""

    identifier: str
    event: str
    title: str
    hazard: str
    level: Level
    towns: tuple[bool, ...]
    raw: str
    feed: str
    issued: datetime
    synthetic: bool


def in_force(frame: pd.DataFrame, *, now: datetime, county: County, catalogue: Catalogue) -> tuple[Signal, ...]:
    """Signals in force at `now` for at least one town; `frame` as lake.signals gives it. Sorted by identifier."""
    return in_force_at(frame, [now], county=county, catalogue=catalogue)[0]


def in_force_at(frame: pd.DataFrame, ticks: Sequence[datetime], *, county: County, catalogue: Catalogue) -> list[tuple[Signal, ...]]:
    """`in_force` at each of several times; equal tuples are one object, so that what is made of them is made once."""
    if frame.empty:
        return [()] * len(ticks)
    rows: list[Any] = list(frame.sort_values(["identifier", "feed"], kind="stable").itertuples())
    over = {name for row in rows for name in ended(row)}
    kept = [(made, _span(row)) for row in rows if row.msg_type != MsgType.CANCEL and row.identifier not in over
            if (made := signal(row, county, catalogue)) is not None]
    if not kept:
        return [()] * len(ticks)
    at = np.array([microseconds(tick) for tick in ticks], dtype=np.int64)[:, None]
    start, end = (np.array([span[side] for _, span in kept], dtype=np.int64) for side in (0, 1))
    seen: dict[bytes, tuple[Signal, ...]] = {}
    out = []
    for running in (start <= at) & (at < end):
        key = running.tobytes()
        if key not in seen:
            seen[key] = tuple(made for (made, _), now in zip(kept, running, strict=True) if now)
        out.append(seen[key])
    return out


def signal(row: Any, county: County, catalogue: Catalogue) -> Signal | None:
    """A row as a signal; None where it concerns no town."""
    concern = next((c for c in catalogue.concerns if c.event in row.event or c.event in row.title), None)
    towns = tuple(_concerned(town, row.areas.split(";"), concern, county) for town in county.towns)
    if not any(towns):
        return None
    return Signal(
        identifier=row.identifier, event=row.event, title=row.title, hazard=row.hazard or (concern.hazard if concern else ""),
        level=Level(int(row.level)), towns=towns, raw=row.raw, feed=row.feed, issued=row.issued.to_pydatetime(), synthetic=bool(row.synthetic),
    )


def ended(row: Any) -> list[str]:
    """Other signals that an update or a cancel takes back. A row that cancels itself is one feed's list getting shorter; it ends
    that feed's row only, so another feed that still lists the signal keeps the floor."""
    if row.msg_type == MsgType.ALERT:
        return []
    return [name for name in str(row.references or "").split(";") if name and name != row.identifier]


def start_of(row: Any) -> int:
    """From when a signal runs, microseconds since 1970 UTC."""
    return microseconds(row.issued if row.effective is None or pd.isna(row.effective) else row.effective)


def _span(row: Any) -> tuple[int, int]:
    """From when until when a signal runs, microseconds since 1970 UTC."""
    start = start_of(row)
    if row.expires is None or pd.isna(row.expires):  # in force for as long as its feed lists it; a silent feed takes nothing back
        return start, ALWAYS if row.listed_at >= row.snapshot_at else start
    return start, microseconds(row.expires)


def _concerned(town: Town, areas: Iterable[str], concern: Concern | None, county: County) -> bool:
    """Whether an area of the signal names the town and, for signals of the sea or the river, the town lies there."""
    if concern and concern.towns and not any(getattr(town, flag) for flag in concern.towns):
        return False
    return county.concerns(town, [area for area in areas if area])


def levels_at(signals: Sequence[tuple[Signal, ...]], towns: int, *, events: tuple[str, ...] = (), hazard: Hazard | None = None) -> Floats:
    """`level_of` (T, N) at each of T times."""
    distinct = {id(found): found for found in signals}
    levels = {key: level_of(found, towns, events=events, hazard=hazard) for key, found in distinct.items()}
    return np.stack([levels[id(found)] for found in signals])


def level_of(signals: tuple[Signal, ...], towns: int, *, events: tuple[str, ...] = (), hazard: Hazard | None = None) -> Floats:
    """Highest level per town (N,) among the signals of these events (a part of the event's or the title's text) or of a hazard."""
    best = np.zeros(towns)
    for signal in signals:
        if (hazard is not None and signal.hazard == hazard) or any(event in signal.event for event in events):
            best = np.maximum(best, np.where(signal.towns, float(signal.level), 0.0))
    return best


def strongest(signals: tuple[Signal, ...], town: int, hazard: Hazard) -> Signal | None:
    """The signal that makes a town's floor: the highest, the newest among equals."""
    held = [s for s in signals if s.hazard == hazard and s.towns[town]]
    return max(held, key=lambda s: (s.level, s.issued, s.identifier), default=None)
