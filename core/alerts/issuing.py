"""From approved to public, and to the end: issue, cancel by hand, expire."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, RowMapping, select

from core import cap
from core.alerts.authority import verify_authority
from core.alerts.deciding import approvals
from core.alerts.states import UNDECIDED, S, VersionRef, body_of, changing, close, find, in_force, move, threads, undecided, versions
from core.county import County
from core.errors import LifeCycleError
from core.keyring import Keyring
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import AlertState, MsgType, Status
from core.settings import Settings
from core.times import iso, parse_iso


def issue(*, now: datetime, ref: VersionRef | str, county: County, ledger: Ledger, settings: Settings) -> Path:
    """Make an approved version public: verify who signed, write its CAP 1.2 file, end what it replaces; returns the file's path.

    A repeat returns the same path and changes nothing. AuthorityError when a signature does not hold, LifeCycleError when the version
    is not approved, has run out, belongs to another world than this installation (`settings.status`), or its CAP breaks a rule.
    """
    with changing(ledger) as tx:
        row = find(tx, ref)
        if row["cap_path"] and row["issued_at"]:
            return Path(row["cap_path"])
        body = body_of(row)
        if body["status"] != settings.status:
            raise LifeCycleError(f"{ref}: {body['status']} 的预警不能在 {settings.status} 的系统里发布 / of another world")
        if parse_iso(row["expires"]) <= now:
            raise LifeCycleError(f"{ref}: 已过有效期 / has run out")
        if row["state"] != S.APPROVED:
            raise LifeCycleError(f"{ref}: {row['state']}，未获批准 / not approved")
        verify_authority(row, approvals(tx, ref), county, Keyring(settings.home / "keys"))
        data, path = cap.build(body), (settings.home / "cap" / str(body["status"]).lower() / f"{VersionRef.of(row)}.xml").resolve()
        _replace(tx, row, now)
        move(tx, row, S.ISSUED, issued_at=iso(now), cap_path=str(path))
        ledger.audit(tx, now, "issue", "alert.issue", str(ref),
                     {"msg_type": row["msg_type"], "level": row["level"], "body_hash": row["body_hash"]})
        _write(path, data)
        return path


def _replace(tx: Connection, row: RowMapping, now: datetime) -> None:
    """End the version in force that `row` replaces; a Cancel ends its thread too. (A thread has one undecided version: `row`.)"""
    former = in_force(versions(tx, row["alert_id"]))
    if former is not None and former["version"] >= row["version"]:
        raise LifeCycleError(f"{VersionRef.of(row)}: 更新的一版已发布 / a later version is out")
    cancel = row["msg_type"] == MsgType.CANCEL
    if former is not None:
        move(tx, former, S.CANCELLED if cancel else S.SUPERSEDED)
    if cancel:
        if former is None:
            raise LifeCycleError(f"{VersionRef.of(row)}: 没有可解除的预警 / nothing in force to cancel")
        close(tx, row["alert_id"], iso(now))


def _write(path: Path, data: bytes) -> None:
    """Write by rename, so that nobody reads half a message. The last act before the ledger commits: a repeat writes the same bytes again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def expire(*, now: datetime, ledger: Ledger) -> list[VersionRef]:
    """End every version whose time has run out, decided or not, and every thread in which nothing is left; returns what ended now."""
    with changing(ledger) as tx:
        v = t.alert_version.c
        query = select(t.alert_version).where(v.state.in_([*UNDECIDED, S.ISSUED]), v.expires <= iso(now)).order_by(v.alert_id, v.version)
        ended = list(tx.execute(query).mappings())
        for row in ended:
            move(tx, row, S.EXPIRED)
            ledger.audit(tx, now, "expire", "alert.expire", str(VersionRef.of(row)), {})
        for thread in threads(tx):
            _close_if_done(tx, thread["alert_id"], now)
    return [VersionRef.of(row) for row in ended]


def _close_if_done(tx: Connection, alert_id: str, now: datetime) -> None:
    rows = versions(tx, alert_id)
    if in_force(rows) is not None:
        return
    waiting = undecided(rows)
    for row in waiting:
        if row["msg_type"] == MsgType.CANCEL:  # nothing is left to cancel
            move(tx, row, S.SUPERSEDED)
    if all(row["msg_type"] == MsgType.CANCEL for row in waiting) and not _refused_last(rows):
        close(tx, alert_id, iso(now))


def _refused_last(rows: list[RowMapping]) -> bool:
    """A thread whose every version was refused stays open as the memory of that no, until the risk has passed."""
    return bool(rows) and rows[-1]["state"] == S.REFUSED and not any(row["issued_at"] for row in rows)


def pending(*, ledger: Ledger, status: Status | None = None) -> list[VersionRef]:
    """The versions that wait for a person or for being issued, oldest first."""
    with ledger.begin() as tx:
        return [VersionRef.of(row) for thread in threads(tx, status=status) for row in undecided(versions(tx, thread["alert_id"]))]


def unaddressed(*, ledger: Ledger, status: Status) -> list[VersionRef]:
    """Drafts whose audience was not written down yet, oldest first: new ones, and those of a process that died in between."""
    with ledger.read() as tx:
        rows = (row for thread in threads(tx, status=status) for row in undecided(versions(tx, thread["alert_id"])))
        return [VersionRef.of(row) for row in rows if row["state"] == S.DRAFT and row["audience"] == "{}"]


def state(*, ref: VersionRef | str, ledger: Ledger) -> AlertState:
    """The state of a version now; LifeCycleError when there is no such version."""
    with ledger.begin() as tx:
        return AlertState(find(tx, ref)["state"])
