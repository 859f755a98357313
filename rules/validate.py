"""Everything wrong with packs, told at once: what loading refuses (errors), and what reads well but says something odd (remarks).

A remark names a colour that can never show, because its condition contradicts itself or always brings the next colour with it, and a gap
between two colours. Conditions are taken apart into boxes (one range per indicator for every way to fulfil them); where they hold
arithmetic between indicators or more than MAX_BOXES ways, nothing is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from math import inf
from pathlib import Path

from core.errors import ConfigError, ConfigErrors
from core.model import Level
from rules.catalogue import Catalogue, load_catalogue
from rules.language import Place, RuleError
from rules.language.nodes import Compare, Logic, Name, Node, Not, Number
from rules.packs import Pack, Rule, load_pack, load_packs, vocabulary
from rules.yamltext import Document, load

MAX_BOXES = 128
#: How the files with a pack's tests end.
TESTS = ".test.yaml"
#: Ranges that a unit has by itself.
_UNIT_RANGE = {"flag": (0.0, 1.0), "level": (0.0, 4.0)}
_FLIP = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "==": "=="}
_AGAINST = {">=": "<", "<=": ">", ">": "<=", "<": ">="}
#: (low, low is open, high, high is open)
Range = tuple[float, bool, float, bool]
Box = dict[str, Range]
ALL: Range = (-inf, False, inf, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`errors` make a pack unusable; `remarks` do not. Both in the order of places."""

    packs: int
    rules: int
    errors: tuple[ConfigError, ...]
    remarks: tuple[RuleError, ...]


def files_of(folder: Path) -> list[Path]:
    """Pack files under a folder, or the one file given; ConfigError when there is none."""
    if folder.name.endswith(TESTS):
        raise ConfigError("这是测试，不是规则包 / these are tests, no pack", path=folder, hint=f"是不是 {_tested(folder)}？/ did you mean {_tested(folder)}?")
    found = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*.yaml") if not p.name.endswith(TESTS))
    if not found:
        raise ConfigError("没有规则包 / no packs here", path=folder, hint="应为含 *.yaml 的文件夹 / a folder with *.yaml")
    return found


def unread(folder: Path) -> list[ConfigError]:
    """Files under a folder that look like packs or tests and that nobody reads."""
    wrong = [ConfigError("扩展名应为 .yaml，没有人读它 / nobody reads it, the name should end in .yaml", path=p, line=1, hint=f"改名为 {p.with_suffix('.yaml').name}")
             for p in folder.rglob("*.yml")]
    alone = [ConfigError(f"旁边没有规则包 {_tested(p).name}，这些测试没有人运行 / no pack beside it, nobody runs these tests", path=p, line=1,
                         hint="改成包的名字 / name it after its pack") for p in folder.rglob(f"*{TESTS}") if not _tested(p).is_file()]
    return sorted([*wrong, *alone], key=lambda error: str(error.path))


def _tested(tests: Path) -> Path:
    return tests.with_name(tests.name.removesuffix(TESTS) + ".yaml")


def validate(paths: Iterable[Path]) -> Findings:
    """Check pack files; nothing is raised for what is wrong with them."""
    good: list[Pack] = []
    errors: list[ConfigError] = []
    for path in paths:
        try:
            good.append(load_pack(path))
        except ConfigErrors as error:
            errors += error.errors
        except ConfigError as error:
            errors.append(error)
    try:
        load_packs(pack.path for pack in good)
    except ConfigErrors as error:
        errors += error.errors
    remarks = [remark for pack in good for remark in _remarks(pack)]
    return Findings(packs=len(good), rules=sum(len(p.rules) for p in good), remarks=tuple(remarks),
                    errors=tuple(sorted(errors, key=lambda e: (str(e.path), e.line or 0))))


def _remarks(pack: Pack) -> list[RuleError]:
    document = load(pack.path)
    causes = [rule.explained_by.text for rule in pack.rules if rule.explained_by]
    words = set(re.findall(r"\w+", " ".join([*causes, *(text for rule in pack.rules for text, _ in rule.conditions.values())])))
    idle = [RuleError(f"参数 {name} 没有用到", f"the parameter {name} is not used", document.key_place("parameters", name), hint="删去，或写进条件 / drop it or use it")
            for name in document.data.get("parameters") or {} if name not in words]
    return [*_of_words(pack), *idle, *(remark for number, rule in enumerate(pack.rules) for remark in _of_rule(rule, document, number))]


def _of_words(pack: Pack) -> Iterator[RuleError]:
    """Of the indicators that a pack declares: those that no rule names, that are declared anyhow, that people would take for another."""
    used, shipped = {word.name for rule in pack.rules for word in rule.words}, load_catalogue().indicators
    for number, word in enumerate(pack.words):
        place, near = word.place or Place(pack.path), [other for other in (*shipped.values(), *pack.words[:number]) if other.title == word.title]
        if word.name not in used:
            yield RuleError(f"指标 {word.name} 没有用到", f"the indicator {word.name} is not used", place, hint="删去，或写进条件 / drop it or use it")
        if word.name in shipped:
            yield RuleError(f"指标 {word.name} 随附的 indicators.yaml 里已有同一行", "the very same row is declared already", place, hint="删去 / drop it")
        elif near:
            yield RuleError(f"指标 {word.name} 与 {near[0].name} 同名“{word.title}”，看的人分不清", f"its title is that of {near[0].name}", place,
                            hint="换一个 title / take another title")


def _of_rule(rule: Rule, document: Document, number: int) -> list[RuleError]:
    found = hidden(rule, rule.conditions, lambda level: _place(document, number, level.en))
    if rule.explained_by and boxes(rule.explained_by.tree) == []:
        found.append(RuleError(f"{rule.id} 的成因自相矛盾，什么也解释不了", "explained_by contradicts itself and explains nothing",
                               document.place("rules", number, "explained_by", "condition"), hint="没有任何数值能同时满足 / no values can fulfil it"))
    for lower, higher in pairwise(sorted(rule.conditions)):
        if higher - lower > 1:
            found.append(RuleError(f"{rule.id} 的{lower.zh}与{higher.zh}之间缺一级", f"no level between {lower.en} and {higher.en}",
                                   _place(document, number, higher.en), hint="如属有意，在 note 里说明 / say so in a note if meant"))
    return found


def hidden(rule: Rule, conditions: Mapping[Level, tuple[str, Node]], place: Callable[[Level], Place]) -> list[RuleError]:
    """Levels that can never show: a condition that contradicts itself, or always brings the next colour with it."""
    ways = {level: boxes(tree) for level, (_, tree) in conditions.items()}
    ordered, known = sorted(ways), vocabulary((rule,))
    found = [
        RuleError(f"{rule.id} 的{level.zh}条件自相矛盾，永远达不到", f"{level.en} contradicts itself", place(level),
                  hint="没有任何数值能同时满足 / no values can fulfil it")
        for level in ordered if ways[level] == []
    ]
    for lower, higher in pairwise(ordered):
        low, high = ways[lower], ways[higher]
        if low and high and all(any(_inside(_widened(box, known), other) for other in high) for box in low):
            found.append(RuleError(f"{rule.id} 的{lower.zh}一成立，{higher.zh}也成立，{lower.zh}永远看不到", f"{lower.en} always brings {higher.en}",
                                   place(lower), hint=f"放宽{lower.zh}或收紧{higher.zh} / widen one or tighten the other"))
    return found


def _widened(box: Box, known: Catalogue) -> Box:
    """The box with what it says of longer windows: 50 mm in 3 h are at least 50 mm in 6 h."""
    out = dict(box)
    for name, (low, is_open, _, _) in box.items():
        for longer in known.longer(name) if low > -inf else ():
            met = _overlap(out.get(longer, ALL), (low, is_open, inf, False))
            out[longer] = met or out[longer]
    return out


def _place(document: Document, number: int, level: str) -> Place:
    return document.place("rules", number, "levels", level)


def boxes(node: Node, negated: bool = False) -> list[Box] | None:
    """The ways to fulfil a condition, each a range per indicator; [] when there is none, None when that cannot be said."""
    match node:
        case Not():
            return boxes(node.operand, not negated)
        case Logic():
            parts = [boxes(term, negated) for term in node.terms]
            known = [part for part in parts if part is not None]
            if (node.op == "or") != negated:
                return None if len(known) < len(parts) else _bounded([box for part in known for box in part])
            if any(part == [] for part in known):
                return []
            return None if len(known) < len(parts) else _meet(known)
        case Compare():
            return _comparison(node, negated)
        case Name():
            return [{node.name: (-inf, False, 1.0, True) if negated else (1.0, False, inf, False)}]
    return None


def _meet(parts: list[list[Box]]) -> list[Box] | None:
    size = 1
    for part in parts:
        size *= len(part)
    if size > MAX_BOXES:
        return None
    return [box for chosen in product(*parts) if (box := _intersection(chosen)) is not None]


def _bounded(found: list[Box]) -> list[Box] | None:
    return found if len(found) <= MAX_BOXES else None


def _comparison(node: Compare, negated: bool) -> list[Box] | None:
    op, left, right = node.op, node.left, node.right
    if not isinstance(left, Name):
        op, left, right = _FLIP.get(op, op), right, left
    op = _AGAINST.get(op, "?") if negated else op
    if not isinstance(left, Name) or not isinstance(right, Number) or op not in _FLIP:
        return None
    value = right.value
    if op == "==":
        return _possible(left.name, (value, False, value, False), right.unit)
    return _possible(left.name, (value, op == ">", inf, False) if op[0] == ">" else (-inf, False, value, op == "<"), right.unit)


def _possible(name: str, span: Range, unit: str) -> list[Box]:
    """One box, or none where the unit's own range (a flag, a colour) excludes it."""
    low, high = _UNIT_RANGE.get(unit, (-inf, inf))
    met = _overlap(span, (low, False, high, False))
    return [] if met is None else [{name: met}]


def _overlap(a: Range, b: Range) -> Range | None:
    low, low_open = max((a[0], a[1]), (b[0], b[1]))
    high, closed = min((a[2], not a[3]), (b[2], not b[3]))
    empty = low > high or (low == high and (low_open or not closed))
    return None if empty else (low, low_open, high, not closed)


def _intersection(chosen: Iterable[Box]) -> Box | None:
    out: Box = {}
    for box in chosen:
        for name, span in box.items():
            met = _overlap(out.get(name, ALL), span)
            if met is None:
                return None
            out[name] = met
    return out


def _inside(box: Box, other: Box) -> bool:
    """Whether every point of `box` lies in `other`."""
    return all(_overlap(box.get(name, ALL), span) == box.get(name, ALL) for name, span in other.items())
