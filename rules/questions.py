"""What the duty desk is asked about a claim that stands alone and unexplained: is the instrument wrong, or is something happening that nothing else sees?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from core.county import Station
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


def questions(situation: Situation, findings: Iterable[Finding], in_force: Mapping[tuple[str, Hazard], Level]) -> Iterator[tuple[str, str]]:
    """(what it is about, text) of each claim at the last tick over the level `in_force` by town key and hazard; one a station, rule and level."""
    asked: set[str] = set()
    for finding in findings:
        cause = finding.rule.explained_by
        for number in map(int, np.flatnonzero(finding.unexplained[-1])) if cause else ():
            town, level = situation.county.towns[number], Level(int(finding.unexplained[-1, number]))
            if all(level <= in_force[town.key, hazard] for hazard in finding.rule.hazards if (town.key, hazard) in in_force):
                continue
            station, shown = _claimant(situation, finding, number, level)
            ref = f"{station.station if station else town.key}/{finding.rule.id}/{level.en}"
            if ref not in asked and cause:
                asked.add(ref)
                yield ref, _text(station.name if station else town.name, finding, level, shown, _absent(situation, cause, finding.answers[number], station))


def _text(who: str, finding: Finding, level: Level, shown: str, absent: str) -> str:
    question = finding.rule.explained_by.question if finding.rule.explained_by else ""
    claim = f"{who}独自报{finding.rule.title}{level.zh}{f'（{shown}）' if shown else ''}"
    return (f"{claim}，没有另一线路证实，也不见成因{f'（{absent}）' if absent else ''}：{question}"
            f"请派人到现场或去电核实；证实前只列入“不能排除” / one path alone claims {level.en}, nothing explains it")


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
