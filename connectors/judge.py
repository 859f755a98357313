"""Quality flags at ingest: the batch is judged together with what the lake holds around it, and what it sheds new light on is judged again.

A reading's flags are a function of the readings around it (core.checks.REACH_S), not of the order in which they came: a late reading that
turns its neighbour into a spike, or fills a gap, rewrites the neighbour's flags with the time of its own receipt, so that a read as of an
earlier time still sees what was known then. Our own reasons begin with `qc<flag>/<flag that the source gave>`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from connectors.near import neighbours
from connectors.sheet import Sheet, around, is_corrected, lay, same
from core import quality
from core.checks import Bools, gaps, outside
from core.county import County, Feed
from core.lake import Lake
from core.model import Batch, Flag, Observation
from core.quality import Doubt
from core.times import SHANGHAI

_RANK = {Flag.GOOD: 0, Flag.UNKNOWN: 1, Flag.SUSPECT: 2, Flag.FAIL: 3, Flag.MISSING: 4}
_OURS = re.compile(r"qc(\d)/(\d) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`batch` with flags; `news`: readings that the lake does not hold in this form yet, those judged again among them."""

    batch: Batch
    news: tuple[Observation, ...]


def judge(batch: Batch, *, feed: Feed, county: County, lake: Lake, now: datetime) -> Judgement:
    """Flags with reasons; no value is dropped or changed, and the source's own worse flag stays. A forecast is nobody's past."""
    measured = [o for o in batch.observations if o.issued is None]
    ahead = tuple(o for o in batch.observations if o.issued is not None)
    if not measured:
        return Judgement(batch=batch, news=ahead)
    first, last = min(o.time for o in measured), max(o.time for o in measured)
    sheet = lay(measured, around(lake, feed.feed, first, last, now))
    told = _told(sheet, doubts(sheet, feed, county))
    judged = [_flagged(o, told.get(number, [])) for number, o in enumerate(sheet.fresh)]
    held = {_key(o): o for o in sheet.former(sheet.again())}
    news = [o for o in judged if not _stands(o, held.get(_key(o)))]
    fresh = {_key(o) for o in measured}
    touched = sheet.touched(told, first, last)
    for number, former in zip(touched.tolist(), sheet.former(touched), strict=True):
        o = _flagged(former, told.get(number, []))
        if _key(o) not in fresh and not _stands(o, former):
            news.append(replace(o, received=now))
    return Judgement(batch=replace(batch, observations=(*judged, *ahead)), news=(*news, *ahead))


def _key(o: Observation) -> tuple[str, str, datetime]:
    return o.station, o.observed_property, o.time


def _stands(o: Observation, held: Observation | None) -> bool:
    """Whether what the lake holds of the reading needs no new row: it says the same, or a person has set it right."""
    return held is not None and (is_corrected(held) or same(o, held))


def doubts(sheet: Sheet, feed: Feed, county: County) -> dict[str, list[Doubt]]:
    """Every test's findings by property."""
    stations = {station.station: station for station in county.stations}
    beside, near = neighbours(sheet.stations, county)
    work = _at_work(sheet, county)
    found: dict[str, list[Doubt]] = {}
    for name, values in sheet.values.items():
        interval_s = int(sheet.interval_s[sheet.origin[name][sheet.origin[name] >= 0]].max(initial=0))
        found[name] = [*quality.check(name, sheet.times, values, interval_s=interval_s), *_climate(name, sheet, county)]
        sick = np.logical_or.reduce([work, *(d.where for d in found[name] if d.flag >= Flag.SUSPECT)])
        well = np.where(sick, np.nan, values)  # what is in doubt is no witness
        found[name] += [*quality.check_neighbours(name, well, near), *quality.check_leaps(name, sheet.times, well, near)]
        found[name] += quality.check_drift(name, sheet.times, well, beside)
        found[name].append(Doubt(np.isfinite(gaps(sheet.times, values, feed.interval_s)), Flag.GOOD, "after a gap"))
        found[name].append(Doubt(work & (sheet.origin[name] >= 0), Flag.SUSPECT, "station under maintenance"))
    for more in (quality.check_cross(sheet.values), quality.check_exchanged(sheet.times, sheet.values)):
        for name, several in more.items():
            found[name] += several
    for link in county.links:
        if {link.upstream, link.downstream} <= set(sheet.stations) & set(stations) and link.observed_property in sheet.values:
            found[link.observed_property].append(_link(sheet, link.upstream, link.downstream, link.observed_property, link.rise))
    return found


def _climate(name: str, sheet: Sheet, county: County) -> list[Doubt]:
    """What a month does not know at a station; a station's own row goes before the row for all."""
    rows = [row for row in county.climate if row.observed_property == name]
    if not rows:
        return []
    months = np.array([datetime.fromtimestamp(t, SHANGHAI).month for t in sheet.times])
    own = {(row.station, row.month) for row in rows if row.station}
    out = []
    for row in rows:
        columns = np.array([s == row.station if row.station else (s, row.month) not in own for s in sheet.stations])
        where = outside(sheet.values[name], row.low, row.high) & (months == row.month)[:, None] & columns[None, :]
        out.append(Doubt(where, Flag.SUSPECT, f"month {row.month} knows {row.low:g}..{row.high:g}"))
    return out


def _link(sheet: Sheet, upstream: str, downstream: str, name: str, rise: float) -> Doubt:
    up, down = sheet.stations.index(upstream), sheet.stations.index(downstream)
    where: Bools = np.zeros(sheet.values[name].shape, dtype=bool)
    where[:, up] = where[:, down] = sheet.values[name][:, down] - sheet.values[name][:, up] > rise
    return Doubt(where, Flag.SUSPECT, f"{downstream} over {rise:g} m above {upstream}, which lies upstream")


def _at_work(sheet: Sheet, county: County) -> Bools:
    """(T, S): whether somebody works on the station."""
    out: Bools = np.zeros((len(sheet.times), len(sheet.stations)), dtype=bool)
    for window in county.maintenance:
        if window.station in sheet.stations:
            end = np.inf if window.end is None else window.end.timestamp()
            out[:, sheet.stations.index(window.station)] |= (sheet.times >= window.start.timestamp()) & (sheet.times < end)
    return out


def _told(sheet: Sheet, found: dict[str, list[Doubt]]) -> dict[int, list[tuple[Flag, str]]]:
    """(flag, reason) by the number of the reading."""
    told: dict[int, list[tuple[Flag, str]]] = defaultdict(list)
    for name, doubt in ((name, doubt) for name, several in found.items() for doubt in several):
        for number in sheet.origin[name][doubt.where & (sheet.origin[name] >= 0)]:
            told[int(number)].append((doubt.flag, doubt.reason))
    return told


def _flagged(o: Observation, told: list[tuple[Flag, str]]) -> Observation:
    """The reading with what the source said of it and what we say now; what we said before is taken back."""
    ours = [match for reason in o.reasons if (match := _OURS.match(reason))]
    source = Flag(int(ours[0][2])) if ours else o.flag
    if not ours and not told:
        return o
    worst = max([source, *(flag for flag, _ in told)], key=lambda flag: _RANK[flag])
    kept = tuple(reason for reason in o.reasons if not _OURS.match(reason))
    return replace(o, flag=worst, reasons=(*kept, *(f"qc{int(flag)}/{int(source)} {reason}" for flag, reason in told)))
