"""The skill of each rule by itself: spans by rule, as a back-test writes them, against what happened, at every level and hazard of the rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.model import Hazard
from rules.verify.events import Span
from rules.verify.period import Period
from rules.verify.report import Verification, verify


def is_by_rule(path: Path) -> bool:
    """Whether the file's first line names rules instead of hazards."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            names = lines.readline().strip().split(",")
    except (OSError, UnicodeDecodeError):
        return False  # read_spans says what is wrong
    return "rule" in names and "hazard" not in names


def verify_rules(
    spans: Mapping[str, Sequence[Span]], happened: Sequence[Span], hazards: Mapping[str, tuple[Hazard, ...]], *, seed: int = 1, period: Period | None = None,
) -> dict[str, Verification]:
    """Verification by rule id, for the rules that `spans` has; `hazards` of every known rule."""
    return {rule: verify(spans[rule], [s for s in happened if s.hazard in hazards[rule]], seed=seed, period=period) for rule in sorted(spans)}


def record(found: Verification) -> list[dict[str, Any]]:
    """What the audit chain keeps of a rule's skill: one row a hazard and level."""
    return [{"hazard": str(h), "level": lv.en, **{k: v for k, v in asdict(s).items() if k != "intervals"}} for (h, lv), s in found.skills.items()]
