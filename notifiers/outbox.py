"""The outbox: one row a recipient, every change a compare-and-swap, in batches (one fsync for hundreds).

planned -> pending -> sending -> accepted -> sent -> delivered | undelivered; aside: refused, expired, cancelled, unknown. `sending` is
committed before the call. A row leaves it only with proof: the provider's answer, its list, or its callback.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, or_, select, tuple_, update

from core.ledger import Ledger
from core.ledger import tables as t
from core.model import AlertState
from core.model import DeliveryState as D
from core.times import iso
from notifiers.history import levels_said, pass_over
from notifiers.versions import REPLACED, Ref, Version, newest, seal_of

d = t.delivery.c
#: A row whose turn comes within this many seconds keeps a dispatch running.
SOON_S = 15.0
#: What a call may end in; each names the columns it sets and the states it may leave (an answer never overtakes a later callback).
LEAVES = {D.ACCEPTED: (D.SENDING, D.ACCEPTED, D.SENT, D.DELIVERED, D.UNDELIVERED, D.UNKNOWN)}


def among(states: Iterable[D]) -> ColumnElement[bool]:
    """The row is in one of these states (spelled out: IN lists cannot be used with many parameter sets)."""
    return or_(*(d.state == str(state) for state in states))


class Ticker:
    """The step's `now` (aware) running on by elapsed time; nothing here reads a wall clock."""

    def __init__(self, now: datetime) -> None:
        self._now, self._start = now, time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._start

    def now(self) -> datetime:
        """Aware time of the step."""
        return self._now + timedelta(seconds=self.elapsed())


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One claimed delivery; `phone` is sealed, None where the channel has none or the resident is gone."""

    delivery_id: int
    ref: Ref
    recipient: str
    town: str
    attempt: int
    claimed_at: str
    phone: bytes | None = None
    opted_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one item: the state it goes to (`sending` = not known yet), the provider's id, a code, seconds to wait."""

    delivery_id: int
    state: D
    provider_id: str = ""
    code: str = ""
    wait_s: float = 0.0
    possible_duplicate: bool = False


class Outbox:
    """The rows of one channel and shard (number, of how many)."""

    def __init__(self, ledger: Ledger, ticker: Ticker, channel: str, shard: tuple[int, int] = (0, 1)) -> None:
        self.ledger, self.ticker = ledger, ticker
        self._said: dict[Ref, dict[int, dict[str, int]]] = {}
        self._mine = (d.channel == channel) & (d.delivery_id % shard[1] == shard[0])

    def release(self, versions: Iterable[Version]) -> None:
        """planned -> pending, for versions whose authority was verified."""
        with self.ledger.begin() as tx:
            for v in versions:
                tx.execute(update(t.delivery).where(self._mine, _of(v), d.state == D.PLANNED).values(state=D.PENDING))

    def claim(self, versions: Mapping[Ref, Version], limit: int) -> list[Item]:
        """pending -> sending for up to `limit` rows of versions that are still what was verified; committed when this returns.

        Whoever holds the same already is passed over, and whoever has an earlier message of the thread on the way waits for its outcome.
        """
        now = iso(self.ticker.now())
        with self.ledger.begin() as tx:
            if not (live := self._live(tx, versions)):
                return []
            query = self._rows().where(self._mine, d.state == D.PENDING, or_(*live), or_(d.not_before.is_(None), d.not_before <= now))
            if any(number > 1 for _, number in versions):
                query = query.where(tuple_(d.alert_id, d.recipient).not_in(select(d.alert_id, d.recipient).where(self._mine, d.state == D.SENDING)))
            rows = list(tx.execute(query.order_by(d.priority.desc(), d.delivery_id).limit(limit)).mappings())
            rows = self._needed(tx, versions, rows, now)
            if rows:
                mark = update(t.delivery).where(d.delivery_id == bindparam("i"), d.state == D.PENDING)
                tx.execute(mark.values(state=D.SENDING, claimed_at=now, attempt=d.attempt + 1), [{"i": row["delivery_id"]} for row in rows])
        return [_item(row, now) for row in rows]

    def sending(self) -> list[Item]:
        """Rows whose outcome is not known: a process died, or the provider did not say."""
        with self.ledger.read() as tx:
            return [_item(row, row["claimed_at"]) for row in tx.execute(self._rows().where(self._mine, d.state == D.SENDING)).mappings()]

    def waiting(self, versions: Mapping[Ref, Version]) -> bool:
        """Whether rows of these versions get their turn soon; what is put off for longer is for a later dispatch."""
        refs, soon = [_of(version) for version in versions.values()], iso(self.ticker.now() + timedelta(seconds=SOON_S))
        turn = or_(d.not_before.is_(None), d.not_before <= soon)
        with self.ledger.read() as tx:
            return bool(refs) and tx.execute(select(d.delivery_id).where(self._mine, d.state == D.PENDING, turn, or_(*refs)).limit(1)).first() is not None

    def settle(self, outcomes: list[Outcome]) -> None:
        """Write what is known, all in one commit."""
        now = self.ticker.now()
        by_state: dict[D, list[dict[str, Any]]] = {}
        for o in outcomes:
            row = {"i": o.delivery_id, "p": o.provider_id, "c": o.code, "w": iso(now + timedelta(seconds=o.wait_s)), "dup": o.possible_duplicate}
            by_state.setdefault(o.state, []).append(row)
        with self.ledger.begin() as tx:
            for state, rows in by_state.items():
                query = update(t.delivery).where(d.delivery_id == bindparam("i"), among(LEAVES.get(state, (D.SENDING,))))
                tx.execute(query.values(**_columns(state, iso(now))), rows)

    def _needed(self, tx: Connection, versions: Mapping[Ref, Version], rows: list[Any], now: str) -> list[Any]:
        """`rows` without those who need not hear it; these are settled here."""
        over: dict[int, str] = {}
        for ref in {(row["alert_id"], row["version"]) for row in rows if row["version"] > 1}:
            if ref not in self._said:
                self._said[ref] = levels_said(tx, *ref)
            over |= pass_over(tx, versions[ref].body, self._said[ref], [row for row in rows if (row["alert_id"], row["version"]) == ref])
        if over:
            mark = update(t.delivery).where(d.delivery_id == bindparam("i"), d.state == D.PENDING)
            tx.execute(mark.values(state=D.CANCELLED, finished_at=now, code=bindparam("c")), [{"i": i, "c": code} for i, code in over.items()])
        return [row for row in rows if row["delivery_id"] not in over]

    def _live(self, tx: Connection, versions: Mapping[Ref, Version]) -> list[Any]:
        v, now, last = t.alert_version.c, iso(self.ticker.now()), newest(tx)
        query = select(t.alert_version).where(v.state.in_((AlertState.ISSUED, *REPLACED)), v.expires > now)
        seals = {(row["alert_id"], row["version"]): seal_of(row, last.get(row["alert_id"], 0)) for row in tx.execute(query).mappings()}
        return [_of(version) for ref, version in versions.items() if seals.get(ref) == version.seal]

    def _rows(self) -> Any:
        return select(t.delivery, t.resident.c.phone, t.resident.c.opted_out).select_from(
            t.delivery.outerjoin(t.resident, t.resident.c.resident_id == d.recipient))


def _of(version: Version) -> ColumnElement[bool]:
    mine = (d.alert_id == version.ref[0]) & (d.version == version.ref[1])
    return mine if version.towns is None else mine & d.town.in_(version.towns)


def _item(row: Any, claimed_at: str) -> Item:
    return Item(delivery_id=row["delivery_id"], ref=(row["alert_id"], row["version"]), recipient=row["recipient"], town=row["town"],
                attempt=row["attempt"], claimed_at=claimed_at, phone=row["phone"], opted_out=bool(row["opted_out"]))


def _columns(state: D, now: str) -> dict[str, Any]:
    if state is D.ACCEPTED:
        return {"state": case((among((D.SENDING, D.UNKNOWN)), D.ACCEPTED.value), else_=d.state), "handed_at": now,
                "provider_id": bindparam("p"), "code": case((among((D.SENDING, D.UNKNOWN)), ""), else_=d.code)}
    if state is D.PENDING:
        return {"state": state, "not_before": bindparam("w"), "code": bindparam("c"), "possible_duplicate": d.possible_duplicate | bindparam("dup")}
    if state is D.SENDING:
        return {"code": bindparam("c")}
    return {"state": state, "finished_at": now, "code": bindparam("c"), "provider_id": bindparam("p")}
