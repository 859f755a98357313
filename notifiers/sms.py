"""The SMS stage: claim in batches, keep hundreds in flight, write outcomes in groups, and look up what is not known before sending it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.errors import DeliveryError, StoreError
from core.model import DeliveryState as D
from core.model import Level, Status
from core.pii import Vault
from notifiers import render
from notifiers.job import Job
from notifiers.outbox import Item, Outbox, Outcome
from notifiers.sms_twilio import TwilioSms

BATCH, FLUSH_S = 500, 0.025
#: An outcome that nobody can tell us for this many graces: red and orange send again (and say so), the others are reported.
GIVE_UP_GRACES = 6.0
DRILL_SENDER = "FSDRILL"


class SmsStage:
    """One run over one shard; `outbox` and `channel` are given so that a test can put a broken protocol in their place."""

    def __init__(self, job: Job, outbox: Outbox, channel: TwilioSms) -> None:
        self.job, self.outbox, self.channel = job, outbox, channel
        self.vault, self.todo, self.done = Vault(job.settings.sealing_key()), asyncio.Queue[Item](), list[Outcome]()
        self.unknown: dict[int, tuple[float, Item]] = {}
        self.texts: dict[tuple[tuple[str, int], str], str] = {}
        self.busy, self.pause_until = 0, 0.0

    async def run(self) -> None:
        """Until nothing is left that can be done before the deadline."""
        for item in self.outbox.sending():
            self.unknown[item.delivery_id] = (self.job.ticker.elapsed(), item)
        async with self.channel:
            workers = [asyncio.create_task(self._work()) for _ in range(self.job.settings.sms_in_flight)]
            try:
                while self.job.in_time() and not any(w.done() for w in workers) and await self._turn():  # noqa: ASYNC110  (a beat, not a wait)
                    await asyncio.sleep(FLUSH_S)
                while not self.todo.empty():  # claimed but never called: back, with certainty
                    self.done.append(Outcome(delivery_id=self.todo.get_nowait().delivery_id, state=D.PENDING, code="deadline"))
                while self.busy and self.job.ticker.elapsed() < self.job.deadline_s + self.job.settings.http_deadline_s:  # noqa: ASYNC110
                    await asyncio.sleep(FLUSH_S)
            finally:
                for worker in workers:
                    worker.cancel()
                ended = await asyncio.gather(*workers, return_exceptions=True)
                self._flush()
                self.job.raise_first(ended)

    async def _turn(self) -> bool:
        """One beat: write, claim, look up; False when nothing is left."""
        self._flush()
        if self.todo.qsize() < self.job.settings.sms_in_flight:
            fresh = self.outbox.claim(self.job.versions, BATCH)
            for item in fresh:
                self.todo.put_nowait(item)
            if not (fresh or self.todo.qsize() or self.busy or self.done):
                await self._reconcile()
                return bool(self.unknown or self.done) or self.outbox.waiting(self.job.versions)
        return True

    async def _work(self) -> None:
        while True:
            item = await self.todo.get()
            self.busy += 1
            try:
                while (left := self.pause_until - self.job.ticker.elapsed()) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(left)
                outcome = await self._one(item)
                self.done.append(outcome)
                if outcome.state is D.SENDING:
                    self.unknown[item.delivery_id] = (self.job.ticker.elapsed(), item)
                elif outcome.state is D.PENDING:
                    self.pause_until = self.job.ticker.elapsed() + min(0.2, outcome.wait_s)
            finally:
                self.busy -= 1

    async def _one(self, item: Item) -> Outcome:
        version, gone = self.job.versions[item.ref], Outcome(delivery_id=item.delivery_id, state=D.CANCELLED, code="opted_out")
        if item.opted_out or item.phone is None:
            return gone
        if (valid := (version.expires - self.job.ticker.now()).total_seconds()) <= 0:
            return Outcome(delivery_id=item.delivery_id, state=D.EXPIRED, code="expired")
        try:
            text, number = self._text(item), self.vault.open(item.phone, item.recipient)
        except (DeliveryError, StoreError) as error:
            self.job.alarm("sms", f"{item.recipient} {error}", f"{version.name}.{item.recipient}")
            return Outcome(delivery_id=item.delivery_id, state=D.REFUSED, code=getattr(error, "code", "") or "unsealed")
        sender = self.job.settings.twilio_sender if version.status is Status.ACTUAL else DRILL_SENDER
        return await self.channel.send(item, number, text, sender, valid)

    def _text(self, item: Item) -> str:
        if (key := (item.ref, item.town)) not in self.texts:
            version, words = self.job.any_version(item.ref), self.job.any_version(item.ref).body["texts"].get(item.town, {})
            self.texts[key] = render.sms(words.get("sms", ""), signature=self.job.county.signature, status=version.status,
                                         alert_id=item.ref[0], version=item.ref[1])
        return self.texts[key]

    async def _reconcile(self) -> None:
        """Look up the rows whose grace is over, by our own monotonic clock: a stepped wall clock or a scenario's jump cannot shorten it."""
        now = self.job.ticker.elapsed()
        due = [item for since, item in self.unknown.values() if now - since >= self.job.settings.unknown_grace_s]
        for start in range(0, len(due), self.job.settings.sms_in_flight):
            self.done += await asyncio.gather(*map(self._look_up, due[start:start + self.job.settings.sms_in_flight]))
            self._flush()

    async def _look_up(self, item: Item) -> Outcome:
        since, make = self.unknown[item.delivery_id][0], self._verdict(item)
        try:
            if item.phone is None:
                raise DeliveryError("收件人已不在 / the recipient is gone", code="gone")
            sid = await self.channel.find(item, self.vault.open(item.phone, item.recipient), self._text(item))
        except (DeliveryError, StoreError) as error:
            if self.job.ticker.elapsed() - since < GIVE_UP_GRACES * self.job.settings.unknown_grace_s:
                return make(D.SENDING, getattr(error, "code", ""), False)
            urgent = self.job.any_version(item.ref).level >= Level.ORANGE and self.job.serves(item.ref, item.town)
            self.job.alarm("unknown", f"{item.recipient} 结果不明 / outcome unknown", f"sms.{item.delivery_id}")
            return make(D.PENDING if urgent else D.UNKNOWN, "unknown", urgent)
        if sid:
            self.unknown.pop(item.delivery_id)
            return Outcome(delivery_id=item.delivery_id, state=D.ACCEPTED, provider_id=sid)
        return make(D.PENDING, "not_taken", False)

    def _verdict(self, item: Item) -> Callable[[D, str, bool], Outcome]:
        def make(state: D, code: str, twice: bool) -> Outcome:
            if state is not D.SENDING:
                self.unknown.pop(item.delivery_id)
            if state is D.PENDING and not self.job.serves(item.ref, item.town):
                state, code = D.CANCELLED, "superseded"
            return Outcome(delivery_id=item.delivery_id, state=state, code=code, possible_duplicate=twice)
        return make

    def _flush(self) -> None:
        if self.done:
            out, self.done = self.done, []
            self.outbox.settle(out)
            self.job.tell(out)


def run_sms(job: Job) -> None:
    """The stage, as dispatch calls it."""
    asyncio.run(SmsStage(job, job.parts.outbox(job.ledger, job.ticker, "sms", job.shard), job.parts.sms(job.settings)).run())
