"""Official signals in force, per town: floors under the public colour, and indicators that rules may name.

A signal is in force from its effective time until it expires, or is no longer on its feed's list, or a later message takes
it back. Only a list that was read whole takes anything off. A feed that has fallen silent takes nothing back: what it last said stays, and what it may have
said since cannot be excluded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from core.county import County, Town
from core.model import Hazard, Level, MsgType
from rules.catalogue import Catalogue, Concern
from rules.grid import Floats


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
    if frame.empty:
        return ()
    rows: list[Any] = list(frame.sort_values(["identifier", "feed"], kind="stable").itertuples())
    ended = {name for row in rows for name in _ended(row)}
    found = []
    for row in rows:
        if row.msg_type == MsgType.CANCEL or row.identifier in ended or not _running(row, now):
            continue
        concern = next((c for c in catalogue.concerns if c.event in row.event or c.event in row.title), None)
        towns = tuple(_concerned(town, row.areas.split(";"), concern, county) for town in county.towns)
        if any(towns):
            found.append(Signal(
                identifier=row.identifier, event=row.event, title=row.title, hazard=row.hazard or (concern.hazard if concern else ""),
                level=Level(int(row.level)), towns=towns, raw=row.raw, feed=row.feed, issued=row.issued.to_pydatetime(), synthetic=bool(row.synthetic),
            ))
    return tuple(found)


def _ended(row: Any) -> list[str]:
    """Other signals that an update or a cancel takes back. A row that cancels itself is one feed's list getting shorter; it ends
    that feed's row only, so another feed that still lists the signal keeps the floor."""
    if row.msg_type == MsgType.ALERT:
        return []
    return [name for name in str(row.references or "").split(";") if name and name != row.identifier]


def _running(row: Any, now: datetime) -> bool:
    started = row.issued if row.effective is None or pd.isna(row.effective) else row.effective
    if row.expires is None or pd.isna(row.expires):  # in force for as long as its feed lists it; a silent feed takes nothing back
        return bool(started <= now and row.listed_at >= row.snapshot_at)
    return bool(started <= now < row.expires)


def _concerned(town: Town, areas: Iterable[str], concern: Concern | None, county: County) -> bool:
    """Whether an area of the signal names the town and, for signals of the sea or the river, the town lies there."""
    if concern and concern.towns and not any(getattr(town, flag) for flag in concern.towns):
        return False
    return county.concerns(town, [area for area in areas if area])


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
