"""Why a level is what it is: the stored score, recomputed from the lake as it was known then, and compared part by part."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from typing import Any

from core.county import County
from core.errors import ConfigError
from core.lake import Lake
from core.ledger import Ledger, score_to_json
from core.model import Evidence, Fusion, Hazard, Level, RiskScore
from core.times import SHANGHAI, iso, people
from rules.assess import Judged, judge, read, score_one
from rules.comparisons import TRUTHS, Comparison, comparisons
from rules.hold import HoldState
from rules.outlook import Hourly
from rules.scoring import amount

#: What a recomputation must reproduce; the level itself also remembers (hold) and is checked against what is proved.
_COMPARED = ("proved", "floor", "ceiling", "evidence", "silent")
#: The sentences, compared where the stored score has them (those of before do not).
_SENTENCES = ("basis", "counterfactual", "outlook")
LABELS = {"reason": "理由", "rule": "规则", "counterfactual": "差多少"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The stored score of one town and hazard; `matches` says whether the lake gives it again, `differences` what does not.

    `compared`: by rule id the comparisons of the recomputation, with thresholds after parameters; `hours`: along every agency's storm track; `titles`: of
    the silent feeds, as people call them; `zone`: the clock that people read.
    """

    town: str
    town_name: str
    hazard: Hazard
    at: datetime
    score: RiskScore
    matches: bool
    differences: tuple[str, ...]
    compared: dict[str, tuple[Comparison, ...]]
    hours: tuple[Hourly, ...] = ()
    titles: tuple[str, ...] = ()
    zone: tzinfo = SHANGHAI

    def text(self) -> str:
        """The explanation as the command line prints it: Chinese, with rule, values, thresholds, flags, readings and payloads."""
        s = self.score
        lines = [
            f"{self.town_name} {self.hazard.zh} {people(self.at, self.zone)}：{s.level.zh}（{s.level.en}），评分 {s.score:g}，不能排除 {s.ceiling.zh}",
            f"  数据证明 {s.proved.zh}，官方下限 {s.floor.zh}" + (f"，静默数据源 {'、'.join(self.titles or s.silent)}" if s.silent else ""),
            *(f"  {LABELS[name]} {text}" for name, text in s.told().items()),
            *([f"  展望 {s.outlook}"] if s.outlook else []), *(f"  {hourly.line()}" for hourly in self.hours),
            *(line for e in s.evidence for line in _lines(e, self.compared.get(e.rule, ()))),
            "重算一致 / recomputed: the same" if self.matches else "重算不一致 / recomputed: differs in " + "、".join(self.differences),
        ]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The same for machines; truths are true, false or null (undecided), times ISO UTC."""
        return {
            "hazard": str(self.hazard), "matches": self.matches, "differences": list(self.differences), "told": self.score.told(),
            "score": json.loads(score_to_json(self.score)),
            "tracks": [asdict(hourly) for hourly in self.hours],
            "comparisons": {rule: [asdict(c) | {"level": _stands_in(c)} for c in found] for rule, found in self.compared.items()},
        }


def _lines(e: Evidence, compared: Iterable[Comparison]) -> list[str]:
    marks = [*([] if e.verified else ["数值未经核实"]), *(["【合成】数据"] if e.synthetic else []), *([] if e.role == "hazard" else [f"角色 {e.role}"])]
    lines = [f"■ {e.rule} {e.title}：{e.level.zh}..{e.ceiling.zh}，评分 {e.score:g}" + (f"（{'，'.join(marks)}）" if marks else ""),
             f"  规则包 {e.pack} sha256:{e.pack_hash[:16]}；来源 {e.source}"]
    by_level = {name: [c.line() for c in compared if _stands_in(c) == name] for name in e.conditions}
    for name, (text, truth) in sorted(e.conditions.items(), key=lambda one: Level.__members__.get(one[0].upper(), Level.NONE)):
        lines += [f"  {name:6} {TRUTHS[truth]}  {text}", *(f"         · {line}" for line in by_level[name])]
    lines += [f"  {name} = {'未知' if value is None else amount(value, e.units.get(name, ''))}" for name, value in e.values.items()]
    lines += [f"  {e.counterfactual}"] if e.counterfactual else []
    lines += [f"  标记 {'、'.join(e.flags)}"] if e.flags else []
    lines += [_fused(name, f, e.units.get(name, "")) for name, f in e.fusion.items()]
    lines += [f"  {name} ← {'、'.join(records)}" for name, records in e.records.items()]
    return lines + ([f"  原始数据 {'、'.join(raw[:16] for raw in e.raws)}"] if e.raws else [])


def _stands_in(c: Comparison) -> str:
    """The name of the condition that holds a comparison."""
    return c.level.en if c.level else "explained_by"


def _fused(name: str, f: Fusion, unit: str) -> str:
    """'tide 合并 QLG-TIDE = 2.1 m（一致 0.98，优先看 QLG）：QLG 2.1 m 权重 1、QLB 2.0 m 权重 0.5'."""
    shown = {member: "未知" if value is None else amount(value, unit) for member, value in f.members.items()}
    members = "、".join(f"{member} {text} 权重 {f.weights[member]:g}" for member, text in shown.items())
    value = "未知" if f.value is None else amount(f.value, unit)
    return f"  {name} 合并 {f.thing} = {value}（一致 {f.agreement:.2f}，优先看 {f.preferred or '无'}）：{members}"


def explain(*, town: str, hazard: Hazard, at: datetime, county: County, lake: Lake, ledger: Ledger) -> Explanation:
    """Recompute the score of `town` (key, name or code) and `hazard` of the assessment at `at`; ConfigError when there is none."""
    return explain_town(town=town, at=at, county=county, lake=lake, ledger=ledger, hazards=(hazard,))[0]


def explain_town(
    *, town: str, at: datetime, county: County, lake: Lake, ledger: Ledger, hazards: Iterable[Hazard] | None = None,
) -> tuple[Explanation, ...]:
    """Every hazard (or those named) of one town, recomputed in one pass, in the county's order; ConfigError when the town was not assessed at `at`."""
    key = county.town(town).key
    known = ledger.scores(at=at)
    stored = {s.hazard: s for s in known if s.town == key}
    wanted = [h for h in county.hazards if h in stored] if hazards is None else list(hazards)
    if not known:
        near = ledger.scores(until=at) or ledger.scores()
        hint = f"最近的一次 / the nearest: --at {near[0].time.astimezone(county.zone).isoformat()}" if near else "台账是空的 / the ledger is empty"
        raise ConfigError(f"{at.astimezone(county.zone):%Y-%m-%d %H:%M} 没有研判 / no assessment at this time", hint=hint)
    if not wanted or any(h not in stored for h in wanted):
        absent = "、".join(h.zh for h in wanted if h not in stored)
        raise ConfigError(f"{people(at, county.zone)} 没有研判{absent} / not assessed for this hazard", hint=f"有 / there are: {'、'.join(h.zh for h in stored)}")
    silent = frozenset(feed for score in known for feed in score.silent)
    judged = judge(read(at, county, lake, ledger, silent=silent), at, county)
    return tuple(_one(judged, stored[hazard], county, at) for hazard in wanted)


def _one(judged: Judged, stored: RiskScore, county: County, at: datetime) -> Explanation:
    number = [t.key for t in county.towns].index(stored.town)
    memory = {(stored.town, f.rule.id): HoldState(level=int(stored.level), updated_at=at) for f in judged.findings}
    differences = _differences(stored, score_one(judged, memory, stored.hazard, number))
    compared = {f.rule.id: comparisons(f, judged.table.plain, number, judged.tracer.units) for f in judged.findings if stored.hazard in f.rule.hazards}
    return Explanation(town=stored.town, town_name=county.town(stored.town).name, hazard=stored.hazard, at=at, zone=county.zone, score=stored,
                       matches=not differences, differences=differences, compared=compared, hours=judged.outlook.hours(stored.hazard, number),
                       titles=tuple(f"{county.titled(feed)}（{feed}）" for feed in stored.silent))


def _differences(stored: RiskScore, again: RiskScore) -> tuple[str, ...]:
    """Names of the parts that are not equal in their canonical form; `level` when it is under what is proved."""
    old, new = (json.loads(score_to_json(score)) for score in (stored, again))
    found = [name for name in (*_COMPARED, *(n for n in _SENTENCES if old[n])) if old[name] != new[name]]
    if stored.level < max(again.proved, again.floor):
        found.append("level")
    return tuple(found)


def head(found: tuple[Explanation, ...]) -> dict[str, Any]:
    """Explanations of one town and time for machines."""
    first = found[0]
    return {"town": first.town, "town_name": first.town_name, "at": iso(first.at), "matches": all(e.matches for e in found),
            "hazards": [e.as_json() for e in found]}
