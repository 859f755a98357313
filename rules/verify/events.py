"""Spans of time in which a level was warned of, or happened, per town and hazard; and how the two meet.

A threshold is looked at one at a time: at "orange or more", spans of at least orange are joined over gaps up to JOIN (a warning that is
repeated within half an hour counts once), and each event is a hit, a near miss or a miss, each warning without event a false alarm. Where it is known
what time was looked at (rules.verify.period), an event that began outside it is out, and a warning of which nobody saw whether it came true is open: neither counts.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from core.errors import ConfigError, ConfigErrors
from core.model import Hazard, Level
from core.times import parse_iso
from rules.language.errors import nearest
from rules.verify.period import Period

JOIN = timedelta(minutes=30)
#: A warning this long after the event began came too late to be a hit, and is told apart from none at all (own choice).
LATE = timedelta(hours=1)
#: A warning that had ended this long before the event began did not speak of it (own choice).
EARLY = timedelta(hours=24)
#: A warning no older than this when the looking ended may yet come true (own choice: longer, and thresholds that warn of everything look well).
NEW = timedelta(hours=6)
COLUMNS = ("town", "hazard", "level", "start", "end")
RULE_COLUMNS = ("town", "rule", "level", "start", "end")
_EXAMPLE = "例 / e.g. baochang,flood,orange,2021-07-26T02:00:00+08:00,2021-07-26T09:00:00+08:00"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """A town was warned of, or had, at least `level` of a hazard from `start` to `end` (aware); `chance` (0..1) that the warning gave it, if any."""

    town: str
    hazard: Hazard
    start: datetime
    end: datetime
    level: Level
    chance: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One event or one warning without event: kind hit, near, miss or false, out or open where it does not count; `lead_s` from the warning to the event
    (hit, near; negative: late)."""

    kind: str
    town: str
    hazard: Hazard
    at: datetime
    lead_s: float | None = None


def read_spans(path: Path, towns: Mapping[str, str] | None = None) -> list[Span]:
    """Spans of a CSV file with the columns town, hazard, level, start, end (times with zone) and, where it is known, chance (0..1); hazard and level
    by key or Chinese name.

    `towns`: the town's key by every name it has; another town is then an error, for its events could meet no warning. ConfigErrors with file:line
    for all that is wrong.
    """
    return [_span(row, Hazard.of(row["hazard"])) for row in _rows(path, COLUMNS, lambda row: [Hazard.of(row["hazard"])], towns)]


def read_rule_spans(path: Path, hazards: Mapping[str, tuple[Hazard, ...]], towns: Mapping[str, str] | None = None) -> dict[str, list[Span]]:
    """The same for the columns town, rule, level, start, end: by rule id, each span once for every hazard of its rule."""
    found: dict[str, list[Span]] = {}
    for row in _rows(path, RULE_COLUMNS, lambda row: _known(row["rule"], hazards), towns):
        found.setdefault(row["rule"], []).extend(_span(row, hazard) for hazard in hazards[row["rule"]])
    return found


def _known(rule: str, hazards: Mapping[str, tuple[Hazard, ...]]) -> Sequence[Hazard]:
    if rule not in hazards:
        raise ValueError(f"没有规则 {rule} / no such rule")
    return hazards[rule]


def towns_in(path: Path) -> set[str]:
    """The words in the column town; nothing of a file that cannot be read, which `read_spans` refuses."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return {(row.get("town") or "").strip() for row in csv.DictReader(lines)}
    except (OSError, UnicodeDecodeError, csv.Error):
        return set()


def _rows(
    path: Path, columns: Sequence[str], concerns: Callable[[dict[str, str]], Sequence[Hazard]], towns: Mapping[str, str] | None,
) -> list[dict[str, str]]:
    """Rows, stripped, towns by their keys, each tried once with the hazards that it concerns; ConfigErrors for all that cannot be read."""
    errors: list[ConfigError] = []
    found: list[dict[str, str]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise ConfigErrors([ConfigError(f"缺少列 {'、'.join(missing)} / missing columns", path=path, line=1, hint=f"需要 / needed: {', '.join(columns)}")])
            for raw in reader:
                row = {name: (raw.get(name) or "").strip() for name in (*columns, "chance")}
                try:
                    row["town"] = _town(row["town"], towns)
                    for hazard in concerns(row):
                        _span(row, hazard)
                    found.append(row)
                except ValueError as error:
                    errors.append(ConfigError(f"读不懂这一行 / this line cannot be read：{error}", path=path, line=reader.line_num, hint=_EXAMPLE))
    except UnicodeDecodeError as error:
        raise ConfigErrors([ConfigError("不是 UTF-8 编码，读不到 / not UTF-8", path=path, hint="在 Excel 里另存为“CSV UTF-8” / save as CSV UTF-8")]) from error
    except (OSError, csv.Error) as error:
        told = getattr(error, "strerror", None) or error
        raise ConfigErrors([ConfigError(f"文件读不到：{told} / the file cannot be read", path=path)]) from error
    if errors:
        raise ConfigErrors(errors)
    return found


def _town(word: str, towns: Mapping[str, str] | None) -> str:
    """The town's key, or the word as it is where nobody said which towns there are."""
    if towns is None or not word:
        return word
    if word not in towns:
        near = nearest(word, towns)
        raise ValueError(f"没有镇街“{word[:40]}”" + (f"，是不是 {near}？" if near else "") + " / no such town")
    return towns[word]


def _span(row: dict[str, str], hazard: Hazard) -> Span:
    chance = float(row["chance"]) if row["chance"] else None
    span = Span(town=row["town"], hazard=hazard, level=Level.of(row["level"]), start=parse_iso(row["start"]), end=parse_iso(row["end"]), chance=chance)
    if not span.town or span.end <= span.start:
        raise ValueError("town 为空，或 end 不晚于 start / empty town, or end not after start")
    if chance is not None and not 0 <= chance <= 1:
        raise ValueError("chance 应在 0 与 1 之间 / chance lies between 0 and 1")
    return span


def at_least(spans: Iterable[Span], level: Level) -> list[Span]:
    """Spans of at least `level`, those of one town and hazard joined where they overlap or lie within JOIN of each other."""
    chosen = sorted((replace(span, level=level) for span in spans if span.level >= level), key=lambda s: (s.town, s.hazard, s.start, s.end))
    return [joined for _, group in groupby(chosen, key=lambda s: (s.town, s.hazard)) for joined in _joined(group)]


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for span in spans:
        if current is not None and span.start - current.end <= JOIN:
            current = replace(current, end=max(current.end, span.end))
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def match(
    warned: Iterable[Span], happened: Iterable[Span], level: Level, *, event_level: Level | None = None, period: Period | None = None,
) -> list[Outcome]:
    """Outcomes at one threshold, oldest first. A warning that covers several events is a hit for each and no false alarm.

    `event_level`: what counts as an event, where that is not what counts as a warning. `period`: what was looked at, None where nobody said.
    """
    warnings, events = at_least(warned, level), at_least(happened, level if event_level is None else event_level)
    of: dict[tuple[str, Hazard], list[Span]] = {}
    for warning in warnings:
        of.setdefault((warning.town, warning.hazard), []).append(warning)
    used: set[Span] = set()
    outcomes = []
    for event in events:
        near = [w for w in of.get((event.town, event.hazard), ()) if w.start <= event.end and w.end >= event.start - EARLY]
        used.update(near)
        if period is not None and not period.judges(event.start, LATE):
            outcomes.append(Outcome(kind="out", town=event.town, hazard=event.hazard, at=event.start))
            continue
        in_time = [w for w in near if w.start <= event.start <= w.end]
        first = min(in_time or [w for w in near if w.start <= event.start + LATE], key=lambda w: w.start, default=None)
        kind = "hit" if in_time else "near" if first else "miss"
        lead = (event.start - first.start).total_seconds() if first else None
        outcomes.append(Outcome(kind=kind, town=event.town, hazard=event.hazard, at=event.start, lead_s=lead))
    for w in (w for w in warnings if w not in used):
        kind = "open" if period is not None and period.leaves_open(w.start, w.end, NEW) else "false"
        outcomes.append(Outcome(kind=kind, town=w.town, hazard=w.hazard, at=w.start))
    return sorted(outcomes, key=lambda o: (o.at, o.town, o.hazard))
