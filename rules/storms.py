"""Which storms of several feeds are one: by where they were at the same time, and by the international number where both have it.

A depression has no number before it has a name, goes by its feed's own, and changes it on the day that it is numbered; it must not be two storms because
two feeds tell of it, nor on that day. Two different numbers are never one storm, however near they come to each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rules.grid import Floats, Ints
from rules.spatial import distance_km

#: Two relays of one analysis differ by its rounding, two storms' centres are never so near without being one (own choice, unverified).
NEAR_KM = 50.0
#: The international number with its century: year and number in the year.
_NUMBER = re.compile(r"(19|20)\d{4}\Z")


@dataclass(frozen=True, slots=True)
class _Told:
    """One storm of one feed: its rows in the frame, and the analysed places, in order of time (microseconds since 1970 UTC, degrees)."""

    storm: str
    rows: Ints
    time: Ints
    lat: Floats
    lon: Floats

    def numbered(self) -> bool:
        """Whether it goes by its international number."""
        return bool(_NUMBER.match(self.storm))

    def at(self, time: int) -> tuple[Floats, Floats]:
        """Between two analysed places in a straight line, over the date line too."""
        lon = self.lon + np.round((self.lon[0] - self.lon) / 360) * 360
        return np.interp([time], self.time, self.lat), np.interp([time], self.time, lon)

    def is_with(self, other: _Told) -> bool:
        """Whether both are one storm. One number in two places is two: nobody knows which is right, and the wrong one must not take the other away."""
        numbered = self.numbered() and other.numbered()
        if numbered and self.storm != other.storm:
            return False
        if not len(self.time) or not len(other.time):
            return numbered
        last = min(int(self.time[-1]), int(other.time[-1]))
        together = last >= max(int(self.time[0]), int(other.time[0]))
        return float(distance_km(*self.at(last), *other.at(last))[0]) <= NEAR_KM if together else numbered


def storms(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, rows of all its feeds) of each storm in a frame as lake.tracks gives it, in order of its first feed and name there; the name is its number
    where any feed has that."""
    number = frame.groupby(["feed", "storm"], sort=True).ngroup().to_numpy()
    several = number.max(initial=-1) + 1
    if several == 1:
        yield str(frame["storm"].iloc[0]), frame
        return
    told = [_told(frame, np.flatnonzero(number == n)) for n in range(several)]
    found: list[list[int]] = []
    for one in sorted(range(len(told)), key=lambda n: not told[n].numbered()):  # those without a number then join no more than one that has
        own = next((group for group in found if any(told[one].is_with(told[n]) for n in group)), None)
        if own is None:
            found.append([one])
        else:
            own.append(one)
    for group in sorted(sorted(group) for group in found):
        name = next((told[n].storm for n in group if told[n].numbered()), told[group[0]].storm)
        yield name, frame.iloc[np.concatenate([told[n].rows for n in group])]


def _told(frame: pd.DataFrame, rows: Ints) -> _Told:
    own = frame.iloc[rows]
    storm = str(own["storm"].iloc[0])
    own = own[own["issued"].isna()].sort_values("time", kind="stable")
    time = own["time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    return _Told(storm, rows, time, own["lat"].to_numpy(dtype=np.float64), own["lon"].to_numpy(dtype=np.float64))
