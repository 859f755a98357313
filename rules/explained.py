"""What one path claims alone, where no other is there to contradict it, counts unless nature is known to give no cause for it.

A gauge that drifts says what a flood would make it say. What tells them apart is what the flood would also do: rain, a neighbour that rises, a
storm. A rule names these in `explained_by`. For each path that leads somewhere the county is judged once more without it, by the same code: what
levels are left, and what is then known of the causes. So a liar is not asked about itself, two paths that claim prove each other, whatever they
measure, and stations on one line are one path. A claim that falls without that path, of which every cause is *known* to be absent, is not proved.
It stands in the ceiling in full, marked `unexplained`, and the duty desk is asked (rules.questions).

Three-valued: where a cause is true, or where it cannot be told (missing, stale, silent, nobody else to tell), the claim counts as if the rule had no
such clause, at once. Silence never suppresses. The other side of that is that a level may appear when a witness falls silent; it is never more than
what the gauge claims and the ceiling had shown, and of the two errors it is the one that somebody can see. Nothing in force is lowered: the claim
stays in the ceiling, and what the ceiling does not exclude is held.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.model import Level
from rules.catalogue import Indicator
from rules.findings import Answer, Finding, Levels, reached
from rules.foretold import accounted, raised
from rules.language import Columns, evaluate
from rules.packs import Rule, asked_names
from rules.readings import Readings
from rules.sites import path_names
from rules.situation import Situation, Table
from rules.spatial import extend

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Reaches that dilute one path instead of letting it lead.
DILUTED = ("idw", "mean")


@dataclass(frozen=True, slots=True)
class Without:
    """Some towns without one path: at ticks `rows` (R,) and in `towns` (M,), where that path leads in `cells` (R, M); `table` of named indicators
    there (R, M); `tide`: by indicator (R, M) what the moon and a margin (m) may bring of the path's own claim (rules.foretold)."""

    rows: Ints
    towns: Ints
    cells: Bools
    table: Callable[[tuple[str, ...]], Table]
    tide: Callable[[tuple[str, ...], float], dict[str, Floats]]


def weigh(finding: Finding, others: Iterable[Without]) -> Finding:
    """The finding with what stands alone and unexplained taken out of what is proved and headed for."""
    rule, cause = finding.rule, finding.rule.explained_by
    if cause is None:
        return finding
    cap = np.full(finding.heading.shape, int(Level.RED), dtype=np.int8)
    answers: dict[int, Answer] = {}
    tidal: set[int] = set()
    last = len(cap) - 1
    for other in others:
        at = np.ix_(other.rows, other.towns)
        claimed = finding.heading[at]
        if not (other.cells & (claimed > 0)).any():
            continue
        left, lone, tide = _left(rule, other, claimed)
        alone = other.cells & (left < claimed)
        if other.rows[-1] == last:
            tidal |= set(other.towns[lone[-1] & ~alone[-1]].tolist())
        if not alone.any():
            continue
        table = other.table(cause.indicators)
        known = _columns(table.plain, table, rule)
        truth = evaluate(cause.tree, known)
        calm = alone & ~truth.may
        cap[at] = np.minimum(cap[at], np.where(calm, left, int(Level.RED)).astype(np.int8))
        if other.rows[-1] == last:
            for n in map(int, np.flatnonzero(alone[-1])):
                town = int(other.towns[n])
                if town not in answers or calm[-1, n]:
                    answers[town] = Answer(known, (-1, n), True if truth.must[-1, n] else None if truth.may[-1, n] else False,
                                           {name: float(v[-1, n]) for name, v in tide.items() if np.isfinite(v[-1, n])})
    unexplained = np.where(cap < finding.heading, finding.heading, 0).astype(np.int8)
    return replace(finding, proved=np.minimum(finding.proved, cap), heading=np.minimum(finding.heading, cap), unexplained=unexplained, answers=answers,
                   tidal=frozenset(tidal))


def _left(rule: Rule, other: Without, claimed: Levels) -> tuple[Levels, Bools, dict[str, Floats]]:
    """(R, M) levels that are left without the path or that the tide may bring, where what is `claimed` would stand alone but for the tide, and that tide."""
    table = other.table(rule.indicators)
    columns = _columns(table.heading, table, rule)
    left = reached(rule, columns)
    alone = other.cells & (left < claimed)
    margin = rule.explained_by.tide_margin if rule.explained_by else None
    tide = other.tide(rule.indicators, margin) if margin is not None and alone.any() else {}
    return (reached(rule, raised(columns, table, rule, tide)) if tide else left), alone, tide


def _columns(side: Columns, table: Table, rule: Rule) -> Columns:
    return Columns(side.values, {name: table.absent[name] for name in rule.optional if name in table.absent}, side.shape)


def without_each(rule: Rule, situation: Situation, wanted: Bools) -> Iterator[Without]:
    """For every path that leads the rule anywhere in `wanted` (T, N): the county without it."""
    rows = np.flatnonzero(wanted.any(axis=1))
    if rule.explained_by is None or not rows.size:
        return
    known = situation.catalogue.indicators
    paths: dict[str, int] = {}
    leads = [_leads(known[name], situation.readings, rows, paths) for name in rule.indicators
             if known[name].kind == "station" and known[name].reach not in DILUTED]
    for path, number in paths.items():
        cells = wanted[rows] & np.logical_or.reduce([lead == number for lead in leads])
        at, towns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
        if at.size:
            made = functools.cache(functools.partial(situation.without, path, rows[at], towns, asked_names((rule,))))
            tide = functools.cache(functools.partial(_tide, situation, path, rows[at], towns))
            yield Without(rows[at], towns, cells[np.ix_(at, towns)], functools.cache(lambda names, made=made: made().table(names)), tide)


def _tide(situation: Situation, path: str, rows: Ints, towns: Ints, indicators: tuple[str, ...], margin: float) -> dict[str, Floats]:
    found = ((name, accounted(situation, situation.catalogue.indicators[name], path, rows, towns, margin)) for name in indicators)
    return {name: value for name, value in found if value is not None}


def _leads(indicator: Indicator, readings: Readings, rows: Ints, paths: dict[str, int]) -> Ints:
    """(R, N) number in `paths` of the path of the core station that says or was heading for most, -1 where none does."""
    sites = readings.sites(indicator)
    found = readings.roster.reach(indicator, sites.stations)
    number = np.array([*(paths.setdefault(name, len(paths)) for name in path_names(sites.stations)), -1], dtype=np.int64)
    told = np.where(found.core, extend(sites.each.heading[rows], -np.inf)[:, found.member], -np.inf)  # (R, L, N)
    best = told.argmax(axis=1)
    station = found.member[best, np.arange(found.member.shape[1])]
    return np.where(np.isfinite(told.max(axis=1)), number[station], -1)
