"""The ways in which a rule is spoiled, one small change each: what an analyst mistypes, and what a merge loses.

Conditions: a comparison made strict or loose, turned round, `and` for `or`, every number a tenth higher and lower, a yes/no denied.
What explains a claim is spoiled as a condition is, and lost whole. An indicator of the pack's own: its window and its lead halved and doubled.
The rule around them: `for` and `keep_for` halved or doubled (from zero: an hour), `corroborate` lost, each `optional` word lost, `role` such that it
counts though it should not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.model import Level
from rules.language.nodes import Arithmetic, Call, Compare, Logic, Name, Negative, Node, Not, Number
from rules.packs import Rule
from rules.scoring import spell

STRICT = {">=": ">", ">": ">=", "<=": "<", "<": "<="}
TURNED = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "==": "!=", "!=": "=="}
SHIFTS = (0.9, 1.1)
HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One spoiled rule. `level` None where the change stands beside the conditions, under `keys` of the rule or of the pack's own `word`; `before`,
    `after`: the node changed, at `at`."""

    rule: Rule
    kind: str
    text: str
    level: Level | None = None
    keys: tuple[str, ...] = ()
    word: str = ""
    before: Node | None = None
    after: Node | None = None
    at: int = 0


def changes(rule: Rule) -> Iterator[Change]:
    """Every mutant of a rule."""
    for level, (text, tree) in sorted(rule.conditions.items()):
        for spoiled, before, after in _trees(tree):
            yield Change(rule=replace(rule, conditions={**rule.conditions, level: (text, spoiled)}), kind=_kind(before, after),
                         text=f"{level.zh} {spell(before)} → {spell(after)}", level=level, before=before, after=after, at=before.at)
    if rule.explained_by is not None:
        for spoiled, before, after in _trees(rule.explained_by.tree):
            yield Change(rule=replace(rule, explained_by=replace(rule.explained_by, tree=spoiled)), kind="成因", keys=("explained_by", "condition"),
                         text=f"explained_by {spell(before)} → {spell(after)}", at=before.at)
        margin = rule.explained_by.tide_margin
        for value in (None, *(margin * s for s in SHIFTS)) if margin is not None else ():
            yield Change(rule=replace(rule, explained_by=replace(rule.explained_by, tide_margin=value)), kind="成因", keys=("explained_by", "tide_margin"),
                         text=f"explained_by tide_margin {margin:g} m → {value}")
    yield from _around(rule)


def reworded(rule: Rule) -> Iterator[Change]:
    """Every mutant of the indicators that the rule's pack brings along: another situation, not another condition."""
    for number, word in enumerate(rule.words):
        for key, hours in (("window_h", word.window_h), ("lead_h", word.lead_h)):
            for value in (hours / 2, hours * 2) if hours else ():
                spoiled = replace(word, window_h=value) if key == "window_h" else replace(word, lead_h=value)
                words = (*rule.words[:number], spoiled, *rule.words[number + 1 :])
                yield Change(rule=replace(rule, words=words), kind="指标", keys=(key,), word=word.name, text=f"{word.name} {key} {hours:g} → {value:g}")


def _kind(before: Node, after: Node) -> str:
    return "阈值" if isinstance(before, Number) else "与或非" if isinstance(before, Logic | Name) or isinstance(after, Not) else "比较"


def _trees(node: Node) -> Iterator[tuple[Node, Node, Node]]:
    """(the whole tree with one place changed, what stood there, what stands there now). A changed number is told with its comparison."""
    match node:
        case Not():
            yield from ((replace(node, operand=inner), a, b) for inner, a, b in _trees(node.operand))
        case Logic():
            turned = replace(node, op="or" if node.op == "and" else "and")
            yield turned, node, turned
            for at, term in enumerate(node.terms):
                yield from ((replace(node, terms=(*node.terms[:at], inner, *node.terms[at + 1 :])), a, b) for inner, a, b in _trees(term))
        case Compare():
            for table in (STRICT, TURNED):
                if node.op in table:
                    changed = replace(node, op=table[node.op])
                    yield changed, node, changed
            yield from ((replace(node, left=side), a, b) for side, a, b in _numbers(node.left))
            yield from ((replace(node, right=side), a, b) for side, a, b in _numbers(node.right))
        case Name():
            denied = Not(node, node.at)
            yield denied, node, denied


def _numbers(node: Node) -> Iterator[tuple[Node, Node, Node]]:
    """Every number below, a tenth higher and lower; a colour or a yes/no is none."""
    match node:
        case Number() if node.unit not in ("level", "flag"):
            for value in [node.value * s for s in SHIFTS] if node.value else (-0.1, 0.1):
                changed = replace(node, value=value)
                yield changed, node, changed
        case Negative():
            yield from ((replace(node, operand=inner), a, b) for inner, a, b in _numbers(node.operand))
        case Arithmetic():
            yield from ((replace(node, left=inner), a, b) for inner, a, b in _numbers(node.left))
            yield from ((replace(node, right=inner), a, b) for inner, a, b in _numbers(node.right))
        case Call():
            for at, argument in enumerate(node.arguments):
                yield from ((replace(node, arguments=(*node.arguments[:at], inner, *node.arguments[at + 1 :])), a, b) for inner, a, b in _numbers(argument))


def _around(rule: Rule) -> Iterator[Change]:
    """What stands beside the conditions."""
    if rule.role == "hazard":
        for name, span in (("rise_s", rule.hold.rise_s), ("keep_s", rule.hold.keep_s)):
            key = {"rise_s": "for", "keep_s": "keep_for"}[name]
            for value in (span // 2, span * 2) if span else (HOUR_S,):
                yield Change(rule=replace(rule, hold=replace(rule.hold, **{name: value})), kind="保持", keys=("hold",), text=f"hold.{key}: {value // 60} min")
    if rule.explained_by is not None:
        yield Change(rule=replace(rule, explained_by=None), kind="成因", keys=("explained_by",), text="没有 explained_by / without explained_by")
    if rule.corroborate is not None:
        yield Change(rule=replace(rule, corroborate=None), kind="旁证", keys=("corroborate",), text="没有 corroborate / without corroborate")
    for name in sorted(rule.optional):
        yield Change(rule=replace(rule, optional=rule.optional - {name}), kind="可缺", keys=("optional",), text=f"optional 少了 {name} / without it")
    if rule.role == "impact":
        yield Change(rule=replace(rule, role="hazard"), kind="启用", keys=("role",), text="role: impact → hazard")
