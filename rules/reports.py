"""Field reports as levels per town: what two trained officers confirm, what one says, what therefore cannot be excluded. Numbers stand in reports.yaml.

A report counts from its receipt until `valid_h` after what it saw. It can add a level or widen what is possible; nothing here takes anything away, and
that nobody reports says nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.errors import ConfigError
from core.model import Hazard, Level
from core.reporting import KINDS
from core.yamlfile import load
from rules.catalogue import Indicator
from rules.grid import microseconds
from rules.language import Interval

FILE = Path(__file__).with_name("reports.yaml")


@dataclass(frozen=True, slots=True)
class Weight:
    """What one kind says: for which hazard, the level without a value, and (least value, level) from the lowest on."""

    hazard: Hazard
    unmeasured: Level
    levels: tuple[tuple[float, Level], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """reports.yaml."""

    valid: timedelta
    ceiling_trust: int
    confirm_trust: int
    confirm_reporters: int
    kinds: dict[str, Weight]


@functools.lru_cache(maxsize=4)
def policy(path: Path = FILE) -> Policy:
    """Read reports.yaml; ConfigError for a kind, hazard or colour that nobody knows, or fewer than two to confirm."""
    data, where = load(path)
    kinds = {}
    for key, row in data["kinds"].items():
        try:
            levels = tuple(sorted((float(least), Level[str(colour).upper()]) for colour, least in row.get("levels", {}).items()))
            kinds[key] = Weight(Hazard(row["hazard"]), Level[str(row["unmeasured"]).upper()], levels)
        except (KeyError, ValueError) as error:
            raise ConfigError(f"{key}：{error} 不认识 / unknown", path=path, line=where("kinds", key)) from error
        if key not in KINDS or (levels and not KINDS[key].unit) or [level for _, level in levels] != sorted(level for _, level in levels):
            raise ConfigError(f"{key} 不是灾情种类，或级别与数值不符 / no kind, or levels do not rise with the value", path=path, line=where("kinds", key))
    if int(data["confirm_reporters"]) < 2:
        raise ConfigError("confirm_reporters 至少为 2 / at least 2", path=path, line=where("confirm_reporters"))
    return Policy(timedelta(hours=float(data["valid_h"])), int(data["trust"]["ceiling"]), int(data["trust"]["confirm"]), int(data["confirm_reporters"]), kinds)


def back() -> timedelta:
    """How far back reports can count."""
    return policy().valid


def level_of(kind: str, value: float | None, hazard: str) -> Level:
    """Level that one report speaks for; NONE where its kind says nothing about the hazard."""
    weight = policy().kinds.get(kind)
    if weight is None or weight.hazard != hazard:
        return Level.NONE
    if value is None or not weight.levels or np.isnan(value):
        return weight.unmeasured
    return max((level for least, level in weight.levels if value >= least), default=Level.NONE)


def counting(frame: pd.DataFrame | None, at: datetime, town: str, hazard: str) -> list[Any]:
    """Rows (as lake.reports gives them) that count for a town and hazard at `at`, the strongest first."""
    return _ranked(_live(frame, [at], town)[0], hazard)


def _live(frame: pd.DataFrame | None, ticks: Sequence[datetime], town: str) -> list[tuple[Any, ...]]:
    """Rows of a town whose time counts at each tick, by whoever may count at all; equal tuples are one object."""
    if frame is None or frame.empty:
        return [()] * len(ticks)
    told = policy()
    rows = list(frame[(frame["town"] == town) & (frame["trust"] >= told.ceiling_trust)].itertuples())
    received, seen = (np.array([microseconds(getattr(row, name)) for row in rows], dtype=np.int64) for name in ("received", "time"))
    valid = told.valid // timedelta(microseconds=1)
    groups: dict[bytes, tuple[Any, ...]] = {}
    out = []
    at = np.array([microseconds(tick) for tick in ticks], dtype=np.int64)[:, None]
    for live in (received <= at) & (seen > at - valid):
        key = live.tobytes()
        if key not in groups:
            groups[key] = tuple(row for row, counts in zip(rows, live, strict=True) if counts)
        out.append(groups[key])
    return out


def _ranked(rows: Sequence[Any], hazard: str) -> list[Any]:
    return sorted((row for row in rows if level_of(row.kind, row.value, hazard)), key=lambda row: (-level_of(row.kind, row.value, hazard), row.received, row.report))


def interval(indicator: Indicator, frame: pd.DataFrame | None, ticks: list[datetime], towns: tuple[str, ...]) -> Interval:
    """(T, N) levels 0..4. `reported`: from what enough trained officers confirm up to what any counting report says; `reported_by_one`: the
    highest level that one trained officer says."""
    lo, hi = np.zeros((len(ticks), len(towns))), np.zeros((len(ticks), len(towns)))
    known = set(frame["town"]) if frame is not None else set()
    for n, town in enumerate(towns):
        if town not in known:
            continue
        live = _live(frame, ticks, town)
        levels = {id(rows): _levels(indicator, _ranked(rows, indicator.hazard)) for rows in {id(rows): rows for rows in live}.values()}
        lo[:, n], hi[:, n] = zip(*(levels[id(rows)] for rows in live), strict=True)
    return Interval(lo, np.maximum(lo, hi))


def _levels(indicator: Indicator, rows: list[Any]) -> tuple[int, int]:
    """(confirmed, not excluded) by the reports that count."""
    told = policy()
    trained: dict[str, int] = {}
    for row in rows:
        if row.trust >= told.confirm_trust:
            trained[row.reporter] = max(trained.get(row.reporter, 0), level_of(row.kind, row.value, indicator.hazard))
    ranked = sorted(trained.values(), reverse=True)
    if indicator.quantity == "reported_by_one":
        return (ranked[0], ranked[0]) if ranked else (0, 0)
    highest = max((level_of(row.kind, row.value, indicator.hazard) for row in rows), default=Level.NONE)
    return (ranked[told.confirm_reporters - 1] if len(ranked) >= told.confirm_reporters else 0), highest


def spell(row: Any) -> str:
    """A report in evidence: 'report:积水 0.4 m hm-bc-t1(trust 2)'."""
    kind = KINDS[row.kind]
    value = f" {row.value:g} {kind.unit}".rstrip("1").rstrip() if row.value is not None and not np.isnan(row.value) else ""
    return f"report:{kind.title}{value} {row.reporter}(trust {row.trust})"
