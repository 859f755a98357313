"""Typhoon indicators: distance, hours to the wind circles, modelled wind, per town along the analysed and the forecast track.

What is proved comes from the newest analysis and the home agency's forecast; other agencies' forecasts only widen the
interval. All ticks' paths are worked out together, a block of paths that stays in the caches at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from core.units import BEAUFORT_EDGES
from rules import motion
from rules.catalogue import Indicator
from rules.grid import Bools, Floats, Ints
from rules.language import Interval
from rules.paths import EDGES, FORCES, HORIZON_H, STEP_H, Paths
from rules.spatial import apart_km, bearing_deg, distance_km, quadrants, toward, unit_vectors
from rules.wind import CIRCLE_SPEED, CULL_KM, PN, Circle, exponent, profile_through, radius_of_maximum_wind, shape_b_2008

#: Wind at 300 km where no force-7 circle is reported (default of Holland 2010 in use).
OUTER = (300.0, 17.0)
#: Of the reported maximum at least this share is the storm's own rotation, however fast it runs (own choice, unverified).
LEAST_ROTATION = 0.5
#: No storm moves faster (km/h): bounds what may happen after a path's end.
FASTEST_KMH = 70.0
#: Numbers (paths x hours x towns) worked out at once.
_AT_ONCE = 40_000
TOWNS_AT_ONCE = 900


class _View:
    """P paths seen from N towns: distances and modelled wind, worked out once however many indicators ask. (P, H, N) where not said otherwise."""

    def __init__(self, paths: Paths, lat: Floats, lon: Floats) -> None:
        self.paths, self._lon = paths, lon
        self._centres, self._towns = unit_vectors(paths.lat, paths.lon), unit_vectors(lat, lon)
        self.km = apart_km(self._centres, self._towns)

    @functools.cached_property
    def quiet(self) -> Bools:
        """(P,) whether the path says all of the horizon and comes nowhere near: no circle, no modelled wind reaches any town."""
        return np.asarray(_whole(self.paths) & (self.km.min(axis=(1, 2)) > _widest(self.paths)))

    @functools.cached_property
    def _quadrant(self) -> Ints:
        """Of the towns, seen from the centre."""
        return quadrants(self._centres, self.paths.lon, self._towns, self._lon)

    def radius(self, force: int) -> Floats:
        """Km of the reported circle in the towns' directions, NaN for none."""
        at = FORCES.index(force)
        reported = self.paths.radii[np.arange(len(self.km))[:, None, None], at, self._quadrant]
        return np.where(self.paths.wind[:, :, None] < EDGES[at], np.nan, reported)  # where nobody told the wind the circle stands

    @functools.cached_property
    def _circles(self) -> Floats:
        """(P, H, 3, 4) km of the circles that the wind is fitted to, NaN for none: those that the maximum supports, none within one of a higher force; a
        quadrant without has the widest of the others."""
        told = np.where(self.paths.radii > 0, self.paths.radii, np.nan)
        told = np.where(np.isnan(told), np.fmax.reduce(told, axis=2, keepdims=True), told)[:, None]
        told = np.where(self.paths.wind[:, :, None, None] >= EDGES[:, None], told, np.nan)
        return np.where(np.isnan(told), np.nan, np.fmax.accumulate(told[:, :, ::-1], axis=2)[:, :, ::-1])

    @functools.cached_property
    def _motion(self) -> tuple[Floats, Floats]:
        """(P, H) m/s and heading in degrees of the step that led there, at the start of the first; after the path's end those of the last."""
        paths, before, after = self.paths, np.s_[:, :-1], np.s_[:, 1:]
        gone = np.diff(paths.lead, axis=1, append=paths.lead[:, -1:])
        steps = np.where(gone > 0, np.arange(gone.shape[1]), 0)
        of = np.maximum.accumulate(np.concatenate([steps[:, :1], steps[before]], axis=1), axis=1)
        ends = [(values[before], values[after]) for values in (paths.lat, paths.lon)]
        (lat, to_lat), (lon, to_lon) = ends
        km, heading = (np.pad(f(lat, lon, to_lat, to_lon), ((0, 0), (0, 1))) for f in (distance_km, bearing_deg))
        speed = np.divide(km, gone * 3.6, out=np.zeros_like(km), where=gone > 0)
        return np.take_along_axis(speed, of, axis=1), np.take_along_axis(heading, of, axis=1)

    @functools.cached_property
    def speed(self) -> Floats:
        """Holland (2010) wind through the reported circles, which hold the storm's motion; without any circle the motion is added to it. Nothing beyond
        CULL_KM. The eye gives no relief: within Rm it is the maximum, for the centre is known to some ten kilometres and its ring passes over."""
        paths, speed = self.paths, np.zeros_like(self.km)
        near = np.flatnonzero((self.km <= CULL_KM) & (paths.wind[:, :, None] > 0))
        if not near.size:
            return speed
        at, km = near // speed.shape[2], self.km.ravel()[near]
        circles = self._circles
        alone = np.isnan(circles).all(axis=(2, 3))
        vm = np.where(alone, np.maximum(paths.wind - motion.added(self._motion[0]), LEAST_ROTATION * paths.wind), paths.wind)
        at_rest = 0.0  # a moving storm's b is greater and its wind between Rm and the circle up to a tenth lower: the flatter, stronger profile is taken
        b, rm = shape_b_2008(np.maximum(PN - paths.pressure, 1.0), paths.lat, at_rest), radius_of_maximum_wind(paths.pressure)
        side = at * 4 + (self._quadrant.ravel()[near] if not alone.all() else 0)
        fitted = [Circle(*(each.ravel()[side] for each in fit)) for fit in self._fits(vm, b, rm)]
        vm, b, rm, most = (each.ravel()[at] for each in (vm, b, rm, paths.wind))
        found = profile_through(np.maximum(km, rm), vm, b, rm, fitted)
        some = np.flatnonzero(alone.ravel()[at])
        found[some] = self._moved(found[some], near[some], km[some], rm[some])
        speed.ravel()[near] = np.where(km <= rm, most, np.minimum(found, most))
        return speed

    def _fits(self, vm: Floats, b: Floats, rm: Floats) -> list[tuple[Floats, Floats, Floats]]:
        """(P, H, 4) km, speed and exponent of what the wind is fitted to, the innermost first: the circles within as far as there are any beyond Rm,
        which say nothing of the slope otherwise, and the outer wind."""
        vm, b, rm = (each[:, :, None] for each in (vm, b, rm))
        seven, *within = (self._circles[:, :, n] for n in range(len(FORCES)))
        outer, edge = np.where(seven > 0, seven, OUTER[0]), np.where(seven > 0, CIRCLE_SPEED[FORCES[0]], OUTER[1])
        rn = np.maximum(np.fmax.reduce([outer, *within]), rm + 1.0)
        inner = [(np.where(km > rm, km, np.nan), np.full_like(km, CIRCLE_SPEED[force])) for force, km in zip(FORCES[:0:-1], within[::-1], strict=True)]
        told = [(km, speed, exponent(b, rm, vm, km, speed, least=0.0)) for km, speed in inner if np.isfinite(km).any()]
        return [*told, (rn, edge, exponent(b, rm, vm, rn, edge))]

    def _moved(self, rotating: Floats, near: Ints, km: Floats, rm: Floats) -> Floats:
        """The rotating wind at the places `near` with what the storm's motion adds."""
        more, towards = motion.drift(self.paths.lat, *self._motion)
        ahead, right = (part.ravel()[near] for part in toward(self._centres, self._towns, towards))
        at = near // self.km.shape[2]
        side = right if self.paths.lat.min() >= 0 else np.where(self.paths.lat.ravel()[at] < 0, -right, right)
        return motion.with_motion(rotating, km, ahead, side, rm=rm, more=more.ravel()[at])


def _whole(paths: Paths) -> Bools:
    """(P,) whether the path says all of the horizon."""
    return np.asarray(paths.lead[:, -1] >= HORIZON_H)


def _widest(paths: Paths) -> Floats:
    """(P,) km beyond which neither a circle nor the modelled wind reaches."""
    circles = np.where(paths.wind.max(axis=1, initial=-np.inf)[:, None] < EDGES, np.nan, np.fmax.reduce(paths.radii, axis=2))
    return np.asarray(np.fmax(np.fmax.reduce(circles, axis=1), CULL_KM))


def _far(paths: Paths, lat: Floats, lon: Floats) -> Bools:
    """(P,) paths that are quiet for certain, by the distance to the middle of the towns alone."""
    middle = float(lat.mean()), float(lon.mean())
    around = float(distance_km(np.array(middle[0]), np.array(middle[1]), lat, lon).max()) + 1.0
    km = distance_km(paths.lat, paths.lon, np.array(middle[0]), np.array(middle[1]))
    return np.asarray(_whole(paths) & (km.min(axis=1) > _widest(paths) + around))


def along(paths: Paths, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """What N towns see of P paths: (P, H, N) distance in km and modelled wind in m/s, at the hours of `paths.lead`."""
    view = _View(paths, lat, lon)
    return np.round(view.km, 1), np.round(view.speed, 1)


def _value(indicator: Indicator, view: _View) -> tuple[Floats, Floats]:
    """The indicator on each path, (P, N): what the path says, and the worst that may follow where it ends before the indicator's horizon."""
    paths, km, end = view.paths, view.km, view.paths.lead[:, -1:]
    untold = np.isnan(paths.wind[:, :1])
    if indicator.quantity == "eta":
        radius = view.radius(indicator.force)
        first = _entered(paths, km <= radius)
        beyond = np.round(end + STEP_H + np.maximum(0.0, km[:, -1] - radius[:, -1]) / FASTEST_KMH, 1)
        open_end = np.isfinite(radius[:, -1]) & (end < HORIZON_H)
        any_circle = np.where(untold, _entered(paths, km <= CULL_KM), np.inf)
        return first, np.where(np.isfinite(first), first, np.minimum(np.where(open_end, beyond, np.inf), any_circle))
    ahead = (paths.lead <= indicator.lead_h + 1e-9)[:, :, None]
    said = np.round(np.max(view.speed, axis=1, initial=0.0, where=ahead), 1)
    left = indicator.lead_h - end
    reached = (left > 0) & (km[:, -1] <= np.maximum(left, 0.0) * FASTEST_KMH)
    any_wind = untold & ((km <= CULL_KM) & ahead).any(axis=1)
    return said, np.where(any_wind | (untold & reached), np.inf, np.where(reached, np.fmax(said, paths.wind[:, -1:]), said))


def _entered(paths: Paths, inside: Bools) -> Floats:
    """(P, N) the first hour at which a town is `inside` (P, H, N), inf for none."""
    return np.where(inside.any(axis=1), np.take_along_axis(paths.lead, inside.argmax(axis=1), axis=1), np.inf)


def _values(indicators: list[Indicator], paths: Paths, lat: Floats, lon: Floats) -> dict[str, tuple[Floats, Floats]]:
    """By indicator what each path says and may yet mean, (P, N) each; paths that reach no town are passed over where they change nothing."""
    shape = len(paths.tick), len(lat)
    calm = {i.name: np.inf if i.quantity == "eta" else 0.0 for i in indicators if i.quantity != "distance"}
    found = {name: (np.full(shape, value), np.full(shape, value)) for name, value in calm.items()}
    near = np.flatnonzero(~_far(paths, lat, lon)) if calm else np.zeros(0, dtype=np.int64)
    for part, towns in _blocks(near, paths.lead.shape[1], len(lat)):
        view = _View(paths.where(part), lat[towns], lon[towns])
        for indicator in indicators:
            if indicator.name in calm:
                for out, values in zip(found[indicator.name], _value(indicator, view), strict=True):
                    out[part, towns] = np.where(view.quiet[:, None], calm[indicator.name], values)
    for indicator in indicators:
        if indicator.name not in calm:
            km = np.round(distance_km(paths.lat[:, :1], paths.lon[:, :1], lat, lon), 1)
            found[indicator.name] = km, km
    return found


def _blocks(paths: Ints, hours: int, towns: int) -> Iterator[tuple[Ints, slice]]:
    """Paths and towns that are worked out at once, _AT_ONCE numbers or, of one path over many towns, somewhat more."""
    for part in np.array_split(paths, min(len(paths), -(-len(paths) * hours * towns // _AT_ONCE)) or 1):
        for first in range(0, towns, TOWNS_AT_ONCE):
            yield part, slice(first, first + TOWNS_AT_ONCE)


def _interval(indicator: Indicator, said: Floats, may: Floats, paths: Paths) -> Interval:
    """The indicator over T ticks: far and calm where there is no storm, unknown where a position is outdated.

    The danger of wind grows upwards, that of distance and time downwards, so "proved" is the home agencies' worst value and
    "possible" the worst of all agencies, whichever side that is.
    """
    if indicator.quantity == "agreement":
        return _agreement(indicator, said, may, paths)
    rising = indicator.quantity == "wind"
    sign = 1.0 if rising else -1.0
    calm = 0.0 if rising else -np.inf
    proved = sign * _highest(sign * said[paths.home], paths.tick[paths.home], len(paths.outdated), calm)
    possible = sign * _highest(sign * may, paths.tick, len(paths.outdated), calm)
    possible[paths.outdated], proved[paths.outdated] = sign * np.inf, -sign * np.inf
    return Interval(proved, possible) if rising else Interval(possible, proved)


def _agreement(indicator: Indicator, said: Floats, may: Floats, paths: Paths) -> Interval:
    """Share of a storm's agencies on whose path the modelled wind reaches `force`, the storm with the highest share: the agencies' spread as a
    probability. Nothing is excluded while a position is outdated; a path that ends too soon may yet reach it."""
    edge, ticks = BEAUFORT_EDGES[indicator.force - 1], len(paths.outdated)
    (storms, storm), (names, agency) = (np.unique(told.astype(str), return_inverse=True) for told in (paths.storm, paths.agency))
    each, path = np.unique((paths.tick * len(storms) + storm) * len(names) + agency, return_inverse=True)
    key, of, count = np.unique(each // max(1, len(names)), return_inverse=True, return_counts=True)
    tick = key // max(1, len(storms))
    shares = []
    for values in (said, may):
        by_agency, reached = np.zeros((len(each), values.shape[1])), np.zeros((len(key), values.shape[1]))
        np.maximum.at(by_agency, path, values >= edge)  # an agency whose issue two feeds tell differently reaches it by the worse
        np.add.at(reached, of, by_agency)
        shares.append(np.round(_highest(reached / count[:, None], tick, ticks, 0.0), 6))
    shares[1][paths.outdated] = 1.0
    return Interval(shares[0], shares[1])


def _highest(values: Floats, tick: Ints, ticks: int, least: float) -> Floats:
    """(ticks, N) the highest of the `values` (P, N) of each tick (P,) ascending, not under `least`."""
    out = np.full((ticks, values.shape[1]), least)
    if len(tick):
        first = np.flatnonzero(np.diff(tick, prepend=-1))
        out[tick[first]] = np.maximum(least, np.maximum.reduceat(values, first, axis=0))
    return out


def intervals(indicators: list[Indicator], paths: Paths, lat: Floats, lon: Floats, silent: bool) -> dict[str, Interval]:
    """Every track indicator over T ticks (of the paths) and N towns. A silent track feed leaves the dangerous side open."""
    out = {}
    values = _values(indicators, paths, lat, lon)
    for indicator in indicators:
        found = _interval(indicator, *values[indicator.name], paths)
        if silent and indicator.quantity in ("wind", "agreement"):
            found = Interval(found.lo, np.full_like(found.hi, np.inf))
        elif silent:
            found = Interval(np.full_like(found.lo, -np.inf), found.hi)
        out[indicator.name] = found
    return out
