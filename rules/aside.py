"""Readings that stand aside for nothing but their size, and what people need to know of them: the limit and its source, what was read before, and near by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from core.county import Station
from core.limits import LIMITS
from core.model import Flag
from core.times import people
from core.units import PROPERTIES
from rules.grid import Ints, microseconds
from rules.scoring import amount
from rules.situation import Situation
from rules.spatial import distance_km

#: Reasons that say no more than that a value is unlikely there: the range, and what a month knows.
_RANGE = re.compile(r"qc3/1 unlikely outside (?P<low>\S+)\.\.(?P<high>\S+)(?: brought to its height)?(?: \((?P<row>[^)]*)\))?")
_MONTH = re.compile(r"qc3/1 month (?P<month>\d+) knows (?P<low>\S+)\.\.(?P<high>\S+)")
_DOUBT = re.compile(r"qc[34]/|qc\d/[^1]")
#: Stations near by that are told of, and the hours over which they are looked at.
MOST_NEAR, RISE_H = 3, 3.0


@dataclass(frozen=True, slots=True)
class Aside:
    """Readings of one property at one station that only a limit doubts, since its last believed one: `rows` of the log, oldest first."""

    station: Station
    observed_property: str
    rows: Ints

    @property
    def key(self) -> tuple[str, str]:
        """Station and property."""
        return self.station.station, self.observed_property


def by_limit_alone(reasons: str) -> bool:
    """Whether the reasons of a reading, joined as the lake has them, doubt it by a limit and by nothing else."""
    said = [reason for reason in reasons.split(";") if _DOUBT.match(reason)]
    return bool(said) and all(_RANGE.fullmatch(reason) or _MONTH.fullmatch(reason) for reason in said)


def set_aside(situation: Situation) -> dict[tuple[str, str], Aside]:
    """By station and property: those whose newest reading, not too old, only a limit doubts."""
    log, county, now = situation.readings.log, situation.county, microseconds(situation.now)
    stations, age_s = {s.station: s for s in county.stations}, {feed.feed: feed.max_age_s for feed in county.feeds}
    doubted = (log.flag == Flag.SUSPECT) & (log.time_us <= now) & (log.time_us >= now - max(age_s.values(), default=0) * 1_000_000)
    found: dict[tuple[str, str], Aside] = {}
    for name, rows in log.by_property.items() if doubted.any() else ():
        places = log.place[rows[doubted[rows]]]
        if not places.size:
            continue
        rows = rows[np.isin(log.place[rows], places) & (log.time_us[rows] <= now)]
        rows = rows[np.lexsort((log.time_us[rows], log.place[rows]))]
        for mine in np.split(rows, np.flatnonzero(np.diff(log.place[rows])) + 1):
            station = stations.get(log.names[log.place[mine[0]]])
            if not doubted[mine[-1]] or station is None or now - log.time_us[mine[-1]] > age_s[station.feed] * 1_000_000:
                continue
            since = mine[np.flatnonzero(log.flag[mine] == Flag.GOOD).max(initial=-1) + 1 :].astype(np.int64)
            run = since[[by_limit_alone(reasons) for reasons in log.cited("reasons", since)]]
            if run.size and run[-1] == mine[-1]:
                found[station.station, name] = Aside(station, name, run)
    return found


def when(situation: Situation, row: int) -> datetime:
    """Time of a row of the log, UTC."""
    return datetime.fromtimestamp(int(situation.readings.log.time_us[row]) / 1_000_000, tz=UTC)


def limit(situation: Situation, one: Aside, value: float) -> str:
    """'高于可信上限 15 m（limits.csv:3，来源：…，未核定）' by the first reason that says so."""
    county, station = situation.county, one.station.station
    for reason in situation.readings.log.cited("reasons", one.rows[-1:])[0].split(";"):
        told = _RANGE.fullmatch(reason) or _MONTH.fullmatch(reason)
        if told is None:
            continue
        over = value > float(told["high"])
        words = f"{'高于可信上限' if over else '低于可信下限'} {amount(float(told['high' if over else 'low']), PROPERTIES[one.observed_property])}"
        if "month" in told.groupdict():
            climate = max((r for r in county.climate if (r.observed_property, r.month) == (one.observed_property, int(told["month"])) and r.station in ("", station)),
                          key=lambda r: r.station, default=None)
            where, source, verified = f"climate.csv {told['month']} 月", climate.source if climate else "", bool(climate and climate.verified)
        else:
            own = next((r for r in county.limits if told["row"] and r.place in told["row"].split(", ") and r.limit == ("high" if over else "low")), None)
            limits = LIMITS[one.observed_property]
            where, source, verified = (own.place, own.source, own.verified) if own else ("本项目限值", limits.source, limits.verified)
        return f"{words}（{where}，来源：{source}{'' if verified else '，未核定'}）"
    return "限值"


def before(situation: Situation, one: Aside) -> str:
    """'；此前可信的是 14.2 m（07-01 07:00）'."""
    log = situation.readings.log
    rows = log.by_property[one.observed_property]
    rows = rows[(log.place[rows] == log.names.index(one.station.station)) & (log.flag[rows] == Flag.GOOD) & (log.time_us[rows] < log.time_us[one.rows[0]])]
    if not rows.size:
        return "；此前没有可信读数"
    last = int(rows[np.argmax(log.time_us[rows])])
    return f"；此前可信的是 {log.value[last]:g}（{people(when(situation, last), situation.county.zone)}）"


def near(situation: Situation, one: Aside) -> Iterator[str]:
    """'青龙港 3 小时 +0.42' of the nearest stations on other paths that measure the same; the amount itself where it is one (rain)."""
    others = [s for s in situation.county.stations if one.observed_property in s.properties and s.station != one.station.station
              and (not s.path or s.path != one.station.path)]
    km = [float(distance_km(*(np.array(x) for x in (one.station.lat, one.station.lon, s.lat, s.lon)))) for s in others]
    log = situation.readings.log
    rows = log.by_property[one.observed_property]
    end = int(log.time_us[one.rows[-1]])
    for number in np.argsort(km, kind="stable")[:MOST_NEAR]:
        name = others[number].station
        if name not in log.names:
            continue
        mine = rows[(log.place[rows] == log.names.index(name)) & (log.flag[rows] == Flag.GOOD) & (np.abs(log.time_us[rows] - end) <= RISE_H * 3.6e9)]
        mine = mine[np.argsort(log.time_us[mine], kind="stable")]
        if mine.size and log.interval_s[mine[-1]]:
            yield f"{others[number].name} {RISE_H:g} 小时 {log.value[mine].sum():g}"
        elif mine.size > 1:
            yield f"{others[number].name} {RISE_H:g} 小时 {log.value[mine[-1]] - log.value[mine[0]]:+.2f}"
