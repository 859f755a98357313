"""One item to the provider, after the last questions: still wanted, still valid, not stopped?"""

from __future__ import annotations

from collections.abc import Callable, Set

from core.errors import DeliveryError, StoreError
from core.model import DeliveryState as D
from notifiers.job import Job
from notifiers.outbox import Item, Outcome
from notifiers.sms.letters import Letters
from notifiers.sms.twilio import TwilioSms
from notifiers.versions import Version


class HandOver:
    """one() answers what became of an item; the desk is rung once a version and code."""

    def __init__(self, job: Job, channel: TwilioSms, letters: Letters, stopped: Callable[[], Set[str]]) -> None:
        self._job, self._channel, self._letters, self._stopped = job, channel, letters, stopped
        self._rung = set[str]()

    async def one(self, item: Item) -> Outcome:
        """The item's outcome; never raises for what the provider or the network does."""
        version = self._job.versions[item.ref]
        if item.opted_out or item.phone is None:
            return Outcome(delivery_id=item.delivery_id, state=D.CANCELLED, code="opted_out")
        if version.name in self._stopped():
            return Outcome(delivery_id=item.delivery_id, state=D.PENDING, code="stopped")
        if (valid := (version.expires - self._job.ticker.now()).total_seconds()) <= 0:
            return Outcome(delivery_id=item.delivery_id, state=D.EXPIRED, code="expired")
        try:
            text, number = self._letters.text(item), self._letters.number(item)
        except (DeliveryError, StoreError) as error:
            self._ring(version, f"投递 {item.delivery_id} {error}", f"{version.name}.{item.delivery_id}")
            return Outcome(delivery_id=item.delivery_id, state=D.REFUSED, code=getattr(error, "code", "") or "unsealed")
        outcome = await self._channel.send(item, number, text, self._letters.sender(item), valid)
        if outcome.alarm:
            self._ring(version, f"短信服务拒绝，代码 {outcome.code} / the provider refuses", f"{version.name}.{outcome.code}")
        return outcome

    def _ring(self, version: Version, text: str, ref: str) -> None:
        if ref not in self._rung:
            self._rung.add(ref)
            self._job.alarm("sms", f"{version.name} {text}", ref)
