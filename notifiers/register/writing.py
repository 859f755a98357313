"""The changes of a list into the ledger, within the caller's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, update

from core.county import County
from core.ledger import Ledger
from core.ledger import tables as t
from core.pii import Vault
from core.times import iso
from notifiers.register.changes import KINDS
from notifiers.register.synthetic import retire
from notifiers.register.terms import ImportReport, Progress, Terms

r = t.resident.c
BATCH = 10_000


def write(
    tx: Connection, report: ImportReport, by: str, now: datetime, terms: Terms, county: County, ledger: Ledger, vault: Vault, told: Progress,
) -> None:
    """Write what `report` says would change, and one row in the audit chain where anything did."""
    changes, policy = report.changes, county.policy.register
    report.synthetic, done = retire(tx, now), 0
    change = update(t.resident).where(r.resident_id == bindparam("_who"))
    for start in range(0, len(changes.write), BATCH):
        part = changes.write[start : start + BATCH]
        rows = [row | {"phone": vault.seal(person.number.reveal(), person.resident_id)} for row, person in part]
        if new := [row for row in rows if row["resident_id"] not in changes.known]:
            tx.execute(insert(t.resident), new)
        if old := [row | {"_who": row.pop("resident_id")} for row in rows if row["resident_id"] in changes.known]:
            tx.execute(change.values({name: bindparam(name) for name in old[0] if name != "_who"}), old)
        told("written", done := done + len(part))
    if changes.removed and policy is not None:
        tx.execute(change.values(erase_at=iso(now + timedelta(days=policy.departed_days))), [{"_who": resident} for resident in changes.removed])
    if changes.write or changes.removed or report.synthetic:
        ledger.audit(tx, now, by, "register.import", "register", {
            "sha256": report.sha256, "mode": "replace" if terms.replace else "add", "refused": len({fault.line for fault in report.faults}),
            "synthetic": report.synthetic, **{kind: changes.counts[kind] for kind in KINDS}})
