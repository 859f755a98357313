"""What the rule language says when an analyst's text is wrong: place, what, and the nearest thing that would be right.

Every message is Chinese first with English beside it; `file:line:column` comes in front, so an editor can jump there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: file, 1-based line and column of its first character; `later` (offset, line, column) of each further line it runs over."""

    path: Path | str = "<text>"
    line: int = 1
    column: int = 1
    later: tuple[tuple[int, int, int], ...] = ()

    def moved(self, offset: int) -> Place:
        """The place `offset` characters further, on the line on which that lies."""
        start, line, column = max((part for part in self.later if part[0] <= offset), default=(0, self.line, self.column))
        return Place(self.path, line, column + offset - start)


class RuleError(ConfigError):
    """A pack, an indicator or an expression is wrong; carries file, line and column (both 1-based)."""

    def __init__(self, zh: str, en: str, place: Place, *, hint: str = "") -> None:
        self.told = zh, en
        super().__init__(f"{zh} / {en}", path=place.path, line=place.line, column=place.column, hint=hint)
        self.place = place

    def __str__(self) -> str:
        text = f"{self.place.path}:{self.place.line}:{self.place.column}: {self.message}"
        return text + (f" -> {self.hint}" if self.hint else "")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word nearest to `word` ("" when none is near), by difflib's ratio; long words are cut first."""
    near = get_close_matches(word[:64], sorted(known), n=1, cutoff=0.5)
    return near[0] if near else ""


def unknown_word(kind_zh: str, kind_en: str, word: str, known: Iterable[str], place: Place) -> RuleError:
    """The error for a word that nobody declared, naming the nearest declared one."""
    names = sorted(known)
    near, wide = nearest(word, names), next((c for c in word if c in "、“”" or (c.isascii() < unicodedata.normalize("NFKC", c).isascii())), "")
    hint = f"是不是 {near}？/ did you mean {near}?" if near else f"可用 / known: {', '.join(names if len(names) <= 20 else [*names[:12], '…'])}"
    if wide:
        hint = f"含全角的“{wide}”，用半角 / it holds a full-width {wide}, write a plain one"
    return RuleError(f"未知{kind_zh}“{word[:64]}”", f"unknown {kind_en} {word[:64]!r}", place, hint=hint)
