"""A reading counts only for a station that the county knows, and only while that station stands where the county says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from math import asin, cos, pi, radians, sin, sqrt

import numpy as np

from connectors.reading.records import Refused, to_number
from core.checks import Floats, Ints
from core.county import County, Feed, Station

EARTH_KM = 6371.0
#: A station that reports itself farther away than this has been moved or exchanged: its readings are set aside until a person has looked.
MOVED_KM = 0.2
#: So few places are compared each with each: loading a search tree takes longer, and a county's ingest is a process of its own.
FEW = 500


class Stations:
    """The stations of one feed by id, and as columns (`sensors`)."""

    def __init__(self, county: County, feed: Feed) -> None:
        self.sensors = county.sensors(feed.feed)

    def known(self, station: str) -> Station:
        """The station; Refused where the county's table does not have it."""
        if station not in self.sensors.number:
            raise Refused(f"station {station[:20]!r} is not in the county's table of this feed")
        return self.sensors.stations[self.sensors.number[station]]

    def numbers(self, stations: Sequence[str]) -> Ints:
        """(N,): the place in the columns of each, -1 for one that the county's table does not have."""
        return np.fromiter(map(self.sensors.number.get, stations, repeat(-1)), np.int64, len(stations))

    def in_place(self, station: Station, lat: object, lon: object) -> None:
        """Refused where the record's own coordinates (degrees) are over MOVED_KM from the table's; as exact as they are written."""
        there_lat, there_lon = to_number(lat, "Lat"), to_number(lon, "Lon")
        if there_lat is None or there_lon is None:
            return
        rounding_km = 111.2 * 0.71 * max(_last_digit(lat), _last_digit(lon))
        apart = distance_km(station.lat, station.lon, there_lat, there_lon)
        if apart > MOVED_KM + rounding_km:
            raise Refused(f"station {station.station} reports itself {apart:.1f} km from its place")


def _last_digit(text: object) -> float:
    """Weight of the last digit written, in the coordinate's unit: 0.01 for '33.85'."""
    return float(10 ** -len(str(text).partition(".")[2]))


def within_km(places: Sequence[tuple[float, float] | None], km: float) -> tuple[Ints, Ints]:
    """Every two different places (lat, lon in degrees, None for unknown) within `km` great-circle distance of each other, (N,) and (N,) their numbers:
    each pair both ways round."""
    known = np.array([n for n, place in enumerate(places) if place is not None], dtype=np.int64)
    lat, lon = np.radians(np.array([place for place in places if place is not None], dtype=np.float64).reshape(-1, 2)).T
    points, chord = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]), 2 * sin(min(km / EARTH_KM, pi) / 2)
    if len(known) <= FEW:
        one, other = np.nonzero((((points[:, None] - points) ** 2).sum(axis=2) <= chord**2) & ~np.eye(len(known), dtype=bool))
        return known[one], known[other]
    from scipy.spatial import cKDTree

    one, other = known[cKDTree(points).query_pairs(chord, output_type="ndarray")].T
    return np.concatenate([one, other]), np.concatenate([other, one])


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in km of two points in degrees (haversine, sphere of 6,371 km)."""
    p1, p2, half = radians(lat1), radians(lat2), radians(lon2 - lon1) / 2
    a = sin((p2 - p1) / 2) ** 2 + cos(p1) * cos(p2) * sin(half) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(a)))


def apart_km(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """`distance_km` of many pairs of points."""
    p1, p2 = np.radians(lat1), np.radians(lat2)
    a = np.sin((p2 - p1) / 2) ** 2 + np.cos(p1) * np.cos(p2) * np.sin(np.radians(lon2 - lon1) / 2) ** 2
    out: Floats = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(1.0, a)))
    return out
