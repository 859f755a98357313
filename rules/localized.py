"""A condition as it reads in one town: the county's own numbers written where their words stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rules.catalogue import Indicator
from rules.language.nodes import Name, Negative, Node, Number, children, rebuilt
from rules.packs import Rule


def localized(tree: Node, rule: Rule, number: Callable[[Indicator], float]) -> Node:
    """The tree with `number(word)` for every word of the county's own, and the indicators under their usual names."""
    own = {indicator.name: indicator for indicator in rule.own}
    if isinstance(tree, Name) and tree.name in own:
        indicator = own[tree.name]
        if indicator.kind == "mark":
            return Number(number(indicator), indicator.unit, tree.at)
        return replace(tree, name=indicator.name.partition("[")[0])
    made = rebuilt(tree, tuple(localized(child, rule, number) for child in children(tree)))
    return replace(made.operand, value=-made.operand.value) if isinstance(made, Negative) and isinstance(made.operand, Number) else made
