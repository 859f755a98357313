"""Three-valued evaluation over columns of intervals.

A number is an interval [lo, hi] per town (and per tick): `lo` is what the data prove, `hi` what they cannot exclude. A
truth value is a pair (must, may): must = proved, may = not excluded; unknown is (False, True). Kleene's tables follow
from the intervals by themselves. An indicator that is optional and absent supports nothing: wherever it stands it makes
neither the condition nor its negation true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from rules.language.nodes import Arithmetic, Call, Compare, Logic, Name, Negative, Node, Not, Number, names

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A column of intervals, any shape; lo <= hi, never NaN; unknown is (-inf, +inf)."""

    lo: Floats
    hi: Floats

    @classmethod
    def exact(cls, value: Floats) -> Interval:
        """Known values; NaN becomes unknown."""
        missing = np.isnan(value)
        return cls(np.where(missing, -np.inf, value), np.where(missing, np.inf, value))

    def each(self, change: Callable[[Floats], Floats]) -> Interval:
        """Both ends changed in one way; what is exact stays one array."""
        lo = change(self.lo)
        return Interval(lo, lo if self.hi is self.lo else change(self.hi))

    @classmethod
    def unknown(cls, shape: tuple[int, ...]) -> Interval:
        """Nothing is known."""
        return cls(np.full(shape, -np.inf), np.full(shape, np.inf))


@dataclass(frozen=True, slots=True)
class Truth:
    """`must`: proved true; `may`: not proved false. must implies may; where nothing is unknown they are one array."""

    must: Bools
    may: Bools

    def each(self, change: Callable[[Bools], Bools]) -> Truth:
        """Both changed in one way."""
        must = change(self.must)
        return Truth(must, must if self.may is self.must else change(self.may))


@dataclass(frozen=True, slots=True)
class Columns:
    """What an expression is evaluated on: intervals by indicator, all of one shape, and where an optional one is absent, by town."""

    values: Mapping[str, Interval]
    absent: Mapping[str, Bools]
    shape: tuple[int, ...]

    def at(self, names: Iterable[str], places: Ints) -> Columns:
        """Some places (P,) of the flattened columns of ticks x towns, as one row."""
        row = places[None]
        values = {name: self.values[name].each(lambda ends: np.take(ends, row)) for name in names}
        absent = {name: np.broadcast_to(told, self.shape).reshape(-1)[row] for name, told in self.absent.items()}
        return Columns(values, absent, row.shape)


def evaluate(node: Node, columns: Columns, *, negated: bool = False) -> Truth:
    """Truth of a checked condition on every row. Shapes: as `columns.shape`."""
    match node:
        case Logic():
            parts = [evaluate(term, columns, negated=negated) for term in node.terms]
            join = np.logical_and if node.op == "and" else np.logical_or
            must = reduce(join, [p.must for p in parts])
            return Truth(must, must if all(p.may is p.must for p in parts) else reduce(join, [p.may for p in parts]))
        case Not():
            inner = evaluate(node.operand, columns, negated=not negated)
            return Truth(inner.may, inner.must).each(np.logical_not)
        case Compare():
            truth = _compare(node.op, _number(node.left, columns), _number(node.right, columns))
        case _:
            truth = _compare(">=", _number(node, columns), _constant(1.0, len(columns.shape)))
    if truth.must.shape != columns.shape:  # numbers only, no indicator
        truth = truth.each(lambda told: np.broadcast_to(told, columns.shape))
    return _without_support(node, truth, columns, negated) if columns.absent else truth


def _without_support(node: Node, truth: Truth, columns: Columns, negated: bool) -> Truth:
    """An atom over an absent optional indicator holds nowhere, and under a `not` its negation holds nowhere either."""
    for name in names(node):
        absent = columns.absent.get(name)
        if absent is not None:
            truth = Truth(np.where(absent, negated, truth.must), np.where(absent, negated, truth.may))
    return truth


def _compare(op: str, a: Interval, b: Interval) -> Truth:
    if op[0] == "<":
        a, b, op = b, a, ">" + op[1:]
    if op[0] == ">":
        over = np.greater_equal if op == ">=" else np.greater
        must = over(a.lo, b.hi)
        return Truth(must, must if a.lo is a.hi and b.lo is b.hi else over(a.hi, b.lo))
    must, may = (a.lo == a.hi) & (b.lo == b.hi) & (a.lo == b.lo), (a.hi >= b.lo) & (b.hi >= a.lo)
    return Truth(must, may) if op == "==" else Truth(~may, ~must)


def number(node: Node, columns: Columns) -> Interval:
    """Interval of a checked arithmetic node on every row, rounded to 1e-6 so that 0.7 * 10 mm is 7 mm."""
    found = _number(node, columns)
    return Interval(np.broadcast_to(found.lo, columns.shape), np.broadcast_to(found.hi, columns.shape))


def _number(node: Node, columns: Columns) -> Interval:
    """`number`, constants as a single row that broadcasts: a threshold is one number, not one a town."""
    match node:
        case Number():
            return _constant(node.value, len(columns.shape))
        case Name():
            return columns.values[node.name]
        case Negative():
            inner = _number(node.operand, columns)
            return Interval(-inner.hi, -inner.lo)
        case Call():
            parts = [_number(argument, columns) for argument in node.arguments]
            pick = np.minimum if node.function == "min" else np.maximum
            return Interval(reduce(pick, [p.lo for p in parts]), reduce(pick, [p.hi for p in parts]))
        case Arithmetic():
            return _arithmetic(node.op, _number(node.left, columns), _number(node.right, columns))
    raise TypeError(f"not a number: {type(node).__name__}")


@lru_cache(maxsize=4096)
def _constant(value: float, dimensions: int) -> Interval:
    constant = np.full((1,) * dimensions, value).round(6)
    constant.flags.writeable = False
    return Interval(constant, constant)


def _arithmetic(op: str, a: Interval, b: Interval) -> Interval:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if op == "+":
            return _tidy(a.lo + b.lo, a.hi + b.hi)
        if op == "-":
            return _tidy(a.lo - b.hi, a.hi - b.lo)
        if op == "/":
            through_zero = (b.lo <= 0) & (b.hi >= 0)
            result = _product(a, Interval(1.0 / np.where(through_zero, 1.0, b.hi), 1.0 / np.where(through_zero, 1.0, b.lo)))
            return Interval(np.where(through_zero, -np.inf, result.lo), np.where(through_zero, np.inf, result.hi))
        return _product(a, b)


def _product(a: Interval, b: Interval) -> Interval:
    if b.lo is b.hi:  # a constant: two corners say it all
        a, b = b, a
    corners = [a.lo * b.lo, a.lo * b.hi] if a.lo is a.hi else [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]
    for corner in corners:
        corner[np.isnan(corner)] = 0.0  # 0 * inf: the limit of an exact zero times anything finite
    return _tidy(reduce(np.minimum, corners), reduce(np.maximum, corners))


def _tidy(lo: Floats, hi: Floats) -> Interval:
    """inf - inf proves nothing, on either side."""
    low: Floats = np.where(np.isnan(lo), -np.inf, lo)
    high: Floats = np.where(np.isnan(hi), np.inf, hi)
    return Interval(low.round(6), high.round(6))
