"""The stations of one feed as columns, each made once a county."""

from __future__ import annotations

from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.county.types import Station
from core.readings import Words


class Sensors:
    """`stations` of a feed in the county's order; a column tells of each at its place there."""

    def __init__(self, stations: tuple[Station, ...]) -> None:
        self.stations = stations
        self._columns: dict[str, Words[Any]] = {}

    @cached_property
    def number(self) -> dict[str, int]:
        """The place of a station, by its id."""
        return {station.station: number for number, station in enumerate(self.stations)}

    @cached_property
    def lat(self) -> NDArray[np.float64]:
        """(S,) degrees north."""
        return np.array([station.lat for station in self.stations], dtype=np.float64)

    @cached_property
    def lon(self) -> NDArray[np.float64]:
        """(S,) degrees east."""
        return np.array([station.lon for station in self.stations], dtype=np.float64)

    def column(self, field: str) -> Words[Any]:
        """(S,) a field of Station."""
        if field not in self._columns:
            self._columns[field] = Words.of(map(attrgetter(field), self.stations))
        return self._columns[field]
