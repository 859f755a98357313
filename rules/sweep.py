"""One threshold at many values against what happened: the skill of each, so that a choice can be seen before it is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from core.county import County
from core.errors import ConfigError
from core.model import Level
from rules import backtest, edit
from rules.packs import Rule, load_pack
from rules.situation import Sources
from rules.verify.events import Span, match
from rules.verify.pictures import heat_map
from rules.verify.skill import Skill, skill

MAX_VALUES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of the threshold, as written, and the rule's skill at its level with it."""

    value: float
    skill: Skill


def condition(pack: Path, rule: str, level: Level, indicator: str, value: float) -> str:
    """The level's condition with the number that `indicator` is compared with replaced, unit kept; ConfigError when there is not exactly one."""
    found = next((r for r in load_pack(pack).rules if r.id == rule), None)
    if found is None or level not in found.conditions:
        raise ConfigError(f"包里没有规则 {rule} 的{level.zh} / no such rule or level", path=pack, hint="请对照包文件 / compare with the pack")
    text, times = re.subn(rf"(\b{re.escape(indicator)}\s*(?:>=|<=|>|<)\s*)-?\d+(?:\.\d+)?", rf"\g<1>{value:g}", found.conditions[level][0])
    if times != 1:
        raise ConfigError(f"条件里与 {indicator} 比较的数应恰有一个，却有 {times} 个 / exactly one number is compared with it: {found.conditions[level][0]}", path=pack)
    return text


def changed(pack: Path, rule: str, level: Level, indicator: str, value: float) -> str:
    """The pack's text with the threshold replaced, comments kept."""
    return edit.with_value(pack, rule, ("levels", level.en), condition(pack, rule, level, indicator, value))


def variant(pack: Path, rule: str, level: Level, indicator: str, value: float) -> Rule:
    """The rule as it would be with another threshold, at work whatever its stage."""
    with TemporaryDirectory(prefix="fengsui-sweep-") as folder:
        path = Path(folder) / pack.name
        path.write_text(changed(pack, rule, level, indicator, value), encoding="utf-8")
        return replace(next(r for r in load_pack(path).rules if r.id == rule), stage="live")


def sweep(variants: Sequence[tuple[float, Rule]], level: Level, *, ticks: list[datetime], county: County, sources: Sources,
          happened: Sequence[Span]) -> list[Point]:
    """Skill of each variant's own warnings (no official floor, no other rule) against what happened, at "level or more"."""
    if not 0 < len(variants) <= MAX_VALUES:
        raise ConfigError(f"应为 1 至 {MAX_VALUES} 个值 / one to {MAX_VALUES} values")
    points = []
    for value, rule in variants:
        run = backtest.run(ticks=ticks, county=county, rules=(rule,), source=lambda _: sources, block=len(ticks))
        warned = [Span(town=w.town, hazard=hazard, start=w.start, end=w.end, level=w.level) for hazard in rule.hazards
                  for w in backtest.spans(run, {str(hazard): run.held[rule.id]})]
        points.append(Point(value=value, skill=skill(match(warned, [s for s in happened if s.hazard in rule.hazards], level))))
    return points


def csv_text(points: Sequence[Point]) -> str:
    """One row a value."""
    rows = [",".join([f"{p.value:g}", *(str(n) for n in (p.skill.hits, p.skill.near, p.skill.misses, p.skill.false)),
                      *(_cell(x) for x in (p.skill.pod, p.skill.far, p.skill.csi))]) + "\n" for p in points]
    return "".join(["threshold,hits,near,misses,false,pod,far,csi\n", *rows])


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def picture(points: Sequence[Point], title: str) -> str:
    """The scores as a heat map (SVG): thresholds across, POD, 1 - FAR and CSI upwards."""
    rows = [[p.skill.pod for p in points], [None if p.skill.far is None else 1 - p.skill.far for p in points], [p.skill.csi for p in points]]
    return heat_map([f"{p.value:g}" for p in points], ["POD", "1-FAR", "CSI"], rows, (title, "阈值", "评分"))
