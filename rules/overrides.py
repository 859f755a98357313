"""A county's own numbers put into the rules: rows of overrides.csv (core.county.overrides) become words in the conditions.

`rain_1h >= 30 mm` becomes `rain_1h >= rain_1h@flood.ponding.blue`, a column over towns that is 30 mm where nobody said otherwise, so the
engine evaluates columns as ever. At a station, `tilt_rate_24h >= 0.1 deg` becomes `tilt_rate_24h[...] >= tilt_rate_24h@...`: see rules.marks.
What explains a claim (`explained_by`) goes along as the condition of no level, so its numbers are changed where they are parameters of the pack.
Every fault of every row is told at once, and each town's levels are checked as a pack's are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby

from core.county import County, Override
from core.errors import ConfigError, ConfigErrors
from core.model import Level
from rules import packcheck
from rules.catalogue import Indicator, Mark
from rules.language import Place, RuleError, compile_condition, unknown_word
from rules.language.nodes import Compare, Name, Negative, Node, Number, children, names, rebuilt, walk
from rules.language.units import canonical, to_unit
from rules.localized import localized
from rules.packs import Rule, vocabulary
from rules.scoring import spell
from rules.validate import hidden

Conditions = dict[Level, tuple[str, Node]]


@dataclass(frozen=True, slots=True)
class _Place:
    """One number of a rule: the level it stands in (None: a parameter wherever it stands), its node, and the comparison around a threshold."""

    level: Level | None
    number: Number
    around: Compare | None


def apply(rules: Iterable[Rule], county: County, day: date) -> tuple[Rule, ...]:
    """The rules with the county's rows of that day in them; ConfigErrors with file:line:column for every row that does not fit."""
    given = tuple(rules)
    rows = in_force(county.overrides, day)
    if not rows:
        return given
    errors: list[ConfigError] = [unknown_word("规则", "rule", row.rule, [r.id for r in given], place(row, "rule")) for row in rows
                                 if row.rule not in {r.id for r in given}]
    done = [_with_own(rule, own, county, errors) if (own := [row for row in rows if row.rule == rule.id]) else rule for rule in given]
    if errors:
        raise ConfigErrors(sorted(errors, key=lambda e: (str(e.path), e.line or 0, e.column or 0)))
    return tuple(done)


def check(rules: Iterable[Rule], county: County) -> None:
    """`apply` on every day on which another row comes into force."""
    given = tuple(rules)
    for day in sorted({row.valid_from or date.min for row in county.overrides}):
        apply(given, county, day)


def in_force(rows: Iterable[Override], day: date) -> list[Override]:
    """The newest row of each number on a day."""
    def key(row: Override) -> tuple[str, ...]:
        """What an override replaces: rows of one key are versions of each other."""
        return (row.rule, row.level, row.parameter, row.town, row.station)

    there = sorted((row for row in rows if row.counts_on(day)), key=lambda row: (key(row), row.valid_from or date.min))
    return sorted((list(same)[-1] for _, same in groupby(there, key=key)), key=lambda row: row.line)


def place(row: Override, column: str) -> Place:
    """Where a cell stands."""
    return Place(row.path, row.line, row.columns.get(column, 1))


def _with_own(rule: Rule, rows: list[Override], county: County, errors: list[ConfigError]) -> Rule:
    """One rule with its rows; thresholds first, because a threshold may be written with a parameter that another row changes."""
    symbols = vocabulary((rule,)).symbols() | dict(rule.parameters)
    conditions: Conditions = {}
    cause = rule.explained_by
    try:
        for level, text in [*((level, text) for level, (text, _) in rule.conditions.items()), *([(Level.NONE, cause.text)] if cause else [])]:
            conditions[level] = (text, compile_condition(text, symbols, keep=True))
    except RuleError as error:
        errors.append(RuleError(f"{rule.id} 的参数单位与指标不同，不能改写", "a parameter in another unit than its indicator", place(rows[0], "rule"),
                                hint=error.message))
        return rule
    own: list[Indicator] = []

    def key(row: Override) -> tuple[bool, str, str]:
        """Thresholds before the parameters they may be written with; rows of one number together."""
        return (row.parameter in rule.parameters, row.parameter, row.level)

    for _, group in groupby(sorted(rows, key=key), key=key):
        same = list(group)
        try:
            conditions = _put(rule, conditions, same, county, own)
        except ConfigErrors as wrong:
            errors += wrong.errors
    done = {level: (text, _folded(tree)) for level, (text, tree) in conditions.items()}
    explained = done.pop(Level.NONE, None)
    more = {i.name for i in own if i.kind == "station" and i.name.partition("[")[0] in rule.optional}
    changed = replace(
        rule, conditions=done, own=tuple(own), optional=rule.optional | more, explained_by=cause and explained and replace(cause, tree=explained[1]),
        indicators=tuple(dict.fromkeys(name for _, tree in done.values() for name in names(tree))),
    )
    errors += _unsound(rule, changed)
    return changed


def _put(rule: Rule, conditions: Conditions, rows: list[Override], county: County, own: list[Indicator]) -> Conditions:
    """The rows of one number, all towns and stations together, as one word in its place; the word is added to `own`."""
    first = rows[0]
    errors: list[ConfigError] = []
    level = Level[first.level.upper()] if first.level else None
    if level is not None and level not in conditions:
        raise ConfigErrors([RuleError(f"{rule.id} 没有{level.zh}", f"the rule has no {level.en}", place(row, "level"),
                                      hint=f"它有 / it has: {', '.join(sorted(known.en for known in conditions if known))}") for row in rows])
    places = _parameter(rule, conditions, level, first) if first.parameter in rule.parameters else _threshold(rule, conditions, level, first)
    unit = places[0].number.unit
    errors += [RuleError(f"{row.parameter} 与 {first.parameter} 改的是同一个数", "both rows change one number", place(row, "parameter"),
                         hint="只留一种写法 / keep one of the two")
               for row in county.overrides if row.rule == rule.id and places[0].around is not None and row.parameter == places[0].number.name
               and row.level in ("", first.level)]
    values = {row.town or row.station: value for row in rows if (value := _value(row, unit, errors)) is not None}
    at_stations = [row for row in rows if row.station]
    if at_stations:
        errors += [fault for row in at_stations if (fault := _no_station(rule, level, row, places[0], county, rows)) is not None]
    if errors:
        raise ConfigErrors(errors)
    for one in places:
        where = "" if one.level is None else f".{one.level.en}"
        name = f"{first.parameter}@{rule.id}{where}" + ("" if one.number.unit == unit else f"/{one.number.unit}")
        usual = one.number.value * (-1.0 if one.around is not None and Negative in {type(one.around.left), type(one.around.right)} else 1.0)
        measured = f"{first.parameter}[{rule.id}{where}]" if at_stations else ""
        scaled = {key: round(to_unit(value, unit, one.number.unit), 6) for key, value in values.items()}
        mark = Mark(parameter=first.parameter, usual=usual, towns={} if at_stations else scaled, stations=scaled if at_stations else {},
                    where={row.town or row.station: row for row in rows}, measures=measured)
        if name not in {i.name for i in own}:
            own.append(Indicator(name=name, title=f"{first.parameter} 本县值", title_en="the county's own number", unit=one.number.unit, kind="mark", mark=mark))
            if measured:
                own.append(replace(vocabulary((rule,)).indicators[first.parameter], name=measured, mark=mark))
        conditions = {k: (text, _swapped(tree, one, name, measured) if one.level in (None, k) else tree) for k, (text, tree) in conditions.items()}
    return conditions


def _parameter(rule: Rule, conditions: Conditions, level: Level | None, row: Override) -> list[_Place]:
    """Where a parameter of the pack stands, each unit once."""
    found = {node.unit: _Place(level, node, None) for k, (_, tree) in conditions.items() if level in (None, k)
             for node in walk(tree) if isinstance(node, Number) and node.name == row.parameter}
    if not found:
        raise ConfigErrors([RuleError(f"{rule.id} 的{level.zh if level else '条件'}里没有参数 {row.parameter}（或它的门槛已另行改写）",
                                      "the parameter does not stand there, or its threshold has a row of its own", place(row, "parameter"))])
    return list(found.values())


def _threshold(rule: Rule, conditions: Conditions, level: Level | None, row: Override) -> list[_Place]:
    """The one number that an indicator is compared with in a level."""
    named = sorted({name for k, (_, tree) in conditions.items() if k for name in names(tree)} - {i.name for i in rule.own} | set(rule.parameters))
    if row.parameter not in named:
        raise ConfigErrors([unknown_word("参数或指标", "parameter or indicator", row.parameter, [n for n in named if "@" not in n], place(row, "parameter"))])
    if level is None:
        raise ConfigErrors([RuleError(f"改 {row.parameter} 的门槛要写级别", "a threshold needs its level", place(row, "level"), hint="blue, yellow, orange, red")])
    found = [node for node in walk(conditions[level][1]) if isinstance(node, Compare) and Name in {type(node.left), type(node.right)}
             and row.parameter in names(node) and _number(node) is not None]
    if len(found) != 1:
        raise ConfigErrors([RuleError(f"{rule.id} {level.zh}里与 {row.parameter} 比较的数应恰有一个，却有 {len(found)} 个", f"exactly one number, found {len(found)}",
                                      place(row, "parameter"), hint=f"条件 / condition: {conditions[level][0]}")])
    number = _number(found[0])
    if number is None or number.unit in ("level", "flag"):
        raise ConfigErrors([RuleError(f"{row.parameter} 的颜色或是非不能改", "a colour or a yes/no is no number", place(row, "parameter"))])
    return [_Place(level, number, found[0])]


def _number(node: Compare) -> Number | None:
    """The bare number of a comparison, whatever its sign."""
    for side in (node.right, node.left):
        inner = side.operand if isinstance(side, Negative) else side
        if isinstance(inner, Number):
            return inner
    return None


def _value(row: Override, unit: str, errors: list[ConfigError]) -> float | None:
    """The row's value in the rule's unit."""
    try:
        value, given = canonical(row.value, row.unit)
        return round(to_unit(value, given, unit), 6)
    except ValueError:
        errors.append(RuleError(f"单位不合：{row.unit[:20]} 与 {unit}", f"units differ: {row.unit[:20]!r} and {unit!r}", place(row, "unit"),
                                hint=f"写成 / write it in: {unit}"))
        return None


def _no_station(rule: Rule, level: Level | None, row: Override, one: _Place, county: County, rows: list[Override]) -> ConfigError | None:
    """Why a number cannot differ at a station; None when it can."""
    indicator, station = vocabulary((rule,)).indicators.get(row.parameter), county.station(row.station)
    if one.around is None or indicator is None or indicator.kind != "station" or indicator.reach in ("idw", "mean"):
        return RuleError(f"{row.parameter} 不是逐站取最不利的指标，只能按镇街改", "only an indicator that takes the worst station has a number a station",
                         place(row, "station"), hint="在 parameter 写指标、在 level 写级别，或改填 town / name indicator and level, or give a town")
    if station is None or not set(indicator.properties) & set(station.properties) or (indicator.above and getattr(station, indicator.above) is None):
        return RuleError(f"站 {row.station} 没有 {row.parameter} 所需的要素或特征水位", "the station does not measure that", place(row, "station"))
    if any(other.town for other in rows):
        return RuleError(f"{row.parameter} 的同一门槛不能既按镇街又按站改", "the same threshold both by town and by station", place(row, "station"))
    if rule.corroborate is not None and level is not None and level >= rule.corroborate:
        return RuleError(f"{level.zh}须两路证实，门槛不能只改一站", "two paths must prove this level, its number is one for all", place(row, "station"),
                         hint="改填 town / give a town")
    return None


def _swapped(tree: Node, one: _Place, name: str, measured: str) -> Node:
    """The tree with the word in the number's place, and where stations have their own, the measured indicator beside it."""
    if one.around is not None and tree is one.around:
        sides = [Name(name, side.at) if not isinstance(side, Name) else Name(measured or side.name, side.at) for side in (tree.left, tree.right)]
        return replace(tree, left=sides[0], right=sides[1])
    if one.around is None and isinstance(tree, Number) and tree.name == one.number.name and tree.unit == one.number.unit:
        return Name(name, tree.at)
    return rebuilt(tree, tuple(_swapped(child, one, name, measured) for child in children(tree)))


def _folded(tree: Node) -> Node:
    """Signs of numbers drawn in again, names of parameters that nobody changed forgotten."""
    if isinstance(tree, Number):
        return replace(tree, name="")
    tree = rebuilt(tree, tuple(_folded(child) for child in children(tree)))
    return replace(tree.operand, value=-tree.operand.value) if isinstance(tree, Negative) and isinstance(tree.operand, Number) else tree


def _unsound(rule: Rule, changed: Rule) -> list[ConfigError]:
    """Levels that a town's or a station's own numbers make weaker than the one below, out of reach, or invisible."""
    rows = sorted({row.line: row for word in changed.own if word.mark is not None for row in word.mark.where.values()}.values(), key=lambda row: row.line)
    usual = {fault.message for fault in _faults(rule, rule.conditions, lambda _: Place())}
    found: list[ConfigError] = []
    for where in dict.fromkeys(row.town or row.station for row in rows):
        mine = [row for row in rows if where in (row.town, row.station)]

        def at(level: Level, mine: list[Override] = mine) -> Place:
            """Where the row stands that set this level, for the error's place."""
            return place(next((row for row in mine if row.level in ("", level.en)), mine[0]), "value")

        here = {level: (text, localized(tree, changed, functools.partial(_at, where))) for level, (text, tree) in changed.conditions.items()}
        found += [RuleError(f"{where}：{fault.message.split(' / ')[0]}", fault.message.split(" / ")[-1], fault.place, hint=fault.hint)
                  for fault in _faults(rule, here, at) if fault.message not in usual]
    return found


def _faults(rule: Rule, conditions: Mapping[Level, tuple[str, Node]], at: Callable[[Level], Place]) -> list[RuleError]:
    written = {level: (spell(tree), tree) for level, (_, tree) in conditions.items()}
    return [*packcheck.check(written, at), *hidden(rule, written, at)]


def _at(where: str, word: Indicator) -> float:
    mark = word.mark or Mark(parameter="", usual=word.baseline)
    return mark.towns.get(where, mark.stations.get(where, mark.usual))
