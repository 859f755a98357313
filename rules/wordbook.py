"""Every indicator that an analyst may use: what it is, its unit, where it is declared, which rules name it; and the nearest ones to what is sought."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from core.county import County
from rules.catalogue import load_catalogue
from rules.handbook import Meaning, meaning
from rules.packs import Pack

NEAREST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One indicator. `packs`: those that declare it for themselves, () for one that every pack may use; `rules`: ids of the rules that name it."""

    meaning: Meaning
    path: Path
    line: int
    packs: tuple[str, ...]
    rules: tuple[str, ...]

    def holds(self, text: str) -> bool:
        """Whether its name, its titles or what it is hold a text, whatever the case."""
        m = self.meaning
        return any(text.casefold() in part.casefold() for part in (m.name, m.title, m.title_en, m.definition))


def words(county: County, packs: Iterable[Pack]) -> tuple[Word, ...]:
    """All shipped indicators, then those that the packs declare for themselves, each in the order of its file."""
    given = tuple(packs)
    shipped = load_catalogue().indicators
    own = {word.name: word for pack in given for word in pack.words if word.name not in shipped}
    naming: dict[str, list[str]] = {}
    for rule in (rule for pack in given for rule in pack.rules):
        for name in {*rule.indicators, *rule.optional, *(rule.explained_by.indicators if rule.explained_by else ())}:
            naming.setdefault(name, []).append(rule.id)
    return tuple(
        Word(meaning=meaning(indicator, county), path=Path(indicator.place.path), line=indicator.place.line, rules=tuple(naming.get(name, ())),
             packs=tuple(pack.pack for pack in given if name in own and name in {word.name for word in pack.words}))
        for name, indicator in (shipped | own).items() if indicator.place)


def nearest(text: str, known: Sequence[Word]) -> tuple[Word, ...]:
    """The words whose name or title is most like a text, the nearest first, as long as any is like it at all."""
    called = {said: word for word in known for said in (word.meaning.title_en, word.meaning.title, word.meaning.name)}
    near = (called[said] for said in get_close_matches(text[:64], list(called), n=NEAREST, cutoff=0.4))
    return tuple({word.meaning.name: word for word in near}.values())
