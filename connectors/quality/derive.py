"""What a batch's readings say together with those before them: rain from a counter, the residual of a tide, and the tide to come.

A derived reading has the identity of its own property and time, so that late, repeated and reordered counters end in the same rain: the reading
after a late one is derived again, and the newest receipt counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from connectors.quality.tide import APART, ASKED, predict
from core.county import County, Feed, Station
from core.lake import Lake
from core.model import Batch, Flag, Observation
from core.readings import Readings

#: A counter's step over a longer gap says nothing about when the rain fell.
LONGEST = timedelta(hours=6)
#: The tide is foretold from BEFORE to AHEAD of now, one value every EVERY, again when less than LEFT of it is left.
BEFORE, AHEAD, LEFT, EVERY = timedelta(hours=3), timedelta(hours=30), timedelta(hours=24), timedelta(minutes=30)
Series = defaultdict[str, dict[float, float]]


def derive(batch: Batch, *, feed: Feed, county: County, lake: Lake, now: datetime) -> Batch:
    """The batch with what can be derived from it. Residuals, and the astronomical tide as a forecast, only where the feed's option `residual` is true."""
    more = list(_rain(batch, feed, lake, now))
    if feed.options.get("residual"):
        more += _residuals(batch, feed, county, lake, now)
    return replace(batch, observations=Readings.join(batch.observations, more)) if more else batch


def _rain(batch: Batch, feed: Feed, lake: Lake, now: datetime) -> Iterator[Observation]:
    """Rain (mm) between two counts of the same gauge, for every new count and the one after it; none where the counter fell or the gap is too long."""
    direct = _only(batch, "rain").station.used()
    new = [o for o in _only(batch, "rain_total") if o.value is not None and o.station not in direct]
    if not new:
        return
    known = _series(lake, feed, "rain_total", min(o.time for o in new) - LONGEST, max(o.time for o in new) + LONGEST, now)
    for o in new:
        known[o.station][o.time.timestamp()] = o.value or 0.0
    for station, first in {o.station: o for o in new}.items():
        series, fresh = sorted(known[station].items()), {o.time.timestamp() for o in new if o.station == station}
        for (before, low), (after, high) in pairwise(series):
            if not fresh & {before, after} or high < low or after - before > LONGEST.total_seconds():
                continue
            reason = f"from a counter, {low:g} to {high:g} mm"
            yield replace(first, observed_property="rain", time=_time(after), value=round(high - low, 3), interval_s=int(after - before), reasons=(reason,))


def _only(batch: Batch, observed_property: str) -> Readings:
    readings = Readings.of(batch.observations)
    return readings.take(readings.observed_property.where(lambda name: name == observed_property))


def _residuals(batch: Batch, feed: Feed, county: County, lake: Lake, now: datetime) -> Iterator[Observation]:
    """tide_residual (m) of every new tide: measured less astronomical; without enough history no value, flag UNKNOWN and the reason. And the astronomical
    tide of the next AHEAD (m, the station's datum, issued now) of each gauge whose tide nobody has foretold so far: it does not know the last days, so
    that it stands against what the gauge says today."""
    new: dict[str, list[Observation]] = defaultdict(list)
    for o in _only(batch, "tide"):
        if o.issued is None and o.value is not None:
            new[o.station].append(o)
    if not new:
        return
    history = _series(lake, feed, "tide", now - ASKED, now, now, worst=Flag.UNKNOWN)
    foretold = _foretold(batch, lake, now)
    for name, tides in new.items():
        station = county.station(name)
        if station is not None:
            yield from _tidal(station, tides, history[name], now, ahead=name not in foretold)


def _foretold(batch: Batch, lake: Lake, now: datetime) -> set[str]:
    """Stations whose tide is foretold for longer than LEFT, whoever does."""
    known = lake.observations(start=now + LEFT, end=now + AHEAD, as_of=now, properties=["tide_astronomic"], forecasts=True)
    return {*map(str, known["station"]), *_only(batch, "tide_astronomic").station.used()}


def _tidal(station: Station, tides: list[Observation], history: dict[float, float], now: datetime, *, ahead: bool) -> Iterator[Observation]:
    past = history | {o.time.timestamp(): o.value or 0.0 for o in tides if o.datum == station.datum}
    step = EVERY.total_seconds()
    first = int((now - BEFORE).timestamp() // step)
    coming = [n * step for n in range(first, first + int((BEFORE + AHEAD) / EVERY) + 2)] if ahead else []
    at = np.array([*(o.time.timestamp() for o in tides), *coming])
    found = predict(np.array(list(past)), np.array(list(past.values())), at, latitude=station.lat, now=now)
    for i, o in enumerate(tides):
        if o.datum != station.datum:
            value, flag, why = None, Flag.UNKNOWN, f"datum {o.datum} is not the station's"
        elif found.values is None:
            value, flag, why = None, Flag.UNKNOWN, found.why
        else:
            value, flag, why = round((o.value or 0.0) - float(found.values[i]), 4), o.flag, f"astronomical {found.values[i]:.2f} m"
        yield replace(o, observed_property="tide_residual", value=value, flag=flag, datum="", reasons=(why,))
    if found.values is not None:
        for seconds, value in zip(coming, found.values[len(tides) :], strict=True):
            yield replace(tides[0], observed_property="tide_astronomic", time=_time(seconds), value=round(float(value), 4), flag=Flag.GOOD,
                          datum=station.datum, issued=now, reasons=(f"harmonic analysis of {ASKED.days} days without the last {APART.days}",))


def _series(lake: Lake, feed: Feed, observed_property: str, start: datetime, end: datetime, now: datetime, worst: Flag = Flag.SUSPECT) -> Series:
    """station -> {epoch s: value} of what the lake knows; values flagged beyond `worst`, and heights in another datum than most, are left out."""
    frame = lake.observations(start=start, end=end, as_of=now, properties=[observed_property], feeds=[feed.feed])
    frame = frame[frame["value"].notna() & (frame["flag"] <= int(worst))]
    found: Series = defaultdict(dict)
    for station, rows in frame.groupby("station", sort=True):
        rows = rows[rows["datum"] == rows["datum"].mode().iloc[0]]
        seconds = rows["time"].astype("int64").to_numpy() / 1e6
        found[str(station)] = dict(zip(seconds.tolist(), rows["value"].to_numpy(dtype=float).tolist(), strict=True))
    return found


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
