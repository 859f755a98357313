"""From domain records to the rows that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from core.lake.columns import of_readings
from core.lake.shapes import QUADRANTS, Record, schema
from core.model import Observation
from core.readings import Readings
from core.times import utc

if TYPE_CHECKING:
    import pyarrow as pa


def to_table(kind: str, records: Sequence[Record]) -> pa.Table:
    """Records as a table of their kind, observations from their columns; ValueError for a time without a zone."""
    import pyarrow as pa

    if kind == "observations":
        return of_readings(Readings.of(cast("Sequence[Observation]", records))).cast(schema(kind))
    columns: dict[str, list[Any]] = {}
    for field in fields(records[0]) if records else ():
        columns |= _column(field.name, list(map(attrgetter(field.name), records)))
    return pa.Table.from_pydict({name: columns.get(name, []) for name in schema(kind).names}, schema=schema(kind))


def _column(name: str, values: list[Any]) -> dict[str, list[Any]]:
    """One field of all records as columns: circles flattened, tuples joined by ';', enums as their value, times in UTC."""
    if name in ("r7", "r10", "r12"):
        return {f"{name}_{quadrant}": [getattr(circle, quadrant) if circle else None for circle in values] for quadrant in QUADRANTS}
    if name in ("time", "received", "issued", "effective", "expires"):
        zoned = {value: None if value is None else utc(value) for value in set(values)}
        return {name: [zoned[value] for value in values]}
    if name in ("reasons", "areas", "references"):
        return {name: [";".join(value) for value in values]}
    if name in ("level", "flag"):
        return {name: [int(value) for value in values]}
    if name in ("hazard", "msg_type"):
        return {name: ["" if value is None else str(value) for value in values]}
    return {name: values}
