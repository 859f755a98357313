"""Read templates.yaml, and say what must not stand in a text that people receive."""

from __future__ import annotations

import re
import unicodedata

from core.county.problems import Problems
from core.county.tree import ABSENT, Node
from core.model import Hazard, Level

_URL = re.compile(r"(https?:)?//|www\.|[a-z0-9-]+\.(cn|com|net|org|top|xyz)\b", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)|(?<!\d)\d{3,4}-\d{7,8}(?!\d)")
_LONG_NUMBER = re.compile(r"\d(?:[ -]?\d){5,}")
_SLOT = re.compile(r"\{(\w*)\}")
#: The slots that a text may use, and those that it must use: who, where, how bad, until when.
SLOTS = ("issuer", "time", "town", "towns", "hazard", "level", "until", "what", "advice", "action")
NEEDS = {
    "headline": ("issuer", "level", "towns"), "description": ("issuer", "level"), "sms": ("town", "level", "until", "advice"),
    "broadcast": ("town", "level", "until", "advice"), "sms_cancel": ("town",), "broadcast_cancel": ("town",),
}
ADVICE = tuple(f"advice_{level.en}" for level in (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED))


def has_link(text: str) -> bool:
    """Whether a text holds a web address or a telephone number: carriers block both, and neither belongs in a warning."""
    return bool(_URL.search(text) or _PHONE.search(text))


def without_links(text: str) -> str:
    """`text` with every web address and telephone number taken out; what others wrote is quoted so (an official signal's title)."""
    while (shorter := _PHONE.sub("", _URL.sub("", text))) != text:  # what is left over may close up into a new one
        text = shorter
    return text


def read_templates(problems: Problems) -> dict[str, dict[str, str]]:
    """templates.yaml: for each hazard that the county scores its texts and an advice per colour; a county scores at least one."""
    root = Node.read(problems, "templates.yaml")
    texts = {hazard: _texts(node) for hazard, node in root.fields((), [str(h) for h in Hazard]).items() if node.value is not ABSENT}
    if not texts and "templates.yaml" not in problems.broken:
        root.refuse("没有任何灾种的文案 / no hazard has texts", f"可用 / use: {', '.join(Hazard)}")
    return texts


def _texts(node: Node) -> dict[str, str]:
    texts = {}
    for key, child in node.fields((*NEEDS, *ADVICE)).items():
        texts[key] = child.text()
        if texts[key]:
            harmless(child)
            _slots(child, NEEDS.get(key))
    return texts


def harmless(node: Node) -> None:
    """Note a web address, a telephone number, an invisible character or a second line in a text that people will receive."""
    text = unicodedata.normalize("NFKC", node.value)
    if has_link(text) or _LONG_NUMBER.search(text):
        node.refuse("含网址或电话号码 / holds a web address or a telephone number", "删去，运营商会拦截 / drop it, carriers block it")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") for c in node.value):
        node.refuse("含换行或不可见字符 / holds a line break or an invisible character", "重新输入这一行 / type the line anew")


def _slots(node: Node, needed: tuple[str, ...] | None) -> None:
    """Only whole slots out of SLOTS; an advice fills a slot itself and has none."""
    found = _SLOT.findall(node.value)
    allowed = SLOTS if needed is not None else ()
    for slot in dict.fromkeys(found):
        if slot not in allowed:
            node.refuse(f"不认识的空位 {{{slot}}} / unknown slot", f"可用 / use: {', '.join(allowed) or '此处不能有空位 / no slot here'}")
    if set("{}") & set(_SLOT.sub("", node.value)):
        node.refuse("花括号不成对或里面不是空位名 / an open brace, or something else than a slot's name in it",
                    f"只能写 {{名}}，名为 / only {{name}}: {', '.join(SLOTS)}")
    for slot in needed or ():
        if slot not in found:
            node.refuse(f"缺少空位 {{{slot}}} / needs this slot", f"在文案里写上 {{{slot}}} / put it into the text")
