"""Every comparison of a rule for one town: what is compared, its value now, the threshold after parameters, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.model import Level
from rules.findings import Finding
from rules.language import Columns, evaluate, number
from rules.language.nodes import Compare, Name, Node, Number, walk
from rules.scoring import amount, spell, usual_name

TRUTHS = {True: "成立", False: "不成立", None: "未知"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison of the condition for `level`, NONE in what would explain a claim. `value` is what is proved of the left side, `possible` what
    cannot be excluded (None: no bound), `threshold` the right side, all in `unit`; `truth` None is undecided."""

    level: Level
    text: str
    value: float | None
    possible: float | None
    threshold: float | None
    unit: str
    truth: bool | None

    def line(self) -> str:
        """As `rules explain` prints it."""
        now = "未知" if self.value is None else amount(self.value, self.unit)
        least = "" if self.possible == self.value else f"，不能排除 {'任何值' if self.possible is None else amount(self.possible, self.unit)}"
        return f"{self.text}：现 {now}{least}，阈值 {'未知' if self.threshold is None else amount(self.threshold, self.unit)}，{TRUTHS[self.truth]}"


def comparisons(finding: Finding, columns: Columns, town: int, units: dict[str, str]) -> tuple[Comparison, ...]:
    """All comparisons of a rule at the last tick, by level, in order of writing; `units` by indicator name. Where a claim stands alone, then those
    of what would explain it, as the other paths have it."""
    known = [_one(level, leaf, columns, (-1, town), units) for level, (_, tree) in sorted(finding.rule.conditions.items()) for leaf in leaves(tree)]
    answer, cause = finding.answers.get(town), finding.rule.explained_by
    if answer is not None and cause is not None:
        known += [_one(Level.NONE, leaf, answer.columns, answer.at, units) for leaf in leaves(cause.tree)]
        known += [_tidal(name, value, float(finding.reader.known(name)[-1, town]), cause.tide_margin or 0.0) for name, value in answer.tide.items()
                  if name == usual_name(name)]  # where a gauge has its own number, heights are measured against that
    return tuple(known)


def leaves(tree: Node) -> Iterator[Compare]:
    """The comparisons of a condition in order of writing."""
    return (node for node in walk(tree) if isinstance(node, Compare))


def _one(level: Level, leaf: Compare, columns: Columns, at: tuple[int, int], units: dict[str, str]) -> Comparison:
    left, right, truth = number(leaf.left, columns), number(leaf.right, columns), evaluate(leaf, columns)
    rising = leaf.op[0] != "<"
    proved, possible = (left.lo, left.hi) if rising else (left.hi, left.lo)
    return Comparison(
        level=level, text=spell(leaf), value=_finite(proved[at]), possible=_finite(possible[at]),
        threshold=_finite((right.lo if rising else right.hi)[at]), unit=unit_of(leaf, units),
        truth=True if truth.must[at] else None if truth.may[at] else False,
    )


def _tidal(name: str, value: float, claimed: float, margin: float) -> Comparison:
    """How much of a claimed height the tide and its margin may bring."""
    return Comparison(level=Level.NONE, text=f"{usual_name(name)} 天文潮加 {amount(margin, 'm')} 所及", value=value, possible=value, threshold=_finite(claimed),
                      unit="m", truth=value >= claimed)


def unit_of(leaf: Compare, units: dict[str, str]) -> str:
    """Unit of a comparison: that of its number, else of the first indicator it names."""
    parts = [*walk(leaf.right), *walk(leaf.left)]
    return next((part.unit for part in parts if isinstance(part, Number) and part.unit not in ("", "1")),
                next((units.get(part.name, "") for part in parts if isinstance(part, Name)), ""))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
