"""Send protocols that lack one of their rules, and a crash at a chosen step: what the oracle must see."""

from __future__ import annotations

from typing import Any

from core.ledger import tables as t
from notifiers.job import Parts
from notifiers.outbox import Item, Outbox
from notifiers.outbox.rows import with_resident
from notifiers.sms.twilio import TwilioSms


class Crash(BaseException):
    """The process is gone: nothing of it is written any more."""


def crashing(outbox: type[Outbox], step: str) -> type[Outbox]:
    """`outbox` that dies right after its first claim is committed, or when it would write its first outcomes down."""

    class Dying(outbox):  # type: ignore[misc, valid-type]
        def claim(self, versions: Any, limit: int) -> list[Item]:
            items = super().claim(versions, limit)
            if step == "claimed" and items:
                raise Crash
            return items

        def settle(self, outcomes: Any) -> None:
            if step == "answered":
                raise Crash
            super().settle(outcomes)

    return Dying


class NoMark(Outbox):
    """Sends without committing `sending` first: the row stays pending until the answer is written."""

    def claim(self, versions: Any, limit: int) -> list[Item]:
        held, d = self.__dict__.setdefault("held", set()), t.delivery.c
        with self.ledger.begin() as tx:
            rows = tx.execute(with_resident().where(self._mine, d.state == "pending").limit(limit)).mappings().all()
        items = [Item(delivery_id=r["delivery_id"], ref=(r["alert_id"], r["version"]), recipient=r["recipient"], town=r["town"], attempt=1,
                      claimed_at="2021-07-25T00:00:00+00:00", phone=r["phone"]) for r in rows if r["delivery_id"] not in held]
        held.update(i.delivery_id for i in items)
        return items

    def settle(self, outcomes: Any) -> None:
        d = t.delivery.c
        with self.ledger.begin() as tx:
            for o in outcomes:
                tx.execute(t.delivery.update().where(d.delivery_id == o.delivery_id, d.state == "pending").values(state="sending"))
        super().settle(outcomes)


class NoLookUp(TwilioSms):
    """Sends again what is not known, without asking."""

    async def find(self, item: Any, number: Any, text: str) -> str | None:
        return None


class AtMostOnce(TwilioSms):
    """Takes everything that is not known for sent."""

    async def find(self, item: Any, number: Any, text: str) -> str | None:
        return "SM" + "0" * 32


MUTANTS = {"none": Parts(), "no_mark": Parts(outbox=NoMark), "no_look_up": Parts(sms=NoLookUp), "at_most_once": Parts(sms=AtMostOnce)}
