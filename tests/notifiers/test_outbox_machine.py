"""The outbox under any order of claims, calls, faults, crashes, callbacks and look-ups: nobody twice, nobody lost, nothing said without proof."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw
from new_ledger import ledger_in

from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.authority import issued, verified
from notifiers.outbox import Item, Outbox, Outcome, Ticker
from notifiers.receipts import record

d = t.delivery.c


def template() -> Path:
    home = Path(tempfile.mkdtemp())
    place = nw.make(home, people=60)
    place.publish(haimen=3)
    place.ledger.close()
    return home


HOME = template()


class OutboxMachine(RuleBasedStateMachine):
    """`held` and `answers` are the process's memory, which a crash takes; `taken` is the provider's, which nothing takes."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        for part in HOME.glob("ledger.db*"):
            shutil.copy(part, self.folder / part.name)
        self.ledger = ledger_in(self.folder)
        self.place = nw.Place(COUNTY.county, self.ledger, COUNTY.keyring, COUNTY.settings)
        with self.ledger.begin() as tx:
            found = [verified(tx, row, self.place.county, self.place.keyring, self.place.settings) for row in issued(tx, self.place.now)]
        self.versions = {version.ref: version for version in found}
        self.taken, self.refused = dict[int, list[str]](), set[int]()
        self.boot()
        self.outbox.release(self.versions.values())

    def boot(self) -> None:
        self.outbox = Outbox(self.ledger, Ticker(self.place.now), "sms")
        self.held, self.answers = list[Item](), list[Outcome]()

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.finish()
            self.ledger.close()
            shutil.rmtree(self.folder)

    @rule(limit=st.integers(1, 6))
    def claim(self, limit: int) -> None:
        self.held += self.outbox.claim(self.versions, limit)

    @rule(fate=st.sampled_from(["known", "known", "unsaid", "not taken", "refused"]))
    def call(self, fate: str) -> None:
        if not self.held:
            return
        item = self.held.pop(0)
        if fate in ("known", "unsaid"):
            self.taken.setdefault(item.delivery_id, []).append(f"SM{item.delivery_id}-{item.attempt}")
        if fate == "refused":
            self.refused.add(item.delivery_id)
        state = {"known": D.ACCEPTED, "unsaid": D.SENDING, "not taken": D.PENDING, "refused": D.REFUSED}[fate]
        self.answers.append(Outcome(delivery_id=item.delivery_id, state=state, provider_id=self.taken[item.delivery_id][-1] if fate == "known" else ""))

    @rule()
    def write(self) -> None:
        self.outbox.settle(self.answers)
        self.answers = []

    @rule()
    def crash_and_look_up(self) -> None:
        """A new process finds what is `sending` and asks the provider, the grace being over."""
        self.boot()
        found = []
        for item in self.outbox.sending(self.versions):
            sids = self.taken.get(item.delivery_id, [])
            found.append(Outcome(delivery_id=item.delivery_id, state=D.ACCEPTED if sids else D.PENDING, provider_id=sids[0] if sids else "", code="not_taken"))
        self.refused -= {o.delivery_id for o in found if o.state is D.PENDING}  # what was refused and not written down is asked again
        self.outbox.settle(found)

    @rule(pick=st.integers(0, 50), status=st.sampled_from(["queued", "sent", "delivered", "undelivered"]))
    def callback(self, pick: int, status: str) -> None:
        if self.taken:
            one = sorted(self.taken)[pick % len(self.taken)]
            record(self.ledger, {"MessageSid": self.taken[one][0], "MessageStatus": status}, self.place.now, one, 0)

    def rows(self) -> list[Any]:
        with self.ledger.read() as tx:
            return list(tx.execute(select(t.delivery)))

    @invariant()
    def nobody_twice_and_no_word_without_proof(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert all(len(sids) == 1 for sids in self.taken.values())
        for row in self.rows():
            sids = self.taken.get(row.delivery_id, [])
            if row.state in ("accepted", "sent", "delivered", "undelivered"):
                assert [row.provider_id] == sids
            if row.state in ("planned", "pending"):
                assert not sids, "what the provider has is never queued again"
            assert not row.possible_duplicate

    def finish(self) -> None:
        """However it went, one quiet process more reaches everybody who was not refused."""
        self.crash_and_look_up()
        while self.held or (fresh := self.outbox.claim(self.versions, 100)):
            self.held += [] if self.held else fresh
            while self.held:
                self.call("known")
            self.write()
        self.nobody_twice_and_no_word_without_proof()
        assert {row.delivery_id for row in self.rows()} == self.taken.keys() | self.refused


COUNTY = nw.make(HOME, people=60)
TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=20, stateful_step_count=25, suppress_health_check=list(HealthCheck))
