"""Typhoon indicators: distance, hours to the wind circles, modelled wind, per town along the analysed and the forecast track.

What is proved comes from the newest analysis and the home agency's forecast; other agencies' forecasts only widen the
interval.
"""

from __future__ import annotations

import functools

import numpy as np

from core.units import BEAUFORT_EDGES
from rules.catalogue import Indicator
from rules.grid import Floats, Ints
from rules.language import Interval
from rules.paths import HORIZON_H, STEP_H, StormPath, TrackState
from rules.spatial import bearing_deg, distance_km
from rules.wind import CIRCLE_SPEED, CULL_KM, holland_2010, quadrant

#: Wind at 300 km where no force-7 circle is reported (default of Holland 2010 in use).
OUTER = (300.0, 17.0)
#: No storm moves faster (km/h): bounds what may happen after a path's end.
FASTEST_KMH = 70.0


class _View:
    """One path seen from N towns: distances and modelled wind, worked out once however many indicators ask."""

    def __init__(self, path: StormPath, lat: Floats, lon: Floats) -> None:
        self.path, self._lat, self._lon = path, lat, lon
        self.km = distance_km(path.lat[:, None], path.lon[:, None], lat[None, :], lon[None, :])

    @functools.cached_property
    def quiet(self) -> bool:
        """Whether the path says all of the horizon and comes nowhere near: no circle, no modelled wind reaches any town."""
        widest = np.nanmax(self.path.circles, initial=CULL_KM)
        return bool(self.path.lead[-1] >= HORIZON_H and self.km.min() > widest)

    @functools.cached_property
    def bearing(self) -> Floats:
        """(H, N) degrees, seen from the centre."""
        return bearing_deg(self.path.lat[:, None], self.path.lon[:, None], self._lat[None, :], self._lon[None, :])

    @functools.cached_property
    def _quadrant(self) -> Ints:
        return quadrant(self.bearing)

    def radius(self, force: int) -> Floats:
        """(H, N) km of the reported circle in the towns' directions, NaN for none."""
        return np.take_along_axis(self.path.circles[(7, 10, 12).index(force)], self._quadrant, axis=-1)

    @functools.cached_property
    def speed(self) -> Floats:
        """Holland (2010) wind, (H, N), fitted to the force-7 circle where there is one; nothing beyond CULL_KM."""
        path = self.path
        beyond = (self.km > CULL_KM) | (path.wind[:, None] <= 0)
        if beyond.all():
            return np.zeros_like(self.km)
        seven = self.radius(7)
        fitted = np.isfinite(seven) & (seven > 0)
        speed = holland_2010(
            self.km, wind=path.wind[:, None], pressure=path.pressure[:, None], lat=path.lat[:, None],
            outer_km=np.where(fitted, seven, OUTER[0]), outer_wind=np.where(fitted, CIRCLE_SPEED[7], OUTER[1]),
        )
        return np.where(beyond, 0.0, speed)


def along(path: StormPath, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """What N towns see of one path: (H, N) distance in km and modelled wind in m/s, at the hours of `path.lead`."""
    view = _View(path, lat, lon)
    return np.round(view.km, 1), np.round(view.speed, 1)


def _value(indicator: Indicator, view: _View) -> tuple[Floats, Floats]:
    """The indicator on one path, (N,): what the path says, and the worst that may follow where the path ends before the indicator's horizon."""
    path, km = view.path, view.km
    if indicator.quantity == "distance":
        return np.round(km[0], 1), np.round(km[0], 1)
    if view.quiet:
        calm = np.full(km.shape[1], np.inf if indicator.quantity == "eta" else 0.0)
        return calm, calm
    if indicator.quantity == "eta":
        radius = view.radius(indicator.force)
        inside = km <= radius
        beyond = path.lead[-1] + STEP_H + np.maximum(0.0, km[-1] - radius[-1]) / FASTEST_KMH
        open_end = np.isfinite(radius[-1]) & (path.lead[-1] < HORIZON_H)
        first = path.lead[inside.argmax(axis=0)]
        return np.where(inside.any(axis=0), first, np.inf), np.where(inside.any(axis=0), first, np.where(open_end, np.round(beyond, 1), np.inf))
    said = np.round(view.speed[path.lead <= indicator.lead_h + 1e-9].max(axis=0), 1)
    left = indicator.lead_h - path.lead[-1]
    reached = (left > 0) & (km[-1] <= max(left, 0.0) * FASTEST_KMH)
    return said, np.where(reached, np.maximum(said, path.wind[-1]), said)


def interval(indicator: Indicator, state: TrackState, lat: Floats, lon: Floats) -> Interval:
    """The indicator for N towns at one tick; all towns are far and calm when there is no storm, unknown when a position is outdated.

    The danger of wind grows upwards, that of distance and time downwards, so "proved" is the home agencies' worst value and
    "possible" the worst of all agencies, whichever side that is.
    """
    return _interval(indicator, [_View(path, lat, lon) for path in state.paths], state.outdated, len(lat))


def _interval(indicator: Indicator, views: list[_View], outdated: bool, towns: int) -> Interval:
    if indicator.quantity == "agreement":
        return _agreement(indicator, views, outdated, towns)
    rising = indicator.quantity == "wind"
    calm = np.zeros(towns) if rising else np.full(towns, np.inf)
    worst = np.maximum if rising else np.minimum
    proved = possible = calm
    for view in views:
        said, open_ended = _value(indicator, view)
        possible = worst(possible, open_ended)
        if view.path.home:
            proved = worst(proved, said)
    if outdated:
        possible = np.full(towns, np.inf if rising else -np.inf)
        proved = np.full(towns, -np.inf if rising else np.inf)
    return Interval(proved, possible) if rising else Interval(possible, proved)


def _agreement(indicator: Indicator, views: list[_View], outdated: bool, towns: int) -> Interval:
    """Share of the paths of a storm on which the modelled wind reaches `force`, the storm with the highest share: the agencies' spread as a
    probability. Nothing is excluded while a position is outdated; a path that ends too soon may yet reach it."""
    edge = BEAUFORT_EDGES[indicator.force - 1]
    sure, may = np.zeros(towns), np.zeros(towns)
    for storm in dict.fromkeys(view.path.storm for view in views):
        told = [_value(indicator, view) for view in views if view.path.storm == storm]
        sure = np.maximum(sure, np.mean([said >= edge for said, _ in told], axis=0))
        may = np.maximum(may, np.mean([possible >= edge for _, possible in told], axis=0))
    return Interval(np.round(sure, 6), np.ones_like(may) if outdated else np.round(may, 6))


def intervals(indicators: list[Indicator], states: list[TrackState], lat: Floats, lon: Floats, silent: bool) -> dict[str, Interval]:
    """Every track indicator over T ticks (their states) and N towns. A silent track feed leaves the dangerous side open.

    Ticks that share a state (no storm) share its values.
    """
    if not indicators:
        return {}
    distinct = {id(state): state for state in states}
    place = {key: number for number, key in enumerate(distinct)}
    which = np.array([place[id(state)] for state in states])
    rows: dict[str, list[Interval]] = {i.name: [] for i in indicators}
    nothing = {i.name: _interval(i, [], False, len(lat)) for i in indicators if i.quantity != "distance"}
    for state in distinct.values():
        views = [_View(path, lat, lon) for path in state.paths]
        quiet = not state.outdated and all(view.quiet for view in views)  # only the distance differs from no storm at all
        for indicator in indicators:
            known = nothing.get(indicator.name) if quiet else None
            rows[indicator.name].append(known or _interval(indicator, views, state.outdated, len(lat)))
    out = {}
    for indicator in indicators:
        lo, hi = (np.stack([getattr(r, side) for r in rows[indicator.name]])[which] for side in ("lo", "hi"))
        if silent:
            lo, hi = (lo, np.full_like(hi, np.inf)) if indicator.quantity in ("wind", "agreement") else (np.full_like(lo, -np.inf), hi)
        out[indicator.name] = Interval(lo, hi)
    return out
