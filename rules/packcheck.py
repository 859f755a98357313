"""What a pack's levels must satisfy among themselves: no level weaker than the one below, none that says the same as another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from core.model import Level
from rules.language import Place, RuleError
from rules.language.nodes import Compare, Logic, Name, Node, Not, Number

_MIRROR = {">=": "<=", "<=": ">=", ">": "<", "<": ">"}


def bounds(node: Node) -> dict[tuple[str, str], list[float]]:
    """Thresholds of a condition by (indicator, direction): every plain comparison of an indicator with a number, outside any `not`."""
    found: dict[tuple[str, str], list[float]] = {}
    if isinstance(node, Not):
        return found
    if isinstance(node, Logic):
        for term in node.terms:
            for key, values in bounds(term).items():
                found.setdefault(key, []).extend(values)
    if isinstance(node, Compare) and node.op in _MIRROR:
        op, left, right = node.op, node.left, node.right
        if isinstance(left, Number) and isinstance(right, Name):
            op, left, right = _MIRROR[op], right, left
        if isinstance(left, Name) and isinstance(right, Number):
            found.setdefault((left.name, "up" if op[0] == ">" else "down"), []).append(right.value)
    return found


def check(conditions: Mapping[Level, tuple[str, Node]], place: Callable[[Level], Place]) -> list[RuleError]:
    """Errors of one rule's levels, lower to higher."""
    errors: list[RuleError] = []
    ordered = sorted(conditions)
    for lower, higher in pairwise(ordered):
        if conditions[lower][0] == conditions[higher][0]:
            errors.append(RuleError(f"{higher.zh}与{lower.zh}的条件相同，{lower.zh}永远达不到", f"{higher.en} says the same as {lower.en}", place(higher)))
            continue
        low, high = bounds(conditions[lower][1]), bounds(conditions[higher][1])
        for name, direction in sorted(set(low) & set(high)):
            a, b = low[name, direction], high[name, direction]
            weaker = min(b) < min(a) if direction == "up" else max(b) > max(a)
            if weaker:
                was, now = (min(a), min(b)) if direction == "up" else (max(a), max(b))
                errors.append(RuleError(
                    f"{higher.zh}的 {name} 门槛 {now:g} 比{lower.zh}的 {was:g} 还低一级", f"{higher.en} is weaker than {lower.en} in {name}", place(higher),
                    hint=f"{higher.zh}应更严 / make it stricter than {was:g}"))
    return errors
