"""Typhoon indicators: distance, hours to the wind circles, modelled wind, per town along the analysed and the forecast track.

What is proved comes from the newest analysis and the home agency's forecast; other agencies' forecasts only widen the
interval. Without any forecast the storm's own motion is carried on for a few hours, no further: a straight line is not a
forecast. A storm whose newest position is older than VALID_H is unknown, and after LAPSED_H it has ended (its feed being
healthy).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from core.units import BEAUFORT_EDGES
from rules.catalogue import Indicator
from rules.grid import Floats
from rules.language import Interval
from rules.spatial import EARTH_KM, bearing_deg, distance_km
from rules.wind import CIRCLE_SPEED, CULL_KM, circle_radius, holland_2010

HOME_AGENCIES = ("中国", "BABJ", "CMA", "中央气象台")
VALID_H, LAPSED_H = 6.0, 12.0
CARRY_H = 6.0
HORIZON_H, STEP_H = 24.0, 0.5
#: Order of the flattened radii.
_QUADRANTS = ("ne", "se", "sw", "nw")
#: Wind at 300 km where no force-7 circle is reported (default of Holland 2010 in use).
OUTER = (300.0, 17.0)
#: No storm moves faster (km/h): bounds what may happen after a path's end.
FASTEST_KMH = 70.0


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


def state_at(frame: pd.DataFrame, now: datetime) -> TrackState:
    """Paths of the storms alive at `now`; `frame` as lake.tracks gives it (rows received later must not be in it)."""
    paths: list[StormPath] = []
    outdated = False
    for _, storm in frame.groupby(["feed", "storm"], sort=True):
        analysed = storm[storm["issued"].isna() & (storm["time"] <= now)].sort_values("time")
        if analysed.empty:
            continue
        age = (now - analysed["time"].iloc[-1]).total_seconds() / 3600
        if age > LAPSED_H:
            continue
        outdated |= age > VALID_H
        paths += _paths(storm, analysed, now)
    return TrackState(tuple(paths), outdated)


def _paths(storm: pd.DataFrame, analysed: pd.DataFrame, now: datetime) -> Iterator[StormPath]:
    """The analysed track carried on by motion, and one path a forecasting agency (its newest issue)."""
    forecasts = storm[storm["issued"].notna() & (storm["issued"] <= now)]
    issues = forecasts[forecasts["issued"] == forecasts.groupby("agency")["issued"].transform("max")]
    agencies = [(agency, points[points["time"] > now]) for agency, points in issues.groupby("agency", sort=True)]
    agencies = [(agency, points) for agency, points in agencies if len(points)]
    if not any(agency in HOME_AGENCIES for agency, _ in agencies):
        yield _along(analysed, _carried(analysed, now), now, home=True)
    for agency, points in agencies:
        home = agency in HOME_AGENCIES
        yield replace(_along(analysed, points.sort_values("time"), now, home=home), agency=HOME_AGENCIES[0] if home else str(agency))


def _carried(analysed: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """The newest position moved on for CARRY_H hours: by its motion over the last 3 to 12 hours, else by the reported motion."""
    newest = analysed.iloc[-1]
    ages = (newest["time"] - analysed["time"]).dt.total_seconds() / 3600
    before = analysed[(ages >= 3) & (ages <= 12)]
    if len(before):
        first = before.iloc[-1]
        hours = (newest["time"] - first["time"]).total_seconds() / 3600
        step = ((newest["lat"] - first["lat"]) / hours, (newest["lon"] - first["lon"]) / hours)
    elif np.isfinite(newest["move_speed"]) and np.isfinite(newest["move_bearing"]):
        degrees = newest["move_speed"] / EARTH_KM * 180 / np.pi
        angle = np.radians(newest["move_bearing"])
        step = (degrees * np.cos(angle), degrees * np.sin(angle) / np.cos(np.radians(newest["lat"])))
    else:
        step = (0.0, 0.0)
    moved = newest.copy()
    hours = CARRY_H + (now - newest["time"]).total_seconds() / 3600
    moved["time"], moved["lat"], moved["lon"] = newest["time"] + pd.Timedelta(hours=hours), newest["lat"] + step[0] * hours, newest["lon"] + step[1] * hours
    return pd.DataFrame([moved])


def _along(analysed: pd.DataFrame, ahead: pd.DataFrame, now: datetime, *, home: bool) -> StormPath:
    """Positions every STEP_H hours, linear between points; wind and pressure too, the last known filling gaps; circles as last analysed,
    dropped where the wind no longer supports them."""
    newest = analysed.iloc[[-1]]
    points = pd.concat([newest, ahead])
    hours = np.array([(t - now).total_seconds() / 3600 for t in points["time"]])
    lead = np.arange(0.0, min(HORIZON_H, max(0.0, float(hours[-1]))) + STEP_H / 2, STEP_H)
    wind, pressure = (points[name].astype(float).ffill().bfill().to_numpy() for name in ("wind", "pressure"))
    speed = np.interp(lead, hours, np.where(np.isnan(wind), 0.0, wind))
    circles = np.full((3, len(lead), 4), np.nan)
    reported = analysed.ffill(limit=4).iloc[-1]
    for number, force in enumerate((7, 10, 12)):
        radii = np.array([reported[f"r{force}_{q}"] for q in _QUADRANTS], dtype=float)
        circles[number] = np.where((speed >= CIRCLE_SPEED[force])[:, None], radii, np.nan)
    return StormPath(
        storm=str(newest["storm"].iloc[0]), home=home, lead=lead,
        lat=np.interp(lead, hours, points["lat"].to_numpy(dtype=float)), lon=np.interp(lead, hours, points["lon"].to_numpy(dtype=float)),
        wind=speed, pressure=np.interp(lead, hours, np.where(np.isnan(pressure), 1000.0, pressure)), circles=circles,
        rows=tuple(int(r) for r in points.index),
    )


def _town_geometry(path: StormPath, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """(H, N) distance in km and bearing seen from the centre."""
    centre = (path.lat[:, None], path.lon[:, None])
    return distance_km(*centre, lat[None, :], lon[None, :]), bearing_deg(*centre, lat[None, :], lon[None, :])


def along(path: StormPath, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """What N towns see of one path: (H, N) distance in km and modelled wind in m/s, at the hours of `path.lead`."""
    km, bearing = _town_geometry(path, lat, lon)
    return np.round(km, 1), np.round(_modelled(path, km, bearing), 1)


def _value(indicator: Indicator, path: StormPath, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """The indicator on one path, (N,): what the path says, and the worst that may follow where the path ends before the indicator's horizon."""
    km, bearing = _town_geometry(path, lat, lon)
    if indicator.quantity == "distance":
        return np.round(km[0], 1), np.round(km[0], 1)
    if indicator.quantity == "eta":
        radius = circle_radius(path.circles[(7, 10, 12).index(indicator.force)], bearing)
        inside = km <= radius
        beyond = path.lead[-1] + STEP_H + np.maximum(0.0, km[-1] - radius[-1]) / FASTEST_KMH
        open_end = np.isfinite(radius[-1]) & (path.lead[-1] < HORIZON_H)
        first = path.lead[inside.argmax(axis=0)]
        return np.where(inside.any(axis=0), first, np.inf), np.where(inside.any(axis=0), first, np.where(open_end, np.round(beyond, 1), np.inf))
    speed = _modelled(path, km, bearing)
    said = np.round(speed[path.lead <= indicator.lead_h + 1e-9].max(axis=0), 1)
    left = indicator.lead_h - path.lead[-1]
    reached = (left > 0) & (km[-1] <= max(left, 0.0) * FASTEST_KMH)
    return said, np.where(reached, np.maximum(said, path.wind[-1]), said)


def _modelled(path: StormPath, km: Floats, bearing: Floats) -> Floats:
    """Holland (2010) wind, (H, N), fitted to the force-7 circle where there is one; nothing beyond CULL_KM."""
    seven = circle_radius(path.circles[0], bearing)
    fitted = np.isfinite(seven) & (seven > 0)
    speed = holland_2010(
        km, wind=path.wind[:, None], pressure=path.pressure[:, None], lat=path.lat[:, None],
        outer_km=np.where(fitted, seven, OUTER[0]), outer_wind=np.where(fitted, CIRCLE_SPEED[7], OUTER[1]),
    )
    return np.where((km > CULL_KM) | (path.wind[:, None] <= 0), 0.0, speed)


def interval(indicator: Indicator, state: TrackState, lat: Floats, lon: Floats) -> Interval:
    """The indicator for N towns at one tick; all towns are far and calm when there is no storm, unknown when a position is outdated.

    The danger of wind grows upwards, that of distance and time downwards, so "proved" is the home agencies' worst value and
    "possible" the worst of all agencies, whichever side that is.
    """
    if indicator.quantity == "agreement":
        return _agreement(indicator, state, lat, lon)
    rising = indicator.quantity == "wind"
    calm = np.zeros(len(lat)) if rising else np.full(len(lat), np.inf)
    worst = np.maximum if rising else np.minimum
    proved = possible = calm
    for path in state.paths:
        said, open_ended = _value(indicator, path, lat, lon)
        possible = worst(possible, open_ended)
        if path.home:
            proved = worst(proved, said)
    if state.outdated:
        possible = np.full(len(lat), np.inf if rising else -np.inf)
        proved = np.full(len(lat), -np.inf if rising else np.inf)
    return Interval(proved, possible) if rising else Interval(possible, proved)


def _agreement(indicator: Indicator, state: TrackState, lat: Floats, lon: Floats) -> Interval:
    """Share of the paths of a storm on which the modelled wind reaches `force`, the storm with the highest share: the agencies' spread as a
    probability. Nothing is excluded while a position is outdated; a path that ends too soon may yet reach it."""
    edge = BEAUFORT_EDGES[indicator.force - 1]
    sure, may = np.zeros(len(lat)), np.zeros(len(lat))
    for storm in dict.fromkeys(path.storm for path in state.paths):
        told = [_value(indicator, path, lat, lon) for path in state.paths if path.storm == storm]
        sure = np.maximum(sure, np.mean([said >= edge for said, _ in told], axis=0))
        may = np.maximum(may, np.mean([possible >= edge for _, possible in told], axis=0))
    return Interval(np.round(sure, 6), np.ones_like(may) if state.outdated else np.round(may, 6))


def intervals(indicators: list[Indicator], states: list[TrackState], lat: Floats, lon: Floats, silent: bool) -> dict[str, Interval]:
    """Every track indicator over T ticks (their states) and N towns. A silent track feed leaves the dangerous side open."""
    rows: dict[str, list[Interval]] = {i.name: [] for i in indicators}
    for state in states:
        for indicator in indicators:
            rows[indicator.name].append(interval(indicator, state, lat, lon))
    out = {}
    for indicator in indicators:
        lo, hi = (np.stack([getattr(r, side) for r in rows[indicator.name]]) for side in ("lo", "hi"))
        if silent:
            lo, hi = (lo, np.full_like(hi, np.inf)) if indicator.quantity in ("wind", "agreement") else (np.full_like(lo, -np.inf), hi)
        out[indicator.name] = Interval(lo, hi)
    return out


def support(state: TrackState) -> tuple[int, ...]:
    """Index labels of the track rows that the paths rest on, for evidence."""
    return tuple(dict.fromkeys(row for path in state.paths for row in path.rows))
