"""Rules over columns: for every rule, tick and town what is proved, what cannot be excluded and where a lost station was heading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from core.model import Level
from rules.language import Columns, Truth, evaluate
from rules.packs import Rule
from rules.scoring import Reader
from rules.situation import Table

Levels = NDArray[np.int8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule. `proved`, `ceiling`, `heading` (T, N) levels; `truths` by level (T, N); `age_s` (T, N): age of the readings that it rests on, by
    the indicator that is worst off."""

    rule: Rule
    proved: Levels
    ceiling: Levels
    heading: Levels
    truths: dict[Level, Truth]
    reader: Reader
    age_s: Floats

    @property
    def progress(self) -> dict[Level, Floats]:
        """By level (T, N) in 0..1: how far its condition is on its way; worked out when asked for, once."""
        return {level: self.reader.progress(tree) for level, (_, tree) in self.rule.conditions.items()}


def find(rule: Rule, table: Table, reader: Reader) -> Finding:
    """Evaluate one rule. A level holds where its condition does; from `corroborate` on only what two paths support counts as proof."""
    absent = {name: table.absent[name] for name in rule.optional if name in table.absent}
    plain, heading, corroborated = (Columns(c.values, absent, c.shape) for c in (table.plain, table.heading, table.corroborated))
    proved, ceiling, headed = (np.zeros(plain.shape, dtype=np.int8) for _ in range(3))
    truths: dict[Level, Truth] = {}
    unlost = all(heading.values[name] is plain.values[name] for name in rule.indicators)
    for level, (_, tree) in sorted(rule.conditions.items()):
        strict = rule.corroborate is not None and level >= rule.corroborate
        loose = evaluate(tree, plain)
        truth = Truth(evaluate(tree, corroborated).must, loose.may) if strict else loose
        lost = truth if strict or unlost else evaluate(tree, heading)
        truths[level] = truth
        for levels, where in ((proved, truth.must), (ceiling, truth.may), (headed, lost.must)):
            np.copyto(levels, int(level), where=where)
    age = reduce(np.maximum, [table.age_s[name] for name in rule.indicators])
    return Finding(rule, proved, np.maximum(ceiling, proved), np.maximum(headed, proved), truths, reader, age)
