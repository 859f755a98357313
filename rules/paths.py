"""Where the storms are and will be: the analysed track carried on, and the newest forecast of every agency, as positions every half hour from a time on.

Without any forecast the storm's own motion is carried on for a few hours, no further: a straight line is not a forecast. A storm whose newest
position is older than VALID_H is unknown, and after LAPSED_H it has ended, if its feed has told anything since and no longer lists it: a feed that
stands still with the storm in it has not said that it is over; after LOST_H nobody can say anything. The rows are taken into plain arrays once, for one
time as for a year of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rules.grid import Bools, Floats, Ints, microseconds
from rules.official import ALWAYS
from rules.spatial import EARTH_KM
from rules.wind import CIRCLE_SPEED

HOME_AGENCIES = ("中国", "BABJ", "CMA", "中央气象台")
VALID_H, LAPSED_H, LOST_H = 6.0, 12.0, 80.0
CARRY_H = 6.0
HORIZON_H, STEP_H = 24.0, 0.5
#: Order of the flattened radii.
_RADII = tuple(f"r{force}_{quadrant}" for force in (7, 10, 12) for quadrant in ("ne", "se", "sw", "nw"))
#: Circles are taken from the last of so many positions that tells them.
_RADII_BACK = 5
_US_PER_H = 3_600_000_000
_EDGES = np.array([[CIRCLE_SPEED[force]] for force in (7, 10, 12)])


@dataclass(frozen=True, slots=True)
class StormPath:
    """One storm as one agency sees it from `now` on, every STEP_H hours: (H,) arrays; circles (3, H, 4) for forces 7, 10, 12. The home
    agency has one name whatever its feed calls it; "" is a track carried on by its own motion."""

    storm: str
    home: bool
    lead: Floats
    lat: Floats
    lon: Floats
    wind: Floats
    pressure: Floats
    circles: Floats
    rows: tuple[int, ...]
    agency: str = ""


@dataclass(frozen=True, slots=True)
class TrackState:
    """The storms at one tick: their paths, and whether one of them has an outdated position."""

    paths: tuple[StormPath, ...]
    outdated: bool


#: No storm, nothing outdated.
CALM = TrackState((), False)


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

    def where(self, keep: Bools | Ints | slice | list[int]) -> _Points:
        """Some of the points."""
        return _Points(self.time[keep], self.issued[keep], self.lat[keep], self.lon[keep], self.wind[keep], self.pressure[keep], self.radii[keep],
                       self.speed[keep], self.bearing[keep], self.agency[keep], self.row[keep])


@dataclass(frozen=True, slots=True)
class _Storm:
    """One storm of one feed: what was analysed, and every agency's forecasts in order of its name; from `ended` on its feed lists it no longer."""

    name: str
    analysed: _Points
    agencies: tuple[tuple[str, _Points], ...]
    ended: int


def states_at(frame: pd.DataFrame, ticks: Sequence[datetime]) -> list[TrackState]:
    """Paths of the storms alive at each tick; `frame` as lake.tracks gives it (rows received after the last tick must not be in it).

    Ticks without a storm share one state.
    """
    storms = [_storm(str(key[1]), rows) for key, rows in frame.groupby(["feed", "storm"], sort=True)]
    return [_state(storms, tick) for tick in ticks]


def _storm(name: str, rows: pd.DataFrame) -> _Storm:
    times = [rows[column].to_numpy(dtype="datetime64[us]") for column in ("time", "issued")]
    number = {name: rows[name].to_numpy(dtype=np.float64) for name in ("lat", "lon", "wind", "pressure", "move_speed", "move_bearing")}
    points = _Points(
        time=times[0].astype(np.int64), issued=times[1].astype(np.int64), lat=number["lat"], lon=number["lon"], wind=number["wind"],
        pressure=number["pressure"], radii=rows[list(_RADII)].to_numpy(dtype=np.float64), speed=number["move_speed"], bearing=number["move_bearing"],
        agency=rows["agency"].to_numpy(dtype=object), row=rows.index.to_numpy(dtype=np.int64),
    )
    forecast = ~np.isnat(times[1])
    analysed, ahead = (points.where(keep).where(np.argsort(points.time[keep], kind="stable")) for keep in (~forecast, forecast))
    told = rows["ended_at"].dropna() if "ended_at" in rows else ()  # frames that do not come from the lake do not say: then at once
    ended = microseconds(min(told)) if len(told) else ALWAYS if "ended_at" in rows else 0
    return _Storm(name, analysed, tuple((agency, ahead.where(ahead.agency == agency)) for agency in sorted(set(ahead.agency))), ended)


def _state(storms: list[_Storm], now: datetime) -> TrackState:
    at = microseconds(now)
    paths: list[StormPath] = []
    outdated = False
    for storm in storms:
        known = int(np.searchsorted(storm.analysed.time, at, side="right"))
        if not known:
            continue
        age = (at - int(storm.analysed.time[known - 1])) / 1_000_000 / 3600
        if age > LOST_H or (age > LAPSED_H and at >= storm.ended):
            continue
        outdated |= age > VALID_H
        paths += _paths(storm, storm.analysed.where(slice(known)), at)
    return TrackState(tuple(paths), outdated) if paths or outdated else CALM


def _paths(storm: _Storm, analysed: _Points, at: int) -> Iterator[StormPath]:
    """The analysed track carried on by motion, and one path a forecasting agency (its newest issue)."""
    agencies = []
    for agency, points in storm.agencies:
        issued = points.issued[points.issued <= at]
        ahead = points.where((points.issued == issued.max()) & (points.time > at)) if issued.size else None
        if ahead is not None and ahead.time.size:
            agencies.append((agency, ahead))
    if not any(agency in HOME_AGENCIES for agency, _ in agencies):
        yield _along(storm.name, analysed, _carried(analysed, at), at, home=True)
    for agency, ahead in agencies:
        home = agency in HOME_AGENCIES
        yield replace(_along(storm.name, analysed, ahead, at, home=home), agency=HOME_AGENCIES[0] if home else str(agency))


def _carried(analysed: _Points, at: int) -> _Points:
    """The newest position moved on for CARRY_H hours: by its motion over the last 3 to 12 hours, else by the reported motion."""
    lat, lon, speed, bearing = (float(values[-1]) for values in (analysed.lat, analysed.lon, analysed.speed, analysed.bearing))
    ages = (analysed.time[-1] - analysed.time) / 1_000_000 / 3600
    before = np.flatnonzero((ages >= 3) & (ages <= 12))
    if len(before):
        hours = float(ages[before[-1]])
        step = ((lat - float(analysed.lat[before[-1]])) / hours, (lon - float(analysed.lon[before[-1]])) / hours)
    elif np.isfinite(speed) and np.isfinite(bearing):
        degrees = speed / EARTH_KM * 180 / np.pi
        angle = np.radians(bearing)
        step = (degrees * np.cos(angle), degrees * np.sin(angle) / np.cos(np.radians(lat)))
    else:
        step = (0.0, 0.0)
    hours = CARRY_H + (at - int(analysed.time[-1])) / 1_000_000 / 3600
    moved = analysed.where([-1])
    moved.time[0], moved.lat[0], moved.lon[0] = at + round(CARRY_H * _US_PER_H), lat + step[0] * hours, lon + step[1] * hours
    return moved


def _along(storm: str, analysed: _Points, ahead: _Points, at: int, *, home: bool) -> StormPath:
    """Positions every STEP_H hours, linear between points; wind and pressure too, the last known filling gaps; circles as last analysed,
    dropped where the wind no longer supports them."""
    time, row = (np.concatenate(pair) for pair in ((analysed.time[-1:], ahead.time), (analysed.row[-1:], ahead.row)))
    lat, lon, wind, pressure = (np.concatenate(pair) for pair in (
        (analysed.lat[-1:], ahead.lat), (analysed.lon[-1:], ahead.lon), (analysed.wind[-1:], ahead.wind), (analysed.pressure[-1:], ahead.pressure)))
    hours = (time - at) / 1_000_000 / 3600
    lead = np.arange(0.0, min(HORIZON_H, max(0.0, float(hours[-1]))) + STEP_H / 2, STEP_H)
    wind, pressure = _filled(wind), _filled(pressure)
    speed = np.interp(lead, hours, np.where(np.isnan(wind), 0.0, wind))
    radii = analysed.radii[-_RADII_BACK:]
    told = np.maximum.accumulate(np.where(np.isnan(radii), -1, np.arange(len(radii))[:, None]))[-1]
    reported = np.where(told >= 0, radii[told, np.arange(radii.shape[1])], np.nan).reshape(3, 1, 4)
    circles = np.where((speed >= _EDGES)[:, :, None], reported, np.nan)
    return StormPath(
        storm=storm, home=home, lead=lead, lat=np.interp(lead, hours, lat), lon=np.interp(lead, hours, lon), wind=speed,
        pressure=np.interp(lead, hours, np.where(np.isnan(pressure), 1000.0, pressure)), circles=circles, rows=tuple(row.tolist()),
    )


def _filled(values: Floats) -> Floats:
    """Gaps filled with the last known value, those before the first with the first."""
    known = np.flatnonzero(~np.isnan(values))
    if known.size in (0, len(values)):
        return values
    return values[known[np.maximum(np.searchsorted(known, np.arange(len(values)), side="right") - 1, 0)]]
