"""From levels to a score 0-100 and to the sentence that says what the next level would take.

A score is 25 points a level and up to 25 for the way to the next one, so that its tens can never contradict the colour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.model import Level
from rules.language import Columns, Interval, evaluate, number
from rules.language.nodes import Arithmetic, Call, Compare, Logic, Name, Negative, Node, Not, Number

Floats = NDArray[np.float64]
STEP = 25.0
#: Points that an impact (an outage) can add, as a share of the way to the next level; never the level itself.
IMPACT_SHARE = 0.2
_UNITS = {"1": "", "level": "", "flag": ""}
#: What a county's own word has behind the name that people know: `rain_1h@flood.ponding.blue`, `tilt_rate_24h[geological.points.blue]`.
_OWN = re.compile(r"[@\[]")


class Reader:
    """Truths, numbers and progress of tree nodes over one set of columns, each computed once however many towns ask."""

    def __init__(self, columns: Columns, baselines: Mapping[str, float | Floats]) -> None:
        """`baselines`: the value of each indicator at which its way to a threshold begins."""
        self._columns, self._start = columns, baseline_columns(baselines)
        self._must: dict[int, NDArray[np.bool_]] = {}
        self._numbers: dict[int, Interval] = {}
        self._progress: dict[int, Floats] = {}
        self._kept: list[Node] = []  # an id is only a name while the node lives

    def must(self, node: Node) -> NDArray[np.bool_]:
        """Where a condition is proved."""
        if id(node) not in self._must:
            self._kept.append(node)
            self._must[id(node)] = evaluate(node, self._columns).must
        return self._must[id(node)]

    def known(self, name: str) -> Floats:
        """What is proved of an indicator; its other end where only that is bounded."""
        column = self._columns.values[name]
        return np.where(np.isfinite(column.lo), column.lo, column.hi)

    def number(self, node: Node) -> Interval:
        """Interval of an arithmetic node."""
        if id(node) not in self._numbers:
            self._kept.append(node)
            self._numbers[id(node)] = number(node, self._columns)
        return self._numbers[id(node)]

    def progress(self, node: Node) -> Floats:
        """How far a condition is on its way from the indicators' baselines to its threshold, 0..1 per row, from what is proved."""
        if id(node) not in self._progress:
            self._kept.append(node)
            self._progress[id(node)] = self._reached(node)
        return self._progress[id(node)]

    def _reached(self, node: Node) -> Floats:
        if isinstance(node, Logic):
            join = np.minimum if node.op == "and" else np.maximum
            return np.asarray(join.reduce([self.progress(term) for term in node.terms]))
        if not isinstance(node, Compare) or node.op in ("==", "!="):
            return self.must(node).astype(np.float64)
        left, right = self.number(node.left), self.number(node.right)
        start, goal = number(node.left, self._start).lo, number(node.right, self._start).lo
        with np.errstate(invalid="ignore"):
            gap = right.hi - left.lo if node.op[0] == ">" else left.hi - right.lo
            reached = np.clip(1.0 - gap / np.maximum(np.abs(goal - start), 1e-9), 0.0, 1.0)
        return np.where(np.isfinite(gap), reached, np.where(gap < 0, 1.0, 0.0))


def score(level: int, toward_next: float) -> float:
    """Score of a level and the share of the way to the next one; always inside the level's own band."""
    if level >= Level.RED:
        return 100.0
    return round(min(STEP * level + STEP * max(0.0, min(1.0, toward_next)), STEP * (level + 1) - 0.1), 1)


def with_impact(base: float, level: int, impact: int) -> float:
    """The score with the points of an impact added; it stays inside the band of the level."""
    if level >= Level.RED or not impact:
        return base
    return round(min(base + STEP * IMPACT_SHARE * impact, STEP * (level + 1) - 0.1), 1)


def amount(value: float, unit: str) -> str:
    """A number as people read it: at most two decimals, never "-0", its unit, per cent for shares."""
    if not np.isfinite(value):
        return "未知" if value < 0 else "无"
    return f"{round(value, 2) + 0.0:g} {_UNITS.get(unit, unit)}".rstrip()


def counterfactual(level: Level, node: Node, reader: Reader, row: tuple[int, int], units: Mapping[str, str]) -> str:
    """What the next level would take at one row: "橙色需 rain_3h 达 50 mm（现 34 mm）"."""
    need = _need(node, reader, row, units)
    return f"{level.zh}需 {need}" if need else ""


def _need(node: Node, reader: Reader, row: tuple[int, int], units: Mapping[str, str]) -> str:
    """The cheapest way to make a condition hold: of an `or` the nearest branch, of an `and` all that is missing."""
    if bool(reader.must(node)[row]):
        return ""
    if isinstance(node, Logic) and node.op == "and":
        return " 且 ".join(text for term in node.terms if (text := _need(term, reader, row, units)))
    if isinstance(node, Logic):
        ways = [float(reader.progress(term)[row]) for term in node.terms]
        return _need(node.terms[int(np.argmax(ways))], reader, row, units)
    if not isinstance(node, Compare):
        return spell(node)
    value, goal, unit = reader.number(node.left), reader.number(node.right), _unit(node, units)
    now = value.lo if node.op[0] == ">" else value.hi
    word = {">=": "达", ">": "超过", "<=": "降至", "<": "低于"}.get(node.op, node.op)
    return f"{spell(node.left)} {word} {amount(float(goal.lo[row]), unit)}（现 {amount(float(now[row]), unit)}）"


def proving(node: Node, reader: Reader, row: tuple[int, int]) -> list[Compare]:
    """The comparisons that make a condition hold at one row: all of an `and`, the first holding branch of an `or`; empty when it does not."""
    if not bool(reader.must(node)[row]):
        return []
    if isinstance(node, Logic) and node.op == "and":
        return [leaf for term in node.terms for leaf in proving(term, reader, row)]
    if isinstance(node, Logic):
        return next((found for term in node.terms if (found := proving(term, reader, row))), [])
    return [node] if isinstance(node, Compare) else []


def _unit(node: Compare, units: Mapping[str, str]) -> str:
    for side in (node.right, node.left):
        if isinstance(side, Number):
            return side.unit
        if isinstance(side, Name):
            return units.get(side.name, "")
    return ""


def usual_name(name: str) -> str:
    """An indicator's or a parameter's name without what a county's own word has behind it."""
    return _OWN.split(name)[0]


def spell(node: Node) -> str:
    """A node as an analyst would write it; read again it is the same node."""
    match node:
        case Number():
            return f"{node.value:g}" + (f" {node.unit}" if node.unit not in ("1", "level") else "")
        case Name():
            return usual_name(node.name)
        case Negative():
            return f"-{_part(node.operand, node)}"
        case Call():
            return f"{node.function}({', '.join(spell(a) for a in node.arguments)})"
        case Arithmetic() | Compare():
            return f"{_part(node.left, node)} {node.op} {_part(node.right, node)}"
        case Logic():
            return f" {node.op} ".join(_part(term, node) for term in node.terms)
    return f"not {_part(node.operand, node)}"


def _part(node: Node, of: Node) -> str:
    return f"({spell(node)})" if bracketed(node, of) else spell(node)


def bracketed(node: Node, of: Node) -> bool:
    """Whether a node stands in brackets within another, so that it is read there as it is meant."""
    if isinstance(node, Logic):
        return isinstance(of, Logic | Not)
    if not isinstance(node, Arithmetic) or not isinstance(of, Arithmetic):
        return isinstance(node, Arithmetic) and isinstance(of, Negative)
    return (of.op in "*/" and (node.op in "+-" or node is of.right)) or (node.op in "+-" and node is of.right)


def baseline_columns(baselines: Mapping[str, float | Floats]) -> Columns:
    """Every indicator at its baseline, as columns of one row; of as many as it takes where one differs by town."""
    shape = np.broadcast_shapes((1, 1), *(np.shape(value) for value in baselines.values()))
    ends = {name: np.broadcast_to(np.asarray(value, dtype=np.float64), shape) for name, value in baselines.items()}
    return Columns({name: Interval(end, end) for name, end in ends.items()}, {}, shape)
