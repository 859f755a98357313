"""Quality flags at ingest: the batch is judged together with the hours before it. Also: former rows of a list written down again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations

import numpy as np

from connectors.stations import distance_km
from core import quality
from core.county import County, Feed
from core.lake import Lake
from core.model import Batch, Flag, Observation

#: How far back the lake is read so that the first reading of a batch has a past.
HISTORY = timedelta(hours=6)
#: Neighbours for the comparison of stations, km; about the width of this county.
NEAR_KM = 25.0
_RANK = {Flag.GOOD: 0, Flag.UNKNOWN: 1, Flag.SUSPECT: 2, Flag.FAIL: 3, Flag.MISSING: 4}


def judge(batch: Batch, *, feed: Feed, county: County, lake: Lake, now: datetime) -> Batch:
    """The batch with flags and reasons; no value is dropped or changed, and the source's own worse flag stays."""
    if not batch.observations:
        return batch
    found: dict[int, list[tuple[Flag, str]]] = defaultdict(list)
    series = _series(batch.observations)
    past = _past(lake, feed, min(o.time for o in batch.observations), now)
    for key, places in series.items():
        rows = [batch.observations[i] for i in places]
        before = past.get(key, [])
        times = np.array([t for t, _ in before] + [o.time.timestamp() for o in rows])
        values = np.array([v for _, v in before] + [_number(o) for o in rows])
        reasons = quality.check_series(key[1], times, values, interval_s=rows[-1].interval_s)
        for place, told in zip(places, reasons[len(before):], strict=True):
            found[place] += told
    for place, told in _compare(batch.observations, county).items():
        found[place] += told
    return replace(batch, observations=tuple(_flagged(o, found.get(i, [])) for i, o in enumerate(batch.observations)))


def _series(observations: tuple[Observation, ...]) -> dict[tuple[str, str], list[int]]:
    """Positions of each station's and property's readings, in order of time; a forecast is nobody's past."""
    series: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, o in enumerate(observations):
        if o.issued is None:
            series[o.station, o.observed_property].append(i)
    for places in series.values():
        places.sort(key=lambda i: observations[i].time)
    return series


def _past(lake: Lake, feed: Feed, first: datetime, now: datetime) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Readings of this feed in the HISTORY before `first`, by station and property: (epoch s, value)."""
    last = first - timedelta(microseconds=1)
    frame = lake.observations(start=first - HISTORY, end=last, as_of=now, feeds=[feed.feed])
    past: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    stamps = frame["time"].astype("int64").to_numpy() / 1e6
    for station, name, time, value in zip(frame["station"], frame["observed_property"], stamps, frame["value"], strict=True):
        past[station, name].append((time, value))
    return past


def _compare(observations: tuple[Observation, ...], county: County) -> dict[int, list[tuple[Flag, str]]]:
    """Each reading beside those of the stations near it at the same time; stations that share a path are one witness."""
    stations = {station.station: station for station in county.stations}
    groups: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for i, o in enumerate(observations):
        if o.observed_property in quality.NEIGHBOURS and o.station in stations and o.value is not None and o.issued is None:
            groups[o.observed_property, o.time].append(i)
    near = {
        pair for a, b in combinations(stations.values(), 2) if distance_km(a.lat, a.lon, b.lat, b.lon) <= NEAR_KM and a.path != b.path
        for pair in ((a.station, b.station), (b.station, a.station))
    }
    found: dict[int, list[tuple[Flag, str]]] = {}
    for (name, _), places in groups.items():
        for i in places:
            others = [_number(observations[j]) for j in places if (observations[i].station, observations[j].station) in near]
            reason = quality.check_neighbours(name, _number(observations[i]), np.array(others))
            if reason:
                found[i] = [(Flag.SUSPECT, reason)]
    return found


def _number(observation: Observation) -> float:
    return float("nan") if observation.value is None else observation.value


def _flagged(observation: Observation, found: list[tuple[Flag, str]]) -> Observation:
    if not found:
        return observation
    worst = max([observation.flag, *(flag for flag, _ in found)], key=lambda flag: _RANK[flag])
    return replace(observation, flag=worst, reasons=(*observation.reasons, *(reason for _, reason in found)))
