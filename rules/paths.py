"""Where the storms are and will be: the analysed track carried on, and the newest forecast of every agency, as positions every half hour from a time on.

Without any forecast the storm's own motion is carried on for a few hours, no further: a straight line is not a forecast. A storm whose newest
position is older than VALID_H is unknown, and after LAPSED_H it has ended, if its feed has told anything since and no longer lists it: a feed that
stands still with the storm in it has not said that it is over; after LOST_H nobody can say anything. All times are looked at together, one pass a storm
and agency, for one time as for a year of them.

A storm of several feeds is one (rules.storms), over when all of them say so; so is an agency, by whatever name a feed calls it (core.agencies): its newest
issue counts, of one issue by two feeds the one that says more; where both say as much but not the same both stand, for nobody knows which is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import agencies
from rules.grid import Bools, Floats, Ints, microseconds
from rules.knots import Between, by_group, filled, last_told
from rules.official import ALWAYS
from rules.spatial import EARTH_KM
from rules.storms import storms
from rules.wind import CIRCLE_SPEED, pressure_of_wind, wind_of_pressure

HOME = "中国"
#: What the maximum of an agency that gives means of ten minutes is in a mean of two, which the levels are defined by: 1.02 at sea (Harper, Kepert &
#: Ginger 2010, WMO/TD-No. 1555, table 1.1; off sea 1.05, off land 1.09, in land 1.12; the table as transcribed by others, the document itself not read).
#: A mean of one minute is never less than one of two and is taken as it stands.
TEN, TWO_OF_TEN = 10, 1.02
VALID_H, LAPSED_H, LOST_H = 6.0, 12.0, 80.0
CARRY_H = 6.0
HORIZON_H, STEP_H = 24.0, 0.5
#: Forces whose circles are told, and the wind (m/s) that a storm must have for each.
FORCES = (7, 10, 12)
EDGES = np.array([CIRCLE_SPEED[force] for force in FORCES])
#: Order of the flattened radii.
_RADII = tuple(f"r{force}_{quadrant}" for force in FORCES for quadrant in ("ne", "se", "sw", "nw"))
#: Circles, wind and pressure are taken from the last of so many positions that tells them.
_TOLD_BACK = 5
_US_PER_H = 3_600_000_000
_LEADS = np.arange(0.0, HORIZON_H + STEP_H / 2, STEP_H)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """P paths, each of one storm as one agency sees it from one of T ticks on, in order of the ticks; a path that is told for less than H steps of
    STEP_H hours stands still after its end.

    By path: number of the `tick`; `storm`; `agency` by its one name, "" for a track carried on by the storm's own motion; `home`; `radii` (P, 3, 4) km
    of the circles of FORCES as last analysed, by quadrant, where the wind supports them; `rows` (P, J) labels in the frame of the positions behind it, -1
    for none. (P, H): hours ahead, degrees (longitudes on from the storm's first, over the date line too), m/s (NaN on a path whose wind and pressure
    nobody told), hPa. By tick: `outdated` (T,), some storm's newest position is too old.
    """

    tick: Ints
    storm: NDArray[np.object_]
    agency: NDArray[np.object_]
    home: Bools
    lead: Floats
    lat: Floats
    lon: Floats
    wind: Floats
    pressure: Floats
    radii: Floats
    rows: Ints
    outdated: Bools

    def where(self, keep: Bools | Ints) -> Paths:
        """Some of the paths, at the same ticks."""
        return replace(self, **{name: getattr(self, name)[keep] for name in _BY_PATH})

    def at(self, ticks: Ints) -> Paths:
        """The paths of some ticks, ascending, which are then all there are."""
        number = np.full(len(self.outdated), -1)
        number[ticks] = np.arange(len(ticks))
        there = self.where(number[self.tick] >= 0)
        return replace(there, tick=number[there.tick], outdated=self.outdated[ticks])

    def last(self) -> Paths:
        """The paths of the last tick."""
        return self.at(np.array([len(self.outdated) - 1]))


_BY_PATH = tuple(f.name for f in fields(Paths) if f.name != "outdated")


@dataclass(frozen=True, slots=True)
class _Points:
    """Positions of one storm, in order of time: times in microseconds since 1970 UTC; `radii` (P, 12); `row` their labels in the frame."""

    time: Ints
    issued: Ints
    lat: Floats
    lon: Floats
    wind: Floats
    pressure: Floats
    radii: Floats
    speed: Floats
    bearing: Floats
    agency: NDArray[np.object_]
    row: Ints

    def where(self, keep: Bools | Ints) -> _Points:
        """Some of the points."""
        return _Points(*(getattr(self, f.name)[keep] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class _Storm:
    """One storm: what was analysed, and every agency's forecasts, by source, in order of its name; from `ended` on no feed lists it any longer."""

    name: str
    analysed: _Points
    agencies: tuple[tuple[str, tuple[_Points, ...]], ...]
    ended: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """A storm at some of the ticks: their times in microseconds since 1970 UTC, their numbers, and the number of the newest analysed position then."""

    storm: _Storm
    at: Ints
    tick: Ints
    newest: Ints


def paths_at(frame: pd.DataFrame, ticks: Sequence[datetime]) -> Paths:
    """Paths of the storms alive at each tick; `frame` as lake.tracks gives it (rows received after the last tick must not be in it)."""
    at = np.array([microseconds(tick) for tick in ticks], dtype=np.int64)
    outdated, parts = np.zeros(len(at), dtype=bool), [_none()]
    for name, rows in storms(frame):
        storm = _storm(name, rows)
        newest = np.searchsorted(storm.analysed.time, at, side="right") - 1
        told = np.flatnonzero(newest >= 0)
        age = (at[told] - storm.analysed.time[newest[told]]) / 1_000_000 / 3600
        alive = (age <= LOST_H) & ((age <= LAPSED_H) | (at[told] < storm.ended))
        outdated[told] |= alive & (age > VALID_H)
        parts += _paths(storm, at, told[alive], newest[told[alive]])
    return _joined(parts, outdated)


def _storm(name: str, rows: pd.DataFrame) -> _Storm:
    times = [rows[column].to_numpy(dtype="datetime64[us]") for column in ("time", "issued")]
    number = {name: rows[name].to_numpy(dtype=np.float64) for name in ("lat", "lon", "wind", "pressure", "move_speed", "move_bearing")}
    # No storm goes half round the Earth: on the other side of the date line the count of degrees goes on, so that between two positions it is short.
    number["lon"] = number["lon"] + np.round((number["lon"][0] - number["lon"]) / 360) * 360
    forecast = ~np.isnat(times[1])
    names = {told: agencies.one_name(told) for told in set(rows["agency"])}
    ten = {told for told in names if (of := agencies.known(told)) and of.minutes == TEN}
    number["wind"] = np.where(forecast & rows["agency"].isin(ten).to_numpy(), number["wind"] * TWO_OF_TEN, number["wind"])
    points = _Points(
        time=times[0].astype(np.int64), issued=times[1].astype(np.int64), lat=number["lat"], lon=number["lon"], wind=number["wind"],
        pressure=number["pressure"], radii=rows[list(_RADII)].to_numpy(dtype=np.float64), speed=number["move_speed"], bearing=number["move_bearing"],
        agency=rows["agency"].to_numpy(dtype=object), row=rows.index.to_numpy(dtype=np.int64),
    )
    by_agency: dict[str, list[_Points]] = {}
    feed, by_time = rows["feed"].to_numpy(dtype=object), np.argsort(points.time, kind="stable")
    by_time = by_time[forecast[by_time]]
    for one, told in sorted(set(zip(feed[forecast], points.agency[forecast], strict=True))):  # one feed may know an agency by two names
        mine = points.where(by_time[(feed[by_time] == one) & (points.agency[by_time] == told)])
        by_agency.setdefault(names[mine.agency[0]], []).append(mine)
    return _Storm(name, _once(points.where(~forecast)), tuple((agency, tuple(of)) for agency, of in sorted(by_agency.items())), _ended(rows))


def _ended(rows: pd.DataFrame) -> int:
    """When the last of the storm's feeds was without it, by whatever name that feed had it last; frames that do not come from the lake do not say: then
    at once."""
    if "ended_at" not in rows:
        return 0
    ended = rows["ended_at"].to_numpy(dtype="datetime64[us]")
    return int(np.where(np.isnat(ended), ALWAYS, ended.astype(np.int64)).max())


def _once(points: _Points) -> _Points:
    """One point a time, in order: of one analysis that two feeds tell the place of the stronger, and the worst of both."""
    order = np.lexsort((points.pressure, -points.wind, points.time))
    told = points.where(order)
    first = np.flatnonzero(np.diff(told.time, prepend=-1))
    if len(first) == len(order):
        return told
    wind, pressure, radii = (f.reduceat(values, first, axis=0) for f, values in ((np.fmax, told.wind), (np.fmin, told.pressure), (np.fmax, told.radii)))
    return replace(told.where(first), wind=wind, pressure=pressure, radii=radii)


def _paths(storm: _Storm, at: Ints, ticks: Ints, newest: Ints) -> Iterator[Paths]:
    """One path a tick and forecasting agency (its newest issue), and the analysed track carried on by motion where the home agency has none; `ticks`
    at which the storm is alive, and then its `newest` analysed position."""
    homeless = np.ones(len(at), dtype=bool)
    forecasts = []
    for agency, sources in storm.agencies:
        for told, points, ahead in _newest(sources, at[ticks]):
            homeless[ticks[told]] &= agency != HOME
            forecasts.append((agency, told, points, ahead))
    alone = np.flatnonzero(homeless[ticks])
    seen = _Seen(storm, at[ticks[alone]], ticks[alone], newest[alone])
    yield _along(seen, "", _carried(seen), np.arange(len(alone))[:, None], home=True)
    for agency, told, points, ahead in forecasts:
        yield _along(_Seen(storm, at[ticks[told]], ticks[told], newest[told]), agency, points, ahead, home=agency == HOME)


def _newest(sources: tuple[_Points, ...], at: Ints) -> Iterator[tuple[Ints, _Points, Ints]]:
    """By source of one agency: the numbers of the times `at` which it counts, its points, and (T, J) which of them its newest issue then has. Of the
    sources whose newest issue is not over the newest counts, then the one that says most of the first HORIZON_H hours, of the same words the first."""
    tables, issued, said, words = [], *(np.full((len(sources), len(at)), -1) for _ in range(3))
    for n, points in enumerate(sources):
        issues, issue = np.unique(points.issued, return_inverse=True)
        latest = np.searchsorted(issues, at, side="right") - 1
        tables.append(by_group(issue, len(issues))[latest])
        ahead = (latest >= 0) & (points.time[tables[n][:, -1]] > at)
        issued[n, ahead] = issues[latest[ahead]]
        if len(sources) > 1:
            said[n], words[n] = _said(points, issue)[:, latest]
    counts = (issued == issued.max(axis=0)) & (issued >= 0)
    counts &= said == np.where(counts, said, -1).max(axis=0)
    for n, (points, table) in enumerate(zip(sources, tables, strict=True)):
        counts[n] &= ~(counts[:n] & (words[:n] == words[n])).any(axis=0)
        told = np.flatnonzero(counts[n])
        yield told, points, table[told]


def _said(points: _Points, issue: Ints) -> Ints:
    """(2, issues) how many numbers each issue says of its first HORIZON_H hours, and a digest of all that it says."""
    within = points.time - points.issued <= HORIZON_H * _US_PER_H
    numbers = np.bincount(issue, weights=within * (1.0 + np.isfinite(points.wind) + np.isfinite(points.pressure)))
    whole = np.column_stack([points.time, points.lat, points.lon, points.wind, points.pressure])
    return np.array([numbers, [hash(whole[issue == n].tobytes()) for n in range(len(numbers))]], dtype=np.int64)



def _carried(seen: _Seen) -> _Points:
    """The newest position at each time moved on for CARRY_H hours."""
    analysed, newest = seen.storm.analysed, seen.newest
    motions = {n: _motion(analysed, n) for n in set(newest.tolist())}
    north, east = np.array([motions[n] for n in newest.tolist()]).reshape(-1, 2).T
    hours = CARRY_H + (seen.at - analysed.time[newest]) / 1_000_000 / 3600
    now = analysed.where(newest)
    return replace(now, time=seen.at + round(CARRY_H * _US_PER_H), lat=now.lat + north * hours, lon=now.lon + east * hours)


def _motion(analysed: _Points, newest: int) -> tuple[float, float]:
    """Degrees north and east an hour: by the positions of the last 3 to 12 hours, else as reported, else none."""
    lat, lon, speed, bearing = (float(values[newest]) for values in (analysed.lat, analysed.lon, analysed.speed, analysed.bearing))
    ages = (analysed.time[newest] - analysed.time[: newest + 1]) / 1_000_000 / 3600
    before = np.flatnonzero((ages >= 3) & (ages <= 12))
    if len(before):
        hours = float(ages[before[-1]])
        return (lat - float(analysed.lat[before[-1]])) / hours, (lon - float(analysed.lon[before[-1]])) / hours
    if np.isfinite(speed) and np.isfinite(bearing):
        degrees, angle = speed / EARTH_KM * 180 / np.pi, np.radians(bearing)
        return float(degrees * np.cos(angle)), float(degrees * np.sin(angle) / np.cos(np.radians(lat)))
    return 0.0, 0.0


def _along(seen: _Seen, agency: str, points: _Points, ahead: Ints, *, home: bool) -> Paths:
    """Positions every STEP_H hours, linear between the newest analysed one and those of `ahead` (T, J) that are still to come; wind and pressure too,
    the last known filling gaps, where only one of them is told the other by Holland (2008); circles as last analysed."""
    analysed, come = seen.storm.analysed, points.time[ahead] > seen.at[:, None]

    def knots(name: str, back: int = 1) -> NDArray[Any]:
        """(T, 1 + J): in place of what has passed the analysed position once more, or the last of `back` positions that tells it."""
        first = getattr(analysed, name)[seen.newest, None] if back == 1 else last_told(getattr(analysed, name)[:, None], back)[seen.newest]
        return np.concatenate([first, np.where(come, getattr(points, name)[ahead], first)], axis=1)

    hours = (knots("time") - seen.at[:, None]) / 1_000_000 / 3600
    steps = np.ceil((np.clip(hours[:, -1], 0.0, HORIZON_H) + STEP_H / 2) / STEP_H)
    lead = np.minimum(_LEADS, (steps[:, None] - 1) * STEP_H)
    between, shape = Between(lead, hours), len(seen.tick)
    lat, wind, pressure = between.of(knots("lat")), *(between.of(filled(knots(name, _TOLD_BACK), np.nan)) for name in ("wind", "pressure"))
    wind = np.where(np.isnan(wind), np.round(wind_of_pressure(pressure, lat), 1), wind)
    pressure = np.where(np.isnan(pressure), pressure_of_wind(wind), pressure)
    return Paths(
        tick=seen.tick, storm=np.full(shape, seen.storm.name, dtype=object), agency=np.full(shape, agency, dtype=object), home=np.full(shape, home),
        lead=lead, lat=lat, lon=between.of(knots("lon")), wind=wind, pressure=pressure,
        radii=last_told(analysed.radii, _TOLD_BACK)[seen.newest].reshape(-1, len(FORCES), 4),
        rows=np.concatenate([analysed.row[seen.newest, None], np.where(come, points.row[ahead], -1)], axis=1), outdated=np.zeros(0, dtype=bool),
    )


def _joined(parts: list[Paths], outdated: Bools) -> Paths:
    """All paths in order of the ticks; at one tick as the parts stand."""
    widest = max(part.rows.shape[1] for part in parts)
    parts = [replace(p, rows=np.pad(p.rows, ((0, 0), (0, widest - p.rows.shape[1])), constant_values=-1)) for p in parts]
    whole = replace(parts[0], **{name: np.concatenate([getattr(p, name) for p in parts]) for name in _BY_PATH}, outdated=outdated)
    return whole.where(np.argsort(whole.tick, kind="stable"))


def _none() -> Paths:
    leads, number, text, truth = np.zeros((0, len(_LEADS))), np.zeros((0, 1), dtype=np.int64), np.zeros(0, dtype=object), np.zeros(0, dtype=bool)
    return Paths(tick=number[:, 0], storm=text, agency=text, home=truth, lead=leads, lat=leads, lon=leads, wind=leads, pressure=leads,
                 radii=np.zeros((0, len(FORCES), 4)), rows=number, outdated=truth)
