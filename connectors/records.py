"""Reading records strictly: pop what you use, audit what is left, set one bad record aside and go on.

`Fields` hands out each field once and converts it; `Gather` runs a reading function over records, keeps what is good, counts what
is not (Rejected, with its place) and notes which fields nobody read, so that a silent change of a format becomes visible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from core.county import Feed
from core.model import Batch, Flag, Observation, OfficialSignal, Rejected, TrackPoint
from core.times import SHANGHAI, parse_iso
from core.units import PROPERTIES

#: A reading dated later than this after its receipt is set aside (a clock that runs ahead would outlive every later truth).
FUTURE_TOLERANCE = timedelta(minutes=5)
#: Words that sources write for "no value"; each was seen in a recorded feed.
NO_VALUE = frozenset({"", "null", "none", "nan", "n/a", "-", "--"})
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?\Z")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")

Item: TypeAlias = Observation | TrackPoint | OfficialSignal


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
        return clock(self.text(key), key, patterns).replace(tzinfo=SHANGHAI).astimezone(UTC)

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


@dataclass(slots=True, kw_only=True)
class Gather:
    """Collects what one payload holds; `batch()` closes it."""

    feed: Feed
    received: datetime
    raw: str
    items: list[Item] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    def each(
        self, records: Iterable[object], where: str, read: Callable[[Fields], Iterable[Item]], ignore: Iterable[str] = ()
    ) -> None:
        """Run `read` over `records`; a record is taken whole or set aside whole. `ignore` names fields we know and do not need."""
        for index, record in enumerate(records):
            try:
                fields = Fields(record)
                found = list(read(fields))
                for item in found:
                    self._check_time(item)
            except ValueError as error:
                self.refuse(f"{where}[{index}]", str(error), record)
            else:
                self.items.extend(found)
                self.unread |= fields.unread.difference(ignore)

    def refuse(self, where: str, reason: str, record: object = "") -> None:
        """Set one record aside."""
        self.rejected.append(Rejected(where=where, reason=reason, record=str(record)[:200]))

    def observation(
        self, station: str, observed_property: str, time: datetime, value: float | None, *,
        interval_s: int = 0, datum: str = "", flag: Flag = Flag.GOOD, reasons: tuple[str, ...] = (), synthetic: bool = False,
    ) -> Observation:
        """An observation of this payload; no value always carries the flag MISSING."""
        if observed_property not in PROPERTIES:
            raise Refused(f"property {observed_property!r} is not declared")
        return Observation(
            feed=self.feed.feed, station=station, observed_property=observed_property, time=time, value=value,
            received=self.received, raw=self.raw, flag=Flag.MISSING if value is None else flag, reasons=reasons,
            interval_s=interval_s, datum=datum, synthetic=synthetic,
        )

    def batch(self) -> Batch:
        """All that was read, each thing once; fields nobody read are told once for the whole document."""
        if self.unread:
            self.refuse("fields", f"{UNREAD}: {', '.join(sorted(self.unread)[:12])}")
        unique: dict[tuple[object, ...], Item] = {}
        for item in self.items:
            key = identity(item)
            former = unique.get(key)
            if former is not None and former != item:
                self.refuse("/".join(str(part) for part in key[1:4]), "a second, different report for the same time; the later one counts")
            unique[key] = item
        items = unique.values()
        return Batch(
            observations=tuple(item for item in items if isinstance(item, Observation)),
            tracks=tuple(item for item in items if isinstance(item, TrackPoint)),
            signals=tuple(item for item in items if isinstance(item, OfficialSignal)),
            rejected=tuple(self.rejected),
        )

    def _check_time(self, item: Item) -> None:
        time = item.issued if isinstance(item, OfficialSignal) else item.issued or item.time
        if time > self.received + FUTURE_TOLERANCE:
            raise Refused(f"dated {time.isoformat()}, later than its receipt")


#: Reason of the one entry that names fields no reader knows; the records themselves were kept.
UNREAD = "fields not known to the connector"
#: Reason of the entry for a warning's area that has no administrative code.
NO_CODE = "no administrative code"
#: Entries that are notes: the record they speak of was kept.
NOTES = (UNREAD, NO_CODE)


def identity(item: Item) -> tuple[object, ...]:
    """What makes two records the same record."""
    if isinstance(item, Observation):
        return ("observation", item.station, item.observed_property, item.time, item.issued)
    if isinstance(item, TrackPoint):
        return ("track", item.storm, item.agency, item.time, item.issued)
    return ("signal", item.identifier)
