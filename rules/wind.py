"""Wind of a typhoon at a place: Holland's profiles and the reported wind circles, over arrays of any shape.

Sources (re-derived from the papers, no code taken):
- Holland (1980), An analytic model of the wind and pressure profiles in hurricanes, Mon. Wea. Rev. 108, 1212-1218.
- Holland (2008), A revised hurricane pressure-wind model, Mon. Wea. Rev. 136, 3432-3445.
- Holland, Belanger & Fritz (2010), A revised model for radial profiles of hurricane winds, Mon. Wea. Rev. 138, 4393-4401.
- Kaplan & DeMaria (1995), decay after landfall, J. Appl. Meteor. 34, 2499-2512.
- Sutcliffe-type quadrant circles: radii by quadrant NE, SE, SW, NW as Chinese bulletins give them.
Units: m/s, km, hPa, degrees; northern hemisphere.
"""

from __future__ import annotations

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


def outer_exponent(b: ArrayLike, rm: ArrayLike, wind: ArrayLike, outer_km: ArrayLike, outer_wind: ArrayLike) -> Floats:
    """Holland (2010): the exponent x_n that makes the profile pass through `outer_wind` at `outer_km`, clipped to [0.1, 1].

    Solves Vm [(Rm/rn)^b exp(1 - (Rm/rn)^b)]^xn = Vn for xn.
    """
    ratio = (np.asarray(rm, dtype=np.float64) / np.maximum(outer_km, 1.0)) ** np.asarray(b, dtype=np.float64)
    decay = np.log(np.minimum(ratio * np.exp(1 - ratio), 1 - 1e-9))
    share = np.log(np.clip(np.asarray(outer_wind) / np.maximum(wind, 1e-6), 1e-6, 1.0))
    return np.clip(share / decay, 0.1, 1.0)


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
    return profile_2010(km, vm, b, rm, rn, outer_exponent(b, rm, vm, rn, outer_wind))


def profile_2010(km: ArrayLike, vm: Floats, b: Floats, rm: Floats, rn: Floats, xn: Floats) -> Floats:
    """The profile itself: `vm` m/s at `rm` km, shape `b`, exponent `xn` at `rn` km."""
    r = np.maximum(np.asarray(km, dtype=np.float64), 0.1)
    x = np.where(r <= rm, 0.5, 0.5 + (r - rm) * (xn - 0.5) / (rn - rm))
    x = np.maximum(x, np.minimum(0.4, xn))
    ratio = (rm / r) ** b
    return np.asarray(vm * (ratio * np.exp(1 - ratio)) ** x)


def motion_asymmetry(speed: ArrayLike, km: ArrayLike, bearing: ArrayLike, heading: ArrayLike, rm: ArrayLike) -> Floats:
    """Wind (m/s) that a storm moving at `speed` m/s towards `heading` adds at `bearing`: half of it, greatest to the right of the
    track, falling off outside Rm as Rm/r (Schwerdt, Ho & Watkins 1979 form; optional, not used by the shipped packs)."""
    reach = np.minimum(np.asarray(rm) / np.maximum(km, 0.1), 1.0)
    return np.asarray(0.5 * np.asarray(speed) * reach * np.sin(np.radians(np.asarray(bearing) - np.asarray(heading))))


def land_decay(wind: ArrayLike, hours: ArrayLike, *, background: float = 13.75, rate: float = 0.095, reduction: float = 0.9) -> Floats:
    """Maximum wind `hours` after landfall (Kaplan & DeMaria 1995): Vb + (R V0 - Vb) exp(-a t), m/s; coefficients general knowledge."""
    first = reduction * np.asarray(wind, dtype=np.float64)
    return np.asarray(np.where(np.asarray(hours) > 0, background + (first - background) * np.exp(-rate * np.asarray(hours)), wind))
