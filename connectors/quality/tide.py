"""Astronomical tide and residual at a gauge: the residual is the surge (with river and rain in it) that a warning tide must not hide.

The astronomical part is a harmonic analysis of the gauge's own past by least squares with nodal corrections (Codiga 2011, Unified Tidal Analysis and
Prediction, as the library utide has it). At least 29 days of hours are needed: one month separates M2 from N2 and S2 (Foreman 1977; Pugh 1987, ch. 4).
The last three days are left out of the analysis, so that a surge does not explain itself. With less, there is no residual and the reason is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Days of history that are asked for and that are needed, share of their hours that must be there, and days kept out of the analysis.
ASKED, NEEDED, COVERED, APART = timedelta(days=90), timedelta(days=29), 0.7, timedelta(days=3)
#: Share of the variance that may be left over before the past counts as no tide (chosen), and the latitude within which nodal corrections break down.
UNEXPLAINED, EQUATOR = 0.5, 5.0
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Astronomical:
    """Predicted tide in m at the times asked for, or why there is none."""

    values: Array | None
    why: str = ""


def predict(times: Array, values: Array, at: Array, *, latitude: float, now: datetime) -> Astronomical:
    """The astronomical tide at `at` from readings `values` (m) at `times`; all times epoch seconds, UTC, in any order, NaN is missing.

    Readings after `now` less APART are not used. The answer is above the readings' own datum.
    """
    use = np.isfinite(values) & (times <= now.timestamp() - APART.total_seconds())
    hours, first = np.unique(np.floor(times[use] / HOUR), return_index=True)
    if len(hours) < 2:
        return Astronomical(None, f"潮位历史不足 {NEEDED.days} 天，无法分离天文潮 / no {NEEDED.days} days of tide")
    days = (hours[-1] - hours[0] + 1) / 24
    if days < NEEDED.days or len(hours) < COVERED * days * 24:
        return Astronomical(None, f"潮位历史 {days:.0f} 天、{len(hours)} 时次，需 {NEEDED.days} 天且不缺 {1 - COVERED:.0%} 以上 / too short a history")
    try:
        import utide
    except ImportError:
        return Astronomical(None, "未安装 utide，不算天文潮 / utide is not installed: pip install 'fengsui[tide]'")
    past, seen = times[use][first], values[use][first]
    lat = math.copysign(max(abs(latitude), EQUATOR), latitude)
    try:
        found = utide.solve(_clock(past), seen, lat=lat, method="ols", conf_int="none", trend=False, verbose=False)
        fitted, values_at = (np.asarray(utide.reconstruct(_clock(when), found, verbose=False).h, dtype=float) for when in (past, at))
    except np.linalg.LinAlgError:
        return Astronomical(None, "调和分析无解 / the harmonic analysis has no solution")
    left, whole = float(np.var(seen - fitted)), float(np.var(seen))
    if not left < UNEXPLAINED * whole:
        return Astronomical(None, "过去的水位不像潮汐（卡死或站点有误），不算余水位 / the past is not tidal")
    return Astronomical(values_at)


def _clock(seconds: Array) -> NDArray[np.datetime64]:
    return np.asarray(np.round(seconds), dtype="int64").astype("datetime64[s]")
