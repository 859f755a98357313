"""Stand-in of Twilio's Messages resource: what the SDK sends, answers, statuses, signed callbacks, error bodies; and the faults of a bad night.

Every accepted message is one line of an append-only file, with an HMAC instead of the number: the outside's own ledger, against which
"nobody lost, nobody twice" is proved. Lines of one loop turn are written together before any answer of that turn leaves.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import re
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote_plus, urlencode, urlsplit

from aiohttp import web

from console.sandbox.callbacks import Caller
from console.sandbox.phone import Phones
from core.settings import Settings
from core.times import iso, utc
from notifiers.render import segments

_E164 = re.compile(r"\+[1-9]\d{7,14}")
MESSAGES = {21211: "The 'To' number is not a valid phone number.", 21610: "Attempt to send to unsubscribed recipient",
            21614: "'To' number is not a valid mobile number", 20429: "Too Many Requests", 20003: "Authenticate", 20500: "Internal Server Error",
            21602: "Message body is required.", 21603: "A 'From' phone number is required."}


class Now(Protocol):
    """A clock that somebody else sets."""

    def now(self) -> datetime:
        """Aware time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares (0..1), seconds and messages a second (0: no limit); `codes` maps an error code to the share of numbers that get it."""

    error_500: float = 0.0
    drop: float = 0.0
    rate: float = 0.0
    too_many: float = 0.0
    accept_delay: float = 0.0
    list_lag: float = 0.0
    undelivered: float = 0.0
    send_delay: float = 0.05
    deliver_delay: float = 0.1
    codes: dict[str, float] = field(default_factory=dict)
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class Message:
    """One accepted message; `to` is '' where it was read back from the file."""

    sid: str
    to: str
    who: str
    sender: str
    body: str
    callback: str
    created: datetime
    seen: float
    status: str = "queued"
    sent: datetime | None = None
    error: int | None = None
    valid_s: int = 36_000


class SmsGateway:
    """mount() it on an application; statuses advance by elapsed time, dates follow `clock`."""

    def __init__(self, *, clock: Now, log_path: Path, settings: Settings | None = None, faults: Faults | None = None,
                 phones: Phones | None = None) -> None:
        self.clock, self.path, self.faults, self.phones = clock, log_path, faults or Faults(), phones or Phones()
        s = settings or Settings.load()
        self.account, self.token = s.twilio_account, s.twilio_token.get_secret_value()
        self._basic = "Basic " + base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        self._key, self.random = hashlib.sha256(b"sandbox sms " + self.token.encode()).digest(), random.Random(self.faults.seed)
        self.by_sid: dict[str, Message] = {}
        self.by_who: dict[str, list[Message]] = {}
        self.bodies: dict[str, str] = {}
        self._lines, self._next, self._count = list[str](), deque[tuple[float, str]](), Counter[str]()
        self._bucket, self._bucket_at, self._file = 0.0, 0.0, -1

    def mount(self, app: web.Application) -> None:
        """Add the routes and the life of this gateway to an application."""
        root = "/2010-04-01/Accounts/{account}/Messages"
        app.router.add_post(root + ".json", self.create)
        app.router.add_get(root + ".json", self.list)
        app.router.add_get(root + "/{sid}.json", self.fetch)
        app.router.add_get("/sandbox/summary", self.summary)
        app.router.add_post("/sandbox/faults", self.set_faults)
        app.cleanup_ctx.append(self._live)

    def who(self, number: str) -> str:
        """The keyed name of a number in file and summary."""
        return hmac.digest(self._key, number.encode(), "sha256").hex()[:24]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """POST Messages.json."""
        form = _form((await request.read()).decode())
        if refusal := self._refusal(request, form):
            status, code = refusal
            return _problem(status, code)
        if self.faults.accept_delay:
            await asyncio.sleep(self.faults.accept_delay)
        message = self._accept(form)
        draw = self.random.random()
        if draw < self.faults.error_500:
            self._count["error_500"] += 1
            return _problem(500, 20500)
        if draw < self.faults.error_500 + self.faults.drop and request.transport is not None:
            self._count["drop"] += 1
            request.transport.abort()
        return web.Response(status=201, body=json.dumps(self._resource(message)).encode(), content_type="application/json")

    def _refusal(self, request: web.Request, form: dict[str, str]) -> tuple[int, int] | None:
        if request.headers.get("Authorization") != self._basic or request.match_info["account"] != self.account:
            return 401, 20003
        if self._too_fast() or (self.faults.too_many and self.random.random() < self.faults.too_many):
            self._count["refused_429"] += 1
            return 429, 20429
        to = form.get("To", "")
        if not _E164.fullmatch(to):
            return 400, 21211
        for name, code in (("Body", 21602), ("From", 21603)):
            if not form.get(name):
                return 400, code
        place = int(self.who(to)[:8], 16) / 2**32 if self.faults.codes else 1.0
        for code_text, share in self.faults.codes.items():
            if place < share:
                return 400, int(code_text)
            place -= share
        return None

    def _too_fast(self) -> bool:
        if not self.faults.rate:
            return False
        now = asyncio.get_running_loop().time()
        self._bucket = min(self.faults.rate, self._bucket + (now - self._bucket_at) * self.faults.rate)
        self._bucket_at = now
        if self._bucket < 1:
            return True
        self._bucket -= 1
        return False

    def _accept(self, form: dict[str, str]) -> Message:
        loop, who = asyncio.get_running_loop(), self.who(form["To"])
        message = Message(sid="SM" + secrets.token_hex(16), to=form["To"], who=who, sender=form["From"], body=form["Body"],
                          callback=form.get("StatusCallback", ""), created=self.clock.now(), seen=loop.time(),
                          valid_s=int(form.get("ValidityPeriod", "36000") or 36_000))
        self._remember(message)
        body_id = _name_of(message.body)
        if body_id not in self.bodies:
            self.bodies[body_id] = message.body
            self._lines.append(json.dumps({"event": "body", "body": body_id, "text": message.body}, ensure_ascii=False))
        self._lines.append(f'{{"event":"message","sid":"{message.sid}","to":"{who}","tag":{json.dumps(urlsplit(message.callback).query)},'
                           f'"body":"{body_id}","from":{json.dumps(message.sender)},"at":"{_iso_second(message.created.replace(microsecond=0))}"}}')
        self._write()
        if self.faults.send_delay >= 0:
            self._next.append((loop.time() + self.faults.send_delay, message.sid))
        self._count["accepted"] += 1
        return message

    def _remember(self, message: Message) -> None:
        self.by_sid[message.sid] = message
        self.by_who.setdefault(message.who, []).append(message)

    def _write(self) -> None:
        if self._lines:
            os.write(self._file, ("\n".join(self._lines) + "\n").encode())
            self._lines.clear()

    async def list(self, request: web.Request) -> web.Response:
        """GET Messages.json with To, From, DateSent (=, <, >) and paging, the newest first."""
        if request.headers.get("Authorization") != self._basic:
            return _problem(401, 20003)
        q, now = request.query, asyncio.get_running_loop().time()
        found = self.by_who.get(self.who(q["To"]), []) if "To" in q else list(self.by_sid.values())
        found = [m for m in reversed(found) if now - m.seen >= self.faults.list_lag and _dated(m, q) and q.get("From", m.sender) == m.sender]
        page, size = int(q.get("Page", 0)), min(1000, int(q.get("PageSize", 50)))
        path, rest = request.path, {k: v for k, v in q.items() if k not in ("Page", "PageToken")}

        def uri(n: int) -> str:
            """Where page `n` of the same list is."""
            return f"{path}?{urlencode(rest | {'PageSize': size, 'Page': n})}"

        cut = found[page * size:(page + 1) * size]
        return web.json_response({
            "messages": [self._resource(m) | {"to": q.get("To", m.to)} for m in cut], "page": page, "page_size": size, "start": page * size,
            "end": page * size + max(0, len(cut) - 1), "uri": uri(page), "first_page_uri": uri(0), "previous_page_uri": uri(page - 1) if page else None,
            "next_page_uri": uri(page + 1) if len(found) > (page + 1) * size else None})

    async def fetch(self, request: web.Request) -> web.Response:
        """GET one message."""
        message = self.by_sid.get(request.match_info["sid"])
        if request.headers.get("Authorization") != self._basic or message is None:
            return _problem(404, 20404) if message is None else _problem(401, 20003)
        return web.json_response(self._resource(message))

    def _resource(self, m: Message) -> dict[str, Any]:
        created = _mail_date(m.created)
        return {"sid": m.sid, "account_sid": self.account, "api_version": "2010-04-01", "body": m.body, "to": m.to, "from": m.sender,
                "status": m.status, "num_segments": _parts(m.body), "num_media": "0", "direction": "outbound-api", "price": None,
                "price_unit": "USD", "error_code": m.error, "error_message": None, "messaging_service_sid": None, "date_created": created,
                "date_updated": created, "date_sent": _mail_date(m.sent) if m.sent else None, "subresource_uris": {},
                "uri": f"/2010-04-01/Accounts/{self.account}/Messages/{m.sid}.json"}

    async def summary(self, _request: web.Request) -> web.Response:
        """Counts for people: accepted, statuses, messages that reached one number twice with one body."""
        pairs = Counter((m.who, m.body) for m in self.by_sid.values())
        return web.json_response({"accepted": len(self.by_sid), "recipients": len(self.by_who), "duplicates": sum(n - 1 for n in pairs.values()),
                                  "by_status": Counter(m.status for m in self.by_sid.values()), "events": self._count, "bodies": len(self.bodies)})

    async def set_faults(self, request: web.Request) -> web.Response:
        """Change the faults; unknown names are a 400."""
        given = await request.json()
        if set(given) - {f.name for f in fields(Faults)}:
            return web.Response(status=400)
        self.faults = replace(self.faults, **given)
        self.random = random.Random(self.faults.seed)
        return web.json_response(asdict(self.faults))

    async def _live(self, _app: web.Application) -> AsyncIterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._reload()
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        caller = Caller()
        task = asyncio.create_task(self._advance(caller))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await caller.close()
        os.fsync(self._file)
        os.close(self._file)

    def _reload(self) -> None:
        """A gateway that comes back knows what it took: its numbers by their keyed names only."""
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []:
            row = json.loads(line)
            if row["event"] == "body":
                self.bodies[row["body"]] = row["text"]
            elif row["event"] == "message":
                at = datetime.fromisoformat(row["at"])
                self._remember(Message(sid=row["sid"], to="", who=row["to"], sender=row["from"], body=self.bodies[row["body"]], callback="", created=at,
                                       seen=float("-inf"), status="delivered", sent=at))

    async def _advance(self, caller: Caller) -> None:
        """queued -> sent -> delivered | undelivered, each with a signed callback."""
        loop, later = asyncio.get_running_loop(), deque[tuple[float, str]]()
        while True:
            await asyncio.sleep(0.02)
            now, told = loop.time(), iso(self.clock.now())
            for due, state in ((self._next, "sent"), (later, "delivered")):
                for _ in range(1000):
                    if not due or due[0][0] > now:
                        break
                    message = self.by_sid[due.popleft()[1]]
                    self._move(message, state)
                    if message.status == "sent":
                        later.append((now + self.faults.deliver_delay, message.sid))
                    if message.callback:
                        await caller.post(message.callback, self._callback(message), self.token, told)

    def _move(self, message: Message, state: str) -> None:
        message.status = state
        if state == "sent":
            message.sent = self.clock.now()
            if (message.sent - message.created).total_seconds() > message.valid_s:
                message.status, message.error = "failed", 30036
        elif self.faults.undelivered and self.random.random() < self.faults.undelivered:
            message.status, message.error = "undelivered", 30005
        else:
            self.phones.receive(message.to, message.sid, message.body)

    def _callback(self, m: Message) -> dict[str, str]:
        form = {"MessageSid": m.sid, "SmsSid": m.sid, "MessageStatus": m.status, "SmsStatus": m.status, "To": m.to, "From": m.sender,
                "AccountSid": self.account, "ApiVersion": "2010-04-01"}
        return form | ({"ErrorCode": str(m.error)} if m.error else {})


def _form(body: str) -> dict[str, str]:
    """A form-encoded body; a text that thousands get is decoded once."""
    pairs = (part.partition("=") for part in body.split("&") if part)
    return {unquote_plus(name): _long(value) if len(value) > 200 else unquote_plus(value) for name, _, value in pairs}


@lru_cache(maxsize=4096)
def _long(value: str) -> str:
    return unquote_plus(value)


@lru_cache(maxsize=4096)
def _name_of(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


@lru_cache(maxsize=4096)
def _parts(body: str) -> str:
    return str(segments(body))


@lru_cache(maxsize=64)
def _iso_second(at: datetime) -> str:
    return iso(at)


def _mail_date(at: datetime) -> str:
    return _mail_second(at.replace(microsecond=0))


@lru_cache(maxsize=64)
def _mail_second(at: datetime) -> str:
    return format_datetime(utc(at))


def _dated(message: Message, query: Any) -> bool:
    """Whether the sending date fits DateSent, DateSent> and DateSent<; what is still queued has none and fits no such filter."""
    day = message.sent.date().isoformat() if message.sent else ""
    for name in ("DateSent", "DateSent>", "DateSent<"):
        wanted = query.get(name, "")[:10]
        if wanted and (not day or (name == "DateSent" and day != wanted) or (name == "DateSent>" and day < wanted) or (name == "DateSent<" and day > wanted)):
            return False
    return True


def _problem(status: int, code: int) -> web.Response:
    return web.json_response({"code": code, "message": MESSAGES.get(code, "error"), "more_info": f"https://www.twilio.com/docs/errors/{code}",
                              "status": status}, status=status)


