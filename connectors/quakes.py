"""What the earthquake lists have in common: an event becomes readings at the stations (points) that the county lists for the feed.

The intensity is an estimate from an attenuation law and no measurement. For eastern China, along the longer axis of the isoseismals:
I = 5.019 + 1.446 M - 4.136 lg(R + 24), R in km from the epicentre (Wang, Yu, Gao and Yan 2000, for the national zoning map; restated from
memory, verified: false). It grows as the crow flies from a point: near a long rupture it is too small.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from math import log10

from connectors.reading.records import Gather, Refused
from connectors.reading.stations import distance_km
from core.county import County, Feed
from core.model import Flag, Observation

#: A magnitude that nobody has reviewed yet is told as doubtful.
AUTOMATIC = "automatic solution, not reviewed"


def felt(gather: Gather, county: County, feed: Feed, *, time: datetime, lat: float, lon: float, magnitude: float, automatic: bool) -> Iterator[Observation]:
    """Magnitude, epicentral distance (km) and estimated intensity (degrees of GB/T 17742) at each of the feed's stations within `radius_km` (option, 500).

    Events under `min_magnitude` (option, 2.5) are not told: they are felt by nobody. Refused for a place or size that cannot be.
    """
    if not -90 <= lat <= 90 or not -180 <= lon <= 180:
        raise Refused(f"epicentre {lat}, {lon} is no place")
    if not -2 <= magnitude <= 10:
        raise Refused(f"magnitude {magnitude:g} is none")
    if magnitude < float(feed.options.get("min_magnitude", 2.5)):
        return
    flag, reasons = (Flag.SUSPECT, (AUTOMATIC,)) if automatic else (Flag.GOOD, ())
    for station in county.stations_of(feed.feed):
        away = distance_km(station.lat, station.lon, lat, lon)
        if away > float(feed.options.get("radius_km", 500)):
            continue
        values = {"quake_magnitude": magnitude, "quake_distance": round(away, 1), "quake_intensity": round(intensity(magnitude, away), 2)}
        for name, value in values.items():
            yield gather.observation(station.station, name, time, value, flag=flag, reasons=reasons, synthetic=station.synthetic)


def intensity(magnitude: float, away_km: float) -> float:
    """Estimated intensity, 0 to 12, at `away_km` from the epicentre."""
    return min(12.0, max(0.0, 5.019 + 1.446 * magnitude - 4.136 * log10(away_km + 24)))
