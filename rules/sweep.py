"""One threshold at many values against what happened: the skill of each, so that a choice can be seen before it is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import isfinite
from pathlib import Path

import numpy as np

from core.county import County
from core.errors import ConfigError
from core.model import Level
from rules import backtest, edit, overrides
from rules.assess import Judged, judge, weighed
from rules.comparisons import leaves
from rules.findings import find
from rules.grid import microseconds
from rules.language import Place, unknown_word
from rules.language import number as amount
from rules.language.nodes import Compare, Number, names
from rules.packs import Rule, load_pack
from rules.pieces import piece
from rules.situation import Sources
from rules.verify.contingency import contingency
from rules.verify.events import Span, at_least, match
from rules.verify.pictures import heat_map
from rules.verify.skill import Skill, skill

MAX_VALUES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The rule with another threshold, at work whatever its stage: `value` as the pack would write it, `compared` where it stands."""

    value: float
    rule: Rule
    compared: Compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Town-steps at one threshold, by the comparison alone, the pack's value everywhere: said and happened, not said but happened, said
    but did not happen, neither."""

    hits: int
    misses: int
    false: int
    quiet: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of the threshold, as written, the rule's skill at its level with it, the indicator's by itself, and how many events began outside the
    steps, which none of them could warn of."""

    value: float
    skill: Skill
    steps: Steps
    left_out: int = 0


def condition(pack: Path, rule: str, level: Level, indicator: str, value: float) -> str:
    """The level's condition with the number that `indicator` is compared with replaced, unit kept; ConfigError when there is not exactly one."""
    if not isfinite(value):
        raise ConfigError(f"门槛应为一个数，不是 {value:g} / a threshold is a number")
    rules = {r.id: r for r in load_pack(pack).rules}
    found = rules.get(rule)
    if found is None:
        raise unknown_word("规则", "rule", rule, rules, Place(pack))
    if level not in found.conditions:
        raise ConfigError(f"规则 {rule} 没有{level.zh} / the rule has no {level.en}", path=pack,
                          hint=f"它有 / it has: {'、'.join(known.zh for known in found.conditions)}")
    if indicator not in found.indicators:
        raise unknown_word("指标", "indicator", indicator, found.indicators, Place(pack))
    text, times = re.subn(rf"(\b{re.escape(indicator)}\s*(?:>=|<=|>|<)\s*)-?\d+(?:\.\d+)?", rf"\g<1>{value:.15g}", found.conditions[level][0])
    if times != 1:
        raise ConfigError(f"条件里与 {indicator} 比较的数应恰有一个，却有 {times} 个 / exactly one number is compared with it: {found.conditions[level][0]}", path=pack)
    return text


def changed(pack: Path, rule: str, level: Level, indicator: str, value: float) -> str:
    """The pack's text with the threshold replaced, comments kept."""
    return edit.with_value(pack, rule, ("levels", level.en), condition(pack, rule, level, indicator, value))


def variant(pack: Path, rule: str, level: Level, indicator: str, value: float) -> Variant:
    """The rule as it would be with another threshold."""
    made = replace(next(r for r in edit.loaded(pack, changed(pack, rule, level, indicator, value)).rules if r.id == rule), stage="live")
    compared = [node for node in leaves(made.conditions[level][1]) if isinstance(node.right, Number) and names(node.left)[-1:] == (indicator,)]
    if not compared:
        raise ConfigError(f"{indicator} 应与单独一个数比较 / it should be compared with a number alone: {made.conditions[level][0]}", path=pack)
    return Variant(value=value, rule=made, compared=compared[0])


def in_county(found: Variant, county: County, day: date) -> Variant:
    """The variant with the county's own numbers of that day in it: where a town has its own, the pack's value changes nothing."""
    rows = tuple(row for row in county.overrides if row.rule == found.rule.id)
    return replace(found, rule=overrides.apply((found.rule,), replace(county, overrides=rows), day)[0])


def sweep(variants: Sequence[Variant], level: Level, *, ticks: list[datetime], county: County, sources: Sources, happened: Sequence[Span]) -> list[Point]:
    """Skill of each variant's own warnings (no official floor, no other rule) against what happened, at "level or more". The readings are laid out
    once; each variant is then one rule over the same columns."""
    if not 0 < len(variants) <= MAX_VALUES:
        raise ConfigError(f"应为 1 至 {MAX_VALUES} 个值 / one to {MAX_VALUES} values")
    ground, points = _judged(variants[0].rule, ticks, county, sources), []
    hazards = variants[0].rule.hazards
    events = [s for s in happened if s.hazard in hazards]
    steps = _steps(variants, ground, ticks, at_least(events, level))
    towns = [town.key for town in county.towns]
    for number, found in enumerate(variants):
        if found.rule.own != ground.findings[0].rule.own:  # a county's own number stands in a column of its own
            ground = _judged(found.rule, ticks, county, sources)
        said = piece([weighed(find(found.rule, ground.table, ground.findings[0].reader), ground.situation)], ticks, {})
        held = backtest.hold(said, found.rule, ticks, {})
        warned = [Span(town=w.town, hazard=hazard, start=w.start, end=w.end, level=w.level)
                  for w in backtest.spans(ticks, towns, {found.rule.id: held}) for hazard in hazards]
        outcomes = match(warned, events, level, period=backtest.period(ticks))
        points.append(Point(value=found.value, skill=skill(outcomes), steps=steps[number], left_out=sum(o.kind == "out" for o in outcomes)))
    return points


def _judged(rule: Rule, ticks: list[datetime], county: County, sources: Sources) -> Judged:
    return judge(sources, ticks[-1], county, (rule,), ticks)


def _steps(variants: Sequence[Variant], ground: Judged, ticks: list[datetime], events: Sequence[Span]) -> list[Steps]:
    """What is proved of the comparison at each variant's threshold over all town-steps."""
    said, stamps = variants[0].compared, np.array([microseconds(tick) for tick in ticks])
    column = amount(said.left, ground.situation.table(names(said.left)).plain)
    values = column.lo if said.op[0] == ">" else column.hi
    town = {t.key: number for number, t in enumerate(ground.situation.county.towns)}
    there = np.zeros(values.shape, dtype=bool)
    for event in events:
        if event.town in town:
            there[slice(*np.searchsorted(stamps, (microseconds(event.start), microseconds(event.end)))), town[event.town]] = True
    counts = contingency(values, there, [v.compared.right.value for v in variants if isinstance(v.compared.right, Number)], said.op)
    return [Steps(hits=int(h), misses=int(m), false=int(f), quiet=int(q)) for h, m, f, q in zip(counts.hits, counts.misses, counts.false, counts.quiet, strict=True)]


def csv_text(points: Sequence[Point]) -> str:
    """One row a value."""
    rows = [",".join([f"{p.value:g}", *(str(n) for n in (p.skill.hits, p.skill.near, p.skill.misses, p.skill.false)),
                      *(_cell(x) for x in (p.skill.pod, p.skill.far, p.skill.csi)),
                      *(str(n) for n in (p.steps.hits, p.steps.misses, p.steps.false, p.steps.quiet))]) + "\n" for p in points]
    return "".join(["threshold,hits,near,misses,false,pod,far,csi,step_hits,step_misses,step_false,step_quiet\n", *rows])


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def picture(points: Sequence[Point], title: str) -> str:
    """The scores as a heat map (SVG): thresholds across, POD, 1 - FAR and CSI upwards."""
    rows = [[p.skill.pod for p in points], [None if p.skill.far is None else 1 - p.skill.far for p in points], [p.skill.csi for p in points]]
    return heat_map([f"{p.value:g}" for p in points], ["POD", "1-FAR", "CSI"], rows, (title, "阈值", "评分"))
