"""The receiver believes the provider's signature and nothing else."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from compose_files import check_of
from sqlalchemy import select, update
from twilio.request_validator import RequestValidator

from console.receipts import PATH, Receiver, running, serve
from console.sandbox.callbacks import signature
from core.errors import ConfigError
from core.ledger import tables as t
from notifiers.beats import heard
from notifiers.receipts import Callback

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

d = t.delivery.c
ROOT = Path(__file__).resolve().parents[2]


def sending(tmp_path: Path) -> tuple[nw.Place, int]:
    """A place with one message on its way, and the number of its row."""
    place = nw.make(tmp_path, people=100)
    place.publish(haimen=3)
    with place.ledger.begin() as tx:
        one = int(tx.execute(select(d.delivery_id).limit(1)).scalar_one())
        tx.execute(update(t.delivery).where(d.delivery_id == one).values(state="sending"))
    return place, one


def test_signed_is_taken_everything_else_is_403(tmp_path: Path) -> None:
    place, one = sending(tmp_path)
    form = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+8610000000001", "ErrorCode": ""}

    async def main() -> None:
        async with running(Receiver(place.ledger, place.settings)) as port:
            await ask(f"http://127.0.0.1:{port}{PATH}?d={one}")

    async def ask(url: str) -> None:
        assert signature(url, form, "t" * 32) == RequestValidator("t" * 32).compute_signature(url, form)
        good = signature(url, form, "t" * 32)
        async with aiohttp.ClientSession() as session:
            async def post(data: Any, sign: str | None = good, to: str = url) -> int:
                headers = {"X-Twilio-Signature": sign} if sign is not None else {}
                async with session.post(to, data=data, headers=headers) as answer:
                    return answer.status

            for status in [await post(form, None), await post(form, ""), await post(form, "x"), await post(form, "签"), await post(form, good[::-1]),
                           await post(form | {"MessageStatus": "sent"}), await post(form, good, url.replace(f"d={one}", "d=9")),
                           await post(b"{}"), await post(b"\xff"), await post(b""), await post(form, signature(url, form, "other"))]:
                assert status == 403
            for at, odd in ((url.replace(f"d={one}", f"d={2**70}"), form), (url, form | {"MessageSid": "S" * 65}), (url, form | {"ErrorCode": "\0"})):
                assert await post(odd, signature(at, odd, "t" * 32), at) == 403, "what no ledger can hold would keep the others from being written"
            assert await post(b"x" * 20_000) == 403 and await post(form, good, url.replace("twilio", "other")) == 403
            async with session.get(url) as answer:
                assert answer.status == 403
            for of, code in (("20210725T040000Z", 204), ("20211325T040000Z", 403), ("1", 403)):  # the canary's beats
                beat = url.replace(f"d={one}", f"c={of}")
                assert await post(form, signature(beat, form, "t" * 32), beat) == code
                assert await post(form, good, beat) == 403, "a beat is signed like everything else"
            assert await post(form) == 204 and await post(form) == 204

    asyncio.run(main())
    with place.ledger.read() as tx:
        assert tx.execute(select(d.state, d.provider_id).where(d.delivery_id == one)).one() == ("delivered", "SM1")
        assert len(tx.execute(select(t.receipt)).all()) == 1 and heard(tx) is not None


def test_the_command_takes_a_signed_callback_and_ends_when_told(tmp_path: Path) -> None:
    place, one = sending(tmp_path)
    env = os.environ | {"FENGSUI_HOME": str(place.settings.home), "FENGSUI_LEDGER_URL": place.settings.ledger_address, "FENGSUI_TWILIO_TOKEN": "t" * 32,
                        "PYTHONUNBUFFERED": "1"}
    run = subprocess.Popen([sys.executable, "-m", "console.cli", "gateway", "receipts"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        port = run.stdout.readline().rpartition(":")[2].strip()
        check = check_of("sms-receipts", "'localhost', 8091", f"'127.0.0.1', {port}")
        assert subprocess.run(check, check=False).returncode == 0
        url = f"http://127.0.0.1:{port}{PATH}?d={one}"
        form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
        answers = [httpx.post(url, data=form, headers={"X-Twilio-Signature": sign}).status_code for sign in ("x", signature(url, form, "t" * 32))]
        run.terminate()
        assert (answers, run.wait(30)) == ([403, 204], 0)
        assert subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode == 1
    finally:
        run.kill()
    with place.ledger.read() as tx:
        assert tx.execute(select(d.state).where(d.delivery_id == one)).scalar_one() == "delivered"


@pytest.mark.parametrize(("change", "host", "words"), [
    ({}, "0.0.0.0", "loopback"), ({"mode": "live"}, "127.0.0.1", "FENGSUI_SMS_CALLBACK_URL"),
    ({"mode": "live", "sms_callback_url": "https://a.example/x"}, "127.0.0.1", PATH),
])
def test_a_receiver_that_could_believe_nobody_does_not_start(tmp_path: Path, change: dict[str, str], host: str, words: str) -> None:
    settings = nw.make(tmp_path, people=10).settings.model_copy(update=change)
    with pytest.raises(ConfigError, match=words):
        asyncio.run(serve(settings, host, 0, lambda _: None))


def test_what_the_ledger_does_not_take_is_told_and_written_when_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("core.ledger.engine.BUSY_TIMEOUT_S", 0.05)
    place, one = sending(tmp_path)
    receiver = Receiver(place.ledger, place.settings)
    receiver.waiting.append(Callback(one, {"MessageSid": "SM1", "MessageStatus": "delivered"}, nw.START, 0))
    blocker = sqlite3.connect(str(place.ledger.engine.url.database), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")

    async def main() -> None:
        writer = asyncio.create_task(receiver.write_on())
        while "receipts_not_written" not in caplog.text:  # noqa: ASYNC110 - a line in a log
            await asyncio.sleep(0.02)
        assert len(receiver.waiting) == 1 and not writer.done()
        blocker.execute("ROLLBACK")
        while receiver.waiting:  # noqa: ASYNC110 - a list that empties
            await asyncio.sleep(0.02)
        writer.cancel()

    asyncio.run(main())
    with place.ledger.read() as tx:
        assert tx.execute(select(d.state).where(d.delivery_id == one)).scalar_one() == "delivered"
