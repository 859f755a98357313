"""What is not known is looked up in the provider's list before anything is sent again."""

from __future__ import annotations

import asyncio

from core.errors import DeliveryError, StoreError
from core.model import DeliveryState as D
from core.model import Level
from notifiers.job import Job
from notifiers.outbox import Item, Outcome
from notifiers.sms.letters import Letters
from notifiers.sms.twilio import TwilioSms

#: An outcome that nobody can tell us for this many graces: red and orange send again, once (and say so), the others are reported.
GIVE_UP_GRACES = 6.0


class LookUp:
    """Items whose outcome is not known, each with the time since when, by our own monotonic clock: a stepped wall clock cannot shorten the grace."""

    def __init__(self, job: Job, channel: TwilioSms, letters: Letters) -> None:
        self._job, self._channel, self._letters = job, channel, letters
        self._open: dict[int, tuple[float, Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, item: Item) -> None:
        """Begin the grace of an item."""
        self._open[item.delivery_id] = (self._job.ticker.elapsed(), item)

    async def due(self) -> list[Outcome]:
        """Look up those whose grace is over, at most as many as calls may be in flight."""
        now, grace = self._job.ticker.elapsed(), self._job.settings.unknown_grace_s
        items = [item for since, item in self._open.values() if now - since >= grace][: self._job.settings.sms_in_flight]
        return list(await asyncio.gather(*map(self._one, items)))

    async def _one(self, item: Item) -> Outcome:
        since = self._open[item.delivery_id][0]
        try:
            sid = await self._channel.find(item, self._letters.number(item), self._letters.text(item))
        except (DeliveryError, StoreError) as error:
            if self._job.ticker.elapsed() - since < GIVE_UP_GRACES * self._job.settings.unknown_grace_s:
                return Outcome(delivery_id=item.delivery_id, state=D.SENDING, code=getattr(error, "code", ""))
            urgent = self._job.any_version(item.ref).level >= Level.ORANGE and self._job.serves(item.ref, item.town) and not item.repeated
            self._job.alarm("unknown", f"投递 {item.delivery_id} 结果不明 / outcome unknown", f"sms.{item.delivery_id}")
            return self._close(item, D.PENDING if urgent else D.UNKNOWN, "unknown", twice=urgent)
        if sid:
            self._open.pop(item.delivery_id)
            return Outcome(delivery_id=item.delivery_id, state=D.ACCEPTED, provider_id=sid)
        return self._close(item, D.PENDING, "not_taken")

    def _close(self, item: Item, state: D, code: str, *, twice: bool = False) -> Outcome:
        self._open.pop(item.delivery_id)
        if state is D.PENDING and not self._job.serves(item.ref, item.town):
            state, code = D.CANCELLED, "superseded"
        return Outcome(delivery_id=item.delivery_id, state=state, code=code, possible_duplicate=twice)
