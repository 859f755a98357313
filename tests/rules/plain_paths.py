"""Storms step by step and path by path, as plainly as they can be written: what the passes over all ticks at once are held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.units import BEAUFORT_EDGES
from rules.catalogue import Indicator
from rules.spatial import EARTH_KM, bearing_deg, distance_km
from rules.wind import CIRCLE_SPEED, holland_2010

HOME = ("中国", "BABJ", "CMA", "中央气象台")
FORCES = (7, 10, 12)


@dataclass
class One:
    """One storm as one agency sees it at one time: (H,) arrays, circles (3, H, 4)."""

    storm: str
    agency: str
    home: bool
    lead: Any
    lat: Any
    lon: Any
    wind: Any
    pressure: Any
    circles: Any
    rows: list[int]


def at(frame: pd.DataFrame, now: pd.Timestamp) -> tuple[list[One], bool]:
    """The paths at `now` and whether a newest position is outdated."""
    found, outdated = [], False
    for (_, storm), rows in frame.groupby(["feed", "storm"], sort=True):
        rows = rows.sort_values("time", kind="stable")
        analysed = rows[rows["issued"].isna() & (rows["time"] <= now)]
        if analysed.empty:
            continue
        age = (now - analysed["time"].iloc[-1]) / pd.Timedelta(hours=1)
        ended = rows["ended_at"].dropna().min()
        if age > 80 or (age > 12 and ended == ended and now >= ended):
            continue
        outdated |= age > 6
        found += _storm(str(storm), rows, analysed, now)
    return found, outdated


def _storm(storm: str, rows: pd.DataFrame, analysed: pd.DataFrame, now: pd.Timestamp) -> Iterator[One]:
    told = rows[rows["issued"].notna() & (rows["issued"] <= now)]
    ahead = {agency: of[(of["issued"] == of["issued"].max()) & (of["time"] > now)] for agency, of in told.groupby("agency")}
    ahead = {agency: of for agency, of in sorted(ahead.items()) if len(of)}
    if not set(ahead) & set(HOME):
        yield _along(storm, "", True, analysed, _carried(analysed, now), now)
    for agency, of in ahead.items():
        yield _along(storm, HOME[0] if agency in HOME else agency, agency in HOME, analysed, of, now)


def _carried(analysed: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    last = analysed.iloc[-1]
    ages = (last["time"] - analysed["time"]) / pd.Timedelta(hours=1)
    before = analysed[(ages >= 3) & (ages <= 12)]
    step = (0.0, 0.0)
    if len(before):
        hours = (last["time"] - before["time"].iloc[-1]) / pd.Timedelta(hours=1)
        step = ((last["lat"] - before["lat"].iloc[-1]) / hours, (last["lon"] - before["lon"].iloc[-1]) / hours)
    elif np.isfinite(last["move_speed"]) and np.isfinite(last["move_bearing"]):
        degrees, angle = last["move_speed"] / EARTH_KM * 180 / np.pi, np.radians(last["move_bearing"])
        step = (degrees * np.cos(angle), degrees * np.sin(angle) / np.cos(np.radians(last["lat"])))
    hours = 6.0 + (now - last["time"]) / pd.Timedelta(hours=1)
    return analysed.iloc[-1:].assign(time=now + pd.Timedelta(hours=6), lat=last["lat"] + step[0] * hours, lon=last["lon"] + step[1] * hours)


def _along(storm: str, agency: str, home: bool, analysed: pd.DataFrame, ahead: pd.DataFrame, now: pd.Timestamp) -> One:
    knots = pd.concat([analysed.iloc[-1:], ahead])
    hours = ((knots["time"] - now) / pd.Timedelta(hours=1)).to_numpy()
    lead = np.arange(0.0, min(24.0, max(0.0, hours[-1])) + 0.25, 0.5)
    wind, pressure = (knots[name].ffill().bfill().fillna(unknown).to_numpy(dtype=float) for name, unknown in (("wind", 0.0), ("pressure", 1000.0)))
    speed = np.interp(lead, hours, wind)
    circles = np.full((3, len(lead), 4), np.nan)
    for f, force in enumerate(FORCES):
        for q, quarter in enumerate(("ne", "se", "sw", "nw")):
            told = analysed[f"r{force}_{quarter}"].iloc[-5:].dropna()
            circles[f, speed >= CIRCLE_SPEED[force], q] = told.iloc[-1] if len(told) else np.nan
    return One(storm, agency, home, lead, np.interp(lead, hours, knots["lat"]), np.interp(lead, hours, knots["lon"]), speed,
               np.interp(lead, hours, pressure), circles, list(dict.fromkeys(knots.index)))


def value(indicator: Indicator, path: One, lat: float, lon: float) -> tuple[float, float]:
    """What one path says of one town, and the worst that may follow where it ends."""
    km = distance_km(path.lat, path.lon, np.array(lat), np.array(lon))
    towards = (bearing_deg(path.lat, path.lon, np.array(lat), np.array(lon)) // 90).astype(np.int64)
    circle = {force: path.circles[f][np.arange(len(km)), towards] for f, force in enumerate(FORCES)}
    if indicator.quantity == "distance":
        return round(float(km[0]), 1), round(float(km[0]), 1)
    if indicator.quantity == "eta":
        radius = circle[indicator.force]
        if (km <= radius).any():
            return (float(path.lead[(km <= radius).argmax()]),) * 2
        open_end = np.isfinite(radius[-1]) and path.lead[-1] < 24
        return np.inf, round(path.lead[-1] + 0.5 + max(0.0, km[-1] - radius[-1]) / 70.0, 1) if open_end else np.inf
    fitted = np.isfinite(circle[7]) & (circle[7] > 0)
    speed = np.where((km > 800) | (path.wind <= 0), 0.0, holland_2010(
        km, wind=path.wind, pressure=path.pressure, lat=path.lat, outer_km=np.where(fitted, circle[7], 300.0), outer_wind=np.where(fitted, 13.9, 17.0)))
    said, left = round(float(speed[path.lead <= indicator.lead_h].max()), 1), indicator.lead_h - path.lead[-1]
    return said, max(said, float(path.wind[-1])) if left > 0 and km[-1] <= left * 70.0 else said


def interval(indicator: Indicator, paths: list[One], outdated: bool, lat: float, lon: float) -> tuple[float, float]:
    """(lo, hi) of the indicator in one town."""
    said = [(path, *value(indicator, path, lat, lon)) for path in paths]
    if indicator.quantity == "agreement":
        edge, shares = BEAUFORT_EDGES[indicator.force - 1], [(0.0, 0.0)]
        for storm in {path.storm for path in paths}:
            own = [(a >= edge, b >= edge) for path, a, b in said if path.storm == storm]
            shares.append((sum(a for a, _ in own) / len(own), sum(b for _, b in own) / len(own)))
        return round(max(a for a, _ in shares), 6), 1.0 if outdated else round(max(b for _, b in shares), 6)
    if indicator.quantity == "wind":
        return (-np.inf, np.inf) if outdated else (max([0.0, *(a for p, a, _ in said if p.home)]), max([0.0, *(b for _, _, b in said)]))
    return (-np.inf, np.inf) if outdated else (min([np.inf, *(b for _, _, b in said)]), min([np.inf, *(a for p, a, _ in said if p.home)]))
