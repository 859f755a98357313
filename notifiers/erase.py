"""The step of retention: personal data that nobody needs any more goes, and the proof stays.

Erased are residents who left the list, and, of alerts that are over, who each message went to: once the policy's days have passed, or at once where that
resident is gone. A delivery keeps its row, town, groups, times and outcome, so that every count stays; in place of the resident stands `~` and the row's number
(notifiers.proof). Nothing is done while a warning is in force. Never touched: an alert that is open or has not run out, a message that waits, and one whose
outcome nobody knows before the policy's `unknown_days` have passed: that it is not known is final then, and stays its outcome for ever. So nothing that decides
who is told reads an erased row, and nobody is told twice because of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, delete, select

from core.county import County
from core.ledger import Ledger
from core.ledger import tables as t
from core.ledger.editions import touch
from core.ledger.turns import parts
from core.model import DeliveryState as D
from core.times import iso
from notifiers.editions import tidy
from notifiers.proof import ERASED, erase_recipients
from notifiers.versions import in_force, over

#: Where the ledger keeps that something was erased whose traces are still in the files.
TRACES = ("erase", "traces")
WAITING = (D.PLANNED, D.PENDING, D.SENDING)
d, r, a = t.delivery.c, t.resident.c, t.alert.c
_PERSONAL: ColumnElement[bool] = (d.channel == "sms") & d.recipient.not_like(f"{ERASED}%") & d.state.not_in(WAITING)
_KNOWN, _UNKNOWN = _PERSONAL & (d.state != D.UNKNOWN), _PERSONAL & (d.state == D.UNKNOWN)
_GONE: ColumnElement[bool] = d.recipient.not_in(select(r.resident_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReport:
    """How many residents, and how many recipients of how many alerts, were erased; `postponed`: a warning is in force, so nothing was looked at."""

    residents: int = 0
    recipients: int = 0
    alerts: int = 0
    postponed: bool = False


def erase(*, now: datetime, county: County, ledger: Ledger, home: Path | None = None) -> ErasureReport:
    """Erase what is due at `now` (aware), an alert a transaction; a repeat finds nothing. Without a policy only who left is erased. With `home`, where an
    import holds its lock, also what one that died has written."""
    policy, work, recipients = county.policy.register, dict[str, ColumnElement[bool]](), 0
    steps: list[tuple[datetime, ColumnElement[bool]]] = [(now, _KNOWN & _GONE)]
    if policy is not None:
        kept, final = now - timedelta(days=policy.deliveries_days), now - timedelta(days=policy.unknown_days)
        steps += [(kept, _KNOWN), (final, _UNKNOWN & _GONE), (min(kept, final), _UNKNOWN)]
    with ledger.begin() as tx:
        if in_force(tx, now):
            return ErasureReport(postponed=True)
        touch(tx)
        if residents := _departed(tx, now):
            ledger.audit(tx, now, "notifiers", "register.erase", "register", {"residents": residents})
            ledger.save_watermark(tx, *TRACES, "left")
        for ended, due in steps:
            for alert_id in tx.execute(select(d.alert_id).where(due, d.alert_id.in_(over(ended))).distinct()).scalars():
                work[alert_id] = work[alert_id] | due if alert_id in work else due
    for alert_id, due in sorted(work.items()):
        with ledger.begin() as tx:
            recipients += erase_recipients(ledger, tx, now, alert_id, due)
            ledger.save_watermark(tx, *TRACES, "left")
    if home is not None:
        tidy(ledger, home)
    if ledger.watermark(*TRACES) == "left":  # also by a process that died before it came so far
        ledger.scour()
        with ledger.begin() as tx:
            ledger.save_watermark(tx, *TRACES, "")
    return ErasureReport(residents=residents, recipients=recipients, alerts=len(work))


def _departed(tx: Connection, now: datetime) -> int:
    """Delete who may be erased and is not waiting for anything: neither a message nor the end of an alert that is still open."""
    opened = select(d.recipient).where(d.channel == "sms", d.alert_id.in_(select(a.alert_id).where(a.closed_at.is_(None))))
    waiting = select(d.recipient).where(d.state.in_(WAITING), d.channel == "sms")
    due = list(tx.execute(select(r.resident_id).where(r.erase_at <= iso(now), r.resident_id.not_in(opened), r.resident_id.not_in(waiting))).scalars())
    for part in parts(due):  # in every edition
        tx.execute(delete(t.resident_row).where(t.resident_row.c.resident_id.in_(part)))
    return len(due)
