"""One Chinese sentence that says why: first what people would say, then what analysts look up."""

from __future__ import annotations

from core.model import Evidence, Hazard, Level
from rules import official
from rules.scoring import amount
from rules.situation import Situation


def reason(situation: Situation, town: int, hazard: Hazard, level: Level, floor: Level, proofs: list[Evidence]) -> str:
    """Reason of a level: the official signal when it decides, then the rules that prove it, or that it is held; "" for NONE."""
    if level is Level.NONE:
        return ""
    parts = []
    signal = official.strongest(situation.signals[-1], town, hazard)
    if signal is not None and floor >= level:
        parts.append(f"官方{signal.event or signal.title}{floor.zh}信号生效")
    parts += [_proof(situation, proof) for proof in sorted(proofs, key=lambda e: (-e.level, -e.score, e.rule)) if proof.level is not Level.NONE]
    if not parts or max([floor, *(p.level for p in proofs)], default=Level.NONE) < level:
        lost = any("lost_while_rising" in proof.flags for proof in proofs)
        parts.insert(0, "测站在上涨中失联，按趋势维持" if lost else "风险尚未确认解除，维持原级别")
    return "；".join(parts)


def _proof(situation: Situation, proof: Evidence) -> str:
    """'6小时雨量 52 mm（flood.rainstorm 黄色）': the first indicator that is known, smallest window first as the condition names it."""
    catalogue = situation.catalogue.indicators
    text = proof.conditions[proof.level.en][0]
    named = [name for name in proof.values if name in catalogue and name in text and proof.values[name] is not None and catalogue[name].unit != "flag"]
    shown = [f"{catalogue[name].title} {amount(float(proof.values[name] or 0.0), catalogue[name].unit)}" for name in named[:2]]
    return f"{'、'.join(shown) or proof.title}（{proof.rule} {proof.level.zh}）"
