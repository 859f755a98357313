"""YAML of the analysts' files with the place of every value: line from core.yamlfile, column by finding the text in its line.

Packs come from people outside the county too, so a file is small and shallow; anchors, aliases and tags (which hide and multiply) are
refused by core.yamlfile before anything is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import yamlfile
from core.errors import ConfigError, ConfigErrors
from rules.language import Place, RuleError, unknown_word

MAX_BYTES = 64 * 1024
#: So many commas and lines a file may have; the YAML reader takes some 50 us for what stands between two of them.
MAX_PARTS = 8_000
MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data as plain dicts and lists, and where each key path stands."""

    path: Path
    data: dict[str, Any]
    where: yamlfile.Where
    lines: tuple[str, ...]

    def place(self, *keys: str | int) -> Place:
        """Place of the value under a key path: its first character, also where it is folded over the lines below its key; else the key's line."""
        line = self.where(*keys)
        value: Any = self.data
        for key in keys:
            value = _child(value, key)
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        row, column = self.where.value(*keys)
        at = text.find(value, column - 1) if isinstance(value, str) and value and row == line else -1  # behind a quote
        folded = self._folded(line, value) if at < 0 and isinstance(value, str) else ()
        if folded:
            return Place(self.path, *folded[0][1:], later=folded[1:])
        if at < 0 and (value is None or row != line):
            column = len(text) - len(text.lstrip()) + 1
        return Place(self.path, line, at + 1 if at >= 0 else column)

    def key_place(self, *keys: str | int) -> Place:
        """Place of a key itself."""
        return Place(self.path, *self.where.key(*keys))

    def _folded(self, line: int, value: str) -> tuple[tuple[int, int, int], ...]:
        """(offset in the value with single blanks, line, column) of each line below `line` that makes up the value; () where none does."""
        words, parts, at = " ".join(value.split()), [], 0
        for number, text in enumerate(self.lines[line:], line + 1):
            part = " ".join(text.split())
            if at >= len(words) or not part or not words.startswith(part, at):
                break
            parts.append((at, number, len(text) - len(text.lstrip()) + 1))
            at += len(part) + 1
        return tuple(parts) if at >= len(words) else ()


def load(path: Path) -> Document:
    """Read one file; ConfigError (RuleError for what only packs refuse) with file:line."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ConfigError("文件读不到 / the file cannot be read", path=path) from error
    if size > MAX_BYTES:
        raise RuleError(f"文件 {size} 字节，超过 {MAX_BYTES}", "file too large", Place(path))
    text = yamlfile.read_text(path)
    if text.count(",") + text.count("\n") > MAX_PARTS:
        raise RuleError(f"文件里的值超过 {MAX_PARTS} 个", f"more than {MAX_PARTS} values", Place(path), hint="分成几个包 / split the pack")
    _shallow(text, path)
    data, where = yamlfile.load(path)
    if not _depth(data, MAX_DEPTH):
        raise RuleError(f"嵌套超过 {MAX_DEPTH} 层", f"nested deeper than {MAX_DEPTH}", Place(path))
    return Document(path, data, where, tuple(text.splitlines()))


def _shallow(text: str, path: Path) -> None:
    """Refuse text that nests beyond any pack before the YAML reader sees it, whose time grows with the square of the depth."""
    open_ = 0
    for number, line in enumerate(text.splitlines(), start=1):
        open_ = max(0, open_ + sum(line.count(c) for c in "[{") - sum(line.count(c) for c in "]}"))
        highest = max(open_, line.count("[") + line.count("{") if open_ else 0)
        indent = len(line) - len(line.lstrip(" -?"))
        if highest > 8 * MAX_DEPTH or indent > 8 * MAX_DEPTH:
            raise RuleError(f"嵌套超过 {MAX_DEPTH} 层", f"nested deeper than {MAX_DEPTH}", Place(path, number))


def _depth(value: Any, limit: int) -> bool:
    """Whether a value is nested no deeper than `limit`."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return limit >= 0 and all(_depth(child, limit - 1) for child in inner)


def _child(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    return value[key] if isinstance(value, list) and isinstance(key, int) else None


class Problems:
    """Everything wrong with a set of files, told at once."""

    def __init__(self) -> None:
        self.errors: list[ConfigError] = []

    def add(self, zh: str, en: str, place: Place, hint: str = "") -> None:
        """Note one error."""
        self.errors.append(RuleError(zh, en, place, hint=hint))

    def unknown_keys(self, document: Document, keys: tuple[str | int, ...], mapping: dict[str, Any], known: frozenset[str]) -> None:
        """Note every key of a mapping that is not known, with the nearest known one."""
        for key in mapping:
            if key not in known:
                self.errors.append(unknown_word("键", "key", str(key), known, document.key_place(*keys, key)))

    def raise_any(self) -> None:
        """ConfigErrors if there was any, in the order of places."""
        if self.errors:
            raise ConfigErrors(sorted(self.errors, key=lambda e: (str(e.path), e.line or 0)))
