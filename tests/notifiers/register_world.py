"""Lists of residents for the tests of the register: numbers that are dialled nowhere else in the tests, ids that can be searched for in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.ledger import tables as t
from core.pii import Vault
from notifiers.register import ImportReport, Terms, import_list

HEAD = "编号,镇街,人群,手机号"
VAULT = Vault(b"k" * 32)


def number(serial: int) -> str:
    """A mobile number as people write it."""
    return f"199{serial:08d}"


def row(serial: int, town: str = "海门街道", groups: str = "居民", phone: str | None = None, *more: str) -> str:
    return ",".join((f"CANARY-{serial:05d}", town, groups, phone or number(serial), *more))


def csv(rows: Iterable[str], head: str = HEAD) -> bytes:
    return "\n".join([head, *rows, ""]).encode()


def empty(home: Path, **more: Any) -> nw.Place:
    """A place in whose register nobody is."""
    place = nw.make(home, people=1, **more)
    with place.ledger.begin() as tx:
        tx.execute(delete(t.resident_row))
    return place


def load(place: nw.Place, data: bytes, *, by: str = "duty-1", settings: Any = None, **terms: Any) -> ImportReport:
    return import_list(data=data, name="list.csv", by=by, now=place.now, terms=Terms(**terms), county=place.county, ledger=place.ledger,
                       settings=settings or place.settings)


def residents(place: nw.Place, *, leaving: bool = False) -> dict[str, Any]:
    """The rows of the list by id, with the number opened."""
    r = t.resident.c
    with place.ledger.read() as tx:
        rows = tx.execute(select(t.resident).where(r.erase_at.is_not(None) if leaving else r.erase_at.is_(None))).mappings().all()
    return {one["resident_id"]: dict(one) | {"number": VAULT.open(one["phone"], one["resident_id"]).reveal()} for one in rows}


def audits(place: nw.Place) -> list[tuple[str, str, str, str]]:
    a = t.audit.c
    with place.ledger.read() as tx:
        return list(tx.execute(select(a.actor, a.action, a.subject, a.payload).where(a.action.startswith("register")).order_by(a.seq)).tuples().all())
