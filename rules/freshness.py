"""Which feeds are silent at a time: nothing new for longer than the county allows.

A feed of readings is as old as its newest reading in the lake, one of forecasts alone as its newest issue; a feed that is quiet in good weather (tracks, warnings) is as
old as its last good pull in the ledger. What the watchdog already calls silent is silent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import select

from core.county import County
from core.ledger import FeedHealthRow, Ledger
from core.ledger.tables import feed_run
from core.model import FeedState
from core.times import iso, parse_iso

_GOOD = ("ok", "unchanged", "partial")


def silent_feeds(
    now: datetime, county: County, observations: pd.DataFrame, forecasts: pd.DataFrame, received: dict[str, datetime], ledger: Ledger,
) -> frozenset[str]:
    """Ids of the enabled feeds that are silent at `now`.

    `observations`, `forecasts` as lake.observations gives them; `received` newest receipt by feed of tracks and signals.
    """
    read = observations[["feed", "time"]][observations["value"].notna()]
    newest = {
        str(feed): stamp.to_pydatetime()
        for times in (forecasts[forecasts["value"].notna()].groupby("feed")["issued"], read.groupby("feed")["time"])  # readings go before forecasts
        for feed, stamp in times.max().items()
    }
    health = ledger.feed_health()
    longest = timedelta(seconds=max((f.max_age_s for f in county.feeds), default=0))
    pulled = _pulled(ledger, now, now - longest)
    silent = set()
    for feed in county.feeds:
        times = [received.get(feed.feed), pulled.get(feed.feed)] if feed.age_from == "fetch" else [newest.get(feed.feed)]
        last = max((t for t in times if t is not None), default=None)
        limit = timedelta(seconds=feed.max_age_s)
        if feed.enabled and (last is None or now - last > limit or _said_silent(health.get(feed.feed), now, limit)):
            silent.add(feed.feed)
    return frozenset(silent)


def _pulled(ledger: Ledger, now: datetime, since: datetime) -> dict[str, datetime]:
    """Time of the newest good pull by feed in (since, now]."""
    c = feed_run.c
    with ledger.begin() as tx:
        rows = tx.execute(select(c.feed, c.at).where(c.at <= iso(now), c.at >= iso(since), c.outcome.in_(_GOOD)).order_by(c.at))
        return {feed: parse_iso(at) for feed, at in rows}


def _said_silent(row: FeedHealthRow | None, now: datetime, limit: timedelta) -> bool:
    """What was judged around `now`; health from another time says nothing about this one."""
    return row is not None and row.state == FeedState.SILENT and timedelta(0) <= now - parse_iso(row.checked_at) <= limit


def whole_lists(signals: pd.DataFrame, now: datetime, ledger: Ledger) -> pd.DataFrame:
    """lake.signals with `snapshot_at` moved back to each feed's newest list of which nothing was set aside.

    A record that could not be read may be the very signal that is missing; until a whole list comes, nothing was lifted.
    """
    whole = {feed: pd.Timestamp(times[-1]) for feed, times in whole_times(set(signals["feed"]), now, ledger).items()}
    moved = [min(stamp, whole.get(feed, stamp)) for feed, stamp in zip(signals["feed"], signals["snapshot_at"], strict=True)]
    return signals.assign(snapshot_at=pd.Series(moved, index=signals.index, dtype="datetime64[us, UTC]"))


def whole_times(feeds: set[str], now: datetime, ledger: Ledger) -> dict[str, list[datetime]]:
    """When each feed was read whole up to `now`, oldest first."""
    c = feed_run.c
    found: dict[str, list[datetime]] = {}
    with ledger.begin() as tx:
        for feed, at in tx.execute(select(c.feed, c.at).where(c.at <= iso(now), c.outcome == "ok", c.feed.in_(sorted(feeds))).order_by(c.at)):
            found.setdefault(feed, []).append(parse_iso(at))
    return found
