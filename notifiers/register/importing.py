"""A real county's list into the register: read whole, compared whole, in force whole or not at all. The same list twice changes nothing."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from core.county import County
from core.errors import ConfigError, StoreError
from core.ledger import Ledger
from core.pii import Vault
from core.settings import Settings
from core.signing import digest
from core.times import iso
from notifiers import editions
from notifiers.lock import only_one
from notifiers.register.changes import compare
from notifiers.register.listfile import Fault, read_list
from notifiers.register.people import Person, Reader, Wrong
from notifiers.register.terms import ImportReport, Progress, Terms, refusal
from notifiers.register.writing import write

#: How often an import begins anew where wishes and erasures come between; rows after which it tells how far it is.
TRIES, STEP = 5, 10_000


def import_list(
    *, data: bytes, name: Path | str, by: str, now: datetime, terms: Terms, county: County, ledger: Ledger, settings: Settings, progress: Progress | None = None,
) -> ImportReport:
    """Take a list at `now` (aware), by the word of officer `by`. ConfigError where the file cannot be read at all, where `by` is nobody, or without a
    sealing key; what is wrong with single lines, and a refusal, stand in the report, and then nothing was written. StoreError (retryable) where another
    import is under way, or the register does not keep still."""
    if county.policy.officer(by) is None:
        raise ConfigError(f"{by}: 不在值班名单 / not an officer of this county", hint=f"policy.yaml: {'、'.join(o.officer for o in county.policy.officers)}")
    told, vault, today = progress or (lambda *_: None), Vault(settings.sealing_key()), now.astimezone(county.zone).date()
    if terms.renewed is not None and terms.renewed > today:
        raise ConfigError(f"{terms.renewed} 还没有到 / lies in the future")
    people, faults = _read(data, name, Reader(county, vault, today), told)
    report = ImportReport(sha256=digest(data), faults=sorted(faults, key=lambda fault: fault.line), trial=terms.trial)
    report.sharing = sum(n for n in Counter(person.phone_index for person in people).values() if n > 1)
    renewed, kept = terms.renewed.isoformat() if terms.renewed else None, {fault.resident for fault in faults} if terms.replace else None

    def compared() -> bool:
        """Work out anew what the list would change; whether it may be taken."""
        with ledger.read() as tx:
            report.changes = compare(tx, people, vault, at=iso(now), day=today.isoformat(), renewed=renewed, kept=kept)
        told("compared", sum(report.changes.counts.values()))
        report.refusal = refusal(report, terms, county, len(people))
        return not report.refusal

    if terms.trial:
        compared()
        return report
    with only_one(ledger, settings.home, editions.IMPORTING, 0.0) as held:
        for _ in range(TRIES if held else 0):
            editions.sweep_unfinished(ledger)
            if not compared() or write(report, by, now, terms, county, ledger, vault, told):
                editions.sweep(ledger)
                return report
    failure = StoreError("登记册正在被改动，什么都没有改，请稍后再导入 / the register is being changed by others, nothing was changed: import again")
    failure.retryable = True
    raise failure


def _read(data: bytes, name: Path | str, reader: Reader, told: Progress) -> tuple[list[Person], list[Fault]]:
    people, faults, first = dict[str, Person](), list[Fault](), dict[str, int]()
    for line, cells in read_list(data, name):
        if isinstance(cells, Fault):
            faults.append(cells)
            continue
        try:
            person = reader.person(cells)
        except Wrong as wrong:
            faults += [Fault(line, sentence, wrong.resident) for sentence in wrong.sentences]
            continue
        if person.resident_id in first:
            faults.append(Fault(line, f"编号与第 {first[person.resident_id]} 行相同 / the id of that line again", person.resident_id))
            continue
        people[person.resident_id], first[person.resident_id] = person, line
        if len(people) % STEP == 0:
            told("read", len(people))
    return list(people.values()), faults
