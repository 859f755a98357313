"""The only place that builds an httpx client: conditional GET with a total deadline, a cap on decoded bytes and a host allow-list.

httpx's own timeouts count from byte to byte, so a server that drips one byte a second holds a reader for ever; the deadline here
is around everything. Bodies are unpacked by us, piece by piece, because a client that unpacks for us has already unpacked the bomb.
Redirects are refused: a feed's address stands in feeds.yaml. Errors name feed and host, never a path or a query, which may hold a key.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

import httpx

from connectors.types import Conditional, Payload
from core.county import Feed
from core.errors import FetchError
from core.settings import Settings, is_loopback

USER_AGENT = "fengsui/0.1 (+county early warning)"
#: Answers that a second try may mend; every other status from 400 up is final for this run.
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def get(
    feed: Feed, url: str, *, settings: Settings, conditional: Conditional | None = None,
    params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
) -> Payload | None:
    """GET one document of a feed; None for 304. FetchError (layer network or source) for everything that is not a whole 200."""
    host = allowed(feed, url, settings)
    sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"} | dict(headers or {})
    if conditional and conditional.etag:
        sent["If-None-Match"] = conditional.etag
    if conditional and conditional.last_modified:
        sent["If-Modified-Since"] = conditional.last_modified
    try:
        return asyncio.run(_get(url, params, sent, settings, where=f"{feed.feed} ({host})"))
    except TimeoutError as error:
        raise FetchError(f"{feed.feed} ({host}): no whole answer within {settings.http_deadline_s:g} s") from error
    except httpx.RemoteProtocolError as error:
        raise FetchError(f"{feed.feed} ({host}): the answer broke off ({type(error).__name__})") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise FetchError(f"{feed.feed} ({host}): no connection ({type(error).__name__})") from error


def allowed(feed: Feed, url: str, settings: Settings) -> str:
    """Host of `url` if this feed may go there: its own configured host, loopback in sandbox mode and nowhere else. FetchError otherwise."""
    home, there = urlsplit(feed.url(settings)), urlsplit(url)
    try:
        port, home_port = there.port, home.port
    except ValueError as error:
        raise _refused(feed, "the port is no number") from error
    host = (there.hostname or "").lower()
    if there.scheme not in ("http", "https") or not host:
        raise _refused(feed, "only http and https addresses are pulled")
    if there.username is not None or there.password is not None or "\\" in url:
        raise _refused(feed, "an address with a user, a password or a backslash is refused")
    if host != (home.hostname or "").lower() or port != home_port or there.scheme != home.scheme:
        raise _refused(feed, "the address leaves the feed's own host")
    if is_loopback(host) != (settings.mode == "sandbox"):
        raise _refused(feed, "sandbox mode pulls from loopback only" if settings.mode == "sandbox" else "loopback is for the sandbox only")
    return host


def _refused(feed: Feed, why: str) -> FetchError:
    return FetchError(f"{feed.feed}: {why}", layer="source", retryable=False)


async def _get(
    url: str, params: Mapping[str, str] | None, headers: dict[str, str], settings: Settings, *, where: str
) -> Payload | None:
    async with asyncio.timeout(settings.http_deadline_s):
        address = httpx.URL(url, params=params) if params else httpx.URL(url)
        extensions: dict[str, str] = {}
        if settings.mode == "live":
            headers |= {"Host": address.netloc.decode()}
            extensions = {"sni_hostname": address.host}
            address = address.copy_with(host=await _public_address(address, where))
        async with (
            httpx.AsyncClient(
                verify=_tls(), follow_redirects=False, trust_env=False, timeout=httpx.Timeout(settings.http_deadline_s, connect=5.0)
            ) as client,
            client.stream("GET", address, headers=headers, extensions=extensions) as response,
        ):
            if response.status_code == 304:
                return None
            if response.status_code != 200:
                raise _bad_status(response.status_code, where)
            return Payload(
                body=await _read(response, settings.http_max_bytes, where),
                content_type=response.headers.get("content-type", ""),
                etag=response.headers.get("etag", ""), last_modified=response.headers.get("last-modified", ""),
            )


def _bad_status(status: int, where: str) -> FetchError:
    if 300 <= status < 400:
        return FetchError(f"{where}: redirect ({status}) refused", layer="source", retryable=False)
    return FetchError(f"{where}: answered {status}", layer="source", retryable=status in RETRYABLE)


async def _read(response: httpx.Response, cap: int, where: str) -> bytes:
    """The decoded body, never holding more than `cap` bytes of it."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _WINDOW_BITS and encoding not in ("identity", ""):
        raise FetchError(f"{where}: content encoding that we did not ask for", layer="source", retryable=False)
    unpack = zlib.decompressobj(_WINDOW_BITS[encoding]) if encoding in _WINDOW_BITS else None
    body = bytearray()
    async for piece in response.aiter_raw():
        try:
            body += unpack.decompress(piece, cap - len(body) + 1) if unpack else piece
        except zlib.error as error:
            raise FetchError(f"{where}: the packed body is damaged", layer="source") from error
        if len(body) > cap:
            raise FetchError(f"{where}: the body is over {cap} bytes", layer="source", retryable=False)
    if unpack is not None and not unpack.eof:
        raise FetchError(f"{where}: the packed body broke off", layer="source")
    return bytes(body)


async def _public_address(url: httpx.URL, where: str) -> str:
    """The host's address, looked up once and used as it is (no second answer); every address must be a public one."""
    found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for text in addresses:
        if not is_public(text):
            raise FetchError(f"{where}: the name points into a private network", layer="source", retryable=False)
    return addresses[0]


def is_public(text: str) -> bool:
    """Whether an address is one of the open internet: no private, link-local, carrier or mapped-private range, no multicast."""
    address = ipaddress.ip_address(text.split("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_global and not address.is_multicast


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
