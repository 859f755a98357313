"""The life of one alert version as one table, and the rows it is kept in.

draft -> review (author signed) -> approved (a second officer signed) -> issued -> superseded | cancelled | expired; refused and
superseded end a version that was never issued. What is not in TRANSITIONS cannot happen: every change of state goes through
`move`, which compares and swaps, so that of two processes one wins and the other is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, RowMapping, select, update

from core.errors import LifeCycleError
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import AlertState, Hazard, Level, MsgType, Status

S = AlertState
#: From each state to the states it may become. The last four end a version for good.
TRANSITIONS: dict[AlertState, frozenset[AlertState]] = {
    S.DRAFT: frozenset({S.REVIEW, S.APPROVED, S.REFUSED, S.SUPERSEDED, S.EXPIRED}),  # straight to approved: the standing order alone
    S.REVIEW: frozenset({S.APPROVED, S.REFUSED, S.SUPERSEDED, S.EXPIRED}),
    S.APPROVED: frozenset({S.ISSUED, S.SUPERSEDED, S.EXPIRED}),
    S.ISSUED: frozenset({S.SUPERSEDED, S.CANCELLED, S.EXPIRED}),
    S.REFUSED: frozenset(),
    S.SUPERSEDED: frozenset(),
    S.CANCELLED: frozenset(),
    S.EXPIRED: frozenset(),
}
#: Waiting for people.
UNDECIDED = (S.DRAFT, S.REVIEW, S.APPROVED)

#: Marks of the three worlds. They differ in alert id, sender, key and text, so that none can be taken for another.
ID_LETTERS = {Status.ACTUAL: "FS", Status.EXERCISE: "FSX", Status.TEST: "FST"}
_REF = re.compile(r"(?P<alert_id>[0-9A-Za-z\-]+)\.v(?P<version>[1-9]\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRef:
    """Names one version of one alert; its text is 'alert_id.v3'."""

    alert_id: str
    version: int
    level: Level
    msg_type: MsgType

    def __str__(self) -> str:
        return f"{self.alert_id}.v{self.version}"

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """The reference of an alert_version row."""
        return cls(alert_id=row["alert_id"], version=row["version"], level=Level(row["level"]), msg_type=MsgType(row["msg_type"]))


@contextmanager
def changing(ledger: Ledger) -> Iterator[Connection]:
    """A transaction that changes alerts, one at a time also on PostgreSQL (the row of a counter is the lock): the second sees what the first did."""
    with ledger.begin() as tx:
        ledger.next_sequence(tx, "alerts")
        yield tx


def issuer_key(status: Status | str) -> str:
    """Name of the key that signs what leaves the house: actual alerts have their own, drills and tests never use it."""
    return "issuer-actual" if Status(status) is Status.ACTUAL else "issuer-exercise"


def find(tx: Connection, ref: VersionRef | str) -> RowMapping:
    """The row of a version by reference or by its text; LifeCycleError when there is none."""
    found = _REF.fullmatch(str(ref))
    row = None
    if found:
        v = t.alert_version.c
        query = select(t.alert_version).where(v.alert_id == found["alert_id"], v.version == int(found["version"]))
        row = tx.execute(query).mappings().first()
    if row is None:
        raise LifeCycleError(f"没有这一版预警 / no such alert version: {ref}")
    return row


def versions(tx: Connection, alert_id: str) -> list[RowMapping]:
    """All versions of a thread, oldest first."""
    v = t.alert_version.c
    return list(tx.execute(select(t.alert_version).where(v.alert_id == alert_id).order_by(v.version)).mappings())


def threads(tx: Connection, *, hazard: Hazard | None = None, status: Status | None = None, closed: bool = False) -> list[RowMapping]:
    """Open threads (or closed ones), oldest first, of one hazard and status or of all."""
    a = t.alert.c
    query = select(t.alert).where(a.closed_at.is_not(None) if closed else a.closed_at.is_(None)).order_by(a.opened_at, a.alert_id)
    if hazard is not None:
        query = query.where(a.hazard == str(hazard))
    if status is not None:
        query = query.where(a.status == str(status))
    return list(tx.execute(query).mappings())


def in_force(rows: list[RowMapping]) -> RowMapping | None:
    """The version of a thread that people are to follow now, None when there is none (a Cancel is not followed, it ends)."""
    return next((row for row in reversed(rows) if row["state"] == S.ISSUED and row["msg_type"] != MsgType.CANCEL), None)


def undecided(rows: list[RowMapping]) -> list[RowMapping]:
    """The versions of a thread that wait for people, oldest first."""
    return [row for row in rows if row["state"] in UNDECIDED]


def move(tx: Connection, row: RowMapping, to: AlertState, **columns: Any) -> None:
    """Take a version from the state in `row` to `to`, with further columns; LifeCycleError if forbidden or if another process was first."""
    before = AlertState(row["state"])
    if to not in TRANSITIONS[before]:
        raise LifeCycleError(f"{VersionRef.of(row)}: 不能从 {before} 到 {to} / not allowed")
    v = t.alert_version.c
    query = update(t.alert_version).where(v.alert_id == row["alert_id"], v.version == row["version"], v.state == str(before))
    if tx.execute(query.values(state=str(to), **columns)).rowcount != 1:
        raise LifeCycleError(f"{VersionRef.of(row)}: 状态已被别处改变 / another process was first")


def close(tx: Connection, alert_id: str, at: str) -> None:
    """End a thread at `at` (ISO UTC text); ending it twice changes nothing."""
    a = t.alert.c
    tx.execute(update(t.alert).where(a.alert_id == alert_id, a.closed_at.is_(None)).values(closed_at=at))


def body_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The frozen body of a version."""
    body: dict[str, Any] = json.loads(row["body"])
    return body
