"""Forecasts per station: the newest issue's amounts within the lead time, for each town the nearest station with one.

A forecast that nobody issued within ISSUE_H is absent; a rule says by `optional` whether that matters.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from core.county import County
from core.model import Flag
from rules.catalogue import Indicator
from rules.roster import reach_of
from rules.spatial import over_towns
from rules.towns import TownValues

#: A forecast older than this is no forecast any more.
ISSUE_H = 12.0


def forecast_towns(indicator: Indicator, county: County, frame: pd.DataFrame, ticks: list[datetime]) -> TownValues:
    """Sum (or maximum) over (tick, tick + lead] of the newest issue known at the tick, (T, N); `frame` as lake.observations(forecasts=True)."""
    stations = tuple(s for s in county.stations if any(p in s.properties for p in indicator.properties))
    column = {s.station: number for number, s in enumerate(stations)}
    values = np.full((len(ticks), len(stations)), -np.inf)
    rows = frame[frame["observed_property"].isin(indicator.properties) & frame["station"].isin(column) & (frame["flag"] == Flag.GOOD)]
    rows = rows[rows["value"].notna() & (rows["time"] >= ticks[0])]  # what lies before is the tide's (rules.foretold)
    for number, tick in enumerate(ticks if len(rows) else []):
        near = rows[(rows["issued"] <= tick) & (rows["issued"] > tick - timedelta(hours=ISSUE_H))]
        newest = near[near["issued"] == near.groupby(["station", "observed_property"])["issued"].transform("max")]
        within = newest[(newest["time"] > tick) & (newest["time"] <= tick + timedelta(hours=indicator.lead_h))]
        grouped = within.groupby("station")["value"]
        for station, amount in (grouped.sum() if indicator.statistic == "sum" else grouped.max()).items():
            values[number, column[str(station)]] = round(float(amount), 6)
    found = reach_of(county, indicator, stations)
    lo = over_towns(values, found)
    absent = np.asarray(~np.isfinite(lo).any(axis=0))
    feeds = tuple(dict.fromkeys(s.feed for s in stations))
    return TownValues(lo, np.where(np.isfinite(lo), lo, np.inf), lo, lo, absent, np.zeros(len(absent), dtype=bool), feeds if len(rows) else (), np.zeros_like(lo))
