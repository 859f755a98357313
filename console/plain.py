"""What feeds, officers and others wrote, made plain for where it is shown: in Markdown, by rich, at a terminal. It is read there, and obeyed nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: What would be more than a letter in Markdown, and to a terminal.
_MARKS = re.compile(r"[\\|\[\]<>`]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def each(value: Any, make: Callable[[str], str]) -> Any:
    """JSON-ready facts with every text in them made so."""
    if isinstance(value, dict):
        return {key: each(one, make) for key, one in value.items()}
    if isinstance(value, list):
        return [each(one, make) for one in value]
    return make(value) if isinstance(value, str) else value


def markdown(text: str) -> str:
    """A text as Markdown that says just that: no column, link, picture or line of its own."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def terminal(text: str) -> str:
    """A text, line ends and all, without what moves a cursor, clears a line or turns the direction of reading: an officer signs what he sees."""
    return _CONTROL.sub("", text)


def rich(text: str) -> str:
    """The same for rich, to which a word in brackets is a colour, and an unknown one an error."""
    from rich.markup import escape

    return escape(terminal(text))
