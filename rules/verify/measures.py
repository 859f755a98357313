"""What a table of scores does not show: how skill moves with the threshold, how early warnings came, and whether chances came true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.model import Hazard, Level
from rules.verify.events import EARLY, NEW, Outcome, Span, match
from rules.verify.period import Period
from rules.verify.skill import skill

COLOURS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
#: Edges of the bins of forecast chances.
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Warnings whose chance fell into one bin: their mean chance, the share that came true, how many they are."""

    chance: float
    share: float
    cases: int


def sensitivity(warned: Sequence[Span], happened: Sequence[Span], period: Period | None = None) -> list[list[float | None]]:
    """CSI of one hazard by (event of at least this level, warning of at least that level), both blue to red: on the diagonal the level that was
    meant; beside it what a lower or a higher threshold for warning would have brought. None: neither warned of nor happened, or not defined."""
    return [[_csi(match(warned, happened, level, event_level=event, period=period)) for level in COLOURS] for event in COLOURS]


def _csi(outcomes: list[Outcome]) -> float | None:
    return skill(outcomes).csi if outcomes else None


def leads(outcomes: dict[tuple[Hazard, Level], tuple[Outcome, ...]]) -> list[tuple[Hazard, Level, str, tuple[float, ...]]]:
    """Lead times in hours, sorted, of hits (early) and near misses (negative: late), by hazard, level and town; town "" is all of them together."""
    rows = []
    for (hazard, level), found in outcomes.items():
        told = {town: _hours(o for o in found if o.town == town) for town in sorted({o.town for o in found})}
        rows += [(hazard, level, "", _hours(found)), *((hazard, level, town, hours) for town, hours in told.items() if hours)]
    return [row for row in rows if row[3]]


def _hours(outcomes: Iterable[Outcome]) -> tuple[float, ...]:
    return tuple(sorted(round(o.lead_s / 3600, 4) for o in outcomes if o.lead_s is not None))


def reliability(warned: Sequence[Span], happened: Sequence[Span], period: Period | None = None) -> list[Bin]:
    """Warnings that gave a chance, in five bins: one came true when its town had at least its level of the hazard while it stood or within EARLY
    of its end, the reach that matching uses; one of which the period does not tell is left out. Bins without a case are left out."""
    told = [(w, _came(w, happened)) for w in warned if w.chance is not None]
    cases = [(w.chance, came) for w, came in told if came or period is None or not period.leaves_open(w.start, w.end, NEW)]
    chances, came = np.array([c for c, _ in cases]), np.array([h for _, h in cases], dtype=bool)
    numbers = np.clip(np.digitize(chances, BINS) - 1, 0, len(BINS) - 2) if cases else np.zeros(0, dtype=np.int64)
    return [Bin(chance=float(chances[numbers == n].mean()), share=float(came[numbers == n].mean()), cases=int((numbers == n).sum()))
            for n in range(len(BINS) - 1) if (numbers == n).any()]


def _came(warning: Span, happened: Iterable[Span]) -> bool:
    return any((e.town, e.hazard) == (warning.town, warning.hazard) and e.level >= warning.level and warning.start <= e.end and warning.end >= e.start - EARLY
               for e in happened)
