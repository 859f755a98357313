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


def with_motion(
    rotating: ArrayLike, km: ArrayLike, bearing: ArrayLike, *, rm: ArrayLike, lat: ArrayLike, speed: ArrayLike, heading: ArrayLike
) -> Floats:
    """Wind over the ground (m/s) at `bearing` degrees from the centre: the `rotating` wind, turned inwards, and what the motion at `speed` m/s towards
    `heading` adds, which falls off outside Rm as Rm/r. Greatest to the right of the track, in the southern hemisphere to the left."""
    sense = np.where(np.asarray(lat) < 0, -1.0, 1.0)
    blows = np.asarray(bearing) - sense * (90 + inflow_angle(km, rm))
    moves = np.asarray(heading) - sense * TURNED
    more = added(speed) * np.minimum(np.asarray(rm) / np.maximum(km, 0.1), 1.0)
    both = np.asarray(rotating) ** 2 + more**2 + 2 * np.asarray(rotating) * more * np.cos(np.radians(blows - moves))
    return np.asarray(np.sqrt(np.maximum(both, 0.0)))


def land_decay(wind: ArrayLike, hours: ArrayLike, *, background: float = 13.75, rate: float = 0.095, reduction: float = 0.9) -> Floats:
    """Maximum wind (m/s) `hours` after landfall: Vb + (R V0 - Vb) exp(-a t); Vb 26.7 kn, a 0.095 per hour, R 0.9. Never more than before landfall."""
    first = np.asarray(wind, dtype=np.float64)
    later = background + (reduction * first - background) * np.exp(-rate * np.asarray(hours))
    return np.asarray(np.where(np.asarray(hours) > 0, np.minimum(later, first), first))
