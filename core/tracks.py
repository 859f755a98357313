"""Several agencies' typhoon tracks side by side: how far apart they are at each lead time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, atan2, cos, degrees, hypot, radians, sin, sqrt

from core.model import TrackPoint

EARTH_KM = 6371.0
LEADS_H = (12, 24, 48, 72, 96, 120)
#: Issues older than this beside the newest one are yesterday's opinion.
ISSUE_H = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The agencies at one lead time: their mean position (degrees), mean and largest distance from it (km), least and greatest wind (m/s, None: none said)."""

    storm: str
    lead_h: int
    time: datetime
    agencies: tuple[str, ...]
    lat: float
    lon: float
    mean_km: float
    max_km: float
    wind_low: float | None
    wind_high: float | None


def spread(points: Iterable[TrackPoint], *, storm: str, now: datetime, leads_h: Sequence[int] = LEADS_H) -> tuple[Spread, ...]:
    """Spread of the agencies' newest forecasts of `storm` at `now` + each lead; leads that fewer than two agencies reach are left out.

    An agency counts by its newest issue not after `now` and at most ISSUE_H hours older than the newest of all. Between two of its points a
    position is linear in time. The same agency by several feeds counts once, by its newest receipt.
    """
    issues: dict[str, dict[datetime, list[TrackPoint]]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        if point.storm == storm and point.issued is not None and point.issued <= now:
            issues[point.agency][point.issued].append(point)
    newest = max((max(of) for of in issues.values()), default=now)
    tracks = {agency: _once(of[max(of)]) for agency, of in sorted(issues.items()) if newest - max(of) <= timedelta(hours=ISSUE_H)}
    found = []
    for lead in leads_h:
        time = now + timedelta(hours=lead)
        there = {agency: place for agency, track in tracks.items() if (place := _at(track, time)) is not None}
        if len(there) > 1:
            found.append(_spread(storm, lead, time, there))
    return tuple(found)


def _once(points: Iterable[TrackPoint]) -> list[TrackPoint]:
    """One point a time, the newest receipt, in order of time."""
    by_time = {point.time: point for point in sorted(points, key=lambda p: (p.received, p.feed))}
    return [by_time[time] for time in sorted(by_time)]


def _at(track: list[TrackPoint], time: datetime) -> tuple[float, float, float | None] | None:
    """(lat, lon, wind) at `time`; None outside the track. Longitudes go the short way round."""
    for first, second in zip(track, track[1:] or track, strict=False):
        if first.time <= time <= second.time:
            share = 0.0 if second.time == first.time else (time - first.time) / (second.time - first.time)
            step = (second.lon - first.lon + 180) % 360 - 180
            winds = (first.wind, second.wind)
            wind = None if winds[0] is None or winds[1] is None else winds[0] + share * (winds[1] - winds[0])
            return first.lat + share * (second.lat - first.lat), first.lon + share * step, wind
    return None


def _spread(storm: str, lead: int, time: datetime, there: dict[str, tuple[float, float, float | None]]) -> Spread:
    lat, lon = _middle([(one[0], one[1]) for one in there.values()])
    apart = [_km(lat, lon, one[0], one[1]) for one in there.values()]
    winds = [one[2] for one in there.values() if one[2] is not None]
    return Spread(
        storm=storm, lead_h=lead, time=time, agencies=tuple(there), lat=round(lat, 4), lon=round(lon, 4), mean_km=sum(apart) / len(apart), max_km=max(apart),
        wind_low=min(winds, default=None), wind_high=max(winds, default=None),
    )


def _middle(places: list[tuple[float, float]]) -> tuple[float, float]:
    """Mean of positions on the sphere, degrees."""
    x = sum(cos(radians(lat)) * cos(radians(lon)) for lat, lon in places)
    y = sum(cos(radians(lat)) * sin(radians(lon)) for lat, lon in places)
    z = sum(sin(radians(lat)) for lat, _ in places)
    return degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x))


def _km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    p1, p2, half = radians(lat1), radians(lat2), radians(lon2 - lon1) / 2
    a = sin((p2 - p1) / 2) ** 2 + cos(p1) * cos(p2) * sin(half) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(a)))
