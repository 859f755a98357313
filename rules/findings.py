"""Rules over columns: for every rule, tick and town what is proved, what cannot be excluded and where a lost station was heading.

**One path moves a level by one step at most.** What one path claims (line, modem: R21 counts paths, not sensors) counts in full only where no other
path is there to contradict it, because none within reach has been heard for a day. Elsewhere the level is at most one step above what the other paths
prove without it, and the first step, from no warning to blue, is taken only where they come within `towns.FIRST_SHARE` of it themselves. So a
lying source can neither raise a calm town nor take a warned one further than the next colour; and because a second path is counted as it is
measured, a source that lies low hides nothing that two others prove.

The price is paid knowingly: a real cloudburst over one gauge among calm neighbours is not proved either. It stands in the ceiling in full, which no
silence or disagreement lowers, so that the duty officer reads that red cannot be excluded, with the flag `one_path` in the evidence; his own decision,
a reporter's word (a rule that weighs reports is a person against a gauge, two sources, and is not capped) or the next gauge prove it. Where a
quantity is a place's own (`local`: cracks, banks), neighbours prove nothing either way and one path counts. `corroborate` in a rule is the stricter
form: from that colour on nothing counts but what two paths support. `explained_by` asks nature where no second path is there to ask (rules.explained).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from core.model import Level
from rules.language import Columns, Node, Truth, evaluate
from rules.packs import Rule
from rules.scoring import Reader
from rules.situation import Table

Levels = NDArray[np.int8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other paths say, in one town at the last tick, of the causes that would explain a claim: `columns` at `at`, and whether any is there
    (None: that is not known). `tide`: by indicator what the moon may bring of it (rules.foretold), where it may any."""

    columns: Columns
    at: tuple[int, int]
    verdict: bool | None
    tide: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule. `proved`, `ceiling`, `heading` (T, N) levels; `claimed` (T, N) what the data would prove if one path were believed alone, `others`
    (T, N) what is left without each indicator's best path, where something is claimed; `age_s` (T, N): age of the readings that it rests on, by the
    indicator that is worst off. `unexplained` (T, N): the level that one path alone claims or was heading for, known to be without a cause, 0 elsewhere;
    `answers` by number of the town, where a claim stands alone; `tidal`: towns at the last tick where nothing but the tide keeps a claim from standing
    alone."""

    rule: Rule
    proved: Levels
    ceiling: Levels
    heading: Levels
    truths_once: Callable[[], dict[Level, Truth]]
    reader: Reader
    age_s: Floats
    claimed: Levels
    others: Levels
    unexplained: Levels
    answers: Mapping[int, Answer] = field(default_factory=dict)
    tidal: frozenset[int] = frozenset()

    @property
    def truths(self) -> dict[Level, Truth]:
        """By level (T, N): what its condition says; worked out when asked for, once."""
        return self.truths_once()

    @property
    def progress(self) -> dict[Level, Floats]:
        """By level (T, N) in 0..1: how far its condition is on its way; worked out when asked for, once."""
        return {level: self.reader.progress(tree) for level, (_, tree) in self.rule.conditions.items()}


def find(rule: Rule, table: Table, reader: Reader) -> Finding:
    """Evaluate one rule. A level holds where its condition does; from `corroborate` on only what two paths support counts as proof."""
    absent = {name: table.absent[name] for name in rule.optional if name in table.absent}
    plain, heading, corroborated = (replace(side, absent=absent) for side in (table.plain, table.heading, table.corroborated))
    trees = {level: tree for level, (_, tree) in sorted(rule.conditions.items())}
    weak = {level: tree for level, tree in trees.items() if rule.corroborate is None or level < rule.corroborate}
    strict = {level: tree for level, tree in trees.items() if level not in weak}
    claimed, ceiling = levels(trees, plain)
    if strict:
        claimed = np.maximum(levels(weak, plain)[0], levels(strict, corroborated)[0])
    unlost = all(heading.values[name] is plain.values[name] for name in rule.indicators)
    headed = claimed if unlost else np.maximum(levels(weak, heading)[0], claimed)
    proved, others = _believed(rule, claimed, table, absent, table.plain, table.second, table.backed)
    unlost = unlost and all(table.second_heading.values[name] is table.second.values[name] for name in rule.indicators)
    held = proved if unlost else _believed(rule, headed, table, absent, table.heading, table.second_heading, table.backed_heading)[0]
    age = reduce(np.maximum, {id(age): age for age in (table.age_s[name] for name in rule.indicators)}.values())

    @functools.cache
    def truths() -> dict[Level, Truth]:
        """By level what its condition says, where a level is strict proved by what two paths support."""
        told = {level: evaluate(tree, plain) for level, tree in trees.items()}
        return told | {level: Truth(evaluate(tree, corroborated).must, told[level].may) for level, tree in strict.items()}

    return Finding(rule, proved, np.maximum(ceiling, claimed), np.maximum(held, proved), truths, reader, age, claimed, others, np.zeros_like(proved))


def reached(rule: Rule, columns: Columns) -> Levels:
    """(T, N) the level that columns prove."""
    return levels({level: tree for level, (_, tree) in rule.conditions.items()}, columns)[0]


def levels(trees: Mapping[Level, Node], columns: Columns) -> tuple[Levels, Levels]:
    """(T, N) the highest of the levels of `trees` that columns prove, and the highest that they cannot exclude."""
    proved, possible = np.zeros(columns.shape, dtype=np.int8), np.zeros(columns.shape, dtype=np.int8)
    for level, tree in trees.items():
        truth = evaluate(tree, columns)
        raise_to(proved, level, truth.must)
        raise_to(possible, level, truth.may)
    return proved, possible


def raise_to(levels: Levels, level: Level, where: NDArray[np.bool_]) -> None:
    """Raise levels in place; a product and a maximum of bytes are eight times faster than a masked copy."""
    np.maximum(levels, np.multiply(where, np.int8(level), dtype=np.int8), out=levels)


def _believed(
    rule: Rule, claimed: Levels, table: Table, absent: dict[str, NDArray[np.bool_]], whole: Columns, second: Columns, backed: Columns
) -> tuple[Levels, Levels]:
    """What counts of the claimed levels (T, N): no more than one step above the level of the `second` columns, or the first step where `backed`
    reaches a colour; never a colour that the rule does not know. And that level of the `second` columns, the claim itself where they are the `whole`."""
    alike = all(second.values[name] is whole.values[name] for name in rule.indicators)
    cells = np.flatnonzero(claimed > 0)
    if not cells.size or alike or table.told & set(rule.indicators):
        return claimed, claimed
    claim, left = claimed.reshape(-1)[cells], _reached_at(rule, replace(second, absent=absent), cells)
    allowed, alone = left + 1, np.flatnonzero(left == 0)
    allowed[alone] = _reached_at(rule, replace(backed, absent=absent), cells[alone]) > 0
    known = np.array([max((int(level) for level in rule.conditions if level <= n), default=0) for n in range(int(Level.RED) + 2)], dtype=np.int8)
    believed, others = np.zeros_like(claimed), np.zeros_like(claimed)
    np.put(believed, cells, known[np.minimum(claim, allowed)])
    np.put(others, cells, left)
    return believed, others


def _reached_at(rule: Rule, columns: Columns, cells: Ints) -> Levels:
    """(P,) the level that columns prove at some of their places."""
    return np.asarray(reached(rule, columns.at(rule.indicators, cells))[0])
