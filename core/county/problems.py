"""Where the errors of one reading of a county folder are gathered, so that all of them are told at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from core.errors import ConfigError, ConfigErrors

T = TypeVar("T")


@dataclass
class Problems:
    """The errors of one reading; a word that many rows name wrongly is told once, with the number of rows."""

    root: Path
    errors: list[ConfigError] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    #: By file what people call its words otherwise: a town's name and code, which are not its key.
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _unknown: dict[tuple[str, str], list[tuple[str, int, str]]] = field(default_factory=dict)

    def add(self, name: str, line: int | None, message: str, hint: str) -> None:
        """Note one error of file `name`; `hint` says what to do."""
        self.errors.append(ConfigError(message, path=self.root / name, line=line, hint=hint))

    def wrong(self, name: str) -> bool:
        """Whether anything in file `name` is wrong: then others are not held against it."""
        return (name in self.broken or any(error.path == self.root / name for error in self.errors)
                or any(place[0] == name for places in self._unknown.values() for place in places))

    def guard(self, name: str, read: Callable[[], T], default: T) -> T:
        """Read file `name`; a ConfigError is noted, the file counts as broken (nobody is blamed for words that it should have held)."""
        try:
            return read()
        except ConfigError as error:
            self.errors += error.errors if isinstance(error, ConfigErrors) else [error]
            self.broken.add(name)
            return default

    def refer(self, name: str, line: int, column: str, word: str, known: Collection[str], home: str) -> None:
        """`word` should be one of `known`, which file `home` declares; unknown ones are gathered, silently where `home` itself is wrong."""
        if word not in known and home not in self.broken:
            self._unknown.setdefault((home, word), []).append((name, line, column))
            self._known[home] = tuple(known)

    def settle(self) -> list[ConfigError]:
        """All errors, ordered by file and line, each once."""
        for (home, word), places in self._unknown.items():
            name, line, column = places[0]
            more = f"（共 {len(places)} 处 places）" if len(places) > 1 else ""
            self.add(name, line, f"{column} 不认识 {word!r}{more} / unknown, {home} does not have it",
                     meant(self.names.get(home, {}).get(word, word), sorted(self._known[home])))
        self._unknown.clear()
        unique = {str(error): error for error in self.errors}
        return sorted(unique.values(), key=lambda error: (str(error.path), error.line or 0))


def meant(word: str, known: Iterable[str], most: int = 12) -> str:
    """What to write instead of a word that nobody knows: the nearest known one, and the known ones as far as they are few."""
    words = list(known)
    near = get_close_matches(word, words, 1, 0.5)
    use = "、".join(words[:most]) + (f" 等 {len(words)} 个 / of {len(words)}" if len(words) > most else "")
    return "；".join(([f"是否 / did you mean: {near[0]}"] if near else []) + [f"可用 / use: {use or '-'}"])


def shown(value: object, limit: int = 40) -> str:
    """A wrong value as an error may show it: short, on one line, telephone numbers masked."""
    from core.pii import mask

    text = mask(repr(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"
