"""What residents ask for themselves: no more messages, messages again, to be forgotten. A wish is kept by keyed index, apart from the list, so that no later
list undoes it; the audit chain, which is never erased, says that there was one and not whose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from core.county import County
from core.errors import ConfigError
from core.ledger import Ledger
from core.ledger import tables as t
from core.ledger.editions import touch
from core.pii import Number, Vault
from core.times import iso
from notifiers.erase import erase

Wish = Literal["opt_out", "opt_in", "forget"]
r, w = t.resident.c, t.resident_row.c


@dataclass(frozen=True, slots=True)
class Granted:
    """How many residents of the list a wish concerned, and how many of them stay sealed until an alert that they were told of has ended (forget only)."""

    people: int
    waiting: int = 0


def by_id(resident: str) -> str:
    """What a resident's id is called in the keyed index, apart from numbers."""
    return f"id:{resident}"


def grant(wish: Wish, who: str | Number, *, by: str, now: datetime, county: County, ledger: Ledger, vault: Vault) -> Granted:
    """Carry out the wish of a resident by id, or of everybody reached at a number, at `now` (aware), by the word of officer `by`.

    Who opts out is told nothing from the next hand-over on. Who is forgotten leaves the list at once, and hears only the end of what he was told already: his
    row goes now, or with the first erasure after that. ConfigError for nobody: an id that is not there, or no officer.
    """
    if county.policy.officer(by) is None:
        raise ConfigError(f"{by}: 不在值班名单 / not an officer of this county")
    index = vault.index(who.reveal() if isinstance(who, Number) else by_id(who))
    mine: ColumnElement[bool] = t.in_force & (w.phone_index == index if isinstance(who, Number) else w.resident_id == who)
    if wish != "forget":
        mine &= w.erase_at.is_(None)
    with ledger.begin() as tx:
        touch(tx)
        there = dict(tx.execute(select(w.resident_id, w.phone_index).where(mine)).tuples().all())
        if not there and (wish == "forget" or not isinstance(who, Number)):
            raise ConfigError("登记册里没有这个人 / nobody of this id or number is in the register")
        if wish == "forget":
            tx.execute(update(t.resident_row).where(mine).values(erase_at=iso(now)))
        else:
            former = {index} if wish == "opt_out" else {index, *there.values(), *(vault.index(by_id(resident)) for resident in there)}
            tx.execute(delete(t.opt_out).where(t.opt_out.c.who.in_(former)))
            tx.execute(update(t.resident_row).where(mine).values(opted_out=wish == "opt_out"))
        if wish == "opt_out":
            tx.execute(insert(t.opt_out).values(who=index, at=iso(now)))
        ledger.audit(tx, now, by, f"register.{wish}", "register", {"people": len(there)})
    if wish != "forget":
        return Granted(len(there))
    erase(now=now, county=county, ledger=ledger)
    with ledger.read() as tx:
        return Granted(len(there), int(tx.execute(select(func.count()).select_from(t.resident).where(r.resident_id.in_(list(there)))).scalar_one()))
