"""Each station at a time: telling, late, silent, under maintenance, or never heard. One silent station hides easily in a feed that is well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.county import County
from core.lake import Lake


@dataclass(frozen=True, slots=True, kw_only=True)
class StationState:
    """`state` is ok, silent, maintenance or never; `note` says for officers what is known; `age_s` of the newest reading of any property."""

    station: str
    name: str
    feed: str
    state: str
    newest: datetime | None
    age_s: float | None
    note: str = ""


def station_states(now: datetime, county: County, lake: Lake) -> list[StationState]:
    """One row a station of every enabled feed, in the county's order. Silent is a station without a reading for its feed's max_age_s."""
    newest: dict[str, datetime] = {}
    for (_, station, _), time in lake.newest(as_of=now, since=timedelta(days=3)).items():
        newest[station] = max(time, newest.get(station, time))
    feeds = {feed.feed: feed for feed in county.feeds if feed.enabled}
    return [
        _state(station.station, station.name, station.feed, newest.get(station.station), feeds[station.feed].max_age_s, now, county)
        for station in county.stations if station.feed in feeds
    ]


def _state(station: str, name: str, feed: str, last: datetime | None, max_age_s: int, now: datetime, county: County) -> StationState:
    age = (now - last).total_seconds() if last else None
    work = next((w for w in county.maintenance if w.station == station and w.covers(now)), None)
    if work is not None:
        state, note = "maintenance", {"maintenance": "维护中", "calibration": "检定中", "moved": "已移位"}[work.kind] + (f"：{work.note}" if work.note else "")
    elif age is None:
        state, note = "never", "三天内没有读数 / nothing for three days"
    elif age > max_age_s:
        state, note = "silent", "静默，不等于平安 / silent, which is not calm"
    else:
        state, note = "ok", ""
    return StationState(station=station, name=name, feed=feed, state=state, newest=last, age_s=age, note=note)
