"""A provider that is not well: it answers without saying anything, never ends its answer or its list, shows somebody else's message; receipts that overtake
the answer; a ledger that takes nothing more. Nobody is told twice, nobody is forgotten, nothing hangs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import event, select

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.errors import DeliveryError, StoreError
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.pii import Number
from core.settings import Settings
from notifiers.authority import issued, verified
from notifiers.job import Parts
from notifiers.outbox import Item, Outbox, Outcome, Ticker
from notifiers.receipts import record
from notifiers.sms import transport
from notifiers.sms.twilio import TwilioSms

d = t.delivery.c
NUMBER, TEXT = "+8610000000001", "快走"
ITEM = Item(delivery_id=7, ref=("A", 1), recipient="haimen-00001", town="haimen", attempt=1, claimed_at="2021-07-25T04:00:00+00:00")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def provider(answer: Answer, deadline_s: float = 60.0) -> AsyncIterator[TwilioSms]:
    """The production channel against whatever answers."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = Settings(sms_url=f"http://127.0.0.1:{runner.addresses[0][1]}", twilio_account="AC1", twilio_token="t", http_deadline_s=deadline_s)
    async with TwilioSms(settings) as channel:
        yield channel
    await runner.cleanup()


def sent(answer: Answer, deadline_s: float = 60.0) -> Outcome:
    async def main() -> Outcome:
        async with provider(answer, deadline_s) as channel:
            return await channel.send(ITEM, Number(NUMBER), TEXT, "FS", 60)

    return asyncio.run(main())


def says(body: str, status: int = 200) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    return answer


@pytest.mark.parametrize("body", [
    "", "<html>login</html>", "[]", "null", '"SM1"', "{}", '{"code": 20500, "message": "down", "status": 500}', '{"sid": null}', '{"sid": ""}', '{"sid": 5}',
    '{"sid": ["SM1"]}', json.dumps({"sid": "S" * 65}), '{"sid": "SM\\u0000"}', '{"sid": "短信"}',
], ids=range(14))
def test_an_answer_without_an_id_is_no_acceptance(body: str) -> None:
    for status in (200, 201):
        assert (sent(says(body, status)).state, sent(says(body, status)).provider_id) == (D.SENDING, "")


async def drips(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(status=201)
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.01)


async def pours(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(status=201)
    await answer.prepare(request)
    while True:
        await answer.write(b" " * 65_536)


def test_an_answer_that_never_ends_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent(drips, 0.2).state is D.SENDING
    monkeypatch.setattr(transport, "MOST", 200_000)
    outcome = sent(pours)
    assert (outcome.state, outcome.code) == (D.SENDING, "ClientPayloadError"), "by its length, long before the deadline"


def listing(*messages: dict[str, Any], more: bool = False) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"messages": list(messages), "uri": request.path, "page": 0, "page_size": 50, "next_page_uri": request.path if more else None})

    return answer


def found(answer: Answer, deadline_s: float = 60.0) -> str | None:
    async def main() -> str | None:
        async with provider(answer, deadline_s) as channel:
            return await channel.find(ITEM, Number(NUMBER), TEXT)

    return asyncio.run(main())


def test_a_list_is_believed_about_the_number_that_was_asked_for_alone() -> None:
    held = {"sid": "SM1", "to": NUMBER, "body": TEXT, "status": "sent"}
    assert found(listing(held)) == "SM1" and found(listing(held | {"to": None})) == "SM1"
    assert found(listing(held | {"to": "+8610000000002"})) is None, "a neighbour has the very same text"
    assert found(listing(held | {"sid": None})) is None and found(listing(held | {"body": "别的"})) is None


def test_a_list_without_an_end_is_no_answer() -> None:
    with pytest.raises(DeliveryError) as failure:
        found(listing(more=True), 0.3)
    assert failure.value.code == "TimeoutError" and NUMBER not in repr(failure.value)


def claimed(place: nw.Place) -> tuple[Outbox, Item]:
    """An outbox after its claim, and one of the items."""
    place.publish(haimen=3)
    with place.ledger.read() as tx:
        row = next(iter(issued(tx, place.now)))
        version = verified(tx, row, place.county, place.keyring, place.settings)
    outbox, versions = Outbox(place.ledger, Ticker(place.now), "sms"), {version.ref: version}
    outbox.release(versions.values())
    return outbox, outbox.claim(versions, 500)[0]


@pytest.mark.parametrize(("status", "state"), [("sent", "sent"), ("delivered", "delivered"), ("undelivered", "undelivered")])
@pytest.mark.parametrize("answer", [
    Outcome(delivery_id=0, state=D.ACCEPTED, provider_id="SM1"), Outcome(delivery_id=0, state=D.SENDING, code="TimeoutError"),
    Outcome(delivery_id=0, state=D.PENDING, code="not_taken"), Outcome(delivery_id=0, state=D.UNKNOWN, code="unknown"),
], ids=lambda answer: str(answer.state))
def test_a_receipt_that_comes_before_the_answer_stands(tmp_path: Path, status: str, state: str, answer: Outcome) -> None:
    place = nw.make(tmp_path, people=60)
    outbox, item = claimed(place)
    assert record(place.ledger, {"MessageSid": "SM1", "MessageStatus": status}, place.now, item.delivery_id, item.attempt) == 1
    outbox.settle([Outcome(delivery_id=item.delivery_id, state=answer.state, provider_id=answer.provider_id, code=answer.code)])
    with place.ledger.read() as tx:
        row = tx.execute(select(d.state, d.provider_id, d.possible_duplicate).where(d.delivery_id == item.delivery_id)).one()
    assert row == (state, "SM1", False)


def test_a_receipt_of_nothing_that_we_know_changes_nothing(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60)
    claimed(place)
    before = place.states()
    for delivery in (None, 0, 10**9):
        assert record(place.ledger, {"MessageSid": "SM9", "MessageStatus": "delivered"}, place.now, delivery) == 0
    assert record(place.ledger, {"MessageStatus": "delivered"}, place.now, 1) == 0 and place.states() == before


def test_a_ledger_that_takes_nothing_more_ends_the_dispatch_and_the_next_one_tells_nobody_twice(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=120, grace=0.2)
    ref = place.publish(haimen=3)
    wanted = sum(channel == "sms" for channel, *_ in place.recipients(ref))

    class Full(Outbox):
        """The disk is full from the first claim on."""

        def claim(self, *given: Any) -> list[Item]:
            items = super().claim(*given)
            event.listen(self.ledger.engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA query_only=ON"), insert=False)
            return items

    with pytest.raises(StoreError):
        place.dispatch(parts=Parts(outbox=Full))
    taken = len(gateway.messages())
    place.ledger.close()
    again = nw.make(tmp_path, sms_url=gateway.url, people=120, grace=0.2)
    again.dispatch()
    numbers = [m["to"] for m in gateway.messages()]
    assert taken > 0 and len(numbers) == len(set(numbers)) == wanted and set(again.states()) <= {"accepted", "sent", "delivered"}
