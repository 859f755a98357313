"""Why a rule says what it says for one town: values, conditions, flags, readings and payloads, enough to recompute it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from core.county import Override, Station
from core.lake import record_id
from core.limits import BELIEVED
from core.model import Evidence, Flag, Fusion, Level
from core.times import iso
from rules import reports
from rules.catalogue import Indicator
from rules.findings import Finding
from rules.localized import localized
from rules.packs import Rule
from rules.readings import MAX_RECORDS
from rules.scoring import counterfactual, score, spell, usual_name
from rules.sites import Merged
from rules.situation import Situation, Table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLAG_WORDS = {int(Flag.UNKNOWN): "unknown", int(Flag.SUSPECT): "suspect", int(Flag.FAIL): "fail"}


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one indicator of one town came from."""

    records: tuple[str, ...] = ()
    raws: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    synthetic: bool = False
    fusion: Fusion | None = None


class Tracer:
    """Traces of one assessment, each made once: those of stations per station, those of storms once for all towns."""

    def __init__(self, situation: Situation, table: Table) -> None:
        self.situation, self.table = situation, table
        self.units = {name: indicator.unit for name, indicator in situation.catalogue.indicators.items()}
        self._known: dict[tuple[str, str], Trace] = {}

    def trace(self, name: str, town: int) -> Trace:
        """Trace of an indicator for one town at the last tick."""
        indicator = self.situation.catalogue.indicators[name]
        if indicator.kind == "official":
            return self._official(indicator, town)
        if indicator.kind == "report":
            return self._reported(indicator, town)
        if indicator.kind in ("town", "forecast"):
            return Trace()
        if indicator.kind == "mark":
            return self._own(indicator, town)
        if indicator.kind == "track":
            return self._once(name, "", lambda: self._storm(indicator))
        station, known_as = self.situation.readings.binding(indicator, town), usual_name(name)
        if station is None:
            return Trace(flags=(f"absent:{known_as}",))
        merged = self.situation.readings.sites(indicator).merged.get(station.station)
        found = self._once(name, station.station, lambda: self._merged(indicator, merged) if merged else self._station(indicator, station))
        single = (f"single_path:{known_as}",) if self.table.single[name][town] else ()
        return replace(found, flags=(*found.flags, *single)) if single else found

    def _once(self, name: str, station: str, make: Callable[[], Trace]) -> Trace:
        if (name, station) not in self._known:
            self._known[name, station] = make()
        return self._known[name, station]

    def _station(self, indicator: Indicator, station: Station) -> Trace:
        log, rows = self.situation.readings.log, self.situation.readings.behind(indicator, station)
        feeds, names, observed, raw, reasons = (log.cited(text, rows) for text in ("feed", "station", "observed_property", "raw", "reasons"))
        flags = tuple(
            f"{word}:{station.station}" + (f":{reason}" if reason else "")
            for flag, reason in zip(log.flag[rows].tolist(), reasons, strict=True)
            if (word := _FLAG_WORDS.get(flag) or ("own_limit" if BELIEVED in reason else ""))
        )
        times = (EPOCH + timedelta(microseconds=at) for at in log.time_us[rows].tolist())
        records = tuple(record_id(*row) for row in zip(feeds, names, observed, times, strict=True))
        return Trace(records, tuple(dict.fromkeys(raw)), tuple(dict.fromkeys(flags)), bool(log.synthetic[rows].any()))

    def _merged(self, indicator: Indicator, merged: Merged) -> Trace:
        """A fused value: the traces of all members, those that count first, and how the value came about."""
        fused, last = merged.fused, -1
        order = sorted(range(len(merged.members)), key=lambda n: -float(fused.weights[last, n]))
        parts = [self._station(indicator, merged.members[n]) for n in order]
        each = max(1, MAX_RECORDS // len(parts))
        names = [s.station for s in merged.members]
        sign = -1.0 if indicator.sinking else 1.0
        value, *said = (sign * float(v) if np.isfinite(v) else None for v in (fused.values.lo[last, 0], *merged.said[last]))
        preferred = int(fused.preferred[last])
        how = Fusion(
            thing=merged.thing, value=value, members=dict(zip(names, said, strict=True)), weights=dict(zip(names, map(float, fused.weights[last]), strict=True)),
            agreement=float(fused.agreement[last]), preferred=names[preferred] if preferred >= 0 else "",
        )
        idle = tuple(f"not_counted:{name}" for name, weight in how.weights.items() if not weight)
        return Trace(
            tuple(r for p in parts for r in p.records[-each:]), tuple(dict.fromkeys(raw for p in parts for raw in p.raws)),
            tuple(dict.fromkeys((*idle, *(f for p in parts for f in p.flags)))), any(p.synthetic for p in parts), how,
        )

    def _storm(self, indicator: Indicator) -> Trace:
        whole = self._once("", "", self._storms)
        return replace(whole, flags=("forecast",)) if indicator.forecast and whole.records else whole

    def _storms(self) -> Trace:
        """The positions on which the paths of the last tick rest."""
        labels = [row for row in dict.fromkeys(self.situation.storms.last().rows.ravel().tolist()) if row >= 0]
        rows = self.situation.sources.tracks.loc[labels]
        named = zip(rows["feed"], rows["storm"], rows["agency"], rows["time"], strict=True)
        records = tuple(f"{feed}/{storm}/{agency}/{iso(time.to_pydatetime())}" for feed, storm, agency, time in named)
        return Trace(records[-MAX_RECORDS:], tuple(dict.fromkeys(rows["raw"])), (), bool(rows["synthetic"].any()))

    def _reported(self, indicator: Indicator, town: int) -> Trace:
        """The reports that count for a town, each told as people would: flags `report:kind value unit by reporter (trust)`."""
        place = self.situation
        rows = reports.counting(place.sources.reports, place.now, place.county.towns[town].key, indicator.hazard)[:MAX_RECORDS]
        return Trace(tuple(f"{r.feed}/report/{r.report}" for r in rows), tuple(dict.fromkeys(r.raw for r in rows)),
                     tuple(reports.spell(r) for r in rows), any(r.synthetic for r in rows))

    def own_row(self, indicator: Indicator, town: int) -> Override | None:
        """The row of the county's overrides from which a number comes in one town at the last tick; None where it is the pack's."""
        mark = indicator.mark
        if mark is None:
            return None
        if not mark.measures:
            return mark.where.get(self.situation.county.towns[town].key)
        station = self.situation.readings.binding(self.situation.catalogue.indicators[mark.measures], town)
        return mark.where.get(station.station) if station else None

    def _own(self, indicator: Indicator, town: int) -> Trace:
        row = self.own_row(indicator, town)
        return Trace(flags=(f"override:{row.parameter}={row.value:g} {row.unit}:{row.station or row.town}:{row.place}",)) if row else Trace()

    def _official(self, indicator: Indicator, town: int) -> Trace:
        held = [s for s in self.situation.signals[-1] if s.towns[town] and any(e in s.event for e in indicator.events)]
        return Trace(tuple(f"{s.feed}/{s.identifier}" for s in held), tuple(dict.fromkeys(s.raw for s in held)), (), any(s.synthetic for s in held))


def evidence(finding: Finding, town: int, tracer: Tracer) -> Evidence:
    """Evidence of one rule for one town at the last tick."""
    rule, table = finding.rule, tracer.table
    at = (-1, town)
    level, ceiling = Level(int(finding.proved[at])), Level(int(finding.ceiling[at]))
    rows = {word.name: row for word in rule.own if (row := tracer.own_row(word, town)) is not None}
    told = _told(rule, frozenset(rows))
    values, units = _values(told, table, town, tracer.units)
    traces = {shown: tracer.trace(name, town) for shown, name in told.items()}
    above = [other for other in sorted(rule.conditions) if other > level]
    toward = max((float(finding.progress[other][at]) for other in above[:1]), default=0.0)
    next_text = counterfactual(above[0], rule.conditions[above[0]][1], finding.reader, at, tracer.units) if above else ""
    if not next_text and finding.claimed[at] > level:
        next_text = f"{above[0].zh}需另一线路的测站证实"
    flags = list(dict.fromkeys(flag for trace in traces.values() for flag in trace.flags))
    if finding.heading[at] > finding.proved[at]:
        flags.append("lost_while_rising")
    if finding.claimed[at] > finding.proved[at]:
        flags.append("one_path")
    conditions = {k.en: (_text(rule, k, table, town, bool(rows)), _verdict(t.must[at], t.may[at])) for k, t in finding.truths.items()}
    answer = finding.answers.get(town)
    if answer is not None and rule.explained_by is not None:
        conditions["explained_by"] = (rule.explained_by.text, answer.verdict)
    if town in finding.tidal:
        flags.append("tide_reaches")
    if finding.unexplained[at]:
        flags.append("unexplained")
        next_text = f"{Level(int(finding.unexplained[at])).zh}需另一线路的测站或成因证实"
    return Evidence(
        rule=rule.id, title=rule.title, pack=rule.pack, pack_hash=rule.pack_hash, level=level, ceiling=ceiling, score=score(level, toward),
        values=values, units=units, conditions=conditions,
        flags=tuple(flags), records={name: trace.records for name, trace in traces.items() if trace.records},
        raws=tuple(dict.fromkeys(raw for trace in traces.values() for raw in trace.raws))[:MAX_RECORDS], counterfactual=next_text,
        role=rule.role if rule.stage == "live" else rule.stage, verified=rule.verified and all(row.verified for row in rows.values()),
        source="；".join([rule.source, *dict.fromkeys(f"本县改值 {row.source}（{row.place}）" for row in rows.values())]),
        synthetic=any(trace.synthetic for trace in traces.values()), fusion={name: trace.fusion for name, trace in traces.items() if trace.fusion},
    )


def _text(rule: Rule, level: Level, table: Table, town: int, own: bool) -> str:
    """A condition as written, or as it reads here where the county has numbers of its own."""
    text, tree = rule.conditions[level]
    if not own:
        return text
    return spell(localized(tree, rule, lambda word: float(table.plain.values[word.name].lo[-1, town])))


def _verdict(must: Any, may: Any) -> bool | None:
    return True if must else None if may else False


def _told(rule: Rule, own: frozenset[str]) -> dict[str, str]:
    """Names as they are told in one town -> words of the rule. Words for the county's own numbers are told only where it has one (`own`)."""
    words = {word.name: word for word in rule.own}
    out: dict[str, str] = {}
    for name in rule.indicators:
        if name not in words or name in own:
            out.setdefault(name, name)
        elif words[name].kind != "mark":
            out.setdefault(usual_name(name), name)
    return out


def _values(told: dict[str, str], table: Table, town: int, units: dict[str, str]) -> tuple[dict[str, float | None], dict[str, str]]:
    """What is proved of each indicator; where that is not all, also "<name>:max", what cannot be excluded (None: no bound)."""
    values: dict[str, float | None] = {}
    shown: dict[str, str] = {}
    for name, word in told.items():
        column = table.plain.values[word]
        lo, hi = float(column.lo[-1, town]), float(column.hi[-1, town])
        values[name], shown[name] = lo if np.isfinite(lo) else None, units[word]
        if lo != hi:
            values[f"{name}:max"], shown[f"{name}:max"] = hi if np.isfinite(hi) else None, units[word]
    return values, shown
