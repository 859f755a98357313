"""What the duty desk is asked about readings that stand aside for nothing but their size: at the height of a flood the true record is the unlikely one.

A reading beyond the limit of what is believed of its place (core.limits, limits.csv, climate.csv) is SUSPECT: it proves nothing and leaves the ceiling open.
Where no other test of its past doubts it (it came by no step, as no spike, out of no flat line) it may be the truth, and somebody should look: what it read
before and what its neighbours do stands in the question. Asked is once a station and property and day on which it began, where such readings would prove
more than is proved without them. The county is judged once more with them believed, by the same code, and nothing of it is kept: no question moves a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from core.model import Level
from core.times import people
from core.units import PROPERTIES
from rules.aside import Aside, before, limit, near, set_aside, when
from rules.findings import Finding, find
from rules.language.nodes import names
from rules.reasons import say
from rules.scoring import Reader, amount, proving
from rules.situation import Situation


def questions(situation: Situation, findings: Iterable[Finding]) -> Iterator[tuple[str, str]]:
    """(what it is about, text) at the last tick, one a station and property; `findings` of the rules that count."""
    aside = set_aside(situation)
    if not aside:
        return
    measured, known = {name for _, name in aside}, situation.catalogue.indicators
    concerned = [f for f in findings if any(known[n].kind == "station" and measured & set(known[n].properties) for n in f.rule.indicators)]
    believed = situation.believing(np.concatenate([one.rows for one in aside.values()]))
    table = believed.table(tuple(dict.fromkeys(n for f in concerned for n in f.rule.indicators)))
    asked: set[tuple[str, str]] = set()
    for finding in sorted(concerned, key=lambda f: f.rule.id):
        again = find(finding.rule, table, Reader(table.plain, {}))
        for town in map(int, np.flatnonzero(again.claimed[-1] > finding.claimed[-1])):
            level = Level(int(again.claimed[-1, town]))
            for one, shown in _speaking(believed, again, town, level, aside):
                if one.key not in asked:
                    asked.add(one.key)
                    yield _ref(situation, one), _text(situation, one, again, level, shown)


def _speaking(believed: Situation, finding: Finding, town: int, level: Level, aside: dict[tuple[str, str], Aside]) -> Iterator[tuple[Aside, str]]:
    """The stations set aside whose readings make the claim in a town, and what an indicator would say there."""
    for name in (n for leaf in proving(finding.rule.conditions[level][1], finding.reader, (-1, town)) for n in names(leaf)):
        indicator = believed.catalogue.indicators[name]
        if indicator.kind != "station":
            continue
        station, value = believed.readings.binding(indicator, town), float(finding.reader.known(name)[-1, town])
        stations = believed.readings.sites(indicator).stations
        core = believed.readings.roster.reach(indicator, stations)
        heard = {stations[n].station for n in core.member[core.core[:, town], town]}
        mine = [one for key, one in aside.items() if one.observed_property in indicator.properties and key[0] in heard]
        for one in sorted(mine, key=lambda one: (one.station != station, one.key)):
            yield one, say(indicator, value) if np.isfinite(value) else ""


def _ref(situation: Situation, one: Aside) -> str:
    return f"{one.station.station}/{one.observed_property}@{when(situation, one.rows[0]):%Y-%m-%d}"


def _text(situation: Situation, one: Aside, finding: Finding, level: Level, shown: str) -> str:
    value = float(situation.readings.log.value[one.rows[-1]])
    read = f"{one.observed_property} {amount(value, PROPERTIES[one.observed_property])}"
    first = f"，自 {people(when(situation, one.rows[0]), situation.county.zone)} 起连续 {len(one.rows)} 个" if len(one.rows) > 1 else ""
    there = "、".join(near(situation, one))
    return (f"{one.station.name}（{one.station.station}）{people(when(situation, one.rows[-1]), situation.county.zone)} 报 {read}{first}，只因"
            f"{limit(situation, one, value)}被判可疑，没有计入级别，只列入“不能排除”。若属实，{finding.rule.title}到{level.zh}{f'（{shown}）' if shown else ''}"
            f"{before(situation, one)}{f'；邻近：{there}' if there else ''}。请派人到现场或去电核实：属实就用 fengsui feeds correct 订正为可信并放宽 limits.csv，"
            f"不实就报修 / set aside by its limit alone, would make {level.en}: eyes on site")
