"""What a typhoon's own motion does to its wind: translation and inflow as vectors. Over arrays of any shape.

Sources (re-derived, no code taken; the numbers as others restate them, the originals not read):
- Sobey, Harper & Stark (1977), Numerical simulation of tropical cyclone storm surge, James Cook University of North Queensland, Research Bulletin CS14:
  inflow angle by distance in radii of maximum wind, as Martino, Cheung, Phadke & Houston (2001) give it. Bretschneider's (1972), in use too, is up to
  10 degrees greater within 1.2 radii and the same beyond.
- Lin & Chavas (2012), On hurricane parametric wind and applications in storm surge modeling, J. Geophys. Res. 117, D09120: the storm's motion adds 0.55
  of its speed, turned 20 degrees against the clock (with it in the southern hemisphere); the fit behind it is restated as 0.56 and 19.2.

Used only where no wind circle is reported: a circle told by quadrant is the wind over the ground, with the motion in it, so that adding it once more would
count it twice. What the land takes (Kaplan & DeMaria 1995, J. Appl. Meteor. 34, 2499-2512) is not modelled: the maximum wind that agencies analyse and
forecast hour by hour has the land in it already, a track without forecast is carried on at its last wind because only a forecast may prove that it will
be weaker, and what the ground at a town takes from the mean wind is the pack's own number (`land` of cn/typhoon_wind).
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
