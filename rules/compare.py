"""Two back-tests of one period side by side: which warnings appear, vanish, or change level or time, in which town, and whom it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, tzinfo
from itertools import groupby

from core.county import County
from core.errors import ConfigError
from core.model import Level
from core.times import SHANGHAI, people
from rules.backtest import Run, Warned, public
from rules.catalogue import Indicator

KINDS = {"appears": "新出现", "vanishes": "消失", "level": "级别变", "time": "时间变"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One stretch of any level above none: from the first to the last, with the highest."""

    town: str
    hazard: str
    start: datetime
    end: datetime
    peak: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One episode before and after a change of rules; `people` live in the town. kind: appears, vanishes, level or time."""

    kind: str
    town: str
    hazard: str
    before: Episode | None
    after: Episode | None
    people: int

    def text(self, name: str, zone: tzinfo = SHANGHAI) -> str:
        """One line for people, on the clock of their county."""
        sides = " → ".join(f"{people(e.start, zone)}–{people(e.end, zone)} 最高{e.peak.zh}" if e else "无" for e in (self.before, self.after))
        return f"{KINDS[self.kind]} {name} {self.hazard}（{self.people} 人）：{sides}"


def episodes(run: Run) -> list[Episode]:
    """Stretches of levels that touch each other, joined."""
    return [e for _, group in groupby(public(run), key=lambda w: (w.town, w.what)) for e in _joined(group)]


def _joined(spans: Iterator[Warned]) -> Iterator[Episode]:
    current: Episode | None = None
    for span in spans:
        if current is not None and span.start <= current.end:
            current = Episode(town=current.town, hazard=current.hazard, start=current.start, end=span.end, peak=max(current.peak, span.level))
            continue
        if current is not None:
            yield current
        current = Episode(town=span.town, hazard=span.what, start=span.start, end=span.end, peak=span.level)
    if current is not None:
        yield current


def compare(before: Run, after: Run, county: County) -> list[Difference]:
    """What changes from `before` to `after`; ConfigError when the two do not cover the same steps. Ordered by time, then town."""
    if before.ticks != after.ticks or before.towns != after.towns:
        raise ConfigError("两次回测的时段或镇街不同 / the two runs differ in period or towns")
    heads = {town.key: town.population for town in county.towns}
    left = list(episodes(after))
    found = []
    for was in episodes(before):
        now = next((e for e in left if (e.town, e.hazard) == (was.town, was.hazard) and e.start < was.end and was.start < e.end), None)
        if now is not None:
            left.remove(now)
        kind = "vanishes" if now is None else "level" if now.peak != was.peak else "time" if (now.start, now.end) != (was.start, was.end) else ""
        if kind:
            found.append(Difference(kind=kind, town=was.town, hazard=was.hazard, before=was, after=now, people=heads[was.town]))
    found += [Difference(kind="appears", town=e.town, hazard=e.hazard, before=None, after=e, people=heads[e.town]) for e in left]
    return sorted(found, key=_order)


def reworded(before: Run, after: Run) -> list[str]:
    """A line for every indicator of the packs' own that one side has and the other has not, or that means something else there."""
    was, now = ({word.name: word for rule in run.rules for word in rule.words} for run in (before, after))
    changed = [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
    return [f"指标 {name} {(now.get(name) or was[name]).title}：{_meant(was.get(name), now.get(name))}" for name in changed]


def _meant(was: Indicator | None, now: Indicator | None) -> str:
    """'window_h 2.0 → 3.0': what differs."""
    if was is None or now is None:
        return "新有 / new" if was is None else "没有了 / gone"
    pairs = ((field.name, getattr(was, field.name), getattr(now, field.name)) for field in fields(was) if field.compare)
    return "，".join(f"{name} {a or '-'} → {b or '-'}" for name, a, b in pairs if a != b)


def _order(difference: Difference) -> tuple[datetime, str, str]:
    starts = [e.start for e in (difference.before, difference.after) if e]
    return min(starts), difference.town, difference.hazard
