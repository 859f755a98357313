"""How many may be connected to the push gateway at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler


class Connections(web.Server):
    """aiohttp's server with a limit on connections; a packed body stays packed, so that nothing is unpacked that was not asked for."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], most: int, head_s: float) -> None:
        super().__init__(handler, access_log=None, keepalive_timeout=head_s, lingering_time=1.0, auto_decompress=False)
        self.most = most

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Close at once what is too many."""
        super().connection_made(handler, transport)
        if len(self.connections) > self.most:
            transport.abort()
