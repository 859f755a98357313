"""Mutants that nobody could catch, shown to be so: the same levels and the same ceilings at every value that the indicators can have.

An indicator's reachable values are those of its unit (a yes/no, a colour), of its map (points of a bank section), else a point on, just beside
and between all numbers that it is compared with; a reading may be any interval between two of them or unknown. Two conditions are compared on
the intervals of what was changed alone, then, where that is small enough, on those of the whole rule, because a difference that a higher
colour always hides changes nothing. Indicators count as independent of each other, so too few mutants are excused and never too many;
where arithmetic stands between indicators nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, product
from math import inf

import numpy as np

from core.model import Level
from rules.catalogue import Catalogue, Indicator
from rules.language import Columns, Interval, Truth, evaluate
from rules.language.nodes import Compare, Name, Node, Number, names, walk
from rules.mutants import Change
from rules.packs import Rule

MAX_ROWS = 60_000


def same(rule: Rule, change: Change, catalogue: Catalogue) -> bool:
    """Whether a change of a condition can change no level and no ceiling; False where that cannot be shown."""
    if change.level is None:
        return False
    before, after = rule.conditions[change.level][1], change.rule.conditions[change.level][1]
    higher = {level: tree for level, (_, tree) in rule.conditions.items() if level > change.level}
    for old, new, others in ((*_part(before, change), {}), (before, after, higher)):
        trees = [old, new, *others.values()]
        rows = _rows(trees, catalogue) if all(_plain(tree) for tree in trees) else None
        if rows is not None and not _differs(rule, change.level, old, new, others, rows):
            return True
    return False


def _part(before: Node, change: Change) -> tuple[Node, Node]:
    """The smallest condition that holds the change, as it was and as it is."""
    if change.before is not None and change.after is not None and not isinstance(change.before, Number):
        return change.before, change.after
    pairs = zip(walk(before), walk(change.rule.conditions[change.level or Level.NONE][1]), strict=True)
    return next((old, new) for old, new in pairs if isinstance(old, Compare) and old != new)  # a number stands in a comparison


def _differs(rule: Rule, level: Level, old: Node, new: Node, higher: dict[Level, Node], rows: Columns) -> bool:
    """Whether the two part anywhere, outside what a higher colour hides. A colour that needs two paths hides no proof of one that needs one."""
    a, b = evaluate(old, rows), evaluate(new, rows)
    hidden: dict[Level, Truth] = {other: evaluate(tree, rows) for other, tree in higher.items()}
    must = np.zeros(rows.shape, dtype=bool)
    may = must.copy()
    for other, truth in hidden.items():
        may |= truth.may
        if _strict(rule, other) == _strict(rule, level):
            must |= truth.must
    return bool((((a.must != b.must) & ~must) | ((a.may != b.may) & ~may)).any())


def _strict(rule: Rule, level: Level) -> bool:
    return rule.corroborate is not None and level >= rule.corroborate


def _plain(tree: Node) -> bool:
    """Only single indicators against numbers."""
    sides = [{type(node.left), type(node.right)} for node in walk(tree) if isinstance(node, Compare)]
    return all(pair == {Name, Number} for pair in sides)


def _rows(trees: Iterable[Node], catalogue: Catalogue) -> Columns | None:
    """Every combination of reachable intervals of the indicators named; None where they are too many."""
    limits: dict[str, set[float]] = {}
    for tree in trees:
        for name in names(tree):
            limits.setdefault(name, set())
        for node in walk(tree):
            if isinstance(node, Compare):
                named, value = _named(node)
                limits[named].add(value)
    spans = [_intervals(catalogue.indicators[name], at) for name, at in limits.items()]
    size = int(np.prod([len(s) for s in spans]))
    if size > MAX_ROWS:
        return None
    table = np.array(list(product(*spans)), dtype=np.float64).reshape(size, len(spans), 2)
    return Columns({name: Interval(table[:, n, 0], table[:, n, 1]) for n, name in enumerate(limits)}, {}, (size,))


def _named(node: Compare) -> tuple[str, float]:
    """Indicator and number of a plain comparison."""
    name, number = (node.left, node.right) if isinstance(node.left, Name) else (node.right, node.left)
    if not isinstance(name, Name) or not isinstance(number, Number):
        raise TypeError("not a plain comparison")
    return name.name, number.value


def _intervals(indicator: Indicator, limits: set[float]) -> list[tuple[float, float]]:
    points = sorted(reachable(indicator) or _around(limits))
    exact = [(point, point) for point in points]
    if indicator.kind == "town":
        return [*exact, (-inf, inf)]
    ends = [-inf, *points, inf]
    return [(lo, hi) for n, lo in enumerate(ends) for hi in ends[n:] if lo < inf and hi > -inf]


def reachable(indicator: Indicator) -> tuple[float, ...]:
    """The few values that an indicator can have at all; () where it is a measured number."""
    if indicator.unit == "flag":
        return (0.0, 1.0)
    if indicator.unit == "level":
        return (0.0, 1.0, 2.0, 3.0, 4.0)
    return tuple(sorted(set(indicator.map.values()))) if indicator.map else ()


def _around(limits: set[float]) -> set[float]:
    """A point on every limit, between all neighbours and beyond both ends."""
    ordered = sorted(limits) or [0.0]
    between = [(a + b) / 2 for a, b in pairwise(ordered)]
    return {ordered[0] - 1.0, *ordered, *between, ordered[-1] + 1.0}
