"""An issued version as dispatch serves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from core.ledger import tables as t
from core.model import AlertState, Level, Status
from core.times import iso

Ref = tuple[str, int]
Seal = tuple[str, str, str, int]
#: A later version, or the end of the thread, has taken its place.
REPLACED = (AlertState.SUPERSEDED, AlertState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One issued version whose signatures held, as frozen as they saw it; `towns` limits what may still be served of it (None: all)."""

    ref: Ref
    body: dict[str, Any]
    seal: Seal
    status: Status
    level: Level
    expires: datetime
    towns: frozenset[str] | None = None

    def serves(self, town: str) -> bool:
        """Whether rows of this town may still go."""
        return self.towns is None or town in self.towns

    @property
    def name(self) -> str:
        """'alert_id.v3'."""
        return f"{self.ref[0]}.v{self.ref[1]}"


def seal_of(row: RowMapping, newest: int) -> Seal:
    """What must not change between the verification and a claim; `newest` is the thread's last issued version."""
    return row["state"], row["body"], row["audience"], newest


def newest(tx: Connection) -> dict[str, int]:
    """The last issued version of each thread."""
    v = t.alert_version.c
    return dict(tx.execute(select(v.alert_id, func.max(v.version)).where(v.issued_at.is_not(None)).group_by(v.alert_id)).tuples().all())


def in_force(tx: Connection, now: datetime) -> set[str]:
    """Names of the versions that are issued and have not run out."""
    v = t.alert_version.c
    query = select(v.alert_id, v.version).where(v.state == AlertState.ISSUED, v.issued_at.is_not(None), v.expires > iso(now))
    return {f"{alert_id}.v{number}" for alert_id, number in tx.execute(query)}


def over(at: datetime) -> Select[tuple[str]]:
    """Alerts whose thread is closed and whose every version had run out at `at`."""
    a, v = t.alert.c, t.alert_version.c
    ends = select(v.alert_id, func.max(v.expires).label("end")).group_by(v.alert_id).subquery()
    return select(a.alert_id).join(ends, ends.c.alert_id == a.alert_id).where(a.closed_at.is_not(None), ends.c.end <= iso(at))
