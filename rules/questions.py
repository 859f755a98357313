"""What the duty desk is asked about a claim that stands alone: is the instrument wrong, or is something happening that nothing else sees?

Asked is about what one path claims and nothing explains (rules.explained), and about what it claims by readings that only the county's own limit
believes (limits.csv): the house would have doubted them, so somebody should look, and the claim does not pass in silence beneath its neighbours' calm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from core.county import Station
from core.limits import BELIEVED
from core.model import Hazard, Level
from rules import foretold
from rules.comparisons import leaves
from rules.findings import Answer, Finding
from rules.language.nodes import names
from rules.packs import Cause
from rules.reasons import say, spoken
from rules.scoring import proving
from rules.situation import Situation

#: Causes told as absent, with what is read of them.
MOST_CAUSES = 4
_ROW = re.compile(re.escape(BELIEVED) + r"[^;]*\(([^;]*)\)")


def questions(situation: Situation, findings: Iterable[Finding], in_force: Mapping[tuple[str, Hazard], Level]) -> Iterator[tuple[str, str]]:
    """(what it is about, text) of each claim at the last tick over the level `in_force` by town key and hazard; one a station, rule and level."""
    asked: set[str] = set()
    for finding in findings:
        claims = finding.unexplained[-1] > 0
        if situation.county.limits:
            claims |= finding.claimed[-1] > finding.proved[-1]
        for number in map(int, np.flatnonzero(claims)):
            town, level = situation.county.towns[number], _claim(finding, number)
            if all(level <= in_force[town.key, hazard] for hazard in finding.rule.hazards if (town.key, hazard) in in_force):
                continue
            station, shown = _claimant(situation, finding, number, level)
            ref = f"{station.station if station else town.key}/{finding.rule.id}/{level.en}"
            text = _text(situation, finding, number, level, station, shown) if ref not in asked else ""
            if text:
                asked.add(ref)
                yield ref, text


def _claim(finding: Finding, town: int) -> Level:
    """The level that one path claims at the last tick and that is not proved."""
    if finding.unexplained[-1, town]:
        return Level(int(finding.unexplained[-1, town]))
    return max(level for level, (_, tree) in finding.rule.conditions.items() if level <= finding.claimed[-1, town] or finding.reader.must(tree)[-1, town])


def _text(situation: Situation, finding: Finding, town: int, level: Level, station: Station | None, shown: str) -> str:
    """The question; "" where a claim against its neighbours rests on nothing but readings that anybody would believe."""
    cause, who = finding.rule.explained_by, station.name if station else situation.county.towns[town].name
    claim = f"{who}独自报{finding.rule.title}{level.zh}{f'（{shown}）' if shown else ''}，没有另一线路证实"
    rows = _own_limits(situation, finding, town)
    believed = f"；读数按 {'、'.join(rows)} 采信，平原限值会判可疑" if rows else ""
    if finding.unexplained[-1, town] and cause:
        absent = _absent(situation, cause, finding.answers[town], station)
        return (f"{claim}，也不见成因{f'（{absent}）' if absent else ''}{believed}：{cause.question}"
                f"请派人到现场或去电核实；证实前只列入“不能排除” / one path alone claims {level.en}, nothing explains it")
    if not rows:
        return ""
    return (f"{claim}{believed}：确有其事，还是仪器出错？请派人到现场或去电核实；证实前至多升一级，其余列入“不能排除”"
            f" / one path alone claims {level.en}, believed by the county's own limit")


def _own_limits(situation: Situation, finding: Finding, town: int) -> list[str]:
    """The rows of limits.csv without which the readings behind the claim would be in doubt."""
    known, readings = situation.catalogue.indicators, situation.readings
    found: dict[str, None] = {}
    for indicator in (known[name] for name in finding.rule.indicators if known[name].kind == "station"):
        station = readings.binding(indicator, town)
        if station is not None:
            reasons = readings.log.cited("reasons", readings.behind(indicator, station))
            found |= dict.fromkeys(row for reason in reasons for rows in _ROW.findall(reason) for row in rows.split(", "))
    return list(found)


def _claimant(situation: Situation, finding: Finding, town: int, level: Level) -> tuple[Station | None, str]:
    """The station whose reading makes the claim, and that reading; of one that fell silent no reading proves it any more."""
    known, rule = situation.catalogue.indicators, finding.rule
    proof = [name for leaf in proving(rule.conditions[level][1], finding.reader, (-1, town)) for name in names(leaf) if known[name].kind == "station"]
    for name in proof or rule.indicators:
        station = situation.readings.binding(known[name], town) if known[name].kind == "station" else None
        if station is not None:
            return station, spoken(situation, name, town, float(finding.reader.known(name)[-1, town])) if proof else "已失联，按其上涨趋势"
    return None, ""


def _absent(situation: Situation, cause: Cause, answer: Answer, station: Station | None) -> str:
    """'天文潮最高 3.92 m；其他线路：周边24小时雨量 0 mm、周边24小时水位上涨 0.05 m': what is read of the causes, as far as anybody reads it."""
    told = []
    for name in dict.fromkeys(name for leaf in leaves(cause.tree) for name in names(leaf)):
        indicator, value = situation.catalogue.indicators[name], float(answer.columns.values[name].lo[answer.at])
        if indicator.kind == "station" and np.isfinite(value):
            told.append(say(indicator, round(value, 2)))
    tide = foretold.say(situation, station) if station and cause.tide_margin is not None else ""
    return "；".join(part for part in (tide, f"其他线路：{'、'.join(told[:MOST_CAUSES])}" if told else "") if part)
