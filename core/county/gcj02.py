"""GCJ-02, the shifted degrees of Chinese web maps (300 to 700 m off): how to come back from them, so that a file of theirs can be known by it.

The shift is the one in public use (eviltransform and others), not a published standard; its inverse here is one step of iteration, to about a metre.
"""

from __future__ import annotations

from math import cos, pi, radians, sin, sqrt

#: Krasovsky 1940: semi-major axis, m, and squared eccentricity.
AXIS, SQUARED = 6_378_245.0, 0.00669342162296594323


def shifted(lon: float, lat: float) -> tuple[float, float]:
    """WGS 84 degrees to GCJ-02; the same outside China's box."""
    if not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271):
        return lon, lat
    x, y = lon - 105.0, lat - 35.0
    waves = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + waves
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3 + (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + waves
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3 + (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    flat = 1 - SQUARED * sin(radians(lat)) ** 2
    return (lon + east * 180 / (AXIS / sqrt(flat) * cos(radians(lat)) * pi), lat + north * 180 / (AXIS * (1 - SQUARED) / flat**1.5 * pi))


def restored(lon: float, lat: float) -> tuple[float, float]:
    """GCJ-02 degrees to WGS 84."""
    near = shifted(lon, lat)
    first = 2 * lon - near[0], 2 * lat - near[1]
    again = shifted(*first)
    return first[0] + lon - again[0], first[1] + lat - again[1]
