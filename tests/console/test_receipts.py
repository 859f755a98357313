"""The receiver believes the provider's signature and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select, update
from twilio.request_validator import RequestValidator

from console.receipts import PATH, Receiver, running
from console.sandbox.callbacks import signature
from core.ledger import tables as t
from notifiers.receipts import Callback

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw


def test_signed_is_taken_everything_else_is_403(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=100)
    place.publish(haimen=3)
    d = t.delivery.c
    with place.ledger.begin() as tx:
        one = tx.execute(select(d.delivery_id).limit(1)).scalar_one()
        tx.execute(update(t.delivery).where(d.delivery_id == one).values(state="sending"))
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
            assert await post(form) == 204 and await post(form) == 204

    asyncio.run(main())
    with place.ledger.read() as tx:
        assert tx.execute(select(d.state, d.provider_id).where(d.delivery_id == one)).one() == ("delivered", "SM1")
        assert len(tx.execute(select(t.receipt)).all()) == 1


def test_what_the_ledger_does_not_take_is_told_and_written_when_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("core.ledger.engine.BUSY_TIMEOUT_S", 0.05)
    place = nw.make(tmp_path, people=100)
    place.publish(haimen=3)
    d = t.delivery.c
    with place.ledger.begin() as tx:
        one = tx.execute(select(d.delivery_id).limit(1)).scalar_one()
        tx.execute(update(t.delivery).where(d.delivery_id == one).values(state="sending"))
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
