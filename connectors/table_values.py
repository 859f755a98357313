"""What one value of a declared table means: its time, its number, its unit."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from connectors.reading.records import Refused, clock, to_number
from core.county import Column, Table
from core.units import PROPERTIES, convert

#: Properties that are heights: they carry the station's datum.
HEIGHTS = frozenset({"stage", "tide", "gate_upstream", "gate_downstream", "reservoir_stage"})
EPOCH_END = 4_102_444_800.0  # 2100-01-01


def time_of(text: str, table: Table) -> datetime:
    """The row's time as UTC by the declared format and zone; Refused for one without a zone."""
    if table.time_format.startswith("epoch"):
        number = to_number(text, table.time)
        seconds = (number or 0.0) / (1000 if table.time_format == "epoch_ms" else 1)
        if not 0 < seconds < EPOCH_END:
            raise Refused(f"field {table.time} is no time since 1970: {text[:20]}")
        return datetime.fromtimestamp(seconds, UTC)
    try:
        time = datetime.fromisoformat(text) if table.time_format == "iso" else clock(text, table.time, (table.time_format,))
    except ValueError as error:
        raise Refused(f"field {table.time}: {error}") from error
    if time.tzinfo is None and not table.zone:
        raise Refused(f"field {table.time} has no zone")
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(table.zone))).astimezone(UTC)


def number_of(given: object, name: str, table: Table) -> float | None:
    """The number given in the column's own unit, None for one of the codes that say missing; Refused for what is neither."""
    return None if given is None or str(given).strip() in table.missing else to_number(given, name, missing=codes(table.missing))


def canonical(value: float, column: Column) -> float:
    """The value in the canonical unit of what the column observes; ValueError where the unit has no such value."""
    return round(convert(value, column.unit, PROPERTIES[column.observed_property]), 6)


@lru_cache(maxsize=64)
def codes(missing: tuple[str, ...]) -> tuple[float, ...]:
    """The missing codes that are numbers, so that 9999.0 is 9999 too."""
    found = []
    for code in missing:
        try:
            found.append(float(code))
        except ValueError:
            continue
    return tuple(found)
