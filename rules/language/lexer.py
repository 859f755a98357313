"""Text to tokens. One compiled pattern, one pass, every character accounted for; the length is bounded first.

Chinese spellings of the operators (≥ ≤ 且 或 非) are the same tokens as the ASCII ones, because that is how the source
documents write them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rules.language.errors import Place, RuleError

MAX_LENGTH = 2_000
MAX_TOKENS = 400

_PATTERN = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<number>(?:\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})(?![\d.]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*|[且或非])"
    r"|(?P<op>>=|<=|==|!=|[≥≤≠><+\-*/(),%])"
)
_SAME = {"≥": ">=", "≤": "<=", "≠": "!=", "且": "and", "或": "or", "非": "not"}


#: What people write where the language has a word of its own; longer ones first.
_CALLED = {
    "毫米": "mm", "厘米": "cm", "米每秒": "m/s", "米/秒": "m/s", "米": "m", "公里": "km", "千米": "km", "级": "Bft", "小时": "h", "分钟": "min",
    "天": "d", "摄氏度": "degC", "度": "deg", "百帕": "hPa", "并且": "and", "而且": "and", "者": "or", "不": "not",
}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is number, word, op or end; `at` the 0-based offset in the expression."""

    kind: str
    text: str
    at: int


def tokens(text: str, place: Place) -> list[Token]:
    """All tokens of `text` and a closing `end`; RuleError for an over-long text or a character that has no meaning here."""
    if len(text) > MAX_LENGTH:
        raise RuleError(f"表达式过长（{len(text)} 字符，上限 {MAX_LENGTH}）", f"expression of {len(text)} characters, limit {MAX_LENGTH}", place)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _PATTERN.match(text, at)
        if match is None:
            raise _no_meaning(text, at, place)
        if match.lastgroup != "blank":
            found.append(Token(str(match.lastgroup), _SAME.get(match.group(), match.group()), at))
        if len(found) > MAX_TOKENS:
            raise RuleError(f"表达式过于复杂（超过 {MAX_TOKENS} 个词）", f"more than {MAX_TOKENS} tokens", place.moved(at))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return found


def _no_meaning(text: str, at: int, place: Place) -> RuleError:
    hint = {
        "=": "比较相等用 ==，大小用 >=、<= / use ==, >= or <=", "&": "用 and / use and", "|": "用 or / use or", "!": "用 not / use not",
        "#": "注释前空一格 / a blank before a comment", "“": "去掉引号，或用半角的 \" 把整个条件括起 / no quotes, or plain ones around it all",
    }.get(text[at].replace("”", "“"), "")
    what = text[at : at + 12].split()[0] if text[at].isdigit() else text[at]
    plain = unicodedata.normalize("NFKC", text[at])
    if text[at].isdigit():
        hint = "数至多 12 位，小数点只有一个 / at most 12 digits and one point"
    elif han := re.match("[\u4e00-\u9fff]+", text[at:]):
        what = han.group()
        near = next((word for name, word in _CALLED.items() if what.startswith(name)), "")
        hint = f"写作 / write: {near}" if near else ""
    elif plain != text[at]:
        hint = f"用半角 / write a plain {plain}"
    return RuleError(f"看不懂的字符“{what}”", f"character without meaning {what!r}", place.moved(at), hint=hint)
