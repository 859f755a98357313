"""The changes of a list into the ledger, as an edition of the register (notifiers.editions)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.county import County
from core.ledger import Ledger
from core.ledger.editions import come_into_force
from core.ledger.turns import Change, in_turn, parts
from core.pii import Vault
from core.times import iso
from notifiers import editions
from notifiers.register.changes import KINDS
from notifiers.register.terms import ImportReport, Progress, Terms


def write(report: ImportReport, by: str, now: datetime, terms: Terms, county: County, ledger: Ledger, vault: Vault, told: Progress) -> bool:
    """Write what `report` says would change and put it in force, with one row in the audit chain; False, and nothing is in force, where the register was
    changed meanwhile."""
    changes = report.changes
    if not (changes.write or changes.removed or changes.retired):
        return True
    in_turn(ledger, _staged(report, now, county, vault, told))
    with ledger.begin() as tx:
        if not come_into_force(tx, changes.edition, changes.seen):
            return False
        report.synthetic = changes.synthetic
        ledger.audit(tx, now, by, "register.import", "register", {
            "sha256": report.sha256, "mode": "replace" if terms.replace else "add", "refused": len({fault.line for fault in report.faults}),
            "synthetic": report.synthetic, **{kind: changes.counts[kind] for kind in KINDS}})
    return True


def _staged(report: ImportReport, now: datetime, county: County, vault: Vault, told: Progress) -> Iterator[Change]:
    changes, policy, done = report.changes, county.policy.register, 0
    for part in parts(changes.write):
        yield editions.add(changes.edition, [row | {"phone": vault.seal(person.number.reveal(), person.resident_id)} for row, person in part])
        told("written", done := done + len(part))
    days = policy.departed_days if policy is not None else 0  # without a policy nobody is removed
    for residents, erase_at in ((changes.removed, now + timedelta(days=days)), (changes.retired, now)):
        for some in parts(residents):
            yield editions.leave(changes.edition, some, iso(erase_at))
