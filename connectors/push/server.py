"""The push gateway's HTTP: connections, deadlines and sizes bounded, one answer for each request, the same headers on every page.

Plain HTTP on loopback. Whatever faces another network is a proxy that ends TLS in front of it; a key that crosses a network in the clear is no key.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from connectors.push.connections import Connections
from connectors.push.door import MAX_BYTES, Door, Turned
from connectors.push.rendering import Reply, draw, home, style
from connectors.push.report_page import FORM_BYTES, ReportPage
from connectors.push.schema import schema
from connectors.push.take import Taker

log = logging.getLogger(__name__)
#: Connections at once; seconds for the head of a request (and between two), for a body; bodies that are read or kept at once.
MAX_CONNECTIONS, HEAD_S, BODY_S, AT_ONCE = 256, 15.0, 30.0, 8
#: Requests turned away that are told in the log one by one, for each status.
MAX_WARNINGS = 100
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'", "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Server": "fengsui",
}


@dataclass(slots=True, kw_only=True)
class PushServer:
    """One gateway: pages for people, /push for departments, /report for reporters."""

    door: Door
    taker: Taker
    body_s: float = BODY_S
    head_s: float = HEAD_S
    most: int = MAX_CONNECTIONS
    told: Counter[str] = field(default_factory=Counter)
    _busy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def serve(self, host: str, port: int) -> tuple[web.ServerRunner, int]:
        """Listen; the runner, to be cleaned up, and the port."""
        runner = web.ServerRunner(Connections(self.answer, self.most, self.head_s), shutdown_timeout=5.0)
        await runner.setup()
        await web.TCPSite(runner, host, port, backlog=self.most).start()
        return runner, int(runner.addresses[0][1])

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """The answer to any request."""
        try:
            status, kind, body, more = await self._route(request)
        except Turned as turned:
            status, kind, body, more = turned.status, "application/json", turned.told, turned.headers
        except TimeoutError:
            status, kind, body, more = 408, "application/json", {"status": 408, "error": "正文来得太慢 / the body came too slowly"}, {}
        if not isinstance(body, str) and status >= 400 and not request.path.startswith("/push/"):  # a person is looking
            kind, body = "text/html", draw("told.html.j2", self.door.county, self.door.settings, told=body["error"])
        self.told[str(status)] += 1
        if status >= 400 and (self.told[str(status)] <= MAX_WARNINGS or self.told[str(status)] % 1000 == 0):  # nobody fills the disk by knocking
            log.warning("push.turned status=%d count=%d", status, self.told[str(status)])
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, sort_keys=True) + "\n"
        response = web.Response(status=status, text=text, content_type=kind, charset="utf-8", headers=HEADERS | more)
        if status >= 400:
            response.force_close()
        return response

    async def _route(self, request: web.BaseRequest) -> Reply:
        """Ask the row of ROUTES that fits."""
        allowed = []
        for method, path, act in ROUTES:
            if match := re.fullmatch(path, request.path):
                if request.method == method or (request.method, method) == ("HEAD", "GET"):
                    return await act(self, request, match[1] if match.groups() else "")
                allowed.append(method)
        if allowed:
            raise Turned(405, "方法不对 / method not allowed", headers={"Allow": ", ".join(allowed)})
        raise Turned(404, "没有这个网址 / no such address")

    async def home(self, request: web.BaseRequest, _: str) -> Reply:
        """The page that says how to push."""
        return 200, "text/html", home(self.door.county, self.door.settings), {}

    async def style(self, request: web.BaseRequest, _: str) -> Reply:
        """The one style sheet."""
        return 200, "text/css", style(), {"Cache-Control": "max-age=3600"}

    async def schema(self, request: web.BaseRequest, name: str) -> Reply:
        """What may be pushed as JSON."""
        row = next((f for f in self.door.county.feeds if f.feed == name and f.connector == "inbox"), None)
        if row is None:
            raise Turned(404, "没有这个接收推送的数据源 / no such feed that takes pushes")
        return 200, "application/schema+json", schema(row, self.door.county), {}

    async def push(self, request: web.BaseRequest, feed: str) -> Reply:
        """A department's document."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        entry = self.door.admit(feed, headers, request.remote or "", asyncio.get_running_loop().time())
        body = await self._body(request, MAX_BYTES)
        async with self._busy:
            answer, before = await asyncio.to_thread(self.taker.take, entry, body)
        log.info("push.%s feed=%s department=%s kept=%s refused=%d", "again" if before else "kept", feed, entry.by, answer["kept"], len(answer["refused"]))
        return 202, "application/json", answer, {"Idempotent-Replayed": "true"} if before else {}

    async def form(self, request: web.BaseRequest, _: str) -> Reply:
        """The reporters' page, empty."""
        return await asyncio.to_thread(ReportPage(self.door, self.taker).empty)

    async def report(self, request: web.BaseRequest, _: str) -> Reply:
        """The reporters' page, filled in."""
        if request.content_type != "application/x-www-form-urlencoded" or request.headers.get("Content-Encoding"):
            raise Turned(415, "只接收本页的表单 / only this page's form is taken")
        body = await self._body(request, FORM_BYTES)
        async with self._busy:
            return await asyncio.to_thread(ReportPage(self.door, self.taker).submit, body, request.remote or "", asyncio.get_running_loop().time())

    async def _body(self, request: web.BaseRequest, most: int) -> bytes:
        """The whole body; Turned when it is too long, TimeoutError when it comes too slowly."""
        if (request.content_length or 0) > most:
            raise Turned(413, f"正文超过 {most} 字节，分成几份 / too large, send it in parts")
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        body = bytearray()
        async with asyncio.timeout(self.body_s):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > most:
                    raise Turned(413, f"正文超过 {most} 字节，分成几份 / too large, send it in parts")
        return bytes(body)


ROUTES: tuple[tuple[str, str, Callable[[PushServer, web.BaseRequest, str], Awaitable[Reply]]], ...] = (
    ("GET", r"/", PushServer.home),
    ("GET", r"/style\.css", PushServer.style),
    ("GET", r"/push/([a-z][a-z0-9_-]*)/schema", PushServer.schema),
    ("POST", r"/push/([a-z][a-z0-9_-]*)", PushServer.push),
    ("GET", r"/report", PushServer.form),
    ("POST", r"/report", PushServer.report),
)
