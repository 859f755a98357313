"""Reading records strictly: pop what you use, audit what is left, set one bad record aside and go on.

`Fields` (connectors.reading.fields) hands out each field once and converts it; `Gather` runs a reading function over records, keeps what is good,
counts what is not (Rejected, with its place) and notes which fields nobody read, so that a silent change of a format becomes visible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from connectors.reading.fields import NO_VALUE, Fields, Refused, clock, to_number
from core import agencies
from core.county import Feed
from core.model import Batch, FieldReport, Flag, Observation, OfficialSignal, Rejected, TrackPoint
from core.units import PROPERTIES

__all__ = ["FUTURE_TOLERANCE", "NOTES", "NO_CODE", "NO_VALUE", "STRANGER", "UNREAD", "Fields", "Gather", "Item", "Refused", "clock", "identity", "set_aside", "to_number"]

#: A reading dated later than this after its receipt is set aside (a clock that runs ahead would outlive every later truth).
FUTURE_TOLERANCE = timedelta(minutes=5)

Item: TypeAlias = Observation | TrackPoint | OfficialSignal | FieldReport


@dataclass(slots=True, kw_only=True)
class Gather:
    """Collects what one payload holds; `batch()` closes it."""

    feed: Feed
    received: datetime
    raw: str
    items: list[Item] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)

    def each(
        self, records: Iterable[object], where: str, read: Callable[[Fields], Iterable[Item]], ignore: Iterable[str] = ()
    ) -> None:
        """Run `read` over `records`; a record is taken whole or set aside whole. `ignore` names fields we know and do not need."""
        for index, record in enumerate(records):
            try:
                fields = Fields(record)
                found = list(read(fields))
                for item in found:
                    self.check(item)
            except ValueError as error:
                self.refuse(f"{where}[{index}]", str(error), record)
            else:
                self.items.extend(found)
                self.unread |= fields.unread.difference(ignore)

    def refuse(self, where: str, reason: str, record: object = "") -> None:
        """Set one record aside."""
        self.rejected.append(set_aside(where, reason, record))

    def observation(
        self, station: str, observed_property: str, time: datetime, value: float | None, *,
        interval_s: int = 0, datum: str = "", flag: Flag = Flag.GOOD, reasons: tuple[str, ...] = (), synthetic: bool = False,
        issued: datetime | None = None,
    ) -> Observation:
        """An observation of this payload; no value always carries the flag MISSING."""
        if observed_property not in PROPERTIES:
            raise Refused(f"property {observed_property!r} is not declared")
        return Observation(
            feed=self.feed.feed, station=station, observed_property=observed_property, time=time, value=value,
            received=self.received, raw=self.raw, flag=Flag.MISSING if value is None else flag, reasons=reasons,
            interval_s=interval_s, datum=datum, synthetic=synthetic, issued=issued,
        )

    def agency(self, name: str) -> str:
        """The one name of the agency that this feed calls so; one that the table does not have keeps its own, and is told."""
        if agencies.known(name) is None:
            self.strangers.add(name)
        return agencies.one_name(name)

    def batch(self) -> Batch:
        """All that was read, each thing once; fields nobody read and agencies nobody knows are told once for the whole document."""
        if self.strangers:
            self.refuse("agencies", f"{STRANGER}: {', '.join(sorted(self.strangers)[:12])}")
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
            reports=tuple(item for item in items if isinstance(item, FieldReport)), rejected=tuple(self.rejected),
        )

    def check(self, item: Item) -> None:
        """Refused for what is dated after its receipt."""
        time = item.issued if isinstance(item, OfficialSignal) else item.time if isinstance(item, FieldReport) else item.issued or item.time
        if time > self.received + FUTURE_TOLERANCE:
            raise Refused(f"dated {time.isoformat()}, later than its receipt")


#: Reason of the one entry that names fields no reader knows; the records themselves were kept.
UNREAD = "fields not known to the connector"
#: Reason of the entry for a warning's area that has no administrative code.
NO_CODE = "no administrative code"
#: Reason of the entry for agencies that core/agencies.yaml does not have: each counts as one of its own.
STRANGER = "agencies not in the table"
#: Entries that are notes: the record they speak of was kept.
NOTES = (UNREAD, NO_CODE, STRANGER)


def set_aside(where: str, reason: str, record: object) -> Rejected:
    """One record that cannot be read, its text cut."""
    return Rejected(where=where, reason=reason, record=str(record)[:200])


def identity(item: Item) -> tuple[object, ...]:
    """What makes two records the same record."""
    if isinstance(item, Observation):
        return ("observation", item.station, item.observed_property, item.time, item.issued)
    if isinstance(item, TrackPoint):
        return ("track", item.storm, item.agency, item.time, item.issued)
    return ("report", item.report) if isinstance(item, FieldReport) else ("signal", item.identifier)
