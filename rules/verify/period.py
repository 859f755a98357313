"""What time a list of spans speaks of: without it nobody can tell a miss from a warning that nobody was asked for.

It stands beside the CSV, in the JSON file of the same name (`x.json` for x.csv and x.rules.csv, as `fengsui backtest --out` writes them):
{"period": {"start": ..., "end": ...}}, times with zone, the end not in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from core.errors import ConfigError
from core.times import SHANGHAI, clock_name, iso, parse_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `start` until `end` (aware), the end not in it."""

    start: datetime
    end: datetime

    def judges(self, begun: datetime, late: timedelta) -> bool:
        """Whether a warning of what began then could have been seen: in time, and up to so late."""
        return self.start <= begun and begun + late <= self.end

    def leaves_open(self, start: datetime, end: datetime, reach: timedelta) -> bool:
        """Whether nobody saw if what a warning spoke of came: it still stood at the end and was new, begun within and less than `reach` before; or it had
        begun before the start and stood for less than `reach` after it, so that it may have come unseen."""
        new = self.start < start and self.end - start < reach and end >= self.end
        return new or (start < self.start and end - self.start < reach)

    def as_json(self) -> dict[str, str]:
        """ISO UTC."""
        return {"start": iso(self.start), "end": iso(self.end)}

    def text(self, zone: ZoneInfo = SHANGHAI) -> str:
        """For the reader, on the clock of the county."""
        return f"{_day(self.start, zone)} 至 {_day(self.end, zone)}（{clock_name(zone)}）"


def period_of(path: Path, spans: Iterable[tuple[datetime, datetime]]) -> Period | None:
    """The period of a CSV file of spans (start, end), None where nothing beside it says; ConfigError for one that cannot be read or is another file's."""
    beside = path.with_name(path.name.removesuffix(".csv").removesuffix(".rules") + ".json")
    if beside == path or not beside.is_file():
        return None
    try:
        told = json.loads(beside.read_text(encoding="utf-8"))
        said = told.get("period") if isinstance(told, dict) else None
        if said is None:
            return None
        period = Period(start=parse_iso(said["start"]), end=parse_iso(said["end"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"时段读不懂 / the period cannot be read: {type(error).__name__}", path=beside,
                          hint='应写作 / write {"period": {"start": "2021-07-26T00:00:00Z", "end": "2021-07-29T00:00:00Z"}}') from error
    outside = next((start for start, end in spans if end <= period.start or start >= period.end), None)
    if period.end <= period.start or outside is not None:
        what = f"{path.name} 里有 {_day(outside)} 的时段" if outside else "止不晚于起"
        raise ConfigError(f"时段 {period.text()} 不是 {path.name} 的：{what} / not this file's period", path=beside, hint="改正或移走这个文件 / correct or remove it")
    return period


def common(one: Period | None, other: Period | None) -> Period | None:
    """What both cover; either alone where the other does not say. ConfigError where they have no time in common."""
    if one is None or other is None:
        return one or other
    both = Period(start=max(one.start, other.start), end=min(one.end, other.end))
    if both.end <= both.start:
        raise ConfigError(f"预警 {one.text()} 与实况 {other.text()} 没有共同的时段 / warnings and events have no time in common")
    return both


def covered(period: Period | None, zone: ZoneInfo = SHANGHAI) -> str:
    """For the head of a report."""
    if period is None:
        return "没有给出时段（CSV 旁的同名 .json）：所有实况都计入，时段外的也算漏报 / no period beside the CSV: every event counts, also those outside it"
    return f"检验时段 period {period.text(zone)}"


def _day(at: datetime, zone: ZoneInfo = SHANGHAI) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
