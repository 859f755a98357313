"""What may come, for officers: how many agencies' forecast tracks alone would reach each level, and how soon a stage would reach its mark.

The share of agencies is their spread put as a probability of the level; it is not calibrated, and it moves no level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.model import Hazard, Level
from rules import track
from rules.findings import Finding, find
from rules.grid import Floats, Ints
from rules.language import Columns, Interval
from rules.packs import Rule
from rules.scoring import Reader
from rules.situation import Situation, Table

#: The indicator that says how soon, and how many hours ahead persistence is worth a word (own choice).
SOON, SOON_H = "hours_to_warning", 48.0
#: Fewer agencies have no spread.
LEAST_AGENCIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Agencies:
    """The agencies' names (A,) and the level (A, N) that the rules of the hazard would prove in each town on that agency's tracks alone."""

    names: tuple[str, ...]
    levels: Ints

    def chances(self, town: int) -> dict[str, tuple[int, int]]:
        """Level -> (agencies that reach it, agencies), levels that none reaches left out; empty with fewer than two agencies."""
        if len(self.names) < LEAST_AGENCIES:
            return {}
        reached = {level: int((self.levels[:, town] >= level).sum()) for level in Level if level}
        return {level.en: (n, len(self.names)) for level, n in reached.items() if n}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hourly:
    """One town along one agency's track of one storm, hour by hour from now: hours ahead, distance in km, modelled wind over open ground in m/s."""

    storm: str
    agency: str
    lead_h: tuple[float, ...]
    km: tuple[float, ...]
    wind: tuple[float, ...]

    def line(self) -> str:
        """The worst hour, as `rules explain` prints it."""
        worst = max(range(len(self.wind)), key=lambda n: (self.wind[n], -self.km[n]))
        return (f"路径 {self.storm} {self.agency or '外推'}：{self.lead_h[worst]:g} 小时后最大模拟风速 {self.wind[worst]:g} m/s（距中心 {self.km[worst]:g} km），"
                f"最近 {min(self.km):g} km")


class Outlook:
    """Made once an assessment, at its last tick, each part when first asked for."""

    def __init__(self, situation: Situation, table: Table, findings: tuple[Finding, ...]) -> None:
        self.situation = situation
        self._table, self._rules = _last(table), tuple(f.rule for f in findings)
        self._agencies: dict[Hazard, Agencies] = {}
        self._soon: Floats | None = None

    def agencies(self, hazard: Hazard) -> Agencies:
        """The agencies' tracks one by one through the live rules that look at a storm."""
        if hazard not in self._agencies:
            self._agencies[hazard] = self._by_agency([r for r in self._rules if hazard in r.hazards and self._storms(r)])
        return self._agencies[hazard]

    def soon(self, hazard: Hazard, town: int) -> float | None:
        """Hours until a stage within reach of the town is at its warning mark by its last rate of rise (0: over it); None: not in sight, or unknown."""
        if hazard is not Hazard.FLOOD:
            return None
        if self._soon is None:
            hours = self.situation.table((SOON,)).plain.values[SOON]
            self._soon = hours.hi[-1]
        left = float(self._soon[town])
        return left if left <= SOON_H else None

    def hours(self, hazard: Hazard, town: int) -> tuple[Hourly, ...]:
        """The town along every agency's track, on the whole hours; empty where no rule of the hazard looks at a storm."""
        now = self.situation
        if not any(hazard in rule.hazards and self._storms(rule) for rule in self._rules):
            return ()
        paths = now.storms.last()
        paths = paths.where(np.isfinite(paths.wind[:, 0]))  # a wind that nobody told is not 0 m/s
        km, wind = track.along(paths, now.lat, now.lon)
        found = []
        for n, (storm, agency) in enumerate(zip(paths.storm, paths.agency, strict=True)):
            lead = paths.lead[n]
            whole = np.flatnonzero((lead % 1 == 0) & (np.diff(lead, prepend=-1.0) > 0))
            found.append(Hourly(storm=storm, agency=agency, lead_h=tuple(lead[whole].tolist()), km=tuple(km[n, whole, town].tolist()),
                                wind=tuple(wind[n, whole, town].tolist())))
        return tuple(found)

    def _storms(self, rule: Rule) -> list[str]:
        known = self.situation.catalogue.indicators
        return [n for n in rule.indicators if known[n].kind == "track" and known[n].quantity != "agreement"] if rule.stage == "live" and rule.role == "hazard" else []

    def _by_agency(self, rules: list[Rule]) -> Agencies:
        now = self.situation
        paths = now.storms.last()
        names = tuple(sorted({agency for agency in paths.agency if agency})) if rules else ()
        levels = np.zeros((len(names), len(now.county.towns)), dtype=np.int64)
        wanted = [now.catalogue.indicators[n] for n in dict.fromkeys(n for rule in rules for n in self._storms(rule))]
        for number, name in enumerate(names):
            alone = replace(paths.where(paths.agency == name), outdated=np.array([False]))
            alone = replace(alone, home=np.ones_like(alone.home))
            table = _with(self._table, track.intervals(wanted, alone, now.lat, now.lon, silent=False))
            reader = Reader(table.plain, {n: i.baseline for n, i in now.catalogue.indicators.items()})
            for rule in rules:
                levels[number] = np.maximum(levels[number], find(rule, table, reader).proved[-1])
        return Agencies(names=names, levels=levels)


def _last(table: Table) -> Table:
    """The last tick alone."""
    return replace(_with(table, {}), age_s={name: age[-1:] for name, age in table.age_s.items()})


def _with(table: Table, values: dict[str, Interval]) -> Table:
    """The table at its last tick with other values of some indicators: what the storm does, no matter whose readings are lost or alone."""
    return table.each(lambda columns: _cut(columns, values))


def _cut(columns: Columns, values: dict[str, Interval]) -> Columns:
    cut = {name: Interval(v.lo[-1:], v.hi[-1:]) for name, v in (dict(columns.values) | values).items()}
    return Columns(cut, columns.absent, (1, columns.shape[1]))
