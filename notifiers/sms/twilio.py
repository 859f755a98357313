"""The Twilio SDK's async client: send, find, fetch. Its base address is settings.sms_url, so that a sandbox gets the very same calls.

Twilio's create has no idempotency key: a call ends accepted, refused or not known, and what is not known is looked up (To, date, body)
before anything is sent again. The SDK's exceptions carry the number, so none leaves this file.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any, Self

from core.errors import AuthorityError, DeliveryError
from core.model import DeliveryState as D
from core.pii import Number
from core.settings import Settings
from core.times import parse_iso
from notifiers.outbox.items import Item, Outcome
from notifiers.sms.codes import FAILED, outcome
from notifiers.sms.held import Held, sid_of

#: Twilio keeps a message in its queue for at most ten hours.
MAX_VALIDITY_S = 36_000


class TwilioSms:
    """One session; use as an async context. AuthorityError at the door where a sandbox would speak to the outside."""

    def __init__(self, settings: Settings) -> None:
        self._s = settings

    async def __aenter__(self) -> Self:
        if self._s.mode == "sandbox" and not self._s.sms_is_sandboxed:
            raise AuthorityError("演示模式只能用本机的短信网关，不发 / a sandbox sends to this machine only: set FENGSUI_SMS_URL to the sandbox's address")
        from twilio.rest import Client

        from notifiers.sms.transport import BASE, Transport

        self._http = Transport(self._s.sms_url, connections=self._s.sms_in_flight, deadline_s=self._s.http_deadline_s)
        self._client = Client(self._s.twilio_account, self._s.twilio_token.get_secret_value(), http_client=self._http)
        self._messages = f"{BASE}/2010-04-01/Accounts/{self._s.twilio_account}/Messages.json"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def send(self, item: Item, number: Number, text: str, sender: str, valid_s: float) -> Outcome:
        """Hand one message over. Never raises for what the provider or the network does, and never names the number."""
        import aiohttp

        data = {"To": number.reveal(), "From": sender, "Body": text, "ValidityPeriod": max(1, min(MAX_VALIDITY_S, int(valid_s)))}
        if self._s.sms_callback_url:
            about = f"?d={item.delivery_id}&a={item.attempt}" if self._s.receipts_here else ""
            data["StatusCallback"] = self._s.sms_callback_url + about
        try:  # the SDK's request and not its messages.create: that parses three dates and a dozen fields of every answer for one id
            answer = await self._client.request_async("POST", self._messages, data=data)
            told = json.loads(answer.text)
            if 200 <= answer.status_code < 300:
                return Outcome(delivery_id=item.delivery_id, state=D.ACCEPTED, provider_id=sid_of(told["sid"]))
            return outcome(item, answer.status_code, int(told.get("code") or 0))
        except aiohttp.ClientConnectorError:
            return Outcome(delivery_id=item.delivery_id, state=D.PENDING, code="no_connection", wait_s=2.0)
        except (TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError, AttributeError) as error:
            return Outcome(delivery_id=item.delivery_id, state=D.SENDING, code=type(error).__name__[:32])

    async def find(self, item: Item, number: Number, text: str) -> str | None:
        """The provider's id of a message it has taken, None when it has none; DeliveryError when it cannot be asked."""
        since = parse_iso(item.claimed_at).date() - timedelta(days=1)
        for span in ({"date_sent_after": since}, {}):  # a message still queued has no sending date yet
            for m in await self._ask(self._client.messages.list_async(to=number.reveal(), limit=100, **span)):
                if m.sid and m.body == text and m.status not in FAILED and m.to in (None, "", number.reveal()):  # a neighbour's has the same text
                    return str(m.sid)
        return None

    async def fetch(self, sid: str) -> Held:
        """What the provider holds under this id now; DeliveryError when it cannot be asked or does not know it."""
        m = await self._ask(self._client.messages(sid).fetch_async())
        return Held(str(m.sid), Number(str(m.to or "")), str(m.from_ or ""), str(m.body or ""), str(m.status or ""), str(m.error_code or ""))

    async def _ask(self, question: Any) -> Any:
        import aiohttp
        from twilio.base.exceptions import TwilioException

        try:
            async with asyncio.timeout(self._s.http_deadline_s):  # for all pages together: a list may have no end
                return await question
        except (TimeoutError, TwilioException, aiohttp.ClientError, ValueError) as error:
            code = str(getattr(error, "code", "") or type(error).__name__)
            raise DeliveryError("短信服务查不到 / the provider cannot be asked", code=code[:32], retryable=True) from None
