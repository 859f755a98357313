"""Do a pack's tests bite: every condition is spoiled in small ways, and the share of spoiled rules that some case notices is told.

Mutants: a comparison made strict, loose or turned round, `and` for `or`, a threshold a tenth higher or lower. Each case is laid out once;
a mutant is one evaluation over its columns. What only the hold would notice counts as not caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.model import Level
from rules.assess import Judged
from rules.findings import find
from rules.language.nodes import Compare, Logic, Name, Node, Not, Number
from rules.packs import Pack, Rule, load_pack
from rules.packtest import cases, laid_out, missed
from rules.scoring import spell

_STRICT = {">=": ">", ">": ">=", "<=": "<", "<": "<="}
_TURNED = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "==": "!=", "!=": "=="}
SHIFTS = (0.9, 1.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One spoiled condition, and whether a case noticed."""

    pack: str
    rule: str
    level: Level
    text: str
    caught: bool


def mutants(node: Node) -> Iterator[Node]:
    """Every tree that differs from `node` in one place."""
    match node:
        case Not():
            yield from (replace(node, operand=inner) for inner in mutants(node.operand))
        case Logic():
            yield replace(node, op="or" if node.op == "and" else "and")
            for at, term in enumerate(node.terms):
                yield from (replace(node, terms=(*node.terms[:at], inner, *node.terms[at + 1 :])) for inner in mutants(term))
        case Compare():
            yield from (replace(node, op=table[node.op]) for table in (_STRICT, _TURNED) if node.op in table)
            yield from (replace(node, left=number) for number in _shifted(node.left))
            yield from (replace(node, right=number) for number in _shifted(node.right))
        case Name():
            yield Not(node, node.at)


def _shifted(node: Node) -> list[Number]:
    """A threshold a tenth higher and lower; a colour or a yes/no is none."""
    if not isinstance(node, Number) or node.unit in ("level", "flag"):
        return []
    return [replace(node, value=v) for v in ([node.value * s for s in SHIFTS] if node.value else [-0.1, 0.1])]


def run(path: Path, say: Callable[[str], None] = lambda _: None) -> list[Mutant]:
    """All mutants of one pack against the tests beside it."""
    pack = load_pack(path)
    laid = [(case, laid_out(pack, case, hours)) for case, hours in cases(path, pack)]
    found: list[Mutant] = []
    for rule in pack.rules:
        own = [(case, judged) for case, judged in laid if case["rule"] == rule.id]
        for level, (_, tree) in sorted(rule.conditions.items()):
            found += [_tried(pack, rule, level, changed, own) for changed in mutants(tree)]
        say(f"{rule.id}：{sum(m.rule == rule.id and m.caught for m in found)}/{sum(m.rule == rule.id for m in found)}")
    return found


def _tried(pack: Pack, rule: Rule, level: Level, tree: Node, own: list[tuple[dict[str, Any], Judged]]) -> Mutant:
    spoiled = replace(rule, conditions={**rule.conditions, level: (rule.conditions[level][0], tree)})
    caught = any(missed(case, find(spoiled, judged.table, judged.findings[0].reader), judged.situation.ticks) for case, judged in own)
    return Mutant(pack=pack.pack, rule=rule.id, level=level, text=spell(tree), caught=caught)
