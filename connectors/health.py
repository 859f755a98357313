"""Feed health as a ladder: schedule, network, source, content, freshness. The first rung that fails is the headline.

Silence never reads as calm: an old body, an empty list, a login page or half a document is not OK, and a feed that has told nothing new
for its `max_age_s` is SILENT whatever the reason; so is one that goes on answering with a storm that no longer moves. The texts are for
the officer on duty, who wants to know what to do next.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from connectors.registry import CONNECTORS
from core.county import County, Feed
from core.ledger import FeedHealthRow, Ledger
from core.model import FeedState
from core.times import iso, parse_iso, people

LAYERS = ("schedule", "network", "source", "content", "freshness")
#: Share of its time after which a feed that still answers is called late.
LATE_SHARE = 0.75
#: What failed, and what to do about it.
WORDS = {
    "schedule": ("采集任务没有运行", "检查 Airflow 调度", "the pull did not run"),
    "network": ("连不上数据源", "检查网络或专线", "the source cannot be reached"),
    "source": ("数据源拒绝或报错", "联系数据提供单位", "the source refused or failed"),
    "content": ("返回内容不能用", "核对接口是否改版、登录是否过期", "the answer cannot be used"),
    "freshness": ("数据停在旧时刻", "联系数据提供单位核实测站", "the readings have stopped"),
}


def health(now: datetime, county: County, ledger: Ledger) -> list[FeedHealthRow]:
    """Health of every enabled feed at `now`, without pulling anything; a feed never tried is UNKNOWN."""
    known = ledger.feed_health()
    return [evaluate(feed, known.get(feed.feed), now, county) for feed in county.feeds if feed.enabled]


def evaluate(feed: Feed, row: FeedHealthRow | None, now: datetime, county: County | None = None) -> FeedHealthRow:
    """The row with state, layer and headline as of `now`.

    `row.layer` is the rung at which the last pull failed, '' when it did not. Age counts from the newest reading, or from the last good
    pull for feeds that are quiet in good weather (`age_from: fetch`); such a feed that last told of a storm or a forecast must also have moved
    on since (`Connector.standstill`). A feed all of whose stations are being worked on is UNKNOWN, not silent.
    """
    if row is None:
        words = f"{feed.title}：尚未采集 / not pulled yet"
        return FeedHealthRow(feed=feed.feed, state=FeedState.UNKNOWN, checked_at=iso(now), headline=words)
    failed = row.layer if row.failures else ""
    checked = parse_iso(row.checked_at)
    if now - checked > timedelta(seconds=max(2 * feed.interval_s, feed.max_age_s)):
        failed = "schedule"
    since, share = _oldest(feed, row, now)
    if since is None or share > 1:
        state = FeedState.SILENT if since is not None else FeedState.FAILED
        failed = failed or "freshness"
    elif failed:
        state = FeedState.FAILED
    elif share > LATE_SHARE:
        state, failed = FeedState.LATE, "freshness"
    else:
        state = FeedState.OK
    if state is not FeedState.OK and failed in ("content", "freshness") and county is not None and _all_at_work(feed, county, now):
        words = f"{feed.title}：全部测站在维护，没有可用读数 / every station under maintenance"
        return replace(row, state=str(FeedState.UNKNOWN), layer=failed, headline=words)
    return replace(row, state=str(state), layer=failed, headline=_headline(feed, state, failed, since, now, county))


def rungs(layer: str) -> tuple[tuple[str, str], ...]:
    """The ladder: each layer with ok, failed or open. What lies beyond the first failing layer cannot be known."""
    failed = LAYERS.index(layer) if layer in LAYERS else len(LAYERS)
    return tuple((name, "ok" if n < failed else "failed" if n == failed else "open") for n, name in enumerate(LAYERS))


def _all_at_work(feed: Feed, county: County, now: datetime) -> bool:
    stations = [station.station for station in county.stations_of(feed.feed)]
    return bool(stations) and all(any(w.station == s and w.covers(now) for w in county.maintenance) for s in stations)


def _oldest(feed: Feed, row: FeedHealthRow, now: datetime) -> tuple[datetime | None, float]:
    """The time from which the age of what we know counts, and the share of its limit that has passed; the worse of the feed's two clocks."""
    text = row.success_at if feed.age_from == "fetch" else row.newest_reading
    if not text:
        return None, 0.0
    clocks = [(parse_iso(text), timedelta(seconds=feed.max_age_s))]
    standstill = CONNECTORS[feed.connector].standstill
    if feed.age_from == "fetch" and standstill and row.newest_reading:
        clocks.append((parse_iso(row.newest_reading), standstill))
    return max(((since, (now - since) / limit) for since, limit in clocks), key=lambda clock: clock[1])


def _headline(feed: Feed, state: FeedState, layer: str, since: datetime | None, now: datetime, county: County | None) -> str:
    if state is FeedState.OK:
        return f"{feed.title}：正常 / normal"
    what, do, english = WORDS[layer]
    age = f"，最新数据 {people(since, county.zone) if county else people(since)}（{spell(now - since)}前）" if since else "，从未成功取得数据"
    return f"{feed.title}：{what}{age}。{do} / {english}"


def spell(age: timedelta) -> str:
    """An age as people say it: 25分钟, 3小时10分."""
    minutes = max(0, int(age.total_seconds() // 60))
    return f"{minutes}分钟" if minutes < 60 else f"{minutes // 60}小时{minutes % 60:02d}分" if minutes < 2880 else f"{minutes // 1440}天"
