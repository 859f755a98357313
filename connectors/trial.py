"""Try one feed now and say in one sentence what is wrong: fetch and parse, nothing stored, nothing acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.health import WORDS, spell
from connectors.reading.records import NOTES
from connectors.registry import CONNECTORS
from connectors.types import Conditional
from core.county import County
from core.errors import ConfigError, FeedError, ParseError
from core.model import Batch
from core.readings import Readings
from core.settings import Settings
from core.times import people


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`layer` is the first rung of the ladder that failed, '' for none; `sentence` says it for the officer on duty."""

    feed: str
    layer: str
    sentence: str
    records: int = 0
    set_aside: int = 0
    newest: datetime | None = None


def trial(feed_id: str, *, now: datetime, county: County, settings: Settings) -> Trial:
    """One try of one feed at `now` (aware)."""
    feed = county.feed(feed_id)
    try:
        payload = CONNECTORS[feed.connector].fetch(feed, conditional=Conditional(), now=now, settings=settings)
        try:
            batch = Batch() if payload is None else CONNECTORS[feed.connector].parse(payload.body, feed=feed, county=county, received=now, raw="")
        finally:
            if payload is not None and payload.release:
                payload.release()
        queue = payload is not None and payload.acknowledge is not None
        if batch.records < feed.expected and not queue:
            aside = f"，搁置 {len(batch.rejected)} 条，首条：{batch.rejected[0].where} {batch.rejected[0].reason}" if batch.rejected else ""
            raise ParseError(f"只有 {batch.records} 条，应不少于 {feed.expected} 条{aside} / too few records", where=feed.feed)
    except (FeedError, ConfigError) as error:
        layer = error.layer if isinstance(error, FeedError) else "source"
        what, do, english = WORDS[layer]
        return Trial(feed=feed_id, layer=layer, sentence=f"{feed.title}：{what}：{error}。{do} / {english}")
    times = [Readings.of(batch.observations).newest, *(p.time for p in batch.tracks if p.issued is None)]
    newest = max((time for time in times if time is not None), default=None)
    notes = [f"{r.where}: {r.reason}" for r in batch.rejected if r.reason.startswith(NOTES)]
    told = "；".join([f"{batch.records} 条，搁置 {len(batch.rejected)} 条" + (f"，最新 {people(newest, county.zone)}" if newest else ""), *notes[:3]])
    limit = timedelta(seconds=feed.max_age_s) if feed.age_from == "reading" else CONNECTORS[feed.connector].standstill
    if limit is not None and newest is not None and now - newest > limit:
        what, do, english = WORDS["freshness"]
        sentence = f"{feed.title}：{what}，最新 {people(newest, county.zone)}（{spell(now - newest)}前）。{do} / {english}"
        return Trial(feed=feed_id, layer="freshness", sentence=sentence, records=batch.records, set_aside=len(batch.rejected), newest=newest)
    return Trial(feed=feed_id, layer="", sentence=f"{feed.title}：正常，{told} / works", records=batch.records, set_aside=len(batch.rejected), newest=newest)
