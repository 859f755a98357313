"""Wind of a typhoon at a distance from its centre: Holland's profiles fitted to the reported wind circles, over arrays of any shape.

Sources (re-derived from the papers, no code taken):
- Holland (1980), An analytic model of the wind and pressure profiles in hurricanes, Mon. Wea. Rev. 108, 1212-1218.
- Holland (2008), A revised hurricane pressure-wind model, Mon. Wea. Rev. 136, 3432-3445.
- Holland, Belanger & Fritz (2010), A revised model for radial profiles of hurricane winds, Mon. Wea. Rev. 138, 4393-4401.
What the storm's own motion, the inflow and the land do to it is in rules.motion. Units: m/s, km, hPa, degrees; either hemisphere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RHO = 1.15  # kg/m3, air near the surface (Holland 2010)
OMEGA = 7.292115e-5  # rad/s
PN = 1010.0  # hPa, pressure around a West Pacific typhoon (CMA practice; general knowledge)
SURFACE = 1.0  # the reported maximum is a surface wind and B is fitted to it, so no gradient-to-surface factor (0.9) is applied again
B_RANGE = (1.0, 2.5)  # Holland 1980: physical range of B
CULL_KM = 800.0  # beyond, a profile says less than the background wind
#: Radius of maximum wind (nautical miles) by central pressure (hPa), piecewise linear (domain reference, statistical fit of West Pacific storms).
_RM_PRESSURE, _RM_MILES = (872.0, 940.0, 980.0, 1021.0), (14.907318, 15.726927, 25.742142, 56.856522)
#: Exponents of a fit: a circle can lie where the wind is nearly the maximum, or where it has fallen off more steeply than any mean profile.
LEAST_X, MOST_X = 0.1, 3.0
#: Speed at the edge of a force-7 / 10 / 12 circle: lower edge of the force (GB/T 28591).
CIRCLE_SPEED = {7: 13.9, 10: 24.5, 12: 32.7}


def coriolis(lat: ArrayLike) -> Floats:
    """Coriolis parameter, 1/s."""
    return np.asarray(2 * OMEGA * np.abs(np.sin(np.radians(lat))), dtype=np.float64)


def radius_of_maximum_wind(pressure: ArrayLike) -> Floats:
    """Radius of maximum wind in km from central pressure in hPa."""
    return np.asarray(np.interp(np.asarray(pressure, dtype=np.float64), _RM_PRESSURE, _RM_MILES) * 1.852)


def shape_b(wind: ArrayLike, deficit: ArrayLike, *, surface: float = SURFACE) -> Floats:
    """Holland (1980) B = rho e Vg^2 / dp, Vg = wind / surface, dp in hPa; clipped to its physical range."""
    gradient = np.asarray(wind, dtype=np.float64) / surface
    return np.asarray(np.clip(RHO * np.e * gradient**2 / (np.maximum(np.asarray(deficit, dtype=np.float64), 1.0) * 100), *B_RANGE))


def holland_1980(
    km: ArrayLike, *, wind: ArrayLike, pressure: ArrayLike, lat: ArrayLike, ambient: float = PN, surface: float = SURFACE
) -> Floats:
    """Surface wind (m/s) at `km` from the centre: gradient wind of Holland (1980), eq. 5, times `surface` (1: fitted to surface winds).

    V = sqrt(B/rho (Rm/r)^B dp exp(-(Rm/r)^B) + (r f/2)^2) - r f/2, B from the reported maximum wind.
    """
    deficit = np.maximum(ambient - np.asarray(pressure, dtype=np.float64), 1.0)
    b, rm = shape_b(wind, deficit, surface=surface), radius_of_maximum_wind(pressure)
    r = np.maximum(np.asarray(km, dtype=np.float64), 0.1)
    ratio = (rm / r) ** b
    rf = r * 1000 * coriolis(lat) / 2
    return np.asarray(surface * (np.sqrt(b / RHO * ratio * deficit * 100 * np.exp(-ratio) + rf**2) - rf))


def shape_b_2008(deficit: ArrayLike, lat: ArrayLike, translation: ArrayLike, trend: ArrayLike = 0.0) -> Floats:
    """Holland (2008), eq. 11: b_s from dp (hPa), its trend (hPa/h), latitude and translation speed (m/s)."""
    dp = np.asarray(deficit, dtype=np.float64)
    x = 0.6 * (1 - dp / 215)
    power = np.maximum(np.asarray(translation, dtype=np.float64), 0.0) ** x
    return np.clip(-4.4e-5 * dp**2 + 0.01 * dp + 0.03 * np.asarray(trend) - 0.014 * np.abs(lat) + 0.15 * power + 1.0, *B_RANGE)


def wind_of_pressure(pressure: ArrayLike, lat: ArrayLike) -> Floats:
    """Maximum wind (m/s) where only the central pressure (hPa) is told: Holland (2008), eq. 7, V = sqrt(b_s dp / (rho e)), at rest."""
    deficit = np.maximum(PN - np.asarray(pressure, dtype=np.float64), 0.0)
    return np.asarray(np.sqrt(shape_b_2008(deficit, lat, 0.0) * deficit * 100 / (RHO * np.e)))


def pressure_of_wind(wind: ArrayLike) -> Floats:
    """Central pressure (hPa) where only the maximum wind (m/s) is told: the one at which `wind_of_pressure` gives it at 25 degrees."""
    return np.asarray(np.interp(np.asarray(wind, dtype=np.float64), _WIND_TOLD, _PRESSURES))


#: The relation as a table, hPa and m/s.
_PRESSURES = np.arange(PN, 869.0, -1.0)
_WIND_TOLD = wind_of_pressure(_PRESSURES, 25.0)


def exponent(
    b: ArrayLike, rm: ArrayLike, wind: ArrayLike, km: ArrayLike, speed: ArrayLike, *, least: float = LEAST_X
) -> Floats:
    """Holland (2010): the exponent x that makes the profile pass through `speed` at `km`, clipped to [least, MOST_X].

    Solves Vm [(Rm/r)^b exp(1 - (Rm/r)^b)]^x = V for x.
    """
    ratio = (np.asarray(rm, dtype=np.float64) / np.maximum(km, 1.0)) ** np.asarray(b, dtype=np.float64)
    decay = np.log(np.minimum(ratio * np.exp(1 - ratio), 1 - 1e-9))
    share = np.log(np.clip(np.asarray(speed) / np.maximum(wind, 1e-6), 1e-6, 1.0))
    return np.clip(share / decay, least, MOST_X)


def holland_2010(
    km: ArrayLike, *, wind: ArrayLike, pressure: ArrayLike, lat: ArrayLike, outer_km: ArrayLike = 300.0, outer_wind: ArrayLike = 17.0,
    translation: ArrayLike = 0.0, ambient: float = PN,
) -> Floats:
    """Surface wind (m/s) at `km`: Holland (2010), eqs. 6, 9 and 10, scaled to the reported maximum wind and fitted to one outer wind.

    V = Vm [(Rm/r)^b exp(1 - (Rm/r)^b)]^x, x = 0.5 inside Rm, beyond it 0.5 + (r - Rm)(xn - 0.5)/(rn - Rm), not under 0.4
    unless the fit itself is lower; the outer wind is the force-7 circle where one is reported, else 17 m/s at 300 km.
    """
    b = shape_b_2008(np.maximum(ambient - np.asarray(pressure, dtype=np.float64), 1.0), lat, translation)
    rm, vm = radius_of_maximum_wind(pressure), np.asarray(wind, dtype=np.float64)
    rn = np.maximum(outer_km, rm + 1.0)
    return profile_2010(km, vm, b, rm, rn, exponent(b, rm, vm, rn, outer_wind))


def profile_2010(km: ArrayLike, vm: Floats, b: Floats, rm: Floats, rn: Floats, xn: Floats) -> Floats:
    """The profile itself: `vm` m/s at `rm` km, shape `b`, exponent `xn` at `rn` km."""
    r = np.maximum(np.asarray(km, dtype=np.float64), 0.1)
    x = np.where(r <= rm, 0.5, 0.5 + (r - rm) * (xn - 0.5) / (rn - rm))
    x = np.maximum(x, np.minimum(0.4, xn))
    ratio = (rm / r) ** b
    return np.asarray(vm * (ratio * np.exp(1 - ratio)) ** x)


def profile_through(km: Floats, vm: Floats, b: Floats, rm: Floats, circles: Sequence[Circle]) -> Floats:
    """Wind (m/s) at `km` that passes through several circles, the innermost first and the last told everywhere: up to the innermost told, and beyond
    the last, Holland's profile fitted to it; between two of them the modified Rankine vortex (V ~ r^-a, Depperman 1947) through both, because two
    exponents of Holland's on one line let the wind rise outwards. Where one fit does so too, the circle holds: no less wind within, no more beyond."""
    rn, xn = circles[-1].km, circles[-1].x
    for circle in circles[-2::-1]:
        within = km <= circle.km
        rn, xn = np.where(within, circle.km, rn), np.where(within, circle.x, xn)
    found = profile_2010(km, vm, b, rm, rn, xn)
    start, speed = circles[0].km, circles[0].speed
    for circle in circles[1:]:
        between = np.flatnonzero((km > start) & (km <= circle.km))
        steep = np.log(circle.speed[between] / speed[between]) / np.log(circle.km[between] / start[between])
        found[between] = speed[between] * (km[between] / start[between]) ** steep
        there = np.isfinite(circle.km)
        start, speed = np.where(there, circle.km, start), np.where(there, circle.speed, speed)
    for circle in circles:
        edge = np.minimum(circle.speed, vm)
        found = np.where(km <= circle.km, np.maximum(found, edge), np.where(km > circle.km, np.minimum(found, edge), found))
    return found


@dataclass(frozen=True, slots=True)
class Circle:
    """A known wind of `speed` m/s at `km`, NaN for none, and the exponent `x` of Holland's profile through it."""

    km: Floats
    speed: Floats
    x: Floats
