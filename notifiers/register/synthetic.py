"""The synthetic register: about 20,000 residents, so that a county without a register can be shown and drilled.

Deterministic: the same county gives the same residents and groups. The numbers are +86 10000NNNNNN, which no subscriber can have (a
mobile number has 3-9 in its second place, and no local number behind Beijing's code 10 begins with 0). Every row says synthetic.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from core.county import County, Group, Town
from core.ledger import Ledger
from core.ledger import tables as t
from core.ledger.editions import touch
from core.pii import Vault
from core.settings import Settings
from core.signing import canonical
from core.times import iso

SIZE = 20_000
OPT_OUT_SHARE = 0.004


def number(serial: int) -> str:
    """A number that cannot be a subscriber's, by serial 0..999999."""
    return f"+8610000{serial:06d}"


def chance(*parts: str) -> float:
    """A fixed draw from [0, 1) for these words."""
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:6], "big") / 2**48


def heads(towns: tuple[Town, ...], size: int) -> dict[str, int]:
    """Residents per town by population, exactly `size` together (largest remainders)."""
    total = sum(town.population for town in towns)
    exact = {town.key: size * town.population / total for town in towns}
    out = {key: int(value) for key, value in exact.items()}
    rest = sorted(exact, key=lambda key: (out[key] - exact[key], key))[: size - sum(out.values())]
    return {key: n + (key in rest) for key, n in out.items()}


def groups_of(resident: str, town: Town, groups: tuple[Group, ...]) -> list[str]:
    """The groups of a resident: those whose exposure the town has, drawn by share."""
    return [g.group for g in groups
            if (g.exposure == "all" or getattr(town, g.exposure)) and chance("group", g.group, resident) < g.share]


def _count(tx: Connection, *which: ColumnElement[bool]) -> int:
    return int(tx.execute(select(func.count()).select_from(t.resident).where(*which)).scalar_one())


def retire(tx: Connection, now: datetime) -> int:
    """Take the synthetic residents out of the list; what they were told stays until it is erased. How many."""
    w = t.resident_row.c
    return int(tx.execute(update(t.resident_row).where(t.in_force, w.synthetic.is_(True), w.erase_at.is_(None)).values(erase_at=iso(now))).rowcount)


def ensure_register(county: County, ledger: Ledger, settings: Settings, size: int = SIZE, now: datetime | None = None) -> int:
    """Make the register once, if there is no resident at all; returns how many residents there are. ConfigError without a sealing key.

    A live installation gets none, and those that a demonstration left are taken out at `now`: numbers that nobody has would be shown to officers as people
    who were warned.
    """
    listed = t.resident.c.erase_at.is_(None)
    with ledger.begin() as tx:  # it touches the register only where it changes it: an import that is under way would begin anew with each alert
        if settings.mode == "live":
            if now is not None and _count(tx, listed, t.resident.c.synthetic.is_(True)):
                touch(tx)
                retire(tx, now)
            return _count(tx, listed)
        if not _count(tx):
            touch(tx)
        if there := _count(tx):  # another process may have been first
            return there
        vault, rows = Vault(settings.sealing_key()), list[dict[str, object]]()
        share = heads(county.towns, size)
        for town in county.towns:
            for n in range(share[town.key]):
                resident, phone = f"{town.key}-{n + 1:05d}", number(len(rows))
                rows.append({
                    "resident_id": resident, "town": town.key, "groups": canonical(groups_of(resident, town, county.groups)),
                    "phone": vault.seal(phone, resident), "phone_index": vault.index(phone),
                    "opted_out": chance("opt-out", resident) < OPT_OUT_SHARE, "synthetic": True,
                })
        tx.execute(insert(t.resident_row), rows)
        return len(rows)
