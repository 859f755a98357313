"""The words that the rules may use: the indicators of indicators.yaml, and those that packs bring along.

A word has one meaning wherever it is used: evidence, columns and sentences go by its name. So a pack may declare what nobody else has, or the very
same row again (a pack that travels between counties stands alone); the same name with another meaning is an error that names both places.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rules.declared import read
from rules.indicator import Indicator, Mark
from rules.language import RuleError, Symbol
from rules.row import KEY
from rules.yamltext import Problems, load

__all__ = ["FILE", "Catalogue", "Concern", "Indicator", "Mark", "clash", "load_catalogue"]

FILE = Path(__file__).with_name("indicators.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Official events whose text holds `event`: the hazard they count for where the feed did not say, and whom they concern."""

    event: str
    hazard: str = ""
    towns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Indicators by name, and how official events are read."""

    indicators: dict[str, Indicator]
    concerns: tuple[Concern, ...]
    _longer: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    def widened(self, own: Iterable[Indicator]) -> Catalogue:
        """The catalogue with more words in it, itself where there is none; RuleError for a word that has another meaning already. Words that stand for
        a county's own numbers are named after their place, and of variants of one rule the last counts."""
        found: dict[str, Indicator] = {}
        for word in own:
            known = found.get(word.name) or self.indicators.get(word.name)
            if known is not None and known != word and word.mark is None:
                raise clash(word, known)
            found[word.name] = word
        return Catalogue(self.indicators | found, self.concerns) if found.keys() - self.indicators.keys() else self

    def symbols(self) -> dict[str, Symbol]:
        """What the rule language may name."""
        return {name: Symbol(indicator.unit, title=indicator.title) for name, indicator in self.indicators.items()}

    def longer(self, name: str) -> tuple[str, ...]:
        """Indicators that are the same but for a longer window or lead, of a kind that grows with it: sums, maxima, the wind to come."""
        if name not in self._longer:
            one = self.indicators.get(name)
            self._longer[name] = () if one is None or not one.grows else tuple(
                other.name for other in self.indicators.values()
                if other.window_h + other.lead_h > one.window_h + one.lead_h and _bare(other) == _bare(one))
        return self._longer[name]


def _bare(indicator: Indicator) -> Indicator:
    """The indicator without its name, its window and its lead: what two of one kind share."""
    return replace(indicator, name="", title="", title_en="", window_h=0.0, lead_h=0.0, baseline=0.0)


def clash(word: Indicator, known: Indicator) -> RuleError:
    """The error for a word whose name has another meaning; it stands at the word and names where the other is declared."""
    if word.place is None or known.place is None:
        raise TypeError(f"{word.name} is declared nowhere")
    other = f"{known.place.path}:{known.place.line}"
    return RuleError(f"指标 {word.name} 在 {other} 另有含义（{known.title}）", f"the name has another meaning there ({known.title_en})", word.place,
                     hint="换一个名字，如加本县前缀；同一含义则照抄那一行 / take another name, or the very same row")


@functools.lru_cache(maxsize=8)
def load_catalogue(path: Path = FILE) -> Catalogue:
    """Read indicators.yaml; ConfigErrors with file:line:column for everything wrong with it."""
    document, problems = load(path), Problems()
    found = read(document, problems) if KEY in document.data else {}
    concerned = document.data.get("official", [])
    if not isinstance(concerned, list) or not all(isinstance(row, dict) and "event" in row and isinstance(row.get("towns", []), list) for row in concerned):
        problems.add("official 应为列表，每行有 event", "official is a list, each row with an event", document.place("official"))
    problems.raise_any()
    concerns = tuple(Concern(event=str(row["event"]), hazard=str(row.get("hazard", "")), towns=tuple(row.get("towns", ()))) for row in concerned)
    return Catalogue(found, concerns)
