"""What a list would change in the register: worked out whole before anything is written, so that a trial shows exactly what would be done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from core.ledger import editions
from core.ledger import tables as t
from core.pii import Vault
from notifiers.register.people import Person
from notifiers.register.wishes import by_id

Row = dict[str, Any]
r = t.resident.c
#: What can be known of a resident without opening the number.
KNOWN = (r.resident_id, r.town, r.groups, r.phone_index, r.language, r.opted_out, r.synthetic, r.renewed, r.phone_at, r.erase_at)
KINDS = ("added", "changed", "removed", "unchanged")


@dataclass(slots=True)
class Changes:
    """Rows to write and how many there are of each kind, by town and by group; `synthetic` residents make way, `retired` are those of them who are nobody of
    the list; `edition` is the number under which they come into force, `seen` how often the register had been touched."""

    write: list[tuple[Row, Person]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    synthetic: int = 0
    edition: int = 0
    seen: int = 0
    current: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    by_town: dict[str, Counter[str]] = field(default_factory=dict)
    by_group: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, kind: str, town: str, groups: str) -> None:
        """One resident more of a kind."""
        self.counts[kind] += 1
        self.by_town.setdefault(town, Counter())[kind] += 1
        for group in json.loads(groups):
            self.by_group.setdefault(group, Counter())[kind] += 1


def compare(tx: Connection, people: list[Person], vault: Vault, *, at: str, day: str, renewed: str | None, kept: Collection[str] | None) -> Changes:
    """The changes at `at` (ISO UTC). `day` is the day of what is new or changed, `renewed` that of every row where the list gives none (None: it stays).

    `kept` are the ids that stay though no person of the list has them; None: everybody stays.
    """
    before: dict[str, RowMapping] = {row["resident_id"]: row for row in tx.execute(select(*KNOWN)).mappings()}
    wishes = set(tx.execute(select(t.opt_out.c.who)).scalars())
    current = {i: row for i, row in before.items() if row["erase_at"] is None and not row["synthetic"]}
    made_up = {i for i, row in before.items() if row["synthetic"] and row["erase_at"] is None}
    changes = Changes(edition=editions.current(tx) + 1, seen=editions.touches(tx), current=len(current), synthetic=len(made_up),
                      retired=sorted(made_up - {person.resident_id for person in people}))
    for person in people:
        old = before.get(person.resident_id)
        old = None if old is None or old["synthetic"] else old
        new = _row(person, old, at=at, asked_out=bool(wishes) and not wishes.isdisjoint((person.phone_index, vault.index(by_id(person.resident_id)))))
        same = old is not None and all(new[name] == old[name] for name in new)
        new["renewed"] = person.renewed or renewed or (old["renewed"] if old is not None and same else day)
        kind = "added" if person.resident_id not in current else "unchanged" if old is not None and same and new["renewed"] == old["renewed"] else "changed"
        changes.count(kind, new["town"], new["groups"])
        if kind != "unchanged":
            changes.write.append((new, person))
    if kept is not None:
        changes.removed = sorted(current.keys() - {person.resident_id for person in people} - set(kept))
        for resident in changes.removed:
            changes.count("removed", current[resident]["town"], current[resident]["groups"])
    return changes


def _row(person: Person, old: RowMapping | None, *, at: str, asked_out: bool) -> Row:
    """The row of a person but for number and renewal; an opt-out that the resident asked for stands whatever the list says."""
    listed = person.opted_out if person.opted_out is not None else bool(old and old["opted_out"])
    return {
        "resident_id": person.resident_id, "town": person.town, "groups": person.groups, "phone_index": person.phone_index,
        "language": person.language if person.language is not None else old["language"] if old else "", "opted_out": asked_out or listed,
        "synthetic": False, "phone_at": old["phone_at"] if old and old["phone_index"] == person.phone_index else at, "erase_at": None,
    }
