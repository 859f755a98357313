"""What the moon may bring to a tidal gauge: the one cause that is known in advance, so that no gauge can feign it.

A spring tide alone lifts a gauge over its warning in the driest calm, and nothing else rises with it. So of what one path claims alone (rules.explained)
that much counts as told by another as the astronomical tide can bring to the path's own gauges at about that time: their reading, but no more than the
prediction and a margin. A drift that lifts a neap tide over a mark gains nothing, nor does a gauge without tide on the same line.

The prediction is an agency's or the analysis of the gauge's past without its last days, as it had been issued by then, in the gauge's own datum.
Without one nobody knows the tide of today, but high waters grow from day to day by no more than decimetres: it cannot be above the highest of the tidal
day before, and the margin, which was read before whatever lifts the gauge now began. Where that day has a hole too, it can be anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from core.county import Station
from core.model import Flag
from rules.catalogue import Indicator
from rules.grid import Bools, Floats, Ints, microseconds
from rules.language import Columns, Interval
from rules.packs import Rule
from rules.readings import Readings
from rules.roster import Roster
from rules.sites import path_names
from rules.situation import Situation, Table
from rules.spatial import over_towns
from rules.trailing import trailing_extreme

MEASURED, PREDICTED = "tide", "tide_astronomic"
#: A tide comes so much early or late, and a prediction may have no longer hole, hours (own choice, unverified).
AROUND_H, HOLE_H = 1.5, 1.0
#: The tidal day (25 h hold both its high waters) that stands for a prediction ended so long ago, hours: a lie of the last half day is not in it.
DAY_H, SINCE_H = 25.0, 12.0
#: How far back readings are needed, hours.
BACK_H = DAY_H + SINCE_H
_EDGE, _HOLE = (round(hours * 3_600_000_000) for hours in (AROUND_H, HOLE_H))


@dataclass(frozen=True, slots=True)
class Tide:
    """The highest tide that the moon may bring to gauges at some ticks, (R, G) m in each gauge's datum, +inf where nobody knows; `predicted` (R, G)."""

    highest: Floats
    predicted: Bools


def tide(situation: Situation, gauges: tuple[Station, ...], rows: Ints) -> Tide:
    """By the prediction, else by the tidal day before."""
    told = np.stack([_predicted(situation, gauge, rows) for gauge in gauges], axis=1)
    known = np.isfinite(told)
    return Tide(told if known.all() else np.where(known, told, _day_before(situation, gauges, rows)), known)


def accounted(situation: Situation, indicator: Indicator, path: str, rows: Ints, towns: Ints, margin: float) -> Floats | None:
    """(R, M) how much of what a path's tidal gauges claim over a mark the tide and the margin (m) may bring, -inf where it has none; None where it has
    none anywhere."""
    parts = situation.readings.roster.parts(indicator) if indicator.above and not indicator.inverted else ()
    if MEASURED not in (names := [p for p, _ in parts]):
        return None
    group = parts[names.index(MEASURED)][1]
    mine = np.array([n for n, name in enumerate(path_names(group)) if name == path], dtype=np.int64)
    if not mine.size:
        return None
    gauges, sites = tuple(group[n] for n in mine), situation.readings.sites(indicator)
    at = mine + sum(len(of) for _, of in parts[: names.index(MEASURED)])
    mark = np.array([getattr(g, indicator.above) - _own(indicator, g) for g in gauges], dtype=np.float64)
    whole = np.full((len(rows), len(sites.stations)), -np.inf)
    whole[:, at] = np.minimum(sites.each.heading[rows][:, at], np.round(tide(situation, gauges, rows).highest + margin - mark, 6))
    return over_towns(whole, situation.readings.roster.reach(indicator, sites.stations))[:, towns]


def _own(indicator: Indicator, gauge: Station) -> float:
    """How far a gauge's own number lies under the usual one (rules.marks)."""
    mark = indicator.mark
    return mark.usual - mark.stations.get(gauge.station, mark.usual) if mark else 0.0


def raised(columns: Columns, table: Table, rule: Rule, told: dict[str, Floats]) -> Columns:
    """What is left without a path, raised to what the tide may bring of its claim (`accounted` by indicator)."""
    values, absent = dict(columns.values), dict(columns.absent)
    own = {word.mark.measures: (word.name, word.mark.usual) for word in rule.own if word.kind == "mark" and word.mark}
    for name, tidal in told.items():
        number, usual = own.get(name, ("", 0.0))
        shift = table.heading.values[number].lo - usual if number else 0.0  # read as the reading of the station that decides (marks.shown)
        value = np.maximum(values[name].lo, np.round(tidal + shift, 6))
        values[name] = Interval(value, np.maximum(values[name].hi, value))
        if name in absent:
            absent[name] = absent[name] & ~np.isfinite(tidal)
    return Columns(values, absent, columns.shape)


def say(situation: Situation, gauge: Station) -> str:
    """'天文潮最高 4.11 m' about the last tick, or what stands for it; "" for a gauge without tide and where nobody knows."""
    if MEASURED not in gauge.properties:
        return ""
    found = tide(situation, (gauge,), np.array([len(situation.ticks) - 1]))
    highest = float(found.highest[0, 0])
    if not np.isfinite(highest):
        return ""
    return f"天文潮最高 {highest:.2f} m" if found.predicted[0, 0] else f"无天文潮预报，前一潮日最高 {highest:.2f} m"


def _predicted(situation: Situation, gauge: Station, rows: Ints) -> Floats:
    """(R,) the highest prediction within AROUND_H of each tick by the newest issues, NaN where it has a hole or there is none."""
    out, frame = np.full(len(rows), np.nan), situation.sources.forecasts
    frame = frame[(frame["observed_property"] == PREDICTED) & (frame["station"] == gauge.station) & (frame["flag"] == Flag.GOOD) & frame["value"].notna()]
    if gauge.datum:
        frame = frame[frame["datum"].isin(("", gauge.datum))]
    for number, (time, value) in _near(frame, [microseconds(situation.ticks[row]) for row in rows]):
        if np.diff(np.concatenate(([-_EDGE], time, [_EDGE]))).max() <= _HOLE:
            out[number] = value.max()
    return out


def _near(frame: pd.DataFrame, ticks: list[int]) -> Iterator[tuple[int, tuple[Ints, Floats]]]:
    """(number of the tick, (times after it in microseconds, ascending, each once, and their values by the newest issue)) of the predictions about it."""
    if frame.empty:
        return
    frame = frame.sort_values("issued", kind="stable")
    time, issued = (frame[name].to_numpy(dtype="datetime64[us]").astype(np.int64) for name in ("time", "issued"))
    value = frame["value"].to_numpy(dtype=np.float64)
    for number, tick in enumerate(ticks):
        some = np.flatnonzero((issued <= tick) & (np.abs(time - tick) <= _EDGE))[::-1]  # the newest issue first
        after, first = np.unique(time[some] - tick, return_index=True)
        if len(after):
            yield number, (after, value[some[first]])


def _day_before(situation: Situation, gauges: tuple[Station, ...], rows: Ints) -> Floats:
    """(R, G) the highest reading of the DAY_H that ended SINCE_H before each tick, +inf where it has a hole."""
    seconds = np.array([int((situation.now - situation.ticks[row]).total_seconds()) for row in rows], dtype=np.int64)
    county = replace(situation.county, stations=gauges)
    hours = BACK_H + float(timedelta(seconds=int(seconds.max())) / timedelta(hours=1)) + 1.0
    readings = Readings(county, situation.readings.log, now=situation.now, hours=hours, ticks_s=seconds, silent=frozenset(), roster=Roster(county))
    grid, at = readings.grid(MEASURED, gauges)
    end = np.repeat(at.tick[:, None] - grid.slots(SINCE_H), len(gauges), axis=1)
    width = grid.slots(DAY_H)
    due = np.maximum(1, width * grid.step_s // np.maximum(readings.roster.timing(gauges).interval_s, grid.step_s))
    return np.where(grid.counts.trailing(end, width) >= due, trailing_extreme(grid.value, end, width, highest=True), np.inf)
