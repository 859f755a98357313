"""The receiver of status callbacks: checks Twilio's signature over the exact address, gathers for a moment, notes in one commit.

`python -m console.receipts --port 0 --ready-file F`; anything that cannot be verified gets 403.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from core.ledger import Ledger
from core.settings import Settings
from core.times import parse_iso
from notifiers.receipts import News, record

PATH = "/receipts/twilio"
GATHER_S = 0.25
#: A callback may come before the sender has noted the message; it is kept for this many rounds.
ROUNDS = 40


class Receiver:
    """Holds what came and writes it in batches."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._validator = RequestValidator(settings.twilio_token.get_secret_value())
        self._ledger, self._address = ledger, ""
        self._clock = f"{settings.sandbox_url}/clock" if settings.mode == "sandbox" and settings.sandbox_url else ""
        self._news: dict[News, int] = {}

    def listen_at(self, address: str) -> None:
        """The public address that the sender signs over."""
        self._address = address

    async def take(self, request: web.Request) -> web.Response:
        """One callback: 204, or 403 for whatever cannot be verified."""
        form = {key: str(value) for key, value in (await request.post()).items()}
        signature = request.headers.get("X-Twilio-Signature", "")
        if not signature or not self._validator.validate(self._address, form, signature):
            return web.Response(status=403)
        self._news.setdefault(News(form.get("MessageSid", ""), form.get("MessageStatus", ""), form.get("ErrorCode", "")), ROUNDS)
        return web.Response(status=204)

    async def _now(self) -> datetime:
        """The sandbox's clock where there is one, so that a replay's time line is the scenario's; the wall clock otherwise."""
        if not self._clock:
            return datetime.now(UTC)
        async with aiohttp.ClientSession() as session, session.get(self._clock) as answer:
            return parse_iso((await answer.json())["now"])

    async def write(self) -> None:
        """Note what came, again and again, until cancelled."""
        while True:
            await asyncio.sleep(GATHER_S)
            if self._news:
                taken, self._news = self._news, {}
                unknown = await asyncio.to_thread(record, self._ledger, list(taken), await self._now())
                self._news |= {news: taken[news] - 1 for news in unknown if taken[news] > 1}


async def serve(port: int, ready: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings.load()
    receiver = Receiver(settings, Ledger.open(settings.ledger_address))
    app = web.Application()
    app.router.add_post(PATH, receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    port = runner.addresses[0][1]
    receiver.listen_at(f"http://127.0.0.1:{port}{PATH}")
    part = ready.with_suffix(".part")
    part.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    part.replace(ready)
    writer, stop = asyncio.create_task(receiver.write()), asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await stop.wait()
    writer.cancel()
    await runner.cleanup()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="console.receipts")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    args = parser.parse_args()
    asyncio.run(serve(args.port, args.ready_file))


if __name__ == "__main__":
    main()
