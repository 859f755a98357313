"""Dispatch: hand over everything that is issued. A list of stages; a second call finds nothing to do."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, func, select, update

from core.alerts import verify_authority
from core.county import County
from core.errors import AuthorityError
from core.keyring import Keyring
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import AlertState, Status
from core.model import DeliveryState as D
from core.settings import Settings
from core.times import iso, parse_iso
from notifiers import outbox
from notifiers.audience import snapshot
from notifiers.registry import CHANNELS


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchReport:
    """Deliveries by (channel, state) of the versions touched, and the versions that were held back with the reason."""

    versions: tuple[str, ...]
    counts: dict[str, int]
    held: dict[str, str]


@dataclass(kw_only=True)
class Round:
    """One call of dispatch: what the channels need. Time is the caller's `now` plus what has passed since."""

    started: datetime
    county: County
    ledger: Ledger
    settings: Settings
    keyring: Keyring
    deadline_s: float
    progress: Callable[[int], None] | None = None
    versions: dict[tuple[str, int], RowMapping] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    _mark: float = field(default_factory=time.monotonic)
    _bodies: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    _sent: int = 0

    def now(self) -> datetime:
        """The caller's time, moving on."""
        return self.started + timedelta(seconds=time.monotonic() - self._mark)

    def time_left(self) -> float:
        """Seconds until the round must end."""
        return self.deadline_s - (time.monotonic() - self._mark)

    def body(self, version: RowMapping) -> dict[str, Any]:
        """The frozen body of a version, read once."""
        key = (version["alert_id"], version["version"])
        if key not in self._bodies:
            self._bodies[key] = json.loads(version["body"])
        return self._bodies[key]

    def tell(self, count: int) -> None:
        """Report progress."""
        self._sent += count
        if self.progress and self._sent % 1000 == 0:
            self.progress(self._sent)


def dispatch(
    *, now: datetime, county: County, ledger: Ledger, settings: Settings, keyring: Keyring, deadline_s: float = 600.0,
    progress: Callable[[int], None] | None = None,
) -> DispatchReport:
    """Send every issued version that is still valid over its channels and gather what became of it.

    One dispatch at a time (a lock that a paused process keeps); versions without a valid authority are held and the duty desk is told.
    """
    round_ = Round(started=now, county=county, ledger=ledger, settings=settings, keyring=keyring, deadline_s=deadline_s, progress=progress)
    with _alone(settings):
        for stage in STAGES:
            stage(round_)
    return DispatchReport(versions=tuple(f"{a}.v{v}" for a, v in round_.versions), counts=_counts(round_), held=round_.held)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "dispatch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def withdraw(round_: Round) -> None:
    """What is no longer in force or has run out is never sent."""
    d, v = t.delivery.c, t.alert_version.c
    with round_.ledger.begin() as tx:
        waiting = tx.execute(select(d.alert_id, d.version, v.state, v.expires).join(
            t.alert_version, (v.alert_id == d.alert_id) & (v.version == d.version)).where(
                d.state.in_([str(D.PLANNED), str(D.PENDING)])).distinct())
        for row in waiting.all():
            if row.state in (AlertState.DRAFT, AlertState.REVIEW, AlertState.APPROVED):
                continue
            if row.state != AlertState.ISSUED or parse_iso(row.expires) <= round_.now():
                over = D.EXPIRED if row.state in (AlertState.ISSUED, AlertState.EXPIRED) else D.CANCELLED
                outbox.release(tx, row.alert_id, row.version, (D.PLANNED, D.PENDING), over)


def authorise(round_: Round) -> None:
    """Check every issued version's world, signatures and audience snapshot; only then its deliveries may be sent."""
    v, d = t.alert_version.c, t.delivery.c
    with round_.ledger.begin() as tx:
        for row in tx.execute(select(t.alert_version).where(v.state == AlertState.ISSUED).order_by(v.alert_id, v.version)).mappings().all():
            approvals = tx.execute(select(t.approval).where(t.approval.c.alert_id == row["alert_id"], t.approval.c.version == row["version"])).mappings().all()
            rows = tx.execute(select(d.channel, d.recipient, d.town, d.groups).where(d.alert_id == row["alert_id"], d.version == row["version"])).mappings()
            ref = f"{row['alert_id']}.v{row['version']}"
            try:
                _same_world(json.loads(row["body"])["status"], round_.settings)
                verify_authority(row, approvals, round_.county, round_.keyring)
                if snapshot([dict(r) for r in rows]).hash != json.loads(row["audience"])["hash"]:
                    raise AuthorityError("受众与签发时不同 / the audience is not the one that was signed")
            except AuthorityError as error:
                round_.held[ref] = str(error)
                round_.ledger.duty(tx, round_.started, "held", f"{ref} 未发送：{error} / held back", ref=f"{ref}/held")
                outbox.release(tx, row["alert_id"], row["version"], (D.PENDING,), D.PLANNED)
                continue
            outbox.release(tx, row["alert_id"], row["version"], (D.PLANNED,), D.PENDING)
            round_.versions[row["alert_id"], row["version"]] = row


def _same_world(status: str, settings: Settings) -> None:
    """A drill never reaches a live channel, and a sandbox never speaks for real."""
    if (status == Status.ACTUAL) != (settings.mode == "live"):
        raise AuthorityError(f"{status} 的预警不得进入 {settings.mode} 渠道 / {status} must not enter {settings.mode} channels")


def send(round_: Round) -> None:
    """Every channel in turn; the loudspeakers first, because they are many people at once."""
    for run in CHANNELS.values():
        run(round_)


def note(round_: Round) -> None:
    """Write the time line of each version: first and last hand-over, first acknowledgement."""
    d, v = t.delivery.c, t.alert_version.c
    with round_.ledger.begin() as tx:
        for alert_id, version in round_.versions:
            mine = (d.alert_id == alert_id) & (d.version == version)
            first, last = tx.execute(select(func.min(d.handed_at), func.max(d.handed_at)).where(mine)).one()
            acknowledged = tx.execute(select(func.min(d.finished_at)).where(mine, d.state == D.DELIVERED)).scalar()
            tx.execute(update(t.alert_version).where(v.alert_id == alert_id, v.version == version).values(
                first_handed_at=first, last_handed_at=last, acknowledged_at=acknowledged))
            round_.ledger.audit(tx, round_.started, "dispatch", "alert.dispatch", f"{alert_id}.v{version}", _by_state(tx, mine))


def _by_state(tx: Any, mine: Any) -> dict[str, int]:
    d = t.delivery.c
    rows = tx.execute(select(d.channel, d.state, func.count()).where(mine).group_by(d.channel, d.state).order_by(d.channel, d.state))
    return {f"{channel}/{state}": n for channel, state, n in rows}


def _counts(round_: Round) -> dict[str, int]:
    total: dict[str, int] = {}
    with round_.ledger.begin() as tx:
        for alert_id, version in round_.versions:
            for key, n in _by_state(tx, (t.delivery.c.alert_id == alert_id) & (t.delivery.c.version == version)).items():
                total[key] = total.get(key, 0) + n
    return total


STAGES: tuple[Callable[[Round], None], ...] = (withdraw, authorise, send, note)
