"""Blocks of a back-test, judged one by one or by several processes: everything about a block that needs no memory of the block before."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.county import County
from rules.assess import judge
from rules.findings import Finding
from rules.grid import Ints, microseconds
from rules.packs import Rule
from rules.situation import Sources

Levels = NDArray[np.int8]
Seconds = NDArray[np.int32]
Source = Callable[[list[datetime]], Sources]
#: What a block is judged with.
Ground = tuple[County, tuple[Rule, ...], Source]


@dataclass(frozen=True, slots=True)
class Piece:
    """One block of T steps. By rule id (T, N): `proved`, `ceiling`, `heading`, `age_s` of the readings behind them (0: none); `floor` by hazard
    (T, N): the official one; `tick_us` (T,) microseconds since 1970 UTC."""

    tick_us: Ints
    proved: dict[str, Levels]
    ceiling: dict[str, Levels]
    heading: dict[str, Levels]
    age_s: dict[str, Seconds]
    floor: dict[str, Levels]


def judged_in_turn(parts: list[list[datetime]], ground: Ground, workers: int) -> Iterator[Piece]:
    """The pieces of all blocks, in order. Each process takes one run of neighbouring blocks, because they read the same days; it is forked, so that
    nothing but the levels goes through a pipe."""
    if workers < 2 or len(parts) < 2 or "fork" not in multiprocessing.get_all_start_methods():
        for part in parts:
            yield judged(part, ground)
        return
    with ExitStack() as stack:
        futures = []
        for run in np.array_split(np.arange(len(parts)), min(workers, len(parts))):
            pool = stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("fork"), _adopt, (ground,)))
            futures += [pool.submit(_judged, parts[number]) for number in run]
        while futures:  # a piece that was followed is not kept
            yield futures.pop(0).result()


_given: list[Ground] = []


def _adopt(ground: Ground) -> None:
    _given[:] = [ground]


def _judged(part: list[datetime]) -> Piece:
    return judged(part, _given[0])


def judged(ticks: list[datetime], ground: Ground) -> Piece:
    """One block by the functions that judge a single step."""
    county, rules, source = ground
    found = judge(source(ticks), ticks[-1], county, rules, ticks)
    return piece(found.findings, ticks, {str(hazard): found.situation.floor(hazard)[0].astype(np.int8) for hazard in sorted(county.hazards)})


def piece(findings: Iterable[Finding], ticks: list[datetime], floor: dict[str, Levels]) -> Piece:
    """What is kept of the findings over a block."""
    found = {f.rule.id: f for f in findings}
    proved, ceiling, heading = ({name: getattr(f, side).astype(np.int8) for name, f in found.items()} for side in ("proved", "ceiling", "heading"))
    tick_us = np.array([microseconds(tick) for tick in ticks], dtype=np.int64)
    return Piece(tick_us, proved, ceiling, heading, {name: np.rint(f.age_s).astype(np.int32) for name, f in found.items()}, floor)
