"""A county's own numbers as columns. A number that differs by town is a column over towns. One that differs by station is looked at where the
stations are, before the towns take the worst of them: each reading is moved by how far its station's own number lies from the pack's.

Told to people are the reading and the number of the station that decides, so value and threshold stand as they are in the field.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core.county import Station
from rules.grid import Floats
from rules.spatial import extend
from rules.statistics import StationValues

if TYPE_CHECKING:
    from rules.catalogue import Catalogue, Indicator
    from rules.readings import Readings
    from rules.towns import TownValues


def measured(values: StationValues, indicator: Indicator, stations: tuple[Station, ...]) -> StationValues:
    """(T, S) values as far over the pack's number as each lies over its station's own; turned round where small values are the worst."""
    mark = indicator.mark
    if mark is None:
        return values
    by = np.array([mark.usual - mark.stations.get(s.station, mark.usual) for s in stations]) * (-1.0 if indicator.sinking else 1.0)
    return values.each(lambda column: np.round(column + by, 6))


def numbers(indicator: Indicator, readings: Readings, catalogue: Catalogue, shape: tuple[int, int]) -> Floats:
    """(T, N) the number in force: the town's own, or that of the station that decides for the indicator measured against it."""
    mark = indicator.mark
    if mark is None:
        raise TypeError(f"{indicator.name} is no mark")
    if mark.measures:
        return deciding(readings, catalogue.indicators[mark.measures])
    return np.broadcast_to(np.array([mark.towns.get(town.key, mark.usual) for town in readings.county.towns]), shape).copy()


def deciding(readings: Readings, of: Indicator) -> Floats:
    """(T, N) own number of the worst core station, by what it proves, else by where it was heading; the pack's where there is none."""
    mark = of.mark
    if mark is None:
        raise TypeError(f"{of.name} has no mark")
    sites = readings.sites(of)
    found, values = readings.roster.reach(of, sites.places), sites.values
    members = [sites.merged[p.station].members[0] if p.station in sites.merged else p for p in sites.places]
    own = np.array([*(mark.stations.get(s.station, mark.usual) for s in members), mark.usual])
    told = extend(np.where(np.isfinite(values.lo), values.lo, values.heading), -np.inf)
    best = np.where(found.core, told[:, found.member], -np.inf).argmax(axis=1)  # (T, L, N) -> (T, N)
    return np.asarray(own[found.member[best, np.arange(found.member.shape[1])]])


def shown(values: TownValues, indicator: Indicator, number: Floats) -> TownValues:
    """The town's values moved back by the deciding station's own number, so that they read as its readings and compare with `number`."""
    if indicator.mark is None:
        return values
    by = (number - indicator.mark.usual) * (-1.0 if indicator.sinking else 1.0)
    sides = ("lo", "hi", "heading", "corroborated", "second", "backed", "second_heading", "backed_heading")
    return replace(values, **{side: np.round(column + by, 6) for side in sides if (column := getattr(values, side)) is not None})
