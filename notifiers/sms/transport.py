"""The HTTP client that the Twilio SDK is given: its own base address, one total deadline a call, no log of what is sent.

The SDK's own client logs numbers, keeps the last request and passes no deadline on; it also builds for every message what is the same
for all of them.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from aiohttp import BasicAuth, ClientPayloadError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from yarl import URL

BASE = "https://api.twilio.com"
#: Bytes of an answer; a list of a hundred messages has a quarter of that.
MOST = 1024 * 1024


class Transport(AsyncHttpClient):  # type: ignore[misc]
    """Fits twilio.rest.Client(http_client=...); close() it."""

    def __init__(self, base: str, *, connections: int, deadline_s: float) -> None:
        super().__init__(logging.getLogger("fengsui.sms"), True, None)
        self._base, self._auth = base.rstrip("/"), dict[tuple[str, str], str]()
        self._session = ClientSession(connector=TCPConnector(limit=connections), timeout=ClientTimeout(total=deadline_s), cookie_jar=DummyCookieJar())

    async def request(
        self, method: str, url: str, params: dict[str, Any] | None = None, data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None, auth: tuple[str, str] | None = None, timeout: float | None = None,  # noqa: ASYNC109  (the SDK's signature)
        allow_redirects: bool = False,
    ) -> Response:
        """One call; raises what aiohttp raises, TimeoutError after the deadline."""
        headers = headers or {}
        if auth is not None:
            headers["Authorization"] = self._auth.setdefault(auth, BasicAuth(*auth).encode())
        body = "&".join(f"{name}={_quoted(str(value))}" for name, value in data.items()).encode() if data else None
        address = _url(self._base + url.removeprefix(BASE))
        async with self._session.request(method, address, params=params or None, data=body, headers=headers, allow_redirects=False) as answer:
            return Response(answer.status, (await _whole(answer)).decode("utf-8", "replace"), answer.headers)

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()


async def _whole(answer: ClientResponse) -> bytes:
    """The body, decoded as far as MOST bytes: one without an end would fill the memory before the deadline ends it."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MOST:
            raise ClientPayloadError("the answer is too long")
    return bytes(body)


@lru_cache(maxsize=64)
def _url(address: str) -> URL:
    return URL(address)


@lru_cache(maxsize=4096)
def _encoded(text: str) -> str:
    return quote_plus(text)


def _quoted(text: str) -> str:
    """Form-encoded; a text is encoded once for all who get it, and no number is kept."""
    return _encoded(text) if len(text) > 20 and not text.startswith(("+", "http")) else quote_plus(text)
