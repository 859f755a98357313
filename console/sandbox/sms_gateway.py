"""A stand-in for Twilio's Messages resource: form-encoded creates, listing with filters and pages, statuses, signed callbacks, error codes, 429.

Its log (JSON lines, numbers only as keyed fingerprints) is the provider's own ledger: exactly-once is proved against it.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from console.sandbox.clock import Clock


@dataclass(kw_only=True)
class Knobs:
    """How the provider misbehaves: shares in [0, 1], seconds, and creates a second (0: no limit)."""

    error_after_accept: float = 0.0
    drop_after_accept: float = 0.0
    too_many: float = 0.0
    undelivered: float = 0.004
    accept_delay_s: float = 0.0
    list_lag_s: float = 0.0
    seed: int = 7


@dataclass(slots=True)
class Message:
    """One accepted message."""

    sid: str
    to: str
    body: str
    sent: datetime
    listed_after: float
    status: str = "queued"
    code: int | None = None
    callback: str = ""
    token: str = ""


ERRORS = {21211: "The 'To' number is not a valid phone number.", 21610: "Attempt to send to unsubscribed recipient",
          20429: "Too Many Requests", 20003: "Authenticate", 21614: "'To' number is not a valid mobile number"}


class SmsGateway:
    """Mount on an aiohttp application; `clock` gives the provider's time."""

    def __init__(self, *, clock: Clock, log_path: Path, knobs: Knobs | None = None) -> None:
        self.clock, self.knobs = clock, knobs or Knobs()
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log = log_path.open("a", encoding="utf-8", buffering=1 << 16)
        self._random, self._messages = Random(self.knobs.seed), list[Message]()
        self._by_to: dict[str, list[Message]] = defaultdict(list)
        self._moving: asyncio.Queue[Message] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._total = 0

    def mount(self, app: web.Application) -> None:
        """Add the routes and the background work to `app`."""
        base = "/2010-04-01/Accounts/{account}/Messages"
        app.router.add_post(base + ".json", self.create)
        app.router.add_get(base + ".json", self.list)
        app.router.add_get("/sandbox/summary", self.summary)
        app.router.add_post("/sandbox/knobs", self.set_knobs)
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._stop)

    async def _start(self, _app: web.Application) -> None:
        self._tasks = [asyncio.create_task(self._carry()) for _ in range(4)]

    async def _stop(self, _app: web.Application) -> None:
        for task in self._tasks:
            task.cancel()
        self._log.close()

    async def create(self, request: web.Request) -> web.Response:
        """POST Messages.json: 201 with the resource, or Twilio's error body."""
        account = request.match_info["account"]
        user, _, token = base64.b64decode(request.headers.get("Authorization", "Basic ")[6:] or "Og==").decode().partition(":")
        if user != account or not token:
            return _error(20003, 401)
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        to, dice = form.get("To", ""), self._random.random()
        if dice < self.knobs.too_many:
            return _error(20429, 429)
        if not (to.startswith("+") and to[1:].isdigit() and 8 <= len(to) <= 16):
            return _error(21211, 400)
        if self.knobs.accept_delay_s:
            await asyncio.sleep(self.knobs.accept_delay_s)
        message = self._accept(to, form, token)
        if self._random.random() < self.knobs.error_after_accept:
            return web.json_response({"status": 500, "message": "Internal Server Error"}, status=500)
        if self._random.random() < self.knobs.drop_after_accept and request.transport:
            request.transport.close()
        return web.json_response(self._resource(message, account), status=201)

    def _accept(self, to: str, form: dict[str, str], token: str) -> Message:
        self._total += 1
        sid = "SM" + sha256(f"{to}/{self._total}/{form.get('Body')}".encode()).hexdigest()[:32]
        now = asyncio.get_running_loop().time()
        message = Message(sid, to, form.get("Body", ""), self.clock.now(), now + self.knobs.list_lag_s, callback=form.get("StatusCallback", ""), token=token)
        self._messages.append(message)
        self._by_to[to].append(message)
        self._write({"at": message.sent.isoformat(timespec="seconds"), "event": "accepted", "sid": sid, "to": _fingerprint(to), "body": message.body,
                     "validity": form.get("ValidityPeriod", "")})
        self._log.flush()
        self._moving.put_nowait(message)
        return message

    async def _carry(self) -> None:
        """Move messages on: queued -> sent -> delivered or undelivered, with a signed callback for each step."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while True:
                message = await self._moving.get()
                fails = int(_fingerprint(message.to)[:6], 16) / 0xFFFFFF < self.knobs.undelivered
                for status in ("sent", "undelivered" if fails else "delivered"):
                    message.status, message.code = status, 30003 if status == "undelivered" else None
                    if message.callback:
                        await self._call_back(session, message)
                self._write({"at": self.clock.now().isoformat(timespec="seconds"), "event": message.status, "sid": message.sid})

    async def _call_back(self, session: aiohttp.ClientSession, message: Message) -> None:
        form = {"MessageSid": message.sid, "MessageStatus": message.status, "To": message.to, "ErrorCode": str(message.code or "")}
        signature = RequestValidator(message.token).compute_signature(message.callback, form)
        try:
            async with session.post(message.callback, data=form, headers={"X-Twilio-Signature": signature}):
                pass
        except (aiohttp.ClientError, TimeoutError):
            self._write({"event": "callback lost", "sid": message.sid})

    async def list(self, request: web.Request) -> web.Response:
        """GET Messages.json: newest first, filters To and DateSent>, pages by PageSize."""
        q, now = request.query, asyncio.get_running_loop().time()
        since = datetime.fromisoformat(q["DateSent>"].replace("Z", "+00:00")) if q.get("DateSent>") else None
        pool = self._by_to[q["To"]] if "To" in q else self._messages
        size, page = min(int(q.get("PageSize", "50")), 1000), int(q.get("Page", "0"))
        shown = [m for m in reversed(pool) if m.listed_after <= now and (since is None or m.sent >= since.replace(tzinfo=since.tzinfo or m.sent.tzinfo))]
        rows = shown[page * size:(page + 1) * size]
        path = f"{request.path}?{'&'.join(f'{k}={v}' for k, v in q.items() if k not in ('Page', 'PageToken'))}"
        more = f"{path}&Page={page + 1}".replace("+", "%2B") if len(shown) > (page + 1) * size else None
        account = request.match_info["account"]
        return web.json_response({"messages": [self._resource(m, account) for m in rows], "page": page, "page_size": size, "next_page_uri": more,
                                  "first_page_uri": path, "uri": path, "start": page * size, "end": page * size + len(rows) - 1})

    async def summary(self, _request: web.Request) -> web.Response:
        """How many were accepted, and how many (number, text) pairs came twice."""
        pairs: dict[tuple[str, str], int] = defaultdict(int)
        for m in self._messages:
            pairs[m.to, m.body] += 1
        self._log.flush()
        return web.json_response({"accepted": self._total, "people": len(self._by_to), "duplicated": sum(n - 1 for n in pairs.values())})

    async def set_knobs(self, request: web.Request) -> web.Response:
        """POST /sandbox/knobs changes how the provider misbehaves from now on."""
        self.knobs = Knobs(**await request.json())
        return web.json_response({"ok": True})

    def _resource(self, m: Message, account: str) -> dict[str, Any]:
        stamp = format_datetime(m.sent)
        return {"sid": m.sid, "account_sid": account, "to": m.to, "from": None, "body": m.body, "status": m.status, "error_code": m.code, "error_message": None,
                "num_segments": str(-(-len(m.body) // 67)), "num_media": "0", "direction": "outbound-api", "api_version": "2010-04-01", "price": None,
                "price_unit": "USD", "messaging_service_sid": None, "date_created": stamp, "date_updated": stamp, "date_sent": stamp,
                "uri": f"/2010-04-01/Accounts/{account}/Messages/{m.sid}.json", "subresource_uris": {}}

    def _write(self, row: dict[str, Any]) -> None:
        self._log.write(json.dumps(row, ensure_ascii=False) + "\n")


def _fingerprint(number: str) -> str:
    return hmac.new(b"sandbox log", number.encode(), sha256).hexdigest()[:20]


def _error(code: int, status: int) -> web.Response:
    return web.json_response({"code": code, "message": ERRORS[code], "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}, status=status)


