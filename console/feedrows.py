"""The feeds as people see them at a time: health judged anew, the ladder, last reading, age, records today and of the period."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from connectors.health import evaluate, rungs
from console.context import PERIOD
from core.ledger import FeedHealthRow
from core.ledger import tables as t
from core.times import iso, parse_iso

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from console.context import Context


def feeds(tx: Connection, ctx: Context, now: datetime) -> list[dict[str, Any]]:
    """One row an enabled feed. The state is that of `now`, not of the last pull: a scheduler that stopped leaves no green behind.

    `ladder` is [(layer, ok | failed | open)]; `today` counts from midnight of the county's clock; `age_s` None: never.
    """
    health = {row["feed"]: FeedHealthRow(**row) for row in tx.execute(select(t.feed_health)).mappings()}
    c = t.feed_run.c
    sums = (func.sum(c.records).label("records"), func.sum(c.set_aside).label("aside"), func.count().label("runs"))
    totals = {row.feed: row for row in tx.execute(select(c.feed, *sums).where(c.at >= iso(now - PERIOD), c.at <= iso(now)).group_by(c.feed))}
    midnight = now.astimezone(ctx.county.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    today = dict(tx.execute(select(c.feed, func.sum(c.records)).where(c.at >= iso(midnight), c.at <= iso(now)).group_by(c.feed)).tuples().all())
    rows = []
    for feed in ctx.county.feeds:
        if not feed.enabled:
            continue
        known, total = health.get(feed.feed), totals.get(feed.feed)
        row = evaluate(feed, known, now, ctx.county)
        newest = row.success_at if feed.age_from == "fetch" else row.newest_reading
        ladder = rungs(row.layer) if known is not None else tuple((name, "open") for name, _ in rungs(""))
        rows.append({
            "feed": feed.feed, "title": feed.title, "sector": str(feed.sector), "connector": feed.connector, "state": str(row.state),
            "layer": row.layer, "ladder": [list(rung) for rung in ladder], "headline": row.headline,
            "records": int(total.records) if total else 0, "set_aside": int(total.aside) if total else 0, "runs": total.runs if total else 0,
            "today": int(today.get(feed.feed) or 0), "newest": newest, "age_s": (now - parse_iso(newest)).total_seconds() if newest else None,
            "age_from": feed.age_from, "synthetic": any(station.synthetic for station in ctx.county.stations_of(feed.feed)),
        })
    return rows
