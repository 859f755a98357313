"""SMS through the Twilio SDK's async client. Its base address is settings.sms_url, so that a sandbox gets the very same calls.

Twilio's create has no idempotency key: a call ends accepted, refused or not known, and what is not known is looked up (To, date, body)
before anything is sent again. The SDK's own logs and exceptions carry the number, so neither leaves this file.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple, Self
from urllib.parse import quote_plus

from core.errors import DeliveryError
from core.model import DeliveryState as D
from core.pii import Number
from core.settings import Settings
from core.times import parse_iso
from notifiers.outbox import Item, Outcome

BASE = "https://api.twilio.com"
#: Twilio keeps a message in its queue for at most ten hours.
MAX_VALIDITY_S = 36_000
FAILED = ("failed", "undelivered", "canceled")


class Rule(NamedTuple):
    """What an error code means for us: the state to go to, seconds to wait before another try, whether the duty desk is rung."""

    state: D
    wait_s: float = 0.0
    alarm: bool = False


#: Twilio's codes at hand-over; a 4xx that is not here is refused and rings the desk, a 5xx is not known.
CODES = {
    20429: Rule(D.PENDING, 1.0), 21611: Rule(D.PENDING, 30.0),
    20003: Rule(D.PENDING, 30.0, True), 21211: Rule(D.REFUSED), 21610: Rule(D.REFUSED), 21614: Rule(D.REFUSED), 21617: Rule(D.REFUSED, alarm=True),
}


class TwilioSms:
    """One session: send(), find(); use as an async context."""

    def __init__(self, settings: Settings) -> None:
        self._s = settings

    async def __aenter__(self) -> Self:
        import aiohttp
        from twilio.http.async_http_client import AsyncTwilioHttpClient
        from twilio.rest import Client

        base, deadline = self._s.sms_url.rstrip("/"), aiohttp.ClientTimeout(total=self._s.http_deadline_s)
        for name in ("twilio", "twilio.http_client", "twilio.async_http_client"):
            logging.getLogger(name).setLevel(logging.WARNING)

        class Http(AsyncTwilioHttpClient):  # type: ignore[misc]
            async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
                return await super().request(method, base + url.removeprefix(BASE), *args, **(kwargs | {"timeout": None}))

        self._http = Http()
        await self._http.session.close()
        self._http.session = _Deadline(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=self._s.sms_in_flight)), deadline)
        self._client = Client(self._s.twilio_account, self._s.twilio_token.get_secret_value(), http_client=self._http)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def send(self, item: Item, number: Number, text: str, sender: str, valid_s: float) -> Outcome:
        """Hand one message over. Never raises for what the provider or the network does, and never names the number."""
        import aiohttp
        from twilio.base.exceptions import TwilioException

        extra = {"status_callback": f"{self._s.sms_callback_url}?d={item.delivery_id}"} if self._s.sms_callback_url else {}
        try:
            message = await self._client.messages.create_async(
                to=number.reveal(), from_=sender, body=text, validity_period=max(1, min(MAX_VALIDITY_S, int(valid_s))), **extra)
        except TwilioException as error:
            return _refusal(item, int(getattr(error, "status", 0) or 0), int(getattr(error, "code", 0) or 0))
        except aiohttp.ClientConnectorError:
            return Outcome(delivery_id=item.delivery_id, state=D.PENDING, code="no_connection", wait_s=2.0)
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            return Outcome(delivery_id=item.delivery_id, state=D.SENDING, code=type(error).__name__[:32])
        return Outcome(delivery_id=item.delivery_id, state=D.ACCEPTED, provider_id=message.sid)

    async def find(self, item: Item, number: Number, text: str) -> str | None:
        """The provider's id of a message it has taken, None when it has none; DeliveryError when it cannot be asked."""
        import aiohttp
        from twilio.base.exceptions import TwilioException

        since = parse_iso(item.claimed_at).date() - timedelta(days=1)
        try:
            for span in ({"date_sent_after": since}, {}):  # a message still queued has no sending date yet
                for m in await self._client.messages.list_async(to=number.reveal(), limit=100, **span):
                    if m.body == text and m.status not in FAILED:
                        return str(m.sid)
        except (TimeoutError, TwilioException, aiohttp.ClientError, ValueError) as error:
            raise DeliveryError("名单查不到 / the list cannot be read", code=type(error).__name__[:32], retryable=True) from None
        return None


class _Deadline:
    """The SDK passes no timeout on; this gives every call a total one, and encodes a text once for all who get it."""

    def __init__(self, session: Any, deadline: Any) -> None:
        self._session, self._deadline = session, deadline

    async def request(self, **kwargs: Any) -> Any:
        if kwargs["data"]:
            kwargs["data"] = "&".join(f"{name}={_quoted(str(value))}" for name, value in kwargs["data"].items()).encode()
        return await self._session.request(**(kwargs | {"timeout": self._deadline}))

    async def close(self) -> None:
        await self._session.close()


@lru_cache(maxsize=4096)
def _encoded(text: str) -> str:
    return quote_plus(text)


def _quoted(text: str) -> str:
    """Form-encoded; only long texts are kept, never a number."""
    return _encoded(text) if len(text) > 20 and not text.startswith(("+", "http")) else quote_plus(text)


def _refusal(item: Item, status: int, code: int) -> Outcome:
    if status == 429 or code in CODES:
        rule = CODES.get(code, CODES[20429])
        return Outcome(delivery_id=item.delivery_id, state=rule.state, code=str(code or status), wait_s=rule.wait_s)
    sure = 400 <= status < 500 and status != 408
    return Outcome(delivery_id=item.delivery_id, state=D.REFUSED if sure else D.SENDING, code=str(code or status))
