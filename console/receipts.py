"""Receiver of SMS status callbacks: `python -m console.receipts --port 0 --ready-file F`.

Only what carries the provider's signature over address and form is believed; any doubt is a 403. Callbacks are written in groups.
An answer does not wait for the disk: what a crash loses here, the provider's list still has.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from aiohttp import web
from twilio.request_validator import RequestValidator

from core.errors import StoreError
from core.ledger import Ledger
from core.settings import Settings
from core.times import parse_iso
from notifiers.receipts import Callback, record_many

PATH, MAX_BYTES, FLUSH_S = "/receipts/twilio", 16_384, 0.05
log = logging.getLogger("fengsui.receipts")


class Receiver:
    """Takes callbacks, keeps them for an instant, writes them in groups."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self.ledger, self.settings, self.waiting = ledger, settings, list[Callback]()
        self.validator = RequestValidator(settings.twilio_token.get_secret_value())

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(client_max_size=MAX_BYTES)
        app.router.add_post(PATH, self.take)
        app.cleanup_ctx.append(self._writer)
        return app

    async def take(self, request: web.Request) -> web.Response:
        """204 for a signed callback, 403 for everything else."""
        address = self.settings.sms_callback_url.split("?")[0] or f"{request.scheme}://{request.host}{PATH}"
        query = request.rel_url.raw_query_string
        try:
            pairs = parse_qsl((await request.read()).decode(), keep_blank_values=True, strict_parsing=True)
            form = dict(pairs)
            url = address + (f"?{query}" if query else "")
            given = request.headers.get("X-Twilio-Signature", "")
            signed = len(form) == len(pairs) and hmac.compare_digest(self.validator.compute_signature(url, form).encode(), given.encode())
            told = request.headers.get("X-Sandbox-Now", "") if self.settings.mode == "sandbox" else ""
            at = parse_iso(told) if told else datetime.now(UTC)
            delivery = int(request.query["d"]) if "d" in request.query else None
        except (ValueError, TypeError, KeyError):
            signed = False
        if not signed:
            return web.Response(status=403)
        self.waiting.append(Callback(delivery, form, at))
        return web.Response(status=204)

    async def _writer(self, _app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._write_on())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.flush()

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await asyncio.to_thread(self.flush)
            except StoreError as error:
                log.error("receipts_not_written %s", error)

    def flush(self) -> None:
        """Write what has come; it stays queued when the ledger does not take it."""
        batch = self.waiting[:2000]
        if batch:
            record_many(self.ledger, batch)
            del self.waiting[: len(batch)]


async def serve(port: int, ready: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings.load()
    receiver = Receiver(Ledger.open(settings.ledger_address), settings)
    runner = web.AppRunner(receiver.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    part = ready.with_suffix(".part")
    part.write_text(json.dumps({"port": runner.addresses[0][1], "pid": os.getpid()}), encoding="utf-8")
    part.replace(ready)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="console.receipts")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.ready_file))
