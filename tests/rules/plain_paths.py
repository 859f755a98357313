"""Storms step by step and path by path, as plainly as they can be written: what the passes over all ticks at once are held to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.units import BEAUFORT_EDGES
from rules.catalogue import Indicator
from rules.motion import inflow_angle
from rules.spatial import EARTH_KM, bearing_deg, distance_km
from rules.wind import CIRCLE_SPEED, holland_2010, pressure_of_wind, wind_of_pressure

HOME = "中国"
ONE_NAME = {"BABJ": "中国", "RJTD": "日本"}
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
    for storm, rows in together(frame):
        rows = rows.sort_values("time", kind="stable").assign(one=[ONE_NAME.get(a, a) for a in rows.sort_values("time", kind="stable")["agency"]])
        ten = rows["one"].isin(("日本", "中国香港")) & rows["issued"].notna()
        rows = rows.assign(wind=rows["wind"].where(~ten, rows["wind"] * 1.02))
        analysed = once(rows[rows["issued"].isna() & (rows["time"] <= now)])
        if analysed.empty:
            continue
        age = (now - analysed["time"].iloc[-1]) / pd.Timedelta(hours=1)
        ended = [of["ended_at"].dropna().min() for _, of in rows.groupby(["feed", "storm"])]
        if age > 80 or (age > 12 and all(end == end and now >= end for end in ended)):
            continue
        outdated |= age > 6
        found += _storm(str(storm), rows, analysed, now)
    return found, outdated


def _storm(storm: str, rows: pd.DataFrame, analysed: pd.DataFrame, now: pd.Timestamp) -> Iterator[One]:
    told = rows[rows["issued"].notna() & (rows["issued"] <= now)]
    ahead = {agency: counting(of, now) for agency, of in told.groupby("one")}
    if not ahead.get(HOME):
        yield _along(storm, "", True, analysed, _carried(analysed, now), now)
    for agency, several in sorted(ahead.items()):
        for of in several:
            yield _along(storm, agency, agency == HOME, analysed, of, now)


def counting(told: pd.DataFrame, now: pd.Timestamp) -> list[pd.DataFrame]:
    """What counts of one agency's forecasts: by the feeds that still have one the newest issue, of equal ones those that say most."""
    newest = [of[of["issued"] == of["issued"].max()] for _, of in told.groupby(["feed", "agency"])]
    newest = [of for of in newest if (of["time"] > now).any()]
    newest = [of for of in newest if of["issued"].iloc[0] == max(other["issued"].iloc[0] for other in newest)]
    def said(of: pd.DataFrame) -> int:
        day = of[of["time"] <= of["issued"] + pd.Timedelta(hours=24)]
        return int(len(day) + day["wind"].notna().sum() + day["pressure"].notna().sum())
    most = [of for of in newest if said(of) == max(map(said, newest))]
    words = [of.sort_values("time")[["time", "lat", "lon", "wind", "pressure"]].reset_index(drop=True) for of in most]
    return [of[of["time"] > now] for n, of in enumerate(most) if not any(words[n].equals(other) for other in words[:n])]


def together(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Every storm with the rows of all its feeds: those that were at one place, or nowhere at one time but of one number of six digits."""
    groups: list[list[tuple[str, str]]] = []
    keys = sorted(set(zip(frame["feed"], frame["storm"], strict=True)), key=lambda key: (len(key[1]) != 6, key))
    parts = {key: frame[(frame["feed"] == key[0]) & (frame["storm"] == key[1])] for key in keys}
    for key in keys:
        numbers = [{s for _, s in [*group, key] if len(s) == 6} for group in groups]
        fits = [len(n) < 2 and any(near(parts[key], parts[k], len(key[1]) == 6 and k[1] == key[1]) for k in g) for n, g in zip(numbers, groups, strict=True)]
        if any(fits):
            groups[fits.index(True)].append(key)
        else:
            groups.append([key])
    named = [(min(g), next((s for _, s in sorted(g) if len(s) == 6), min(g)[1]), pd.concat([parts[k] for k in sorted(g)])) for g in groups]
    return [(name, rows) for _, name, rows in sorted(named, key=lambda one: one[0])]


def near(a: pd.DataFrame, b: pd.DataFrame, otherwise: bool) -> bool:
    """Whether two tracks were within 50 km at the last time that both tell; `otherwise` where there is none."""
    a, b = (of[of["issued"].isna()].sort_values("time") for of in (a, b))
    if a.empty or b.empty or min(a["time"].max(), b["time"].max()) < max(a["time"].min(), b["time"].min()):
        return otherwise
    last = min(a["time"].max(), b["time"].max())
    places = [[float(np.interp(0.0, (of["time"] - last) / pd.Timedelta(hours=1), of[name])) for name in ("lat", "lon")] for of in (a, b)]
    return bool(distance_km(*(np.array(x) for x in (*places[0], *places[1]))) <= 50)


def once(analysed: pd.DataFrame) -> pd.DataFrame:
    """One row a time: the place of the strongest, the worst of all."""
    order = analysed.sort_values(["time", "wind", "pressure"], ascending=[True, False, True], kind="stable")
    worst = {name: "max" for name in order.columns if name[0] == "r" and name[1].isdigit()} | {"wind": "max", "pressure": "min"}
    first = order.drop_duplicates("time")
    return first.assign(**{name: order.groupby("time", sort=True)[name].agg(how).to_numpy() for name, how in worst.items()}) if len(first) else first


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
    last = analysed.iloc[-1:].copy()
    for name in ("wind", "pressure"):
        last[name] = analysed[name].iloc[-5:].ffill().iloc[-1]
    knots = pd.concat([last, ahead])
    hours = ((knots["time"] - now) / pd.Timedelta(hours=1)).to_numpy()
    lead = np.arange(0.0, min(24.0, max(0.0, hours[-1])) + 0.25, 0.5)
    wind, pressure = (knots[name].ffill().bfill().to_numpy(dtype=float) for name in ("wind", "pressure"))
    speed, hpa, lat = np.interp(lead, hours, wind), np.interp(lead, hours, pressure), np.interp(lead, hours, knots["lat"])
    speed, hpa = np.where(np.isnan(speed), np.round(wind_of_pressure(hpa, lat), 1), speed), np.where(np.isnan(hpa), pressure_of_wind(speed), hpa)
    circles = np.full((3, len(lead), 4), np.nan)
    for f, force in enumerate(FORCES):
        for q, quarter in enumerate(("ne", "se", "sw", "nw")):
            told = analysed[f"r{force}_{quarter}"].iloc[-5:].dropna()
            circles[f, ~(speed < CIRCLE_SPEED[force]), q] = told.iloc[-1] if len(told) else np.nan
    return One(storm, agency, home, lead, lat, np.interp(lead, hours, knots["lon"]), speed, hpa, circles, list(dict.fromkeys(knots.index)))


def value(indicator: Indicator, path: One, lat: float, lon: float) -> tuple[float, float]:
    """What one path says of one town, and the worst that may follow where it ends."""
    km = distance_km(path.lat, path.lon, np.array(lat), np.array(lon))
    towards = (bearing_deg(path.lat, path.lon, np.array(lat), np.array(lon)) // 90).astype(np.int64)
    circle = {force: path.circles[f][np.arange(len(km)), towards] for f, force in enumerate(FORCES)}
    if indicator.quantity == "distance":
        return round(float(km[0]), 1), round(float(km[0]), 1)
    untold = bool(np.isnan(path.wind[0]))
    if indicator.quantity == "eta":
        radius = circle[indicator.force]
        if (km <= radius).any():
            return (float(path.lead[(km <= radius).argmax()]),) * 2
        open_end = np.isfinite(radius[-1]) and path.lead[-1] < 24
        may = round(path.lead[-1] + 0.5 + max(0.0, km[-1] - radius[-1]) / 70.0, 1) if open_end else np.inf
        return np.inf, min(may, float(path.lead[(km <= 800).argmax()])) if untold and (km <= 800).any() else may
    said, left = 0.0, indicator.lead_h - path.lead[-1]
    hours = [n for n in range(len(km)) if path.lead[n] <= indicator.lead_h]
    if not untold:
        said = round(max(speed(path, n, float(km[n]), int(towards[n]), lat, lon) for n in hours), 1)
    reached = left > 0 and km[-1] <= left * 70.0
    if untold:
        return said, np.inf if reached or any(km[n] <= 800 for n in hours) else said
    return said, max(said, float(path.wind[-1])) if reached else said


def speed(path: One, n: int, km: float, quarter: int, lat: float, lon: float) -> float:
    """Modelled wind in a town `km` away at one hour of a path."""
    most = float(path.wind[n])
    if km > 800 or most <= 0:
        return 0.0
    told = {force: max((float(r) for r in path.circles[f][n] if r > 0), default=-1.0) for f, force in enumerate(FORCES)}
    own = {force: float(path.circles[f][n][quarter]) for f, force in enumerate(FORCES)}
    told = {force: own[force] if own[force] > 0 else widest for force, widest in told.items() if widest > 0}
    told = {force: max(r for f, r in told.items() if f >= force) for force in told}
    given: dict[str, Any] = {"pressure": path.pressure[n], "lat": path.lat[n]}
    rm = float(np.interp(path.pressure[n], (872, 940, 980, 1021), (14.907318, 15.726927, 25.742142, 56.856522)) * 1.852)
    if km <= rm:
        return most
    if not told:
        return _moving(path, n, km, rm, lat, lon, given)
    outer = max(rm + 1.0, told.get(7, max(300.0, *told.values())))
    edge = 13.9 if 7 in told else 17.0
    inside = [(told[force], CIRCLE_SPEED[force]) for force in (12, 10) if told.get(force, 0.0) > rm]
    known = [*inside, (outer, edge)]
    if km <= known[0][0] or km > outer:
        r, v = known[0] if km <= known[0][0] else known[-1]
        found = fitted(km, most, r, v, rm, inner=(r, v) in inside, **given)
    else:
        (r1, v1), (r2, v2) = next((a, b) for a, b in itertools.pairwise(known) if a[0] < km <= b[0])
        found = math.exp(math.log(v1) + math.log(v2 / v1) * math.log(km / r1) / math.log(r2 / r1))
    return min([most, max([found, *(min(v, most) for r, v in known if km <= r)]), *(min(v, most) for r, v in known if km > r)])


def fitted(km: float, most: float, r: float, v: float, rm: float, *, inner: bool, pressure: float, lat: float) -> float:
    """Holland (2010) through (r, v); to a circle within, the exponent may be anything down to 0."""
    if not inner:
        return float(holland_2010(km, wind=most, pressure=pressure, lat=lat, outer_km=r, outer_wind=v))
    b = float(np.clip(-4.4e-5 * max(1010 - pressure, 1) ** 2 + 0.01 * max(1010 - pressure, 1) - 0.014 * abs(lat) + 1.0, 1.0, 2.5))
    def decay(at: float) -> float:
        return (rm / at) ** b * math.exp(1 - (rm / at) ** b)
    xn = min(3.0, max(0.0, math.log(v / most) / math.log(min(decay(r), 1 - 1e-9))))
    x = max(0.5 + (km - rm) * (xn - 0.5) / (r - rm), min(0.4, xn))
    return float(most * decay(km) ** x)


def _moving(path: One, n: int, km: float, rm: float, lat: float, lon: float, given: dict[str, Any]) -> float:
    """Without a circle: the motion of the last step that led anywhere is added as a vector."""
    steps = [m for m in range(max(n, 1)) if m + 1 < len(path.lead)] or [0]
    a, b = steps[-1], min(steps[-1] + 1, len(path.lead) - 1)
    here, there = (np.array(path.lat[a]), np.array(path.lon[a])), (np.array(path.lat[b]), np.array(path.lon[b]))
    hours = path.lead[b] - path.lead[a]
    pace = float(distance_km(*here, *there)) / hours / 3.6 if hours else 0.0
    heading = float(bearing_deg(*here, *there)) if hours else 0.0
    more, most = 0.55 * min(pace, 15.4), float(path.wind[n])
    ring = max(most - more, most / 2)
    rotating, edge = float(holland_2010(km, wind=ring, **given)), min(17.0, ring)
    rotating = max(rotating, edge) if km <= max(300.0, rm + 1) else min(rotating, edge)
    bearing = float(bearing_deg(path.lat[n], path.lon[n], np.array(lat), np.array(lon)))
    blows, moves = math.radians(bearing - 90 - float(inflow_angle(km, rm))), math.radians(heading - 20)
    u = [rotating * f(blows) + more * min(1.0, rm / km) * f(moves) for f in (math.sin, math.cos)]
    return min(most, math.hypot(*u))


def interval(indicator: Indicator, paths: list[One], outdated: bool, lat: float, lon: float) -> tuple[float, float]:
    """(lo, hi) of the indicator in one town."""
    said = [(path, *value(indicator, path, lat, lon)) for path in paths]
    if indicator.quantity == "agreement":
        edge, shares = BEAUFORT_EDGES[indicator.force - 1], [(0.0, 0.0)]
        for storm in {path.storm for path in paths}:
            agencies = {path.agency for path in paths if path.storm == storm}
            own = [tuple(any(x[n] >= edge for x in said if (x[0].storm, x[0].agency) == (storm, agency)) for n in (1, 2)) for agency in agencies]
            shares.append((sum(a for a, _ in own) / len(own), sum(b for _, b in own) / len(own)))
        return round(max(a for a, _ in shares), 6), 1.0 if outdated else round(max(b for _, b in shares), 6)
    if indicator.quantity == "wind":
        return (-np.inf, np.inf) if outdated else (max([0.0, *(a for p, a, _ in said if p.home)]), max([0.0, *(b for _, _, b in said)]))
    return (-np.inf, np.inf) if outdated else (min([np.inf, *(b for _, _, b in said)]), min([np.inf, *(a for p, a, _ in said if p.home)]))
