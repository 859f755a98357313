"""SMS through Twilio's SDK. A create has no idempotency key, so three outcomes exist: accepted, refused, unknown."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from core.model import DeliveryState as D
from core.settings import Settings
from core.times import iso
from notifiers.codes import CODES
from notifiers.outbox import Outcome

PUBLIC = "https://api.twilio.com"
TIMEOUT_S = 15.0
MAX_VALIDITY_S = 36_000
RETRY_S = 2.0
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)  # at INFO it writes numbers into the log


class _Http(AsyncTwilioHttpClient):  # type: ignore[misc]
    """Twilio's async client with its base address replaced by the configured one."""

    def __init__(self, base: str, in_flight: int) -> None:
        super().__init__(timeout=TIMEOUT_S)
        self.base = base.rstrip("/")
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight), timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))

    async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        return await super().request(method, url.replace(PUBLIC, self.base, 1), *args, **kwargs)


class TwilioSms:
    """One account; texts and numbers come in, outcomes go out, and nothing of either goes into a log or an error."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings, self._client = settings, client

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[TwilioSms]:
        """Open connections for as long as the block runs."""
        http = _Http(settings.sms_url, settings.sms_in_flight)
        try:
            yield cls(settings, Client(settings.twilio_account, settings.twilio_token.get_secret_value(), http_client=http))
        finally:
            await http.session.close()

    async def send(self, row: Mapping[Any, Any], number: str, text: str, now: datetime, expires: datetime) -> Outcome | None:
        """Hand one message over. None when nobody knows whether it was taken: the row stays `sending` and is looked up later."""
        validity = max(1, min(MAX_VALIDITY_S, int((expires - now).total_seconds())))
        try:
            message = await self._client.messages.create_async(
                to=number, from_=self._settings.twilio_sender, body=text, validity_period=validity,
                **({"status_callback": self._settings.sms_callback_url} if self._settings.sms_callback_url else {}))
        except TwilioRestException as error:
            return self._refused(row["delivery_id"], error.code or 0, error.status, now)
        except aiohttp.ClientConnectorError:
            return Outcome(delivery_id=row["delivery_id"], state=D.PENDING, code="unreached", not_before=iso(now + timedelta(seconds=RETRY_S)))
        except (aiohttp.ClientError, TimeoutError, TwilioException, ValueError, KeyError):
            return None
        return Outcome(delivery_id=row["delivery_id"], state=D.ACCEPTED, provider_id=str(message.sid), handed_at=iso(now))

    def _refused(self, delivery_id: int, code: int, status: int, now: datetime) -> Outcome | None:
        act = CODES[code][0] if code in CODES else "retry" if status == 429 else ""
        if act == "retry":
            return Outcome(delivery_id=delivery_id, state=D.PENDING, code=str(code), not_before=iso(now + timedelta(seconds=RETRY_S)))
        return Outcome(delivery_id=delivery_id, state=D.REFUSED, code=str(code)) if act or 400 <= status < 500 else None

    async def find(self, number: str, marked: str, since: datetime) -> str | None:
        """The provider's id of a message to `number` sent since then that carries the version's mark, None when there is none."""
        for message in await self._client.messages.list_async(to=number, date_sent_after=since, limit=50):
            if marked in (message.body or ""):
                return str(message.sid)
        return None

    async def statuses(self, since: datetime) -> AsyncIterator[tuple[str, str, str]]:
        """(provider id, status, error code) of everything sent since then."""
        async for message in await self._client.messages.stream_async(date_sent_after=since, page_size=1000):
            yield str(message.sid), str(message.status), str(message.error_code or "")
