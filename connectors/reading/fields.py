"""One record's fields, taken out one by one and converted strictly; what is left over can be audited."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np

from core.checks import Floats
from core.times import SHANGHAI, parse_iso, utc

#: Words that sources write for "no value"; each was seen in a recorded feed.
NO_VALUE = frozenset({"", "null", "none", "nan", "n/a", "-", "--"})
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?\Z")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")


class Refused(ValueError):
    """This record cannot be read; the others can."""


class Fields:
    """One record whose fields are taken out one by one."""

    def __init__(self, record: object) -> None:
        if not isinstance(record, Mapping):
            raise Refused(f"a record must be an object, not {type(record).__name__}")
        self._left: dict[str, Any] = dict(record)

    @property
    def unread(self) -> set[str]:
        """Names of the fields that nobody took."""
        return set(self._left)

    def has(self, key: str) -> bool:
        """Whether the field is there and not yet taken."""
        return key in self._left

    def rest(self) -> dict[str, Any]:
        """All that nobody took yet, taken."""
        left, self._left = self._left, {}
        return left

    def drop(self) -> None:
        """Nothing more of this record is wanted, and that is meant."""
        self._left.clear()

    def take(self, key: str) -> Any:
        """The field as it is; Refused where it is absent."""
        if key not in self._left:
            raise Refused(f"field {key} is missing")
        return self._left.pop(key)

    def maybe(self, key: str) -> Any:
        """The field as it is, None where it is absent or says 'no value'."""
        value = self._left.pop(key, None)
        return None if isinstance(value, str) and value.strip().lower() in NO_VALUE else value

    def text(self, key: str) -> str:
        """A non-empty text (whole numbers are taken as codes); Refused otherwise."""
        value = self.take(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise Refused(f"field {key} is no text: {str(value)[:40]!r}")
        return value.strip()

    def yes(self, key: str) -> bool:
        """A mark, also as text ('true', '1'); False where it is absent."""
        value = self._left.pop(key, False)
        return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)

    def number(self, key: str, *, missing: Iterable[float] = ()) -> float | None:
        """A finite number, also written as text ('74,028'); None for no value or one of the codes in `missing`."""
        return to_number(self.maybe(key), key, missing=missing)

    def beijing(self, key: str, *patterns: str) -> datetime:
        """A Beijing-clock time without a zone, by the first pattern that fits, as UTC."""
        try:
            return utc(clock(self.text(key), key, patterns).replace(tzinfo=SHANGHAI))
        except ValueError as error:
            raise Refused(f"field {key}: {error}") from error

    def utc(self, key: str, *patterns: str) -> datetime:
        """A UTC time without a zone, by the first pattern that fits."""
        return clock(self.text(key), key, patterns).replace(tzinfo=UTC)

    def zoned(self, key: str) -> datetime:
        """An ISO 8601 time that carries its zone, as UTC; a naive one is refused."""
        text = self.text(key)
        try:
            return parse_iso(text)
        except ValueError as error:
            raise Refused(f"field {key}: {error}") from error


def to_number(value: object, key: str, *, missing: Iterable[float] = ()) -> float | None:
    """`value` as a finite float (text, grouped text or number); None for no value; Refused for everything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Refused(f"field {key} is no number: {str(value)[:40]!r}")
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in NO_VALUE:
            return None
        if _GROUPED.match(text):
            text = text.replace(",", "")
        if not _NUMBER.match(text):
            raise Refused(f"field {key} is no number: {text[:40]!r}")
        value = text
    number = float(value)
    if not math.isfinite(number):
        raise Refused(f"field {key} is not finite")
    return None if number in tuple(missing) else number


def clock(text: str, key: str, patterns: Iterable[str]) -> datetime:
    """A naive time by the first strptime pattern that fits; Refused when none does."""
    for pattern in patterns:
        try:
            return datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 - the caller knows the zone and adds it
        except ValueError:
            continue
    raise Refused(f"field {key} is no time: {text[:40]!r}")


#: Reads a word or number given for a field as a number, None for no value; Refused for what is neither.
Word: TypeAlias = Callable[[Any, str], float | None]


def by_word(values: Sequence[Any], key: str, word: Word) -> Floats:
    """A field of many records as floats, NaN for no value; each different word is read once."""
    known = {value: word(value, key) for value in set(values)}
    return np.array([known[value] for value in values], dtype=np.float64)
