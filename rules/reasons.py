"""One Chinese sentence that says why: first what people would say, then what analysts look up."""

from __future__ import annotations

from core.model import Hazard, Level
from rules import official
from rules.catalogue import Indicator
from rules.findings import Finding
from rules.language.nodes import names
from rules.scoring import amount, proving
from rules.situation import Situation

_MARKS = {"warning_stage": "警戒水位", "guaranteed_stage": "保证水位", "record_stage": "历史最高水位"}
_FORCES = {7: "七", 10: "十", 12: "十二"}


def reason(situation: Situation, town: int, hazard: Hazard, level: Level, floor: Level, findings: list[Finding]) -> str:
    """Reason of a level: the official signal when it decides, then the rules that prove it, or that it is held; "" for NONE."""
    if level is Level.NONE:
        return ""
    parts = []
    signal = official.strongest(situation.signals[-1], town, hazard)
    if signal is not None and floor >= level:
        parts.append(f"官方{signal.event or signal.title}{floor.zh}信号生效")
    proved = sorted((f for f in findings if f.proved[-1, town]), key=lambda f: (-int(f.proved[-1, town]), f.rule.id))
    parts += [_proof(situation, finding, town) for finding in proved]
    if max([int(floor), *(int(f.proved[-1, town]) for f in proved)]) < level:
        lost = any(f.heading[-1, town] > f.proved[-1, town] for f in findings)
        parts.insert(0, "测站在上涨中失联，按趋势维持" if lost else "风险尚未确认解除，维持原级别")
    return "；".join(parts)


def _proof(situation: Situation, finding: Finding, town: int) -> str:
    """'6小时雨量 52 mm（flood.rainstorm 黄色）': the indicators of the comparisons that hold, at most two."""
    level = Level(int(finding.proved[-1, town]))
    leaves = proving(finding.rule.conditions[level][1], finding.reader, (-1, town))
    named = dict.fromkeys(name for leaf in leaves for name in names(leaf))
    shown = [_say(situation.catalogue.indicators[name], float(finding.reader.known(name)[-1, town])) for name in named]
    return f"{'、'.join([text for text in shown if text][-2:]) or finding.rule.title}（{finding.rule.id} {level.zh}）"


def _say(indicator: Indicator, value: float) -> str:
    """An indicator's value as people would say it; "" for what only places the town, or is a threshold."""
    if indicator.kind in ("town", "official", "mark"):
        return ""
    if indicator.kind == "report":
        return f"{indicator.title} {Level(int(value)).zh}"
    if indicator.above and indicator.unit == "m":
        return f"水位{'超' if value >= 0 else '距'}{_MARKS[indicator.above]} {amount(abs(value), indicator.unit)}"
    if indicator.quantity == "eta":
        circle = f"{_FORCES[indicator.force]}级风圈"
        return f"已在{circle}内" if value <= 0 else f"约 {value:g} 小时后进入{circle}"
    if indicator.share:
        return f"{indicator.title} {round(value * 100, 1):g} %"
    return f"{indicator.title} {amount(value, indicator.unit)}"
