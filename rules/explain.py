"""Why a level is what it is: the stored score, recomputed from the lake as it was known then, and compared part by part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.county import County
from core.errors import ConfigError
from core.lake import Lake
from core.ledger import Ledger, score_to_json
from core.model import Evidence, Fusion, Hazard, RiskScore
from core.times import people
from rules.assess import judge, read, score_one
from rules.hold import HoldState
from rules.scoring import amount

#: What a recomputation must reproduce; the level itself also remembers (hold) and is checked against what is proved.
_COMPARED = ("proved", "floor", "ceiling", "evidence", "silent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The stored score of one town and hazard; `matches` says whether the lake gives it again, `differences` what does not."""

    town: str
    town_name: str
    hazard: Hazard
    at: datetime
    score: RiskScore
    matches: bool
    differences: tuple[str, ...]

    def text(self) -> str:
        """The explanation as the command line prints it: Chinese, with rule, values, thresholds, flags, readings and payloads."""
        s = self.score
        lines = [
            f"{self.town_name} {self.hazard.zh} {people(self.at)}：{s.level.zh}（{s.level.en}），评分 {s.score:g}，不能排除 {s.ceiling.zh}",
            f"  数据证明 {s.proved.zh}，官方下限 {s.floor.zh}" + (f"，静默数据源 {'、'.join(s.silent)}" if s.silent else ""),
            *([f"  理由 {s.reason}"] if s.reason else []),
            *(line for e in s.evidence for line in _lines(e)),
            "重算一致 / recomputed: the same" if self.matches else "重算不一致 / recomputed: differs in " + "、".join(self.differences),
        ]
        return "\n".join(lines)


def _lines(e: Evidence) -> list[str]:
    marks = [*([] if e.verified else ["数值未经核实"]), *(["【合成】数据"] if e.synthetic else []), *([] if e.role == "hazard" else [f"角色 {e.role}"])]
    lines = [f"■ {e.rule} {e.title}：{e.level.zh}..{e.ceiling.zh}，评分 {e.score:g}" + (f"（{'，'.join(marks)}）" if marks else ""),
             f"  规则包 {e.pack} sha256:{e.pack_hash[:16]}；来源 {e.source}"]
    for name, (text, truth) in e.conditions.items():
        lines.append(f"  {name:6} {'成立' if truth else '未定' if truth is None else '不成立'}  {text}")
    lines += [f"  {name} = {'未知' if value is None else amount(value, e.units.get(name, ''))}" for name, value in e.values.items()]
    lines += [f"  {e.counterfactual}"] if e.counterfactual else []
    lines += [f"  标记 {'、'.join(e.flags)}"] if e.flags else []
    lines += [_fused(name, f, e.units.get(name, "")) for name, f in e.fusion.items()]
    lines += [f"  {name} ← {'、'.join(records)}" for name, records in e.records.items()]
    return lines + ([f"  原始数据 {'、'.join(raw[:16] for raw in e.raws)}"] if e.raws else [])


def _fused(name: str, f: Fusion, unit: str) -> str:
    """'tide 合并 QLG-TIDE = 2.1 m（一致 0.98，优先看 QLG）：QLG 2.1 m 权重 1、QLB 2.0 m 权重 0.5'."""
    shown = {member: "未知" if value is None else amount(value, unit) for member, value in f.members.items()}
    members = "、".join(f"{member} {text} 权重 {f.weights[member]:g}" for member, text in shown.items())
    value = "未知" if f.value is None else amount(f.value, unit)
    return f"  {name} 合并 {f.thing} = {value}（一致 {f.agreement:.2f}，优先看 {f.preferred or '无'}）：{members}"


def explain(*, town: str, hazard: Hazard, at: datetime, county: County, lake: Lake, ledger: Ledger) -> Explanation:
    """Recompute the score of `town` (key, name or code) and `hazard` of the assessment at `at`; ConfigError when there is none."""
    key = county.town(town).key
    stored = next((s for s in ledger.scores(at=at) if s.town == key and s.hazard == hazard), None)
    if stored is None:
        raise ConfigError(f"{people(at)} 没有研判 / no assessment at this time", hint="用 fengsui summary 看有哪些时刻 / see the summary")
    judged = judge(read(at, county, lake, ledger, silent=frozenset(stored.silent)), at, county)
    number = [t.key for t in county.towns].index(key)
    memory = {(key, f.rule.id): HoldState(level=int(stored.level), updated_at=at) for f in judged.findings}
    again = score_one(judged, memory, hazard, number)
    differences = _differences(stored, again)
    return Explanation(
        town=key, town_name=county.town(key).name, hazard=hazard, at=at, score=stored, matches=not differences, differences=differences,
    )


def _differences(stored: RiskScore, again: RiskScore) -> tuple[str, ...]:
    """Names of the parts that are not equal in their canonical form; `level` when it is under what is proved."""
    old, new = (_parts(score) for score in (stored, again))
    found = [name for name in _COMPARED if old[name] != new[name]]
    if stored.level < max(again.proved, again.floor):
        found.append("level")
    return tuple(found)


def _parts(score: RiskScore) -> dict[str, Any]:
    parts: dict[str, Any] = json.loads(score_to_json(score))
    return parts
