"""The Chinese sentences that say why: first what people would say, then what analysts look up. Made once, when the town is assessed, and
stored with the score: what the CAP message, the board and `rules explain` say is the same because it is the same string."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.model import Hazard, Level
from rules import official
from rules.catalogue import Indicator
from rules.findings import Finding
from rules.language.nodes import names
from rules.outlook import Outlook
from rules.plain import plain, turned
from rules.scoring import amount, counterfactual, proving
from rules.situation import Situation

_MARKS = {"warning_stage": "警戒水位", "guaranteed_stage": "保证水位", "record_stage": "历史最高水位"}
#: What stands in the same three columns of a reservoir.
_RESERVOIR_MARKS = {"warning_stage": "汛限水位", "guaranteed_stage": "设计洪水位", "record_stage": "校核洪水位"}
#: Rules named, comparisons shown of each, and letters of any one sentence: a message must not grow without bound.
MOST_RULES, MOST_COMPARISONS, MOST_LETTERS = 3, 4, 300
_FORCES = {7: "七", 10: "十", 12: "十二"}


def reason(situation: Situation, town: int, hazard: Hazard, level: Level, floor: Level, findings: list[Finding]) -> str:
    """Reason of a level: the official signal when it decides, then the rules that prove it, or that it is held; "" for NONE."""
    if level is Level.NONE:
        return ""
    parts = []
    signal = official.strongest(situation.signals[-1], town, hazard)
    if signal is not None and floor >= level:
        parts.append(f"官方{signal.event or signal.title}{floor.zh}信号生效")
    proved = _proving(findings, town)
    parts += [_proof(situation, finding, town) for finding in proved]
    if max([int(floor), *(int(f.proved[-1, town]) for f in proved)]) < level:
        lost = any(f.heading[-1, town] > f.proved[-1, town] for f in findings)
        parts.insert(0, "测站在上涨中失联，按趋势维持" if lost else "风险尚未确认解除，维持原级别")
    return "；".join(parts)


def basis(town: int, findings: list[Finding], known: Mapping[str, Indicator]) -> str:
    """The rules that prove anything, the highest first: title, id, colour, the comparisons that hold, and whether the numbers were checked."""
    proved = _proving(findings, town)
    told = [_basis(finding, town, known) for finding in proved[:MOST_RULES]]
    return _short("；".join([*told, *([f"另有 {len(proved) - MOST_RULES} 条规则"] if len(proved) > MOST_RULES else [])]))


def next_level(town: int, level: Level, findings: list[Finding], known: Mapping[str, Indicator]) -> str:
    """What the next level over `level` would take by the rule that is nearest to it; "" for RED, or when no rule knows that level."""
    if level >= Level.RED:
        return ""
    goal = Level(level + 1)
    near = sorted((f for f in findings if goal in f.rule.conditions), key=lambda f: (-float(f.progress[goal][-1, town]), f.rule.id))
    units = {name: indicator.unit for name, indicator in known.items()}
    ways = (counterfactual(goal, f.rule.conditions[goal][1], f.reader, (-1, town), units) for f in near)
    return _short(next((f"{_titled(way, known)}（{f.rule.id}）" for f, way in zip(near, ways, strict=True) if way), ""))


def ahead(outlook: Outlook, hazard: Hazard, town: int) -> str:
    """For officers: on how many agencies' tracks each level is reached, and how soon a stage would be at its warning mark."""
    parts = []
    chances = outlook.agencies(hazard).chances(town)
    if chances:
        of = next(iter(chances.values()))[1]
        shares = "、".join(f"达到{Level[name.upper()].zh}的机构占比 {n}/{of}" for name, (n, _) in reversed(chances.items()))
        parts.append(f"{of} 家机构的预报路径：{shares}（不是校准过的概率）")
    soon = outlook.soon(hazard, town)
    if soon is not None:
        parts.append("水位已到警戒" if soon <= 0 else f"按近 3 小时涨率约 {soon:.1f} 小时到警戒水位（外推，潮汐河段不用）")
    return "；".join(parts)


def _proving(findings: list[Finding], town: int) -> list[Finding]:
    """The findings that prove a level, the highest first."""
    return sorted((f for f in findings if f.proved[-1, town]), key=lambda f: (-int(f.proved[-1, town]), f.rule.id))


def _titled(text: str, known: Mapping[str, Indicator]) -> str:
    """The sentence with every indicator by its title instead of its name."""
    return re.sub(r"[a-z][a-z0-9_]+", lambda word: known[word[0]].title if word[0] in known else word[0], text)


def _basis(finding: Finding, town: int, known: Mapping[str, Indicator]) -> str:
    rule, level = finding.rule, Level(int(finding.proved[-1, town]))
    leaves = [plain(leaf, known) for leaf in proving(rule.conditions[level][1], finding.reader, (-1, town))]
    shown = "，".join(leaves[:MOST_COMPARISONS]) + (" 等" if len(leaves) > MOST_COMPARISONS else "")
    return f"{rule.title}（{rule.id}）{level.zh}" + (f"：{shown}" if shown else "") + ("" if rule.verified else "，数值未经核实")


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"


def _proof(situation: Situation, finding: Finding, town: int) -> str:
    """'6小时雨量 52 mm（flood.rainstorm 黄色）': the indicators of the comparisons that hold, at most two."""
    level = Level(int(finding.proved[-1, town]))
    leaves = proving(finding.rule.conditions[level][1], finding.reader, (-1, town))
    named = dict.fromkeys(name for leaf in leaves for name in names(leaf))
    shown = [spoken(situation, name, town, float(finding.reader.known(name)[-1, town])) for name in named]
    return f"{'、'.join([text for text in shown if text][-2:]) or finding.rule.title}（{finding.rule.id} {level.zh}）"


def spoken(situation: Situation, name: str, town: int, value: float) -> str:
    """`say` of an indicator in one town, a tide by that name where it is a tidal gauge that decides."""
    indicator = situation.catalogue.indicators[name]
    station = situation.readings.binding(indicator, town) if indicator.kind == "station" and indicator.above else None
    return say(indicator, value, tidal=station is not None and "tide" in station.properties and "stage" not in station.properties)


def say(indicator: Indicator, value: float, *, tidal: bool = False) -> str:
    """An indicator's value as people would say it; "" for what only places the town, or is a threshold. `tidal`: a height over a mark is a tide's."""
    if indicator.kind in ("town", "official", "mark"):
        return ""
    if indicator.kind == "report":
        return f"{indicator.title} {Level(int(value)).zh}"
    if indicator.above and indicator.unit == "m":
        what, marks = ("库水位", _RESERVOIR_MARKS) if indicator.properties == ("reservoir_stage",) else ("水位", _MARKS)
        what = "潮位" if tidal or indicator.properties == ("tide",) else what
        return f"{'周边' if indicator.title.startswith('周边') else ''}{what}{'超' if value >= 0 else '距'}{marks[indicator.above]} {amount(abs(value), indicator.unit)}"
    if indicator.quantity == "eta":
        circle = f"{_FORCES[indicator.force]}级风圈"
        return f"已在{circle}内" if value <= 0 else f"约 {value:g} 小时后进入{circle}"
    if indicator.share:
        return f"{indicator.title} {round(value * 100, 1):g} %"
    title = turned(indicator.title, value)
    return f"{title} {amount(value if title == indicator.title else -value, indicator.unit)}"
