"""Receiver of SMS status callbacks: `fengsui gateway receipts`, or `python -m console.receipts --port 0 --ready-file F`.

Only what carries the provider's signature over address and form is believed; any doubt is a 403. Callbacks are written in groups.
An answer does not wait for the disk: what a crash loses here, dispatch asks the provider for (notifiers.sms.polling).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hmac
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import parse_qsl

import uvloop
from aiohttp import web

from core.errors import ConfigError, StoreError
from core.ledger import Ledger
from core.settings import Settings, is_loopback
from core.times import parse_iso
from notifiers.beats import NAME, PARAMETER
from notifiers.receipts import Callback, record_many

PATH, MAX_BYTES, FLUSH_S, BATCH, MAX_SID = "/receipts/twilio", 16_384, 0.2, 2000, 64
log = logging.getLogger("fengsui.receipts")


class Receiver:
    """Takes callbacks, keeps them for an instant, writes them in groups."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self.ledger, self.waiting, self.sandbox = ledger, list[Callback](), settings.mode == "sandbox"
        self.address, self._key = settings.sms_callback_url.split("?")[0], settings.twilio_token.get_secret_value().encode()

    def server(self) -> web.Server:
        """What answers requests: there is one address, so no router."""
        return web.Server(self.take, access_log=None)

    async def take(self, request: web.BaseRequest) -> web.Response:
        """204 for a signed callback, 403 for everything else."""
        path, _, query = request.raw_path.partition("?")
        if path != PATH or request.method != "POST" or (request.content_length or 0) > MAX_BYTES:
            return web.Response(status=403)
        try:
            pairs = parse_qsl((await request.read()).decode(), keep_blank_values=True, strict_parsing=True)
            form, asked = dict(pairs), dict(parse_qsl(query))
            address = self.address or f"{request.scheme}://{request.host}{PATH}"
            given = request.headers.get("X-Twilio-Signature", "")
            signed = len(form) == len(pairs) and hmac.compare_digest(self._signature(f"{address}?{query}" if query else address, form), given.encode())
            told = request.headers.get("X-Sandbox-Now", "") if self.sandbox else ""
            at = _instant(told) if told else datetime.now(UTC)
            if len(form.get("MessageSid", "")) > MAX_SID or any("\0" in value for value in form.values()):
                raise ValueError
            beat = datetime.strptime(asked[PARAMETER], NAME).replace(tzinfo=UTC) if PARAMETER in asked else None
            callback = Callback(_count(asked["d"]) if "d" in asked else None, form, at, _count(asked.get("a", "0")), beat)
        except (ValueError, TypeError, KeyError):
            signed = False
        if not signed:
            return web.Response(status=403)
        self.waiting.append(callback)
        return web.Response(status=204)

    def _signature(self, url: str, form: dict[str, str]) -> bytes:
        """Twilio's: HMAC-SHA1 over address and sorted form, base64 (RequestValidator.compute_signature, which the tests hold it to)."""
        text = url + "".join([name + form[name] for name in sorted(form)])
        return base64.b64encode(hmac.digest(self._key, text.encode(), "sha1"))

    async def write_on(self) -> None:
        """Until cancelled: write what has come."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await asyncio.to_thread(self.flush)
            except StoreError as error:
                log.error("receipts_not_written %s", error)

    def flush(self) -> None:
        """Write what has come; it stays queued when the ledger does not take it."""
        while batch := self.waiting[:BATCH]:
            record_many(self.ledger, batch)
            del self.waiting[: len(batch)]


def _count(text: str) -> int:
    """A row's number or an attempt; ValueError for what no ledger can hold: one callback that cannot be written must not keep the others from being."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError
    return int(text)


@lru_cache(maxsize=256)
def _instant(text: str) -> datetime:
    return parse_iso(text)


@asynccontextmanager
async def running(receiver: Receiver, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve; the port. What has come is written on the way out."""
    runner = web.ServerRunner(receiver.server())
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    writer = asyncio.create_task(receiver.write_on())
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        receiver.flush()


async def serve(settings: Settings, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Run until SIGTERM or SIGINT; `ready` is told the port. ConfigError where no callback could be believed, or a sandbox would be heard outside."""
    if settings.mode != "live" and not is_loopback(host):
        raise ConfigError("演示模式只监听本机 / sandbox mode listens on loopback only")
    if settings.mode == "live" and not settings.sms_callback_url.endswith(PATH):
        raise ConfigError(f"FENGSUI_SMS_CALLBACK_URL 须是运营商访问的地址，以 {PATH} 结尾：签名按它核对 / the address that the provider calls, for its signature")
    async with running(Receiver(Ledger.open(settings.ledger_address), settings), port, host) as taken:
        ready(taken)
        stop = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
        await stop.wait()


def _note(path: Path, port: int) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="console.receipts")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    given = parser.parse_args()
    uvloop.run(serve(Settings.load(), "127.0.0.1", given.port, partial(_note, given.ready_file)))
