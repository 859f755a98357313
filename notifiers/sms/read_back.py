"""What the provider holds is read back and compared with what was approved: the first message of each version and town.

Number, sender and text are compared (the resource does not tell its validity period). A difference stops the version on this channel;
a provider that cannot be asked stops nothing, but the desk is told.
"""

from __future__ import annotations

import asyncio
import hmac

from core.errors import DeliveryError
from notifiers.job import Job
from notifiers.outbox import Item
from notifiers.sms.held import Held
from notifiers.sms.letters import Letters
from notifiers.sms.twilio import TwilioSms
from notifiers.versions import Ref

TRIES, WAIT_S = 4, 0.5


class ReadBack:
    """note() what was accepted; `stopped` holds the versions that differ. finish() before the session ends."""

    def __init__(self, job: Job, channel: TwilioSms, letters: Letters) -> None:
        self._job, self._channel, self._letters = job, channel, letters
        self._seen: dict[tuple[Ref, str], asyncio.Task[None]] = {}
        self.stopped = set[str]()

    def note(self, item: Item, sid: str) -> None:
        """An item was accepted under this id."""
        if (item.ref, item.town) not in self._seen:
            self._seen[item.ref, item.town] = asyncio.create_task(self._check(item, sid))

    async def finish(self) -> None:
        """Wait for the checks that are under way; raises what they raised."""
        await asyncio.gather(*self._seen.values())

    async def _check(self, item: Item, sid: str) -> None:
        version = self._job.any_version(item.ref)
        for left in reversed(range(TRIES)):
            try:
                held = await self._channel.fetch(sid)
                break
            except DeliveryError as error:
                if not left:
                    self._job.alarm("read_back", f"{version.name} 交付后未能回读核对（{error.code}）/ could not be read back", f"{version.name}.sms")
                    return
                await asyncio.sleep(WAIT_S)
        if wrong := self._differences(item, held):
            self.stopped.add(version.name)
            self._job.stop(version, "sms", f"短信服务所存与签发的不同（{'、'.join(wrong)}）/ the provider holds something else")

    def _differences(self, item: Item, held: Held) -> list[str]:
        pairs = {"号码 number": (held.to.reveal(), self._letters.number(item).reveal()), "发送方 sender": (held.sender, self._letters.sender(item)),
                 "正文 text": (held.body, self._letters.text(item))}
        return [name for name, (there, ours) in pairs.items() if there and not hmac.compare_digest(there.encode(), ours.encode())]
