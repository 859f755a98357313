"""A dispatching process to be killed; with a name of a mutant it runs a send protocol that lacks one of its rules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import notify_world

from core.ledger import tables as t
from notifiers.job import Parts
from notifiers.outbox import Item, Outbox
from notifiers.sms_twilio import TwilioSms


class NoMark(Outbox):
    """Sends without committing `sending` first: the row stays pending until the answer is written."""

    def claim(self, versions: Any, limit: int) -> list[Item]:
        held = self.__dict__.setdefault("held", set())
        with self.ledger.begin() as tx:
            rows = tx.execute(self._rows().where(self._mine, t.delivery.c.state == "pending").limit(limit)).mappings().all()
        items = [Item(delivery_id=r["delivery_id"], ref=(r["alert_id"], r["version"]), recipient=r["recipient"], town=r["town"], attempt=1,
                      claimed_at="2021-07-25T00:00:00+00:00", phone=r["phone"]) for r in rows if r["delivery_id"] not in held]
        held.update(i.delivery_id for i in items)
        return items

    def settle(self, outcomes: Any) -> None:
        with self.ledger.begin() as tx:
            for o in outcomes:
                self.__dict__.setdefault("held", set()).discard(o.delivery_id)
                tx.execute(t.delivery.update().where(t.delivery.c.delivery_id == o.delivery_id, t.delivery.c.state == "pending").values(state="sending"))
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


if __name__ == "__main__":
    home, url, mutant, grace = sys.argv[1:]
    place = notify_world.make(Path(home), sms_url=url, grace=float(grace))
    told: list[int] = []

    def progress(_channel: str, handed: int) -> None:
        """The first hand-over of this process opens the season for killing."""
        if not told:
            told.append(handed)
            print("ready", flush=True)

    place.dispatch(MUTANTS[mutant], progress=progress)
