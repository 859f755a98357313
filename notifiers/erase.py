"""The step of retention: personal data that nobody needs any more goes, and the proof stays.

Erased are residents who left the list, and, of alerts that are over, who each message went to: once the policy's days have passed, or at once where that resident is
gone. A delivery keeps its row, town, groups, times and outcome, so that every count stays; in place of the resident stands `~` and the row's number. Before that the
recipients are held against the hash that officers signed, and the audit chain keeps what was found. Nothing is done while a warning is in force. Never touched: an
alert that is open or has not run out, a message that waits, and one whose outcome nobody knows before the policy's `unknown_days` have passed: that it is
not known is final then, and stays its outcome for ever. So nothing that decides who is told reads an erased row, and nobody is
told twice because of one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, cast, delete, func, literal, select, update

from core.county import County
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso
from notifiers import editions
from notifiers.snapshot import audience_hash
from notifiers.versions import in_force, over

#: Stands before the row's number in place of a resident; no id of a resident begins so.
ERASED = "~"
#: Where the ledger keeps that something was erased whose traces are still in the files.
TRACES = ("erase", "traces")
WAITING = (D.PLANNED, D.PENDING, D.SENDING)
d, r, v, a = t.delivery.c, t.resident.c, t.alert_version.c, t.alert.c
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
        editions.touch(tx)
        if residents := _departed(tx, now):
            ledger.audit(tx, now, "notifiers", "register.erase", "register", {"residents": residents})
            ledger.save_watermark(tx, *TRACES, "left")
        for ended, due in steps:
            for alert_id in tx.execute(select(d.alert_id).where(due, d.alert_id.in_(over(ended))).distinct()).scalars():
                work[alert_id] = work[alert_id] | due if alert_id in work else due
    for alert_id, due in sorted(work.items()):
        with ledger.begin() as tx:
            recipients += _recipients(ledger, tx, now, alert_id, due)
            ledger.save_watermark(tx, *TRACES, "left")
    if home is not None:
        editions.tidy(ledger, home)
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
    for part in editions.parts(due):  # in every edition
        tx.execute(delete(t.resident_row).where(t.resident_row.c.resident_id.in_(part)))
    return len(due)


def _recipients(ledger: Ledger, tx: Connection, now: datetime, alert_id: str, due: ColumnElement[bool]) -> int:
    """Erase who the messages of one alert went to, and keep in the audit chain how many they were and whether they were still those that officers signed."""
    mine, proof = due & (d.alert_id == alert_id), dict[str, Any]()
    for version, n in tx.execute(select(d.version, func.count()).where(mine).group_by(d.version)).tuples().all():
        rows = tx.execute(select(d.channel, d.recipient, d.town).where(d.alert_id == alert_id, d.version == version)).tuples().all()
        signed = json.loads(tx.execute(select(v.audience).where(v.alert_id == alert_id, v.version == version)).scalar() or "{}").get("hash", "")
        partly = any(recipient.startswith(ERASED) for _, recipient, _ in rows)
        unknown = tx.execute(select(func.count()).where(mine, d.version == version, d.state == D.UNKNOWN)).scalar_one()
        proof[str(version)] = {**({"unknown": unknown} if unknown else {}), "erased": n, "of": len(rows), "audience": signed,
                               "recipients": "partly_erased" if partly else "held" if audience_hash(tuple(row) for row in rows) == signed else "differ"}
    tx.execute(update(t.delivery).where(mine).values(recipient=literal(ERASED) + cast(d.delivery_id, String), provider_id="", number=None))
    ledger.audit(tx, now, "notifiers", "register.erase", alert_id, proof)
    return sum(int(part["erased"]) for part in proof.values())
