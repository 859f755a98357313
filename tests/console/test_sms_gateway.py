"""The gateway through the real SDK: resource, list, errors, faults, signed callbacks, and a log without numbers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from console.sandbox.clock import Clock
from console.sandbox.sms_gateway import Faults, SmsGateway
from core.errors import DeliveryError
from core.model import DeliveryState as D
from core.pii import Number
from core.settings import Settings
from notifiers.outbox import Item
from notifiers.sms.twilio import TwilioSms

AT, NUMBER = datetime(2021, 7, 25, 4, tzinfo=UTC), "+8610000123456"


def item(n: int = 7) -> Item:
    return Item(delivery_id=n, ref=("A", 1), recipient="haimen-00001", town="haimen", attempt=1, claimed_at="2021-07-25T04:00:00+00:00")


def run(tmp_path: Path, use: Callable[[TwilioSms, SmsGateway, Settings], Awaitable[None]], callback: str = "", **faults: Any) -> None:
    """A gateway on loopback and the production channel against it, with a deadline that no busy machine comes near."""

    async def main() -> None:
        first = Settings(twilio_account="AC" + "1" * 32, twilio_token="t" * 32)
        gateway = SmsGateway(clock=Clock(AT), log_path=tmp_path / "sms.jsonl", settings=first, faults=Faults(**faults))
        app = web.Application()
        gateway.mount(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        settings = first.model_copy(update={"sms_url": f"http://127.0.0.1:{runner.addresses[0][1]}", "sms_callback_url": callback, "http_deadline_s": 60.0})
        async with TwilioSms(settings) as channel:
            await use(channel, gateway, settings)
        await runner.cleanup()

    asyncio.run(main())


def test_accepted_listed_and_logged_without_the_number(tmp_path: Path) -> None:
    async def use(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
        out = await channel.send(item(), Number(NUMBER), "【海门预警】快走", "FS", 3600)
        assert out.state is D.ACCEPTED and out.provider_id.startswith("SM") and len(out.provider_id) == 34
        assert await channel.find(item(), Number(NUMBER), "【海门预警】快走") == out.provider_id  # queued: no sending date yet
        await asyncio.sleep(0.4)
        assert gateway.by_sid[out.provider_id].status == "delivered"
        assert await channel.find(item(), Number(NUMBER), "【海门预警】快走") == out.provider_id
        assert await channel.find(item(), Number(NUMBER), "另一条") is None

    run(tmp_path, use)
    text = (tmp_path / "sms.jsonl").read_text(encoding="utf-8")
    assert "10000123456" not in text and "快走" in text
    assert [json.loads(line)["event"] for line in text.splitlines()] == ["body", "message"]


@pytest.mark.parametrize(("faults", "number", "state", "code"), [
    ({"error_500": 1.0}, NUMBER, D.SENDING, "20500"), ({"drop": 1.0}, NUMBER, D.SENDING, "ServerDisconnectedError"),
    ({"too_many": 1.0}, NUMBER, D.PENDING, "20429"), ({"codes": {"21610": 1.0}}, NUMBER, D.REFUSED, "21610"),
    ({"codes": {"21614": 1.0}}, NUMBER, D.REFUSED, "21614"), ({}, "not a number", D.REFUSED, "21211"),
])
def test_outcomes_and_no_number_anywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, faults: dict[str, Any], number: str, state: D, code: str,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def use(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
        out = await channel.send(item(), Number(number), "快走", "FS", 3600)
        assert out.state is state and (not code or out.code == code) and number not in repr(out)
        taken = "error_500" in faults or "drop" in faults
        assert len(gateway.by_sid) == taken
        assert (await channel.find(item(), Number(number), "快走") is not None) == taken

    run(tmp_path, use, **faults)
    assert "10000123456" not in caplog.text


def test_an_answer_that_does_not_come_within_the_deadline_is_not_known(tmp_path: Path) -> None:
    async def use(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
        async with TwilioSms(settings.model_copy(update={"http_deadline_s": 0.1})) as hurried:
            assert (await hurried.send(item(), Number(NUMBER), "快走", "FS", 3600)).state is D.SENDING
        assert await channel.find(item(), Number(NUMBER), "快走") is None

    run(tmp_path, use, accept_delay=3600.0)


def test_a_closed_door_is_safe_to_retry_and_a_blind_list_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        async with TwilioSms(Settings(sms_url="http://127.0.0.1:9", twilio_account="AC1", twilio_token="t")) as channel:
            assert (await channel.send(item(), Number(NUMBER), "快走", "FS", 60)).state is D.PENDING
            with pytest.raises(DeliveryError) as failure:
                await channel.find(item(), Number(NUMBER), "快走")
            assert NUMBER not in repr(failure.value) + str(failure.value) + repr(failure.value.__cause__)

    asyncio.run(main())


def test_wrong_token_is_refused_and_lists_nothing(tmp_path: Path) -> None:
    async def use(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
        url = f"{settings.sms_url}/2010-04-01/Accounts/{settings.twilio_account}/Messages.json"
        async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(settings.twilio_account, "wrong")) as session:
            assert (await session.post(url, data={"To": NUMBER, "From": "FS", "Body": "x"})).status == 401
            assert (await session.get(url)).status == 401

    run(tmp_path, use)


def test_pages_and_lag(tmp_path: Path) -> None:
    async def use(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
        for n in range(7):
            await channel.send(item(n), Number(NUMBER), f"第{n}条", "FS", 60)
        assert await channel.find(item(), Number(NUMBER), "第0条") is None
        await asyncio.sleep(0.35)
        assert len(await channel._client.messages.list_async(to=NUMBER, page_size=2)) == 7
        assert await channel.find(item(), Number(NUMBER), "第0条")

    run(tmp_path, use, list_lag=0.3)


def test_a_gateway_that_comes_back_knows_what_it_took(tmp_path: Path) -> None:
    async def first(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
        await channel.send(item(), Number(NUMBER), "快走", "FS", 60)

    async def second(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
        assert await channel.find(item(), Number(NUMBER), "快走")

    run(tmp_path, first)
    run(tmp_path, second)


def test_callbacks_bear_a_signature_that_the_sdk_accepts(tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []

    async def hook(request: web.Request) -> web.Response:
        form = dict(await request.post())
        valid = RequestValidator("t" * 32).validate(str(request.url), form, request.headers["X-Twilio-Signature"])
        seen.append((str(form["MessageStatus"]), valid and not RequestValidator("x").validate(str(request.url), form, request.headers["X-Twilio-Signature"])))
        return web.Response(text="ok")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/hook", hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]

        async def use(channel: TwilioSms, gateway: SmsGateway, settings: Settings) -> None:
            for n in range(100):
                await channel.send(item(n), Number(NUMBER), "快走", "FS", 60)
            await asyncio.sleep(0.6)

        await asyncio.to_thread(run, tmp_path, use, f"http://127.0.0.1:{port}/hook")
        await runner.cleanup()

    asyncio.run(main())
    assert sorted(seen) == [("delivered", True)] * 100 + [("sent", True)] * 100
