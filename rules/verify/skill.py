"""Skill of warnings: POD, FAR, CSI and bias by the library `scores`, lead times, and bootstrap intervals over the outcomes.

Definitions: Wilks, Statistical Methods in the Atmospheric Sciences, ch. 8. Fewer than FEW events prove nothing, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rules.verify.events import Outcome

FEW = 10
DRAWS = 2000
COVERAGE = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """One threshold of one set of outcomes. Near misses are misses here. Each score with its 95 % interval (None: not defined);
    `lead_h`: quartiles of the lead times of the hits, hours; `few`: fewer than FEW events, so that the numbers prove little."""

    hits: int
    near: int
    misses: int
    false: int
    pod: float | None
    far: float | None
    csi: float | None
    bias: float | None
    intervals: dict[str, tuple[float, float] | None]
    lead_h: tuple[float, float, float] | None
    few: bool


def skill(outcomes: Sequence[Outcome], *, seed: int = 1) -> Skill:
    """Scores of outcomes; the same seed gives the same intervals."""
    counts = Counter(outcome.kind for outcome in outcomes)
    hits, missed, false = counts["hit"], counts["near"] + counts["miss"], counts["false"]
    leads = np.array([o.lead_s for o in outcomes if o.kind == "hit"], dtype=np.float64) / 3600
    quartiles = tuple(float(q) for q in np.percentile(leads, [25, 50, 75])) if len(leads) else None
    return Skill(
        hits=hits, near=counts["near"], misses=counts["miss"], false=false, **_scores(hits, missed, false), intervals=_intervals(hits, missed, false, seed),
        lead_h=(quartiles[0], quartiles[1], quartiles[2]) if quartiles else None, few=hits + missed < FEW,
    )


def _scores(hits: int, missed: int, false: int) -> dict[str, float | None]:
    """The four scores by the library; what it calls not a number is None."""
    import xarray as xr
    from scores.categorical import BasicContingencyManager

    counts = {"tp_count": hits, "fn_count": missed, "fp_count": false, "tn_count": 0, "total_count": hits + missed + false}
    table = BasicContingencyManager({name: xr.DataArray(float(n)) for name, n in counts.items()})
    found = {"pod": table.probability_of_detection(), "far": table.false_alarm_ratio(), "csi": table.critical_success_index(), "bias": table.frequency_bias()}
    return {name: float(value) if np.isfinite(float(value)) else None for name, value in found.items()}


def _intervals(hits: int, missed: int, false: int, seed: int) -> dict[str, tuple[float, float] | None]:
    """Percentile bootstrap over outcomes: as many draws with replacement as there are outcomes."""
    total = hits + missed + false
    if not total:
        return dict.fromkeys(("pod", "far", "csi", "bias"))
    h, m, f = np.random.default_rng(seed).multinomial(total, np.array([hits, missed, false]) / total, size=DRAWS).T.astype(np.float64)
    ratios: dict[str, Callable[[], NDArray[np.float64]]] = {
        "pod": lambda: h / (h + m), "far": lambda: f / (h + f), "csi": lambda: h / (h + m + f), "bias": lambda: (h + f) / (h + m)}
    out: dict[str, tuple[float, float] | None] = {}
    for name, ratio in ratios.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = ratio()
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.percentile(drawn, COVERAGE) if len(drawn) else (np.nan, np.nan)
        out[name] = (float(low), float(high)) if len(drawn) else None
    return out


def auc(score: ArrayLike, happened: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a case with an event has the higher score than one without, ties by half (Mann-Whitney).

    NaN when one of the two kinds is absent.
    """
    from scipy.stats import rankdata

    values, truth = np.asarray(score, dtype=np.float64), np.asarray(happened, dtype=bool)
    yes, no = int(truth.sum()), int((~truth).sum())
    if not yes or not no:
        return float("nan")
    return float((rankdata(values)[truth].sum() - yes * (yes + 1) / 2) / (yes * no))
