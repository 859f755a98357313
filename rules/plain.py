"""A condition in plain words, Chinese and English, for people who will not read the rule language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.model import Level
from core.units import BEAUFORT_EDGES
from rules.catalogue import Indicator
from rules.language.nodes import Arithmetic, Call, Compare, Logic, Name, Negative, Node, Not, Number, names
from rules.scoring import amount, bracketed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """The words of one language: comparisons, joins, and how a negation and a force are said."""

    compare: Mapping[str, str]
    both: str
    either: str
    negation: str
    force: str
    english: bool = False


#: Units as people write them.
UNITS = {"degC": "°C", "deg": "°"}
#: A change and what people call it where it goes the other way, so that no threshold is told as less than nothing: Chinese, English.
TURNED = (("下降", "上升"), ("drop of", "rise of"))
_TURNED_OP = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}
#: A declared stage as people call it, and as it ends the title of an indicator that is counted from it.
MARKS = {"warning_stage": ("警戒", "the warning stage"), "guaranteed_stage": ("保证", "the guaranteed stage"), "record_stage": ("历史最高", "the record")}
ZH = Tongue(compare={">=": "达到", ">": "超过", "<=": "不超过", "<": "低于", "==": "等于", "!=": "不等于"}, both="，并且", either="，或者",
            negation="不是", force="（{} 级风）")
EN = Tongue(compare={">=": "at least", ">": "more than", "<=": "at most", "<": "less than", "==": "exactly", "!=": "other than"}, both=" and ", either=" or ",
            negation="not ", force=" (force {})", english=True)


def plain(node: Node, indicators: Mapping[str, Indicator], tongue: Tongue = ZH) -> str:
    """The condition as a sentence without its full stop; numbers after parameters, in canonical units, wind with its force."""
    return _Speaker(indicators, tongue).say(node)


def turned(title: str, value: float, *, english: bool = False) -> str:
    """The title of a change whose `value` is told without its sign; as it is where it has no other side."""
    here, there = TURNED[english]
    return title.replace(here, there) if value < 0 else title


class _Speaker:
    def __init__(self, indicators: Mapping[str, Indicator], tongue: Tongue) -> None:
        self._known, self._tongue = indicators, tongue

    def say(self, node: Node, inside: str = "") -> str:
        """A truth value; `inside` is the join it stands in, brackets only where they are needed."""
        tongue = self._tongue
        if isinstance(node, Logic):
            text = (tongue.both if node.op == "and" else tongue.either).join(self.say(term, node.op) for term in node.terms)
            return f"（{text}）" if inside and inside != node.op and not tongue.english else f"({text})" if inside and inside != node.op else text
        if isinstance(node, Not):
            return tongue.negation + self.say(node.operand, "not")
        if isinstance(node, Compare):
            return self._over_mark(node) or self._turned(node) or self._compared(self._number(node.left, node), node.op, self._number(node.right, node))
        return self._number(node, None)

    def _over_mark(self, node: Compare) -> str:
        """'水位超警戒 0.3 m 以上': heights over a declared stage, which may be negative; "" for anything else."""
        value = node.right.value if isinstance(node.right, Number) else None
        indicator = self._known[node.left.name] if isinstance(node.left, Name) else None
        if indicator is None or value is None or not indicator.above or indicator.unit != "m" or node.op != ">=":
            return ""
        zh, en = MARKS[indicator.above]
        if self._tongue.english:
            what = indicator.title_en.split(" above ")[0].split(" over ")[0] + (f" in {indicator.lead_h:g} h" if indicator.lead_h else "")
            over = f"{what} {value:g} m or more over {en}" if value > 0 else f"{what} within {-value:g} m of {en}, or over it"
            return f"{what} at {en} or over it" if value == 0 else over
        what = indicator.title.removesuffix(f"超{zh}")
        return f"{what}达到{zh}" if value == 0 else f"{what}超{zh} {value:g} m 以上" if value > 0 else f"{what}距{zh}不到 {-value:g} m（或已超过）"

    def _turned(self, node: Compare) -> str:
        """'日均潮位上升达到 0.05 m' for a drop of at most -0.05 m; "" for anything else."""
        value = node.right.value if isinstance(node.right, Number) else 0.0
        if value >= 0 or not isinstance(node.left, Name) or node.op not in _TURNED_OP:
            return ""
        english, indicator = self._tongue.english, self._known[node.left.name]
        title = indicator.title_en if english else indicator.title
        what = turned(title, value, english=english)
        if what == title:
            return ""
        return self._compared(what, _TURNED_OP[node.op], amount(-value, UNITS.get(indicator.unit, indicator.unit)))

    def _compared(self, left: str, op: str, right: str) -> str:
        return f"{left}{' ' if self._tongue.english else ''}{self._tongue.compare[op]} {right}"

    def _number(self, node: Node, within: Compare | None) -> str:
        match node:
            case Number():
                return self._constant(node, within)
            case Name():
                indicator = self._known[node.name]
                return indicator.title_en if self._tongue.english else indicator.title
            case Negative():
                return f"-{self._part(node.operand, node, within)}"
            case Arithmetic():
                sign = {"*": "×", "/": "÷"}.get(node.op, node.op)
                return f"{self._part(node.left, node)} {sign} {self._part(node.right, node)}"
            case Call():
                words = {"min": "least of", "max": "greatest of"} if self._tongue.english else {"min": "其中最小", "max": "其中最大"}
                return f"{words[node.function]}({', '.join(self._number(a, None) for a in node.arguments)})"
        return self.say(node)

    def _part(self, node: Node, of: Node, within: Compare | None = None) -> str:
        text = self._number(node, within)
        return text if not bracketed(node, of) else f"({text})" if self._tongue.english else f"（{text}）"

    def _constant(self, node: Number, within: Compare | None) -> str:
        """A number with its unit; a level by its colour, a share in per cent, a wind speed on the Beaufort scale with its force."""
        used = [self._known[name] for name in names(within)] if within is not None else []
        if node.unit == "level":
            return Level(int(node.value)).en if self._tongue.english else Level(int(node.value)).zh
        if any(i.share for i in used):
            return f"{round(node.value * 100, 1):g} %"
        text = amount(node.value, UNITS.get(node.unit, node.unit))
        if node.unit == "m/s" and node.value in BEAUFORT_EDGES:
            return text + self._tongue.force.format(BEAUFORT_EDGES.index(node.value) + 1)
        return text
