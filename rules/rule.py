"""Rules and packs as frozen types, and the words that rules name.

A pack says where its numbers come from (document and clause), since when and where they hold, and whether anybody checked
them against the document (`verified`). Its hash is that of the file, so evidence names the very text that fired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from core.model import Hazard, Level
from rules.catalogue import Catalogue, Indicator, load_catalogue
from rules.language import Symbol
from rules.language.nodes import Node, names

COLOURS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Hysteresis: seconds for which a level must be proved before it counts, and disproved before it falls."""

    rise_s: int = 0
    keep_s: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What in nature would explain a claim of the rule (rules.explained): a condition as text and checked tree, the `indicators` it names, what the
    duty desk is asked where nothing does, and where its numbers come from. `tide_margin`: how far (m) over the foretold tide a gauge's reading still
    counts as tide (rules.foretold); None: the moon is not asked. `sudden`: the causes are such as raise a water within the hour, so that a leap may be
    believed on their word (rules.widened)."""

    text: str
    tree: Node
    question: str
    source: str = ""
    verified: bool = False
    tide_margin: float | None = None
    sudden: bool = False

    @property
    def indicators(self) -> tuple[str, ...]:
        """Indicators that the condition names, each once."""
        return names(self.tree)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: a condition per level (text and checked tree), and the indicators that they name. `corroborate`: from this level on, one
    path alone proves nothing. `explained_by`: what must not be known to be absent for one path alone to prove anything.
    `parameters`: the pack's named numbers; `words`: indicators that it names and its pack declares; `own`: the words that stand for a county's own
    numbers (rules.overrides)."""

    id: str
    title: str
    hazards: tuple[Hazard, ...]
    conditions: Mapping[Level, tuple[str, Node]]
    hold: Hold
    role: str = "hazard"
    stage: str = "live"
    optional: frozenset[str] = frozenset()
    corroborate: Level | None = None
    explained_by: Cause | None = None
    pack: str = ""
    pack_hash: str = ""
    source: str = ""
    verified: bool = False

    indicators: tuple[str, ...] = ()
    parameters: Mapping[str, Symbol] = field(default_factory=dict)
    words: tuple[Indicator, ...] = ()
    own: tuple[Indicator, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One pack file; `words`: the indicators that it declares."""

    pack: str
    title: str
    jurisdiction: str
    valid_from: date
    valid_to: date | None
    source: str
    verified: bool
    hash: str
    path: Path
    words: tuple[Indicator, ...] = ()
    rules: tuple[Rule, ...] = ()

    def valid_on(self, day: date) -> bool:
        """Whether the pack's numbers hold on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def used_names(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Indicators that the levels of any of the rules name, sorted."""
    return tuple(sorted({name for rule in rules for name in rule.indicators}))


def asked_names(rules: Iterable[Rule]) -> tuple[str, ...]:
    """`used_names` and what explains a claim, which is looked at only where one stands alone."""
    given = tuple(rules)
    return tuple(sorted({*used_names(given), *(name for rule in given if rule.explained_by for name in rule.explained_by.indicators)}))


def vocabulary(rules: Iterable[Rule]) -> Catalogue:
    """The declared indicators, and with them what the rules bring along: their packs' own words and those for the county's own numbers."""
    return load_catalogue().widened(word for rule in rules for word in (*rule.words, *rule.own))
