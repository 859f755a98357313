"""Official signals over a long time, as each moment knew them: what `official.in_force` says at every step, from all receipts read once.

A back-test asks thousands of times what was listed then. Instead of one read of the lake a step, each receipt is given the span for which it was the
newest of its signal, and counts at the steps of that span where it runs and its feed still listed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.county import County
from core.model import MsgType
from rules.catalogue import Catalogue
from rules.grid import Ints, microseconds
from rules.official import ALWAYS, Signal, ended, signal, start_of

_DAY = 86_400_000_000
#: How long after its last receipt a signal is still looked at, whole days (as lake.signals).
LOOK_BACK = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Listing:
    """`receipts` as lake.listings gives them; by feed when it listed nothing (`blanks`) and when it was read whole (`whole`), oldest first."""

    receipts: pd.DataFrame
    blanks: Mapping[str, Sequence[datetime]]
    whole: Mapping[str, Sequence[datetime]]


def in_force_over(listing: Listing, ticks: Sequence[datetime], *, county: County, catalogue: Catalogue) -> list[tuple[Signal, ...]]:
    """The signals in force at each tick as they were known then; equal tuples are one object. Sorted by identifier and feed."""
    rows: list[Any] = list(listing.receipts.itertuples())
    at = np.array([microseconds(tick) for tick in ticks], dtype=np.int64)
    spans = [slice(*np.searchsorted(at, span)) for span in _current(rows)]
    taken_back = _taken_back(rows, spans, len(at))
    shown = {feed: _shown(listing, feed, rows, at) for feed in {row.feed for row in rows}}
    held: list[list[int]] = [[] for _ in ticks]
    made: dict[int, Signal] = {}
    for number, (row, span) in enumerate(zip(rows, spans, strict=True)):
        if span.start >= span.stop or row.msg_type == MsgType.CANCEL:
            continue
        counts = (start_of(row) <= at[span]) & ~taken_back.get(row.identifier, np.zeros(len(at), dtype=bool))[span]
        endless = row.expires is None or pd.isna(row.expires)
        counts &= microseconds(row.received) >= shown[row.feed][span] if endless else at[span] < microseconds(row.expires)
        if counts.any() and (found := signal(row, county, catalogue)) is not None:
            made[number] = found
            for tick in np.flatnonzero(counts) + span.start:
                held[tick].append(number)
    seen: dict[tuple[int, ...], tuple[Signal, ...]] = {}
    return [seen.setdefault(tuple(numbers), tuple(made[n] for n in numbers)) for numbers in held]


def _current(rows: list[Any]) -> list[tuple[int, int]]:
    """For each receipt from when until when it is the newest of its signal and not too old to be looked at, microseconds since 1970 UTC."""
    spans = []
    for number, row in enumerate(rows):
        begin = microseconds(row.received)
        later = rows[number + 1] if number + 1 < len(rows) else None
        until = microseconds(later.received) if later is not None and (later.feed, later.identifier) == (row.feed, row.identifier) else ALWAYS
        forgotten = (begin // _DAY + 1) * _DAY + LOOK_BACK // timedelta(microseconds=1)
        spans.append((begin, min(until, forgotten)))
    return spans


def _taken_back(rows: list[Any], spans: list[slice], ticks: int) -> dict[str, Any]:
    """By identifier where (T,) a current update or cancel of another signal names it."""
    found: dict[str, Any] = {}
    for row, span in zip(rows, spans, strict=True):
        for name in ended(row):
            found.setdefault(name, np.zeros(ticks, dtype=bool))[span] = True
    return found


def _shown(listing: Listing, feed: str, rows: list[Any], at: Ints) -> Ints:
    """(T,) when the feed last listed anything or nothing, not after its newest whole list."""
    shown = _newest([microseconds(row.received) for row in rows if row.feed == feed] + [microseconds(t) for t in listing.blanks.get(feed, ())], at)
    whole = _newest([microseconds(t) for t in listing.whole.get(feed, ())], at)
    return np.where(whole >= 0, np.minimum(shown, whole), shown)


def _newest(times: list[int], at: Ints) -> Ints:
    """(T,) the last of some times not after each tick; -1 before the first."""
    ordered = np.array(sorted(times), dtype=np.int64)
    place = np.searchsorted(ordered, at, side="right")
    return np.where(place > 0, ordered[np.maximum(place - 1, 0)], -1) if ordered.size else np.full(len(at), -1)
