"""Asking for the status of messages whose callback never came: bounded, the longest silent first, less and less often."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from core.errors import DeliveryError
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso, parse_iso
from notifiers.job import Job
from notifiers.outbox.rows import d, due
from notifiers.receipts import Callback, record_many
from notifiers.sms.twilio import MAX_VALIDITY_S, TwilioSms

#: A message is asked for when it has been silent for this long, then each time its silence has grown by half; at most so many a dispatch.
SILENT_S, LIMIT = 60.0, 200
#: What stays silent for longer than the provider's queue lasts, and a day more, is asked for no more.
OVER_S = MAX_VALIDITY_S + 86_400


async def poll(job: Job, channel: TwilioSms) -> int:
    """Fetch and record what is due; returns how many answered."""
    now = job.ticker.now()
    query = select(d.delivery_id, d.provider_id, d.handed_at).where(
        d.channel == "sms", d.delivery_id % job.shard[1] == job.shard[0], or_(d.state == D.ACCEPTED, d.state == D.SENT), d.provider_id != "",
        d.handed_at <= iso(now - timedelta(seconds=SILENT_S)), d.handed_at >= iso(now - timedelta(seconds=OVER_S)), due(now))
    with job.ledger.read() as tx:
        rows = tx.execute(query.order_by(d.handed_at).limit(LIMIT)).all()
    if not rows:
        return 0
    room = asyncio.Semaphore(job.settings.sms_in_flight)
    told = [c for c in await asyncio.gather(*(_one(row, channel, room, now) for row in rows)) if c is not None]
    record_many(job.ledger, told)
    later = update(t.delivery).where(d.delivery_id == bindparam("i"), or_(d.state == D.ACCEPTED, d.state == D.SENT))
    with job.ledger.begin() as tx:
        tx.execute(later.values(not_before=bindparam("w")), [{"i": row.delivery_id, "w": iso(now + (now - parse_iso(row.handed_at)) / 2)} for row in rows])
    return len(told)


async def _one(row: Any, channel: TwilioSms, room: asyncio.Semaphore, now: datetime) -> Callback | None:
    async with room:
        try:
            held = await channel.fetch(row.provider_id)
        except DeliveryError:
            return None
    return Callback(row.delivery_id, {"MessageSid": held.sid, "MessageStatus": held.status, "ErrorCode": held.code}, now)
