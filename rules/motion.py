"""What a typhoon's own motion and the land do to its wind: translation and inflow as vectors, decay after landfall. Over arrays of any shape.

Sources (re-derived, no code taken; general knowledge, not read in the original):
- Sobey, Harper & Stark (1977), inflow angle by distance in radii of maximum wind (James Cook University, Research Bulletin CS14).
- Lin & Chavas (2012), On hurricane parametric wind and applications in storm surge modeling, J. Geophys. Res. 117, D09120: the storm's motion adds 0.55
  of its speed, turned 20 degrees against the clock (with it in the southern hemisphere).
- Kaplan & DeMaria (1995), A simple empirical model for predicting the decay of tropical cyclone winds after landfall, J. Appl. Meteor. 34, 2499-2512.

Of these the assessment uses motion and inflow, and only where no wind circle is reported: a circle told by quadrant is the wind over the ground, with the
motion in it, so that adding it once more would count it twice. It never uses the decay: the maximum wind that agencies analyse and forecast hour by hour
has the land in it already, a track without forecast is carried on at its last wind because only a forecast may prove that it will be weaker, and what the
ground at a town takes from the mean wind is the pack's own number (`land` of cn/typhoon_wind).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rules.wind import Floats

#: Share of the storm's speed that is added to the wind, and by how much it is turned, degrees.
SHARE, TURNED = 0.55, 20.0
#: A storm that runs faster is taken for a leap of the analysis (30 kn, m/s).
FASTEST = 15.4


def inflow_angle(km: ArrayLike, rm: ArrayLike) -> Floats:
    """Degrees by which the surface wind is turned from the circle towards the centre: 10 r/Rm inside Rm, 10 + 75 (r/Rm - 1) up to 1.2 Rm, then 25."""
    ratio = np.asarray(km, dtype=np.float64) / np.asarray(rm, dtype=np.float64)
    return np.asarray(np.where(ratio < 1, 10 * ratio, np.minimum(10 + 75 * (ratio - 1), 25.0)))


def added(speed: ArrayLike) -> Floats:
    """m/s that a storm moving at `speed` m/s adds where both point the same way: what its own rotation lacks to the reported maximum."""
    return np.asarray(SHARE * np.clip(np.asarray(speed, dtype=np.float64), 0.0, FASTEST))


def drift(lat: ArrayLike, speed: ArrayLike, heading: ArrayLike) -> tuple[Floats, Floats]:
    """What the motion at `speed` m/s towards `heading` degrees adds within Rm: m/s, and towards how many degrees."""
    return added(speed), np.asarray(np.asarray(heading) - np.where(np.asarray(lat) < 0, -1.0, 1.0) * TURNED)


def with_motion(rotating: ArrayLike, km: ArrayLike, ahead: ArrayLike, side: ArrayLike, *, rm: ArrayLike, more: ArrayLike) -> Floats:
    """Wind over the ground (m/s) at a place so far `ahead` of the centre (any unit), seen along the drift of `more` m/s, and so far to the `side` on which
    the wind blows with it, the right, in the southern hemisphere the left: the `rotating` wind, turned inwards, and the drift, which falls off outside
    Rm as Rm/r. No angle of a place is worked out: along the drift blows side cos i - ahead sin i of the wind, i the inflow."""
    wind = np.asarray(rotating)
    cosine, sine = _cos_sin(np.radians(inflow_angle(km, rm)))
    adds = np.asarray(more) * np.minimum(np.asarray(rm) / np.maximum(km, 0.1), 1.0)
    along = (np.asarray(side) * cosine - np.asarray(ahead) * sine) / np.maximum(np.hypot(ahead, side), 1e-12)
    return np.asarray(np.sqrt(np.maximum(wind**2 + adds**2 + 2 * wind * adds * along, 0.0)))


def _cos_sin(inwards: Floats) -> tuple[Floats, Floats]:
    """Of inflow angles, nearly all of which are the greatest."""
    most = np.radians(25.0)
    cosine, sine = np.full(inwards.shape, np.cos(most)), np.full(inwards.shape, np.sin(most))
    less = inwards < most
    cosine[less], sine[less] = np.cos(inwards[less]), np.sin(inwards[less])
    return cosine, sine


def land_decay(wind: ArrayLike, hours: ArrayLike, *, background: float = 13.75, rate: float = 0.095, reduction: float = 0.9) -> Floats:
    """Maximum wind (m/s) `hours` after landfall: Vb + (R V0 - Vb) exp(-a t); Vb 26.7 kn, a 0.095 per hour, R 0.9. Never more than before landfall."""
    first = np.asarray(wind, dtype=np.float64)
    later = background + (reduction * first - background) * np.exp(-rate * np.asarray(hours))
    return np.asarray(np.where(np.asarray(hours) > 0, np.minimum(later, first), first))
