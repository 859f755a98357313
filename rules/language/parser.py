"""Tokens to a tree: recursive descent over a grammar of nine lines, with depth and size bounded.

    expression := conjunction ("or" conjunction)*
    conjunction := negation ("and" negation)*
    negation := "not" negation | comparison
    comparison := sum ((">=" | "<=" | ">" | "<" | "==" | "!=") sum)?
    sum := product (("+" | "-") product)*
    product := factor (("*" | "/") factor)*
    factor := "-" factor | NUMBER UNIT? | ("min" | "max") "(" sum ("," sum)+ ")" | NAME | "(" expression ")"
    UNIT := "%" | WORD ("/" WORD)?        a word directly after a number that is a declared unit
"""

from __future__ import annotations

from rules.language.errors import Place, RuleError, unknown_word
from rules.language.lexer import Token, tokens
from rules.language.nodes import Arithmetic, Call, Compare, Logic, Name, Negative, Node, Not, Number, walk
from rules.language.units import UNITS

MAX_DEPTH = 32
MAX_NODES = 256
_COMPARISONS = (">=", "<=", ">", "<", "==", "!=")
KEYWORDS = ("and", "or", "not", "min", "max")


def parse(text: str, place: Place | None = None) -> Node:
    """Tree of one expression; `place` is where its first character stands. RuleError with line and column otherwise."""
    place = place or Place()
    parser = _Parser(tokens(text, place), place)
    if parser.now.kind == "end":
        raise RuleError("表达式为空", "empty expression", place)
    tree = parser.expression(0)
    parser.finish()
    if sum(1 for _ in walk(tree)) > MAX_NODES:
        raise RuleError(f"表达式过于复杂（超过 {MAX_NODES} 个节点）", f"more than {MAX_NODES} nodes", place)
    return tree


class _Parser:
    """Position in the token list; every method reads one grammar line and leaves the position behind it."""

    def __init__(self, found: list[Token], place: Place) -> None:
        self._tokens, self._place, self._next = found, place, 0

    @property
    def now(self) -> Token:
        """The token to be read next; at the end the end's own token."""
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self.now
        self._next += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self.now.kind != "end" and self.now.text in texts

    def _fail(self, zh: str, en: str, *, at: int | None = None, hint: str = "") -> RuleError:
        return RuleError(zh, en, self._place.moved(self.now.at if at is None else at), hint=hint)

    def _deeper(self, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise self._fail(f"嵌套过深（上限 {MAX_DEPTH} 层）", f"nested deeper than {MAX_DEPTH}")
        return depth + 1

    def finish(self) -> None:
        """Refuse what is left over: an expression is one sentence."""
        if self.now.kind != "end":
            hint = "比较只能有一个，用 and 连接 / one comparison at a time, join with and" if self._is(*_COMPARISONS) else ""
            if self._is(","):
                hint = "数里不用逗号，小数点写 . / no commas within a number, the decimal mark is a point"
            elif self.now.text.lower() in KEYWORDS:
                hint = f"写小写 / write {self.now.text.lower()}"
            raise self._fail(f"此处多出“{self.now.text}”", f"unexpected {self.now.text!r}", hint=hint)

    def expression(self, depth: int) -> Node:
        """An expression from its weakest operator, `or`; `depth` is how deep in parentheses it stands."""
        return self._joined("or", depth)

    def _joined(self, op: str, depth: int) -> Node:
        depth = self._deeper(depth)
        at = self.now.at
        terms = [self._joined("and", depth) if op == "or" else self._negation(depth)]
        while self._is(op):
            self._take()
            terms.append(self._joined("and", depth) if op == "or" else self._negation(depth))
        return terms[0] if len(terms) == 1 else Logic(op, tuple(terms), at)

    def _negation(self, depth: int) -> Node:
        if self._is("not"):
            at = self._take().at
            return Not(self._negation(self._deeper(depth)), at)
        return self._comparison(depth)

    def _comparison(self, depth: int) -> Node:
        left = self._sum(depth)
        if self._is(*_COMPARISONS):
            token = self._take()
            return Compare(token.text, left, self._sum(depth), token.at)
        return left

    def _sum(self, depth: int) -> Node:
        left = self._product(depth)
        while self._is("+", "-"):
            token = self._take()
            left = Arithmetic(token.text, left, self._product(depth), token.at)
        return left

    def _product(self, depth: int) -> Node:
        left = self._factor(depth)
        while self._is("*", "/"):
            token = self._take()
            left = Arithmetic(token.text, left, self._factor(depth), token.at)
        return left

    def _factor(self, depth: int) -> Node:
        if self._is("-"):
            at = self._take().at
            return Negative(self._factor(self._deeper(depth)), at)
        if self._is("("):
            self._take()
            inner = self.expression(depth)
            self._expect(")")
            return inner
        if self.now.kind == "number":
            token = self._take()
            return Number(float(token.text), self._unit(), token.at)
        if self.now.kind == "word" and self.now.text not in ("and", "or", "not"):
            return self._call(depth) if self._is("min", "max") else self._name()
        what = self.now.text or "表达式结尾"
        raise self._fail(f"此处应为数值、指标或括号，却是“{what}”", f"expected a number, an indicator or '(', found {self.now.text or 'the end'!r}")

    def _name(self) -> Node:
        token = self._take()
        if self._is("("):
            raise unknown_word("函数", "function", token.text, ("min", "max"), self._place.moved(token.at))
        return Name(token.text, token.at)

    def _call(self, depth: int) -> Node:
        token = self._take()
        self._expect("(")
        depth = self._deeper(depth)
        arguments = [self._sum(depth)]
        while self._is(","):
            self._take()
            arguments.append(self._sum(depth))
        self._expect(")")
        if len(arguments) < 2:
            raise self._fail(f"{token.text} 至少要两个数", f"{token.text} needs two numbers or more", at=token.at)
        return Call(token.text, tuple(arguments), token.at)

    def _unit(self) -> str:
        if self._is("%"):
            self._take()
            return "%"
        if self.now.kind != "word" or (self.now.text in KEYWORDS and not self._minutes()):
            return ""
        word = self._take()
        longer = self._tokens[self._next : self._next + 2]
        if len(longer) == 2 and longer[0].text == "/" and f"{word.text}/{longer[1].text}" in UNITS:
            self._next += 2
            return f"{word.text}/{longer[1].text}"
        if word.text not in UNITS:
            raise unknown_word("单位", "unit", word.text, UNITS, self._place.moved(word.at))
        return word.text

    def _minutes(self) -> bool:
        """`30 min` is a duration, `min(` a function."""
        return self.now.text == "min" and self._tokens[self._next + 1].text != "("

    def _expect(self, text: str) -> None:
        if not self._is(text):
            found = self.now.text or "结尾"
            raise self._fail(f"此处应为“{text}”，却是“{found}”", f"expected {text!r}, found {self.now.text or 'the end'!r}")
        self._take()
