"""What there is to doubt on a feed's sheet: the tests of core.quality, and what the county knows of its own sensors (works, climate, which way water runs)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from connectors.quality.near import neighbours
from connectors.quality.places import elevations, judged, places
from connectors.quality.sheet import Sheet
from core import quality
from core.checks import Bools, Floats, gaps, outside
from core.county import County, Feed
from core.limits import HEIGHTS, LIMITS, Agreement, Limits
from core.model import Flag
from core.quality import Doubt
from core.witnesses import Near


def doubts(sheet: Sheet, feed: Feed, county: County) -> dict[str, list[Doubt]]:
    """Every test's findings by property; before row `sheet.since` what others need to know."""
    column = {name: number for number, name in enumerate(sheet.stations)}
    near, work = neighbours(sheet.stations, county), _at_work(sheet, column, county)
    found: dict[str, list[Doubt]] = {}
    for name, values in sheet.values.items():
        found[name] = _alone(name, sheet, column, county)
        sick = np.logical_or.reduce([work, *(d.where for d in found[name] if d.flag >= Flag.SUSPECT)])
        found[name] += _around(name, sheet, np.where(sick, np.nan, values), near, county)  # what is in doubt is no witness
        found[name].append(Doubt(np.isfinite(gaps(sheet.times, values, feed.interval_s)), Flag.GOOD, "after a gap"))
        found[name].append(Doubt(work & (sheet.origin[name] >= 0), Flag.SUSPECT, "station under maintenance"))
    for more in (quality.check_cross(sheet.values), quality.check_exchanged(sheet.times, sheet.values, sheet.since)):
        for name, several in more.items():
            found[name] += several
    for name, doubt in _uphill(sheet, column, county):
        found[name].append(doubt)
    return found


def _alone(name: str, sheet: Sheet, column: dict[str, int], county: County) -> list[Doubt]:
    """What the stations' own past and the month say of a property."""
    zero = _zero(name, sheet, county) if name in HEIGHTS else None
    height = elevations(sheet.stations, county) if name == "pressure" else None

    def past(limits: Limits | None, _: Agreement | None) -> list[Doubt]:
        """The tests of the stations' own past."""
        return quality.check(name, sheet.times, sheet.values[name], interval_s=sheet.interval_s[name], zero=zero, elevation=height, limits=limits)

    return [*judged(places(name, sheet.stations, county), past), *_climate(name, sheet, column, county)]


def _around(name: str, sheet: Sheet, well: Floats, near: tuple[Near, Near], county: County) -> list[Doubt]:
    """What the stations near by say of a property, whose readings without doubt are `well`; `near` as `neighbours` gives it."""
    height, (beside, apart) = elevations(sheet.stations, county), near

    def others(limits: Limits | None, agreement: Agreement | None) -> list[Doubt]:
        """The tests against other stations."""
        return [*quality.check_neighbours(name, well, apart, sheet.since, elevation=height, agreement=agreement),
                *quality.check_leaps(name, sheet.times, well, apart, sheet.since, limits),
                *quality.check_drift(name, sheet.times, well, beside, sheet.since, limits)]

    return judged(places(name, sheet.stations, county), others)


def _zero(name: str, sheet: Sheet, county: County) -> Floats:
    """(S,) m: the level of each upland gauge, its warning stage or else the middle of its own rows of the climate; NaN for one near its datum."""
    top = LIMITS[name].suspect[1]
    own = {row.station: (row.low + row.high) / 2 for row in county.climate if row.observed_property == name}
    own |= {station.station: station.warning_stage for station in county.stations if station.warning_stage is not None}
    levels = np.array([own.get(station, np.nan) for station in sheet.stations])
    return np.where(levels > top, levels, np.nan)


def _climate(name: str, sheet: Sheet, column: dict[str, int], county: County) -> list[Doubt]:
    """What a month does not know at a station; a station's own row goes before the row for all."""
    rows = [row for row in county.climate if row.observed_property == name]
    months = np.array([datetime.fromtimestamp(t, county.zone).month for t in sheet.times]) if rows else np.zeros(0)
    out = []
    for row in (row for row in rows if row.month in months):
        own = [column[r.station] for r in rows if r.month == row.month and r.station in column and row.station in ("", r.station)]
        columns = np.full(len(column), not row.station)
        columns[own] = bool(row.station)
        where = outside(sheet.values[name], row.low, row.high) & (months == row.month)[:, None] & columns
        out.append(Doubt(where, Flag.SUSPECT, f"month {row.month} knows {row.low:g}..{row.high:g}"))
    return out


def _uphill(sheet: Sheet, column: dict[str, int], county: County) -> Iterator[tuple[str, Doubt]]:
    """By property: where a gauge stands too far above the one upstream of it."""
    known = {station.station for station in county.stations if station.station in column} if county.links else set()
    for link in county.links:
        if {link.upstream, link.downstream} <= known and link.observed_property in sheet.values:
            values, both = sheet.values[link.observed_property], [column[link.upstream], column[link.downstream]]
            where = np.zeros(values.shape, dtype=bool)
            where[:, both] = (values[:, both[1]] - values[:, both[0]] > link.rise)[:, None]
            reason = f"{link.downstream} over {link.rise:g} m above {link.upstream}, which lies upstream"
            yield link.observed_property, Doubt(where, Flag.SUSPECT, reason)


def _at_work(sheet: Sheet, column: dict[str, int], county: County) -> Bools:
    """(T, S): whether somebody works on the station."""
    out = np.zeros((len(sheet.times), len(column)), dtype=bool)
    for window in county.maintenance:
        if window.station in column:
            end = np.inf if window.end is None else window.end.timestamp()
            out[:, column[window.station]] |= (sheet.times >= window.start.timestamp()) & (sheet.times < end)
    return out
