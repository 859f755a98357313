"""The SMS stage: claim in batches, keep hundreds in flight, write outcomes in groups, and look up what is not known before sending it again."""

from __future__ import annotations

import asyncio

from core.model import DeliveryState as D
from notifiers.job import Job
from notifiers.outbox import Item, Outbox, Outcome
from notifiers.sms.hand_over import HandOver
from notifiers.sms.letters import Letters
from notifiers.sms.lookup import LookUp
from notifiers.sms.polling import poll
from notifiers.sms.read_back import ReadBack
from notifiers.sms.twilio import TwilioSms

#: Rows a claim; seconds between two looks; outcomes a commit, or as many as come in this many seconds.
BATCH, BEAT_S, GROUP, GROUP_S = 500, 0.025, 200, 0.25


class SmsStage:
    """One run over one shard; `outbox` and `channel` are given so that a test can put a broken protocol in their place."""

    def __init__(self, job: Job, outbox: Outbox, channel: TwilioSms) -> None:
        self.job, self.outbox, self.channel, self.letters = job, outbox, channel, Letters(job)
        self.todo, self.done, self.busy, self.pause_until, self.flushed = asyncio.Queue[Item](), list[Outcome](), 0, 0.0, 0.0
        self.unknown, self.read_back = LookUp(job, channel, self.letters), ReadBack(job, channel, self.letters)
        self.hand_over = HandOver(job, channel, self.letters, lambda: outbox.sight.barred | self.read_back.stopped)

    async def run(self) -> None:
        """Until nothing is left that can be done before the deadline."""
        for item in self.outbox.sending(self.job.versions):
            self.unknown.add(item)
        async with self.channel:
            workers = [asyncio.create_task(self._work()) for _ in range(self.job.settings.sms_in_flight)]
            try:
                while self.job.in_time() and not any(w.done() for w in workers) and await self._turn():  # noqa: ASYNC110  (a beat, not a wait)
                    await asyncio.sleep(BEAT_S)
                self.done += [Outcome(delivery_id=self.todo.get_nowait().delivery_id, state=D.PENDING, code="not_called") for _ in range(self.todo.qsize())]
                while self.busy and self.job.ticker.elapsed() < self.job.deadline_s + self.job.settings.http_deadline_s:  # noqa: ASYNC110
                    await asyncio.sleep(BEAT_S)
            finally:
                for worker in workers:
                    worker.cancel()
                ended = await asyncio.gather(*workers, return_exceptions=True)
                self._flush()
            for failure in (e for e in ended if isinstance(e, Exception)):
                raise failure
            await self.read_back.finish()
            await poll(self.job, self.channel)

    async def _turn(self) -> bool:
        """One beat: write, claim, look up; False when nothing is left, or when something was issued that is to be verified first."""
        if len(self.done) >= GROUP or self.job.ticker.elapsed() - self.flushed >= GROUP_S or not self.busy:
            self._flush()
        if not self.outbox.sight.now(self.job.versions) <= self.job.seen():
            return False
        if self.todo.qsize() < self.job.settings.sms_in_flight:
            for item in (fresh := self.outbox.claim(self.job.versions, BATCH)):
                self.todo.put_nowait(item)
            if not (fresh or self.todo.qsize() or self.busy or self.done):
                self.done += await self.unknown.due()
                return bool(self.unknown or self.done) or self.outbox.waiting(self.job.versions)
        return True

    async def _work(self) -> None:
        while True:
            item = await self.todo.get()
            self.busy += 1
            try:
                while (left := self.pause_until - self.job.ticker.elapsed()) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(left)
                self._note(item, await self.hand_over.one(item))
            finally:
                self.busy -= 1

    def _note(self, item: Item, outcome: Outcome) -> None:
        self.done.append(outcome)
        if outcome.state is D.ACCEPTED:
            self.read_back.note(item, outcome.provider_id)
        elif outcome.state is D.SENDING:
            self.unknown.add(item)
        elif outcome.state is D.PENDING:
            self.pause_until = self.job.ticker.elapsed() + min(0.2, outcome.wait_s)

    def _flush(self) -> None:
        self.flushed, out, self.done = self.job.ticker.elapsed(), self.done, []
        if out:
            self.outbox.settle(out)
            self.job.tell(out)
