"""The rows of one channel: release, claim, settle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, tuple_, update

from core.ledger import Ledger
from core.ledger import tables as t
from core.ledger.editions import hold_still
from core.model import DeliveryState as D
from core.times import iso
from notifiers.history import RESERVE
from notifiers.outbox import rows as r
from notifiers.outbox.items import Item, Outcome, Ticker
from notifiers.outbox.passing import needed
from notifiers.outbox.sight import Sight
from notifiers.versions import Ref, Version

d = t.delivery.c
#: A row whose turn comes within this many seconds keeps a dispatch running.
SOON_S = 15.0


class Outbox:
    """The rows of one channel and shard (number, of how many)."""

    def __init__(self, ledger: Ledger, ticker: Ticker, channel: str, shard: tuple[int, int] = (0, 1)) -> None:
        self.ledger, self.ticker, self.channel = ledger, ticker, channel
        self.sight = Sight(ledger, ticker, channel)
        self._said: dict[Ref, dict[int, dict[str, int]]] = {}
        self._mine = (d.channel == channel) & (d.delivery_id % shard[1] == shard[0])

    def release(self, versions: Iterable[Version]) -> None:
        """planned -> pending, for versions whose authority was verified; a reserve stays planned (notifiers.reserve)."""
        with self.ledger.begin() as tx:
            for version in versions:
                tx.execute(update(t.delivery).where(self._mine, r.of(version), d.state == D.PLANNED, d.code != RESERVE).values(state=D.PENDING))

    def claim(self, versions: Mapping[Ref, Version], limit: int) -> list[Item]:
        """pending -> sending for up to `limit` rows of versions that are still what was verified; committed when this returns.

        Whoever holds the same already is passed over, and whoever has an earlier message of the thread on the way waits for its outcome.
        """
        now = self.ticker.now()
        with self.ledger.begin() as tx:
            going = self.sight.look(tx, versions, now)
            if not going:
                return []
            hold_still(tx)  # what is read of a resident here and what is written of him below is of one register
            query = r.with_resident().where(self._mine, d.state == D.PENDING, or_(*map(r.of, going)), r.due(now))
            if any(version.ref[1] > 1 for version in going):
                query = query.where(tuple_(d.alert_id, d.recipient).not_in(select(d.alert_id, d.recipient).where(d.channel == self.channel, d.state == D.SENDING)))
            # newest rows first: the one order that the index has, so that a claim does not sort all that wait
            found = list(tx.execute(query.order_by(d.priority.desc(), d.delivery_id.desc()).limit(limit)).mappings())
            r.in_order(tx, {row["delivery_id"] for row in found})
            found = needed(tx, versions, self._said, found, iso(now))
            mark = update(t.delivery).where(d.delivery_id.in_([row["delivery_id"] for row in found]), d.state == D.PENDING)
            won = mark.values(state=D.SENDING, claimed_at=iso(now), attempt=d.attempt + 1, number=r.its_number()).returning(d.delivery_id, d.attempt)
            attempts: dict[int, int] = dict(tx.execute(won).tuples().all())
        return [r.item(row, iso(now), attempts[row["delivery_id"]]) for row in found if row["delivery_id"] in attempts]

    def sending(self, versions: Mapping[Ref, Version]) -> list[Item]:
        """Rows whose outcome is not known: a process died, or the provider did not say. `sight` has looked which of `versions` may go on."""
        with self.ledger.read() as tx:
            self.sight.look(tx, versions, self.ticker.now())
            query = r.with_resident().where(self._mine, d.state == D.SENDING)
            return [r.item(row, row["claimed_at"], row["attempt"]) for row in tx.execute(query).mappings()]

    def waiting(self, versions: Mapping[Ref, Version]) -> bool:
        """Whether rows of these versions get their turn soon; what is put off for longer is for a later dispatch."""
        going = [r.of(version) for version in versions.values() if version.name not in self.sight.barred]
        query = select(d.delivery_id).where(self._mine, d.state == D.PENDING, r.due(self.ticker.now() + timedelta(seconds=SOON_S)), or_(False, *going))
        with self.ledger.read() as tx:
            return tx.execute(query.limit(1)).first() is not None

    def settle(self, outcomes: list[Outcome]) -> None:
        """Write what is known, all in one commit."""
        now, by_state = self.ticker.now(), dict[D, list[dict[str, Any]]]()
        for o in outcomes:
            row = {"i": o.delivery_id, "p": o.provider_id, "c": o.code, "w": iso(now + timedelta(seconds=o.wait_s)), "dup": o.possible_duplicate}
            by_state.setdefault(o.state, []).append(row)
        with self.ledger.begin() as tx:
            r.in_order(tx, {o.delivery_id for o in outcomes})
            for state, changes in by_state.items():
                query = update(t.delivery).where(d.delivery_id == bindparam("i"), r.among(r.LEAVES.get(state, (D.SENDING,))))
                tx.execute(query.values(**r.columns(state, iso(now))), changes)
