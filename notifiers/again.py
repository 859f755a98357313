"""Trying again what a channel gave back: bounded, spaced, and only for codes that say it may help.

The number of tries is kept as receipts (again.1, again.2, ...), apart from `attempt`, which also counts calls that the provider never took.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import bindparam, insert, or_, select, update

from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso, parse_iso
from notifiers.job import Job
from notifiers.outbox import Again
from notifiers.outbox.rows import among, d, of

#: Such a receipt says that a message had failed and was sent again: its late callbacks are about a message that no longer counts.
MARK = "again."


def try_again(job: Job, channel: str, rules: Mapping[str, Again]) -> int:
    """undelivered | refused -> pending, not before its wait is over, for rows of versions that may go; returns how many."""
    versions = [of(version) for version in job.versions.values()]
    if not (versions and rules):
        return 0
    failed = select(d.delivery_id, d.code, d.finished_at).where(
        d.channel == channel, d.state.in_((D.UNDELIVERED, D.REFUSED)), d.code.in_(rules), or_(*versions))
    r = t.receipt.c
    with job.ledger.begin() as tx:
        rows = tx.execute(failed).all()
        tries = Counter(tx.execute(select(r.delivery_id).where(r.kind.startswith(MARK), r.delivery_id.in_(failed.with_only_columns(d.delivery_id)))).scalars())
        going = [row for row in rows if rules[row.code].times == 0 or tries[row.delivery_id] < rules[row.code].times]
        if going:
            now = iso(job.ticker.now())
            tx.execute(insert(t.receipt), [
                {"delivery_id": row.delivery_id, "kind": f"{MARK}{tries[row.delivery_id] + 1}", "at": now, "detail": row.code} for row in going])
            back = update(t.delivery).where(d.delivery_id == bindparam("i"), among((D.UNDELIVERED, D.REFUSED)))
            tx.execute(back.values(state=D.PENDING, finished_at=None, provider_id="", not_before=bindparam("w")), [
                {"i": row.delivery_id, "w": iso(parse_iso(row.finished_at or now) + timedelta(seconds=rules[row.code].wait_s))} for row in going])
    return len(going)
