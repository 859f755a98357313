"""Names, units and kinds, checked once at load, so that evaluation can trust the tree.

Parameters are replaced by their numbers, literals are converted to the unit of what they meet, and every error names
the column. The result is either a truth value (what a level needs) or a number in a known unit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.errors import ConfigErrors
from rules.language.errors import Place, RuleError, unknown_word
from rules.language.nodes import Arithmetic, Call, Compare, Logic, Name, Negative, Node, Not, Number, walk
from rules.language.parser import parse
from rules.language.units import LEVELS, canonical, to_unit

TRUTH = "truth"
_FOLD: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a word stands for: its canonical unit ("flag" for yes/no, "level" for a colour) and, for a parameter, its value. `title`: how people call it."""

    unit: str
    value: float | None = None
    title: str = ""


def compile_condition(text: str, symbols: Mapping[str, Symbol], place: Place | None = None, *, keep: bool = False) -> Node:
    """Parse and check a condition; the tree is in canonical units and holds only indicators. RuleError otherwise, ConfigErrors for several unknown words.

    `keep`: a parameter's number keeps its name and is not folded with others, so that a county can put its own in its place.
    """
    place = place or Place()
    try:
        tree = parse(text, place)
        unknown = [node for node in walk(tree) if isinstance(node, Name) and node.name not in symbols and node.name not in LEVELS]
        if len(unknown) > 1:
            raise ConfigErrors([unknown_word("指标", "indicator", node.name, symbols, place.moved(node.at)) for node in unknown])
        tree, unit = _Checker(symbols, place, keep).check(tree)
    except RuleError as error:
        title = max((s.title for s in symbols.values() if s.title and s.title in text), key=len, default="")
        if not title:
            raise
        name = next(name for name, symbol in symbols.items() if symbol.title == title)
        raise RuleError(*error.told, error.place, hint=f"“{title}”写作 / is written: {name}") from error
    if unit not in (TRUTH, "flag"):
        raise RuleError(f"条件须为真假判断，却是数值（单位 {unit}）", f"a condition must be true or false, this is a number in {unit}", place,
                        hint="例如 / for example: rain_1h >= 20 mm")
    return tree


class _Checker:
    def __init__(self, symbols: Mapping[str, Symbol], place: Place, keep: bool) -> None:
        self._symbols, self._place, self._keep = symbols, place, keep

    def _fail(self, zh: str, en: str, at: int, hint: str = "") -> RuleError:
        return RuleError(zh, en, self._place.moved(at), hint=hint)

    def check(self, node: Node) -> tuple[Node, str]:
        """The node in canonical units, and its unit (TRUTH for a truth value)."""
        match node:
            case Number():
                return self._number(node)
            case Name():
                return self._name(node)
            case Logic():
                return Logic(node.op, tuple(self._truth(term) for term in node.terms), node.at), TRUTH
            case Not():
                return Not(self._truth(node.operand), node.at), TRUTH
            case Compare():
                left, right, _ = self._alike(node.left, node.right, node.at)
                return Compare(node.op, left, right, node.at), TRUTH
            case Negative():
                operand, unit = self._amount(node.operand)
                fold = isinstance(operand, Number) and not operand.name
                return (Number(-operand.value, unit, node.at) if isinstance(operand, Number) and fold else Negative(operand, node.at)), unit
            case Call():
                return self._call(node)
            case Arithmetic():
                return self._arithmetic(node)

    def _number(self, node: Number) -> tuple[Number, str]:
        try:
            value, unit = canonical(node.value, node.unit)
        except ValueError as error:
            raise self._fail(f"没有这样的单位或风级：{node.value:g} {node.unit}", str(error), node.at) from None
        return Number(value, unit, node.at), unit

    def _name(self, node: Name) -> tuple[Node, str]:
        if node.name in LEVELS:
            return Number(LEVELS[node.name], "level", node.at), "level"
        symbol = self._symbols.get(node.name)
        if symbol is None:
            raise unknown_word("指标", "indicator", node.name, self._symbols, self._place.moved(node.at))
        return (node if symbol.value is None else Number(symbol.value, symbol.unit, node.at, node.name if self._keep else "")), symbol.unit

    def _truth(self, node: Node) -> Node:
        checked, unit = self.check(node)
        if unit not in (TRUTH, "flag"):
            raise self._fail(f"and/or/not 需要真假判断，却是数值（单位 {unit}）", f"and/or/not need conditions, this is a number in {unit}", node.at)
        return checked

    def _amount(self, node: Node) -> tuple[Node, str]:
        checked, unit = self.check(node)
        if unit in (TRUTH, "flag"):
            raise self._fail("此处需要数值，却是真假判断", "a number is needed here, this is a condition", node.at)
        return checked, unit

    def _alike(self, first: Node, second: Node, at: int) -> tuple[Node, Node, str]:
        """Both sides in one unit; a literal is converted to the other side's, nothing else is."""
        return self._matched(self._amount(first), self._amount(second), at)

    def _matched(self, first: tuple[Node, str], second: tuple[Node, str], at: int) -> tuple[Node, Node, str]:
        (left, unit_left), (right, unit_right) = first, second
        if unit_left == unit_right:
            return left, right, unit_left
        try:
            if isinstance(right, Number):
                return left, Number(to_unit(right.value, unit_right, unit_left), unit_left, right.at, right.name), unit_left
            if isinstance(left, Number):
                return Number(to_unit(left.value, unit_left, unit_right), unit_right, left.at, left.name), right, unit_right
        except ValueError:
            pass
        bare = "1" in (unit_left, unit_right) and (isinstance(left, Number) or isinstance(right, Number))
        hint = f"写上单位 / write the unit: {unit_right if unit_left == '1' else unit_left}" if bare else ""
        said = f"{unit_left} 与 {unit_right}" if not bare else f"{unit_right if unit_left == '1' else unit_left} 与没有单位的数"
        raise self._fail(f"单位不合：{said}", f"units differ: {unit_left} and {unit_right}", at, hint)

    def _call(self, node: Call) -> tuple[Node, str]:
        told = [self._amount(argument) for argument in node.arguments]
        lead = next((each for each in told if not isinstance(each[0], Number)), told[0])  # every literal is converted to its unit
        return Call(node.function, tuple(self._matched(lead, each, node.at)[1] for each in told), node.at), lead[1]

    def _arithmetic(self, node: Arithmetic) -> tuple[Node, str]:
        if node.op in "+-":
            left, right, unit = self._alike(node.left, node.right, node.at)
        else:
            (left, one), (right, two) = self._amount(node.left), self._amount(node.right)
            unit = self._product_unit(node, one, two)
        if node.op == "/" and isinstance(right, Number) and right.value == 0:
            raise self._fail("除以零", "division by zero", node.at)
        if isinstance(left, Number) and isinstance(right, Number) and not left.name and not right.name:
            return Number(_FOLD[node.op](left.value, right.value), unit, node.at), unit
        return Arithmetic(node.op, left, right, node.at), unit

    def _product_unit(self, node: Arithmetic, left: str, right: str) -> str:
        if right == "1":
            return left
        if node.op == "*" and left == "1":
            return right
        if node.op == "/" and left == right:
            return "1"
        raise self._fail(f"单位 {left} {node.op} {right} 没有意义", f"no unit for {left} {node.op} {right}", node.at,
                         "乘除的一方须无单位 / one side must have no unit")
