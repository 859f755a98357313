"""Texts from the county's templates: typed slots only, nothing that could be read as markup, an address or a number to call."""

from __future__ import annotations

import re
import unicodedata

from core.errors import ConfigError

_URL = re.compile(r"(https?:)?//|www\.|[a-z0-9-]+\.(cn|com|net|org|top|xyz)\b", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)|(?<!\d)\d{3,4}-\d{7,8}(?!\d)")
_SLOT = re.compile(r"\{(\w*)\}")
DRILL = "【演练】"


def clean(text: str) -> str:
    """`text` without control, bidirectional and zero-width characters, and with braces made harmless."""
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
    return kept.replace("{", "（").replace("}", "）")


def render(template: str, slots: dict[str, str]) -> str:
    """Fill `template`; ConfigError when a slot has no value, or when the result holds a web address or a telephone number."""
    missing = [name for name in _SLOT.findall(template) if name not in slots]
    if missing:
        raise ConfigError(f"文案缺少空位的值 / no value for slot: {', '.join(missing)}")
    text = _SLOT.sub(lambda match: clean(slots[match.group(1)]), template)
    refuse_links(text)
    return text


def refuse_links(text: str) -> None:
    """ConfigError when `text` holds a web address or a telephone number: carriers block both, and neither belongs in a warning."""
    if _URL.search(text) or _PHONE.search(text):
        raise ConfigError("文案含网址或电话号码 / a text holds a web address or a telephone number")


def drill(text: str, actual: bool) -> str:
    """Mark a text that is not actual, once."""
    return text if actual or text.startswith(DRILL) else DRILL + text
