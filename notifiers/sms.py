"""The SMS channel: clear the doubtful, send what waits, ask what became of it. The protocol stands in notifiers/outbox.py."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, select

from core.errors import DeliveryError
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.pii import Sealer
from core.times import parse_iso
from notifiers import outbox, receipts, render
from notifiers.outbox import Outcome
from notifiers.sms_twilio import TwilioSms

if TYPE_CHECKING:
    from notifiers.dispatch import Round

BATCH = 1000
LOOK_BACK = timedelta(hours=36)


def run(round_: Round) -> None:
    """One round of the channel; returns when nothing waits or the round's time is up."""
    asyncio.run(_run(round_))


async def _run(round_: Round) -> None:
    async with TwilioSms.open(round_.settings) as twilio:
        idle = False
        while not idle and round_.time_left() > 0:
            await _clear_doubtful(round_, twilio)
            idle = not await _send_batch(round_, twilio) and not outbox.doubtful(round_.ledger, "sms")
            if idle and (waiting := outbox.pending(round_.ledger, "sms")[0]):
                idle = waiting == 0
                await asyncio.sleep(0.2)
        await _ask(round_, twilio)


async def _clear_doubtful(round_: Round, twilio: TwilioSms) -> None:
    """Look up every message in doubt once its grace is over: found -> accepted, not found -> to be sent again."""
    rows = outbox.doubtful(round_.ledger, "sms")
    if not rows:
        return
    grace = timedelta(seconds=round_.settings.unknown_grace_s)
    wait = max((parse_iso(row["claimed_at"]) + grace - round_.now()).total_seconds() for row in rows)
    if wait > 0:
        await asyncio.sleep(min(wait, round_.time_left()))
    numbers = _numbers(round_, rows)
    gate = asyncio.Semaphore(round_.settings.sms_in_flight)

    async def look(row: RowMapping) -> Outcome:
        async with gate:
            sid = await twilio.find(numbers[row["recipient"]], render.mark(row["alert_id"], row["version"]), parse_iso(row["claimed_at"]) - LOOK_BACK)
        if sid:
            return Outcome(delivery_id=row["delivery_id"], state=D.ACCEPTED, provider_id=sid, code="found", handed_at=row["claimed_at"])
        return Outcome(delivery_id=row["delivery_id"], state=D.PENDING, code="not found")

    outbox.record(round_.ledger, await asyncio.gather(*(look(row) for row in rows)))


async def _send_batch(round_: Round, twilio: TwilioSms) -> int:
    """Claim, check, send and note one batch; how many were claimed."""
    rows = outbox.claim(round_.ledger, "sms", round_.now(), BATCH)
    numbers = _numbers(round_, rows)
    gate = asyncio.Semaphore(round_.settings.sms_in_flight)

    async def send(row: RowMapping) -> Outcome | None:
        version = round_.versions.get((row["alert_id"], row["version"]))
        if version is None:
            return Outcome(delivery_id=row["delivery_id"], state=D.CANCELLED)
        async with gate:
            now, expires = round_.now(), parse_iso(version["expires"])
            if now >= expires:
                return Outcome(delivery_id=row["delivery_id"], state=D.EXPIRED)
            try:
                text = render.sms(round_.body(version), row["town"], round_.county.signature)
            except DeliveryError as error:
                return Outcome(delivery_id=row["delivery_id"], state=D.REFUSED, code=error.code)
            outcome = await twilio.send(row, numbers[row["recipient"]], text, now, expires)
        round_.tell(1)
        return outcome

    outbox.record(round_.ledger, [o for o in await asyncio.gather(*(send(row) for row in rows)) if o])
    return len(rows)


def _numbers(round_: Round, rows: list[RowMapping]) -> dict[str, str]:
    """Open the numbers of these recipients, in memory only."""
    sealer, wanted, out = Sealer(round_.settings.sealing_key()), [row["recipient"] for row in rows], {}
    with round_.ledger.begin() as tx:
        for start in range(0, len(wanted), 500):
            query = select(t.resident.c.resident_id, t.resident.c.phone).where(t.resident.c.resident_id.in_(wanted[start:start + 500]))
            out.update({r.resident_id: sealer.open(r.phone) for r in tx.execute(query)})
    return out


async def _ask(round_: Round, twilio: TwilioSms) -> None:
    """Poll what became of the messages in flight (callbacks may be lost), for as long as news keep coming and time is left."""
    patience = 6
    while patience and round_.time_left() > 0 and (since := _oldest_open(round_)):
        news = [receipts.News(*found) async for found in twilio.statuses(since - timedelta(days=1))]
        before = _open(round_)
        receipts.record(round_.ledger, news, round_.now())
        patience = patience - 1 if _open(round_) == before else 6
        if _open(round_):
            await asyncio.sleep(0.5)


def _open(round_: Round) -> int:
    with round_.ledger.begin() as tx:
        return len(tx.execute(select(t.delivery.c.delivery_id).where(t.delivery.c.channel == "sms", _in_flight())).all())


def _oldest_open(round_: Round) -> datetime | None:
    with round_.ledger.begin() as tx:
        text = tx.execute(select(t.delivery.c.handed_at).where(t.delivery.c.channel == "sms", _in_flight()).order_by(t.delivery.c.handed_at).limit(1)).scalar()
    return parse_iso(text) if text else None


def _in_flight() -> Any:
    return t.delivery.c.state.in_([str(D.ACCEPTED), str(D.SENT)])
