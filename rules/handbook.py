"""Everything there is to say about every rule, as data: what `fengsui rules docs` shows and gives as JSON.

Numbers are told as they hold in each town: the rule as written, then the towns where another number or a station's own mark differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import nan
from pathlib import Path

import numpy as np

from core.county import County, Override, Station, Town
from core.model import Level
from rules import overrides
from rules.catalogue import FILE, Catalogue, Indicator
from rules.comparisons import leaves
from rules.localized import localized
from rules.packs import Pack, Rule, find, load_pack, load_packs, shipped, vocabulary
from rules.plain import EN, UNITS, plain
from rules.roster import reach_of
from rules.scoring import amount, spell
from rules.yamltext import load

KINDS = ("firing", "quiet", "missing")
STATISTICS = {
    "last": "最新值", "sum": "累计", "max": "最大", "min": "最小", "mean": "平均", "rise": "窗口内上涨", "fall": "窗口内下降", "change": "窗口内变幅",
    "mean_drop": "相邻两窗口平均之降", "min_drop": "最低值之降", "share": "两数之比", "projected": "按近 3 小时涨率外推", "hours_to": "按近 3 小时涨率到达的小时数",
    "hours_above": "退水所需小时数", "antecedent": "逐日衰减的累计", "intensity_duration": "与强度-历时曲线之比",
    "tangent_angle": "切线角", "failure_eta": "速率倒数外推", "lowest_daily_max": "逐日最高之最低",
}
REACHES = {"own": "本镇街的站", "nearest": "最近的站", "within": "范围内最不利的站", "idw": "距离反比平均", "mean": "范围内平均"}
SOURCES = {"forecast": "站点预报", "track": "台风路径", "official": "官方信号", "town": "镇街属性", "report": "灾情报告"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One level of one rule: the text, the numbers in force after parameters, and plain words in two languages."""

    level: Level
    text: str
    numbers: tuple[str, ...]
    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What would explain a claim of one path alone (rules.explained), and what the duty desk is asked where nothing does."""

    text: str
    zh: str
    en: str
    question: str
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One indicator: what it is, its unit, where it is declared if that is in a pack (`own`, file:line), and which stations speak for each town
    (Chinese name of the town -> stations, nearest first)."""

    name: str
    title: str
    title_en: str
    unit: str
    definition: str
    own: str
    feeds: dict[str, tuple[str, ...]]
    marks: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One rule. `towns`: towns whose numbers are not those of `conditions`, with theirs; `own`: the county's rows for it, as sentences. `cases`: tests
    beside the pack by kind."""

    rule: Rule
    pack: Pack
    selected: bool
    in_force: bool
    note: str
    parameters: dict[str, str]
    conditions: tuple[Condition, ...]
    towns: dict[str, tuple[Condition, ...]]
    own: tuple[str, ...]
    indicators: tuple[Meaning, ...]
    explained_by: Explained | None
    cases: dict[str, int]


def collect(county: County, day: date) -> tuple[Entry, ...]:
    """Every rule of the county's packs, with the county's own numbers of that day, then every shipped rule that it does not select."""
    chosen = load_packs(find(county.packs, county.root))
    taken = {rule.id: rule for rule in overrides.apply((rule for pack in chosen for rule in pack.rules), county, day)}
    rest = [pack for pack in map(load_pack, shipped()) if not taken.keys() & {rule.id for rule in pack.rules}]  # a county's own edition stands for it
    return tuple(entry for packs, rules in ((chosen, taken), (rest, {})) for pack in packs for entry in _entries(pack, county, day, rules))


def _entries(pack: Pack, county: County, day: date, changed: Mapping[str, Rule]) -> Iterator[Entry]:
    data, tests, catalogue = load(pack.path).data, _cases(pack.path), vocabulary(pack.rules)
    notes = {raw["id"]: str(raw.get("note", "")) for raw in data["rules"]}
    for rule in pack.rules:
        common, here = conditions(rule, catalogue), changed.get(rule.id, rule)
        own = {town.name: conditions(_in_town(here, town), catalogue) for town in county.towns} if here.own else {}
        yield Entry(
            rule=rule, pack=pack, selected=rule.id in changed, in_force=pack.valid_on(day) and rule.stage != "off",
            note=notes[rule.id] or str(data.get("note", "")),
            parameters={str(k): str(v) for k, v in dict(data.get("parameters") or {}).items()}, conditions=common,
            towns={name: found for name, found in own.items() if found != common},
            own=tuple(_row(row, county) for row in overrides.in_force(county.overrides, day) if row.rule == rule.id),
            indicators=tuple(meaning(catalogue.indicators[name], county) for name in dict.fromkeys((*rule.indicators, *_causes(rule)))),
            explained_by=_explained(rule, catalogue),
            cases={kind: tests[rule.id, kind] for kind in KINDS},
        )


def _causes(rule: Rule) -> tuple[str, ...]:
    return rule.explained_by.indicators if rule.explained_by else ()


def _explained(rule: Rule, catalogue: Catalogue) -> Explained | None:
    cause, known = rule.explained_by, catalogue.indicators
    if cause is None:
        return None
    text, zh, en = cause.text, plain(cause.tree, known), plain(cause.tree, known, EN)
    if cause.tide_margin is not None:
        margin = amount(cause.tide_margin, "m")
        text, zh, en = (f"{text}; tide_margin: {margin}", f"{zh}，或者天文潮（没有预报时以前一潮日最高潮位代之）加 {margin} 够到该级",
                        f"{en} or the astronomical tide (without a prediction the highest of the tidal day before) and {margin} come up to the level")
    if cause.sudden:
        text = f"{text}; sudden"
    return Explained(text=text, zh=zh, en=en, question=cause.question, source=cause.source, verified=cause.verified)


def _in_town(rule: Rule, town: Town) -> Rule:
    """The rule as it reads in one town."""
    def number(word: Indicator) -> float:
        """The town's mark that the indicator compares with, else the county's usual one, else NaN."""
        return word.mark.towns.get(town.key, word.mark.usual) if word.mark else nan

    return replace(rule, conditions={k: (text, localized(tree, rule, number)) for k, (text, tree) in rule.conditions.items()}) if rule.own else rule


def _row(row: Override, county: County) -> str:
    """'悦来镇 rain_1h（蓝色）= 25 mm：县防汛预案 2024（overrides.csv:2，未经核实）'."""
    where = county.town(row.town).name if row.town else f"测站 {row.station}"
    level = f"（{Level[row.level.upper()].zh}）" if row.level else ""
    return f"{where} {row.parameter}{level} = {row.value:g} {row.unit}：{row.source}（{row.place}{'' if row.verified else '，未经核实'}）"


def conditions(rule: Rule, catalogue: Catalogue) -> tuple[Condition, ...]:
    """The rule's levels, lowest first."""
    known = catalogue.indicators
    return tuple(
        Condition(level=level, text=text, numbers=tuple(dict.fromkeys(spell(leaf) for leaf in leaves(tree))), zh=plain(tree, known), en=plain(tree, known, EN))
        for level, (text, tree) in sorted(rule.conditions.items()))


def _cases(path: Path) -> Counter[tuple[str, str]]:
    """How many test cases stand beside a pack, by rule and kind."""
    tests = path.with_name(f"{path.stem}.test.yaml")
    return Counter((str(case.get("rule")), str(case.get("kind"))) for case in load(tests).data.get("tests") or ()) if tests.is_file() else Counter()


def meaning(indicator: Indicator, county: County) -> Meaning:
    """An indicator with the stations that feed it in each town of the county."""
    members = list(_members(indicator, county)) if indicator.kind in ("station", "forecast") else []
    return Meaning(
        name=indicator.name, title=indicator.title, title_en=indicator.title_en, unit="%" if indicator.share else UNITS.get(indicator.unit, indicator.unit),
        definition=definition(indicator), own=f"{Path(at.path).name}:{at.line}" if (at := indicator.place) and at.path != FILE else "",
        feeds={town.name: tuple(f"{s.name}（{s.station}）" for s in stations) for town, stations in members},
        marks={f"{s.name}（{s.station}）": _mark(indicator, s) for _, stations in members for s in stations if indicator.above},
    )


def _mark(indicator: Indicator, station: Station) -> str:
    value = getattr(station, indicator.above)
    checked = "" if station.levels_verified else "，未经核实"
    return f"{amount(float(value), 'm')}（{station.datum or '基面不明'}{checked}）"


def definition(indicator: Indicator) -> str:
    """What an indicator is, in one Chinese phrase made of its declaration."""
    if indicator.kind not in ("station", "forecast"):
        return SOURCES[indicator.kind] + (f"，{indicator.lead_h:g} 小时内" if indicator.lead_h else "") + (f"，{indicator.force} 级" if indicator.force else "")
    parts = [*([SOURCES["forecast"]] if indicator.kind == "forecast" else []), "、".join(indicator.properties) + (f" / {indicator.per}" if indicator.per else ""),
             STATISTICS.get(indicator.statistic, indicator.statistic)]
    parts += [f"{hours:g} 小时" for hours in (indicator.window_h or indicator.lead_h,) if hours]
    parts += [REACHES[indicator.reach] + (f" {indicator.km:g} km" if indicator.km else "")]
    parts += [f"旁证 {indicator.witness_km:g} km"] if indicator.witness_km else []
    return "，".join(parts)


def _members(indicator: Indicator, county: County) -> Iterator[tuple[Town, tuple[Station, ...]]]:
    """For each town the stations whose readings make its value, nearest first; none where nothing is in reach."""
    stations = tuple(dict.fromkeys(s for p in indicator.properties for s in county.stations
                                   if p in s.properties and (not indicator.above or getattr(s, indicator.above) is not None)))
    found = reach_of(county, indicator, stations)
    for number, town in enumerate(county.towns):
        core = np.flatnonzero(found.core[:, number])
        yield town, tuple(stations[int(found.member[layer, number])] for layer in core)
