"""Why a rule says what it says for one town: values, conditions, flags, readings and payloads, enough to recompute it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from core.lake import record_id
from core.model import Evidence, Flag, Level
from core.times import iso
from rules.findings import Finding
from rules.readings import MAX_RECORDS
from rules.scoring import counterfactual, score
from rules.situation import Situation, Table

_FLAG_WORDS = {int(Flag.UNKNOWN): "unknown", int(Flag.SUSPECT): "suspect", int(Flag.FAIL): "fail"}


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one indicator of one town came from."""

    records: tuple[str, ...] = ()
    raws: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    synthetic: bool = False
    newest: datetime | None = None


@dataclass(slots=True)
class Tracer:
    """Traces of one assessment, each made once."""

    situation: Situation
    table: Table
    units: dict[str, str] = field(init=False)
    _known: dict[tuple[str, int], Trace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.units = {name: indicator.unit for name, indicator in self.situation.catalogue.indicators.items()}

    def trace(self, name: str, town: int) -> Trace:
        """Trace of an indicator for one town at the last tick."""
        key = (name, town)
        if key not in self._known:
            self._known[key] = self._make(name, town)
        return self._known[key]

    def _make(self, name: str, town: int) -> Trace:
        indicator = self.situation.catalogue.indicators[name]
        if indicator.kind == "station":
            return self._station(name, town)
        if indicator.kind == "track":
            rows = self.situation.sources.tracks.loc[list(track_rows(self.situation))]
            flags = ("forecast",) if indicator.forecast and len(rows) else ()
            return _trace(rows, [f"{r.feed}/{r.storm}/{r.agency}/{iso(r.time.to_pydatetime())}" for r in rows.itertuples()], flags)
        if indicator.kind == "official":
            held = [s for s in self.situation.signals[-1] if s.towns[town] and any(e in s.event for e in indicator.events)]
            newest = max((s.issued for s in held), default=None)
            return Trace(tuple(f"{s.feed}/{s.identifier}" for s in held), tuple(dict.fromkeys(s.raw for s in held)), (), any(s.synthetic for s in held), newest)
        return Trace(flags=("forecast",) if indicator.forecast and not self._absent(name, town) else ())

    def _absent(self, name: str, town: int) -> bool:
        return bool(name in self.table.absent and self.table.absent[name][town])

    def _station(self, name: str, town: int) -> Trace:
        rows = self.situation.readings.trace(self.situation.catalogue.indicators[name], town)
        flags = [f"{_FLAG_WORDS[r.flag]}:{r.station}" + (f":{r.reasons}" if r.reasons else "") for r in rows.itertuples() if r.flag in _FLAG_WORDS]
        if self.table.single[name][town] and not self._absent(name, town):
            flags.append(f"single_path:{name}")
        records = [record_id(r.feed, r.station, r.observed_property, r.time.to_pydatetime()) for r in rows.itertuples()]
        return _trace(rows, records, tuple(flags))


def track_rows(situation: Situation) -> tuple[int, ...]:
    """Labels of the track rows behind the storms of the last tick."""
    return tuple(dict.fromkeys(row for path in situation.track_state.paths for row in path.rows))


def _trace(rows: pd.DataFrame, records: list[str], flags: tuple[str, ...]) -> Trace:
    if rows.empty:
        return Trace(flags=flags)
    raws = tuple(dict.fromkeys(rows["raw"]))
    return Trace(tuple(records[-MAX_RECORDS:]), raws[-MAX_RECORDS:], flags, bool(rows["synthetic"].any()), _newest(rows))


def _newest(rows: pd.DataFrame) -> datetime:
    stamp: datetime = rows["time"].max().to_pydatetime()
    return stamp


def evidence(finding: Finding, town: int, tracer: Tracer) -> Evidence:
    """Evidence of one rule for one town at the last tick."""
    rule, table = finding.rule, tracer.table
    at = (-1, town)
    level, ceiling = Level(int(finding.proved[at])), Level(int(finding.ceiling[at]))
    values, units = _values(rule.indicators, table, town, tracer.units)
    traces = {name: tracer.trace(name, town) for name in rule.indicators}
    above = [other for other in sorted(rule.conditions) if other > level]
    toward = max((float(finding.progress[other][at]) for other in above[:1]), default=0.0)
    next_text = counterfactual(above[0], rule.conditions[above[0]][1], finding.reader, at, tracer.units) if above else ""
    flags = list(dict.fromkeys(flag for trace in traces.values() for flag in trace.flags))
    flags += [f"absent:{name}" for name in rule.indicators if name in table.absent and table.absent[name][town]]
    if finding.heading[at] > finding.proved[at]:
        flags.append("lost_while_rising")
    return Evidence(
        rule=rule.id, title=rule.title, pack=rule.pack, pack_hash=rule.pack_hash, level=level, ceiling=ceiling, score=score(level, toward),
        values=values, units=units, conditions={k.en: (rule.conditions[k][0], _verdict(t.must[at], t.may[at])) for k, t in finding.truths.items()},
        flags=tuple(flags), records={name: trace.records for name, trace in traces.items() if trace.records},
        raws=tuple(dict.fromkeys(raw for trace in traces.values() for raw in trace.raws))[:MAX_RECORDS], counterfactual=next_text,
        role=rule.role if rule.stage == "live" else rule.stage, verified=rule.verified, source=rule.source,
        synthetic=any(trace.synthetic for trace in traces.values()),
    )


def _verdict(must: Any, may: Any) -> bool | None:
    return True if must else None if may else False


def _values(names: tuple[str, ...], table: Table, town: int, units: dict[str, str]) -> tuple[dict[str, float | None], dict[str, str]]:
    """What is proved of each indicator; where that is not all, also "<name>:max", what cannot be excluded (None: no bound)."""
    values: dict[str, float | None] = {}
    shown: dict[str, str] = {}
    for name in names:
        column = table.plain.values[name]
        lo, hi = float(column.lo[-1, town]), float(column.hi[-1, town])
        values[name], shown[name] = lo if np.isfinite(lo) else None, units[name]
        if lo != hi:
            values[f"{name}:max"], shown[f"{name}:max"] = hi if np.isfinite(hi) else None, units[name]
    return values, shown
