"""Rows that nobody needs any more are settled at the instant of the claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, update

from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.history import levels_said, pass_over
from notifiers.versions import Ref, Version

d = t.delivery.c


def needed(
    tx: Connection, versions: Mapping[Ref, Version], said: dict[Ref, dict[int, dict[str, int]]], found: list[Any], now: str,
) -> list[Any]:
    """`found` (rows of one channel) without those who need not hear it; `said` remembers what former versions said."""
    over: dict[int, str] = {}
    for ref in {(row["alert_id"], row["version"]) for row in found if row["version"] > 1}:
        if ref not in said:
            try:
                said[ref] = levels_said(tx, *ref)
            except (ValueError, KeyError, TypeError, AttributeError):  # a former version is spoilt: better heard twice than not at all
                continue
        over |= pass_over(tx, versions[ref].body, said[ref], [row for row in found if (row["alert_id"], row["version"]) == ref])
    if over:
        mark = update(t.delivery).where(d.delivery_id == bindparam("i"), d.state == D.PENDING)
        tx.execute(mark.values(state=D.CANCELLED, finished_at=now, code=bindparam("c")), [{"i": i, "c": code} for i, code in over.items()])
    return [row for row in found if row["delivery_id"] not in over]
