"""Many observations as columns: what a large table is parsed into, judged as and stored from, without an object a reading.

A sequence of Observation that makes one only when it is looked at; equal to any sequence of equal observations. Where a batch may hold either,
`Readings.of` gives the columns of both and costs nothing when they are columns already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import compress
from operator import attrgetter
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from core.model import Flag, Observation
from core.times import utc

T = TypeVar("T")
Rows = NDArray[np.int64] | NDArray[np.bool_] | slice
_FLAGS = {int(flag): flag for flag in Flag}


@dataclass(frozen=True, slots=True, eq=False)
class Words(Generic[T]):
    """A column with few different values: `codes` (N,) int32 are places in `words`, which holds what may occur, each once."""

    codes: NDArray[np.int32]
    words: tuple[T, ...]

    @classmethod
    def of(cls, values: Iterable[T]) -> Words[T]:
        """The values as they come; words in the order of their first use."""
        given = list(values)
        number = {word: place for place, word in enumerate(dict.fromkeys(given))}
        return cls(np.fromiter(map(number.__getitem__, given), np.int32, len(given)), tuple(number))

    @classmethod
    def every(cls, word: T, count: int) -> Words[T]:
        """One word `count` times."""
        return cls(np.zeros(count, dtype=np.int32), (word,))

    @classmethod
    def join(cls, parts: Sequence[Words[T]]) -> Words[T]:
        """One column after the other."""
        number: dict[T, int] = {}
        codes = [part.among(number) for part in parts]
        return cls(np.concatenate(codes) if codes else np.zeros(0, dtype=np.int32), tuple(number))

    def __len__(self) -> int:
        return len(self.codes)

    def tolist(self) -> list[T]:
        """The value of every row."""
        return list(map(self.words.__getitem__, self.codes.tolist()))

    def used(self) -> set[T]:
        """The words that occur."""
        return {self.words[code] for code in np.flatnonzero(np.bincount(self.codes))}

    def bare(self) -> Words[T]:
        """The same rows without the words that do not occur."""
        used = np.bincount(self.codes, minlength=len(self.words)) > 0
        return self if used.all() else Words((np.cumsum(used, dtype=np.int32) - 1)[self.codes], tuple(compress(self.words, used)))

    def take(self, rows: Rows) -> Words[T]:
        """Those rows; the words stay."""
        return Words(self.codes[rows], self.words)

    def where(self, test: Callable[[T], bool]) -> NDArray[np.bool_]:
        """(N,): whether the value passes; `test` is asked once a word."""
        return np.array([test(word) for word in self.words], dtype=np.bool_)[self.codes]

    def among(self, number: dict[T, int]) -> NDArray[np.int32]:
        """(N,) codes in a vocabulary shared with other columns, to which words unknown so far are added."""
        shared: NDArray[np.int32] = np.array([number.setdefault(word, len(number)) for word in self.words], dtype=np.int32)[self.codes]
        return shared


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings(Sequence[Observation]):
    """Columns of one length, named as Observation's fields and in its units: times datetime64[us] in UTC (NaT: not issued, a measurement),
    `value` NaN where the source says that the reading is missing. ValueError for columns of different lengths."""

    feed: Words[str]
    station: Words[str]
    observed_property: Words[str]
    time: NDArray[np.datetime64]
    value: NDArray[np.float64]
    received: NDArray[np.datetime64]
    raw: Words[str]
    flag: NDArray[np.int8]
    reasons: Words[tuple[str, ...]]
    interval_s: NDArray[np.int32]
    issued: NDArray[np.datetime64]
    datum: Words[str]
    synthetic: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self._columns()}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> Readings:
        """Observations as columns, the same object when they are already; ValueError for a time without a zone."""
        if isinstance(observations, Readings):
            return observations
        rows = list(observations)
        given: dict[str, list[Any]] = {name: list(map(attrgetter(name), rows)) for name in NAMES}
        columns: dict[str, Any] = {name: Words.of(given[name]) for name in _TEXTS} | {name: stamps(given[name]) for name in _TIMES}
        columns |= {name: np.array(given[name], dtype=kind) for name, kind in _NUMBERS.items()}
        return cls(value=np.array([np.nan if value is None else value for value in given["value"]], dtype=np.float64), **columns)

    @classmethod
    def join(cls, *parts: Iterable[Observation]) -> Readings:
        """One after the other, in the order given."""
        held = [part for part in map(cls.of, parts) if len(part)]
        if len(held) < 2:
            return held[0] if held else cls.of(())
        given = {name: [getattr(part, name) for part in held] for name in NAMES}
        columns: dict[str, Any] = {name: Words.join(columns) if name in _TEXTS else np.concatenate(columns) for name, columns in given.items()}
        return cls(**columns)

    def take(self, rows: Rows) -> Readings:
        """Those rows (numbers, a mask or a slice), in that order."""
        columns: list[Any] = [column.take(rows) if isinstance(column, Words) else column[rows] for column in self._columns()]
        return Readings(**dict(zip(NAMES, columns, strict=True)))

    @property
    def measured(self) -> NDArray[np.bool_]:
        """(N,): whether it is a measurement, no forecast."""
        return np.isnat(self.issued)

    @property
    def newest(self) -> datetime | None:
        """Time of the latest measurement that has a value; None without one."""
        return latest(self.time[self.measured & ~np.isnan(self.value)])

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Observation]:
        return map(_observation, *(_listed(name, column) for name, column in zip(NAMES, self._columns(), strict=True)))

    @overload
    def __getitem__(self, at: int) -> Observation: ...
    @overload
    def __getitem__(self, at: slice) -> Readings: ...
    def __getitem__(self, at: int | slice) -> Observation | Readings:
        if isinstance(at, slice):
            return self.take(at)
        return next(iter(self.take(np.array([range(len(self))[at]]))))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str) or len(other) != len(self):
            return False if isinstance(other, Sequence) else NotImplemented
        if not isinstance(other, Readings):
            return all(one == another for one, another in zip(self, other, strict=True))
        return all(_equal(mine, theirs) for mine, theirs in zip(self._columns(), other._columns(), strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} readings>"

    def _columns(self) -> list[Any]:
        return [getattr(self, name) for name in NAMES]


NAMES = tuple(field.name for field in fields(Readings))
_TEXTS = ("feed", "station", "observed_property", "raw", "reasons", "datum")
_TIMES = ("time", "received", "issued")
_NUMBERS = {"flag": np.int8, "interval_s": np.int32, "synthetic": np.bool_}


def stamps(times: Iterable[datetime | None]) -> NDArray[np.datetime64]:
    """Aware times as datetime64[us] in UTC, None as NaT; ValueError for a naive one."""
    few = Words.of(times)  # numpy takes its time over each
    return np.array([None if time is None else utc(time).replace(tzinfo=None) for time in few.words], dtype="datetime64[us]")[few.codes]


def latest(times: NDArray[np.datetime64]) -> datetime | None:
    """The latest of these times (UTC), NaT apart; None where there is none."""
    known = times[~np.isnat(times)]
    newest: datetime | None = known.max().item().replace(tzinfo=UTC) if len(known) else None
    return newest


def _listed(name: str, column: Any) -> list[Any]:
    """A column as the field of Observation takes it."""
    if name in _TIMES:
        few, place = np.unique(column, return_inverse=True)
        times = [None if time is None else time.replace(tzinfo=UTC) for time in few.tolist()]
        return [times[at] for at in place.tolist()]
    values: list[Any] = column.tolist()
    if name == "value":
        return [None if value != value else value for value in values]
    return [_FLAGS[flag] for flag in values] if name == "flag" else values


def _observation(
    feed: str, station: str, observed_property: str, time: datetime, value: float | None, received: datetime, raw: str, flag: Flag, reasons: tuple[str, ...],
    interval_s: int, issued: datetime | None, datum: str, synthetic: bool,
) -> Observation:
    """One row, in the order of NAMES."""
    return Observation(
        feed=feed, station=station, observed_property=observed_property, time=time, value=value, received=received, raw=raw, flag=flag, reasons=reasons,
        interval_s=interval_s, issued=issued, datum=datum, synthetic=synthetic,
    )


def _equal(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, Words):
        number: dict[Any, int] = {}
        return bool(np.array_equal(mine.among(number), theirs.among(number)))
    return bool(np.array_equal(mine, theirs, equal_nan=mine.dtype.kind in "fM"))
