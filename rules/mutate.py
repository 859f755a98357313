"""Do a pack's tests bite: every rule is spoiled in small ways (mutants), and the share of spoiled rules that some case notices is told.

Each case is laid out once. Only the expression changes, not the situation, so all cases of a rule stand one below the other in one table and
a mutant is one evaluation over it; what the hold would notice is looked at only where levels and ceilings say nothing. A mutant that provably changes
nothing is told apart (equivalent); every other one that no case notices survives, with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.model import Level
from rules.assess import counts
from rules.equivalent import same
from rules.explained import Without, weigh, without_each
from rules.findings import Finding, find
from rules.hold import HoldState, next_state
from rules.language import Columns, Interval, Place
from rules.mutants import Change, changes, reworded
from rules.packs import Rule, load_pack, vocabulary
from rules.packtest import Laid, at_work, laid_out, lay, wrong_levels
from rules.row import KEY
from rules.scoring import Reader
from rules.situation import Table
from rules.testcases import Case
from rules.yamltext import load

#: The share of mutants that the tests of all packs, and of each alone, must notice.
FLOOR, PACK_FLOOR = 0.9, 0.8
KILLED, SURVIVED, EQUIVALENT = "killed", "survived", "equivalent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One spoiled rule and its fate. `level` None for a change beside the conditions; `place` is that of the changed word in the pack."""

    pack: str
    rule: str
    kind: str
    level: Level | None
    text: str
    fate: str
    place: Place


@dataclass(frozen=True, slots=True)
class Bench:
    """All cases of one rule, one below the other: `table` has their steps as rows (R, 1), `others` what is known without each path there.
    `want` by level, ceiling, held: (rows, levels)."""

    table: Table
    reader: Reader
    others: tuple[Without, ...]
    want: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    parts: tuple[tuple[int, list[datetime]], ...]


def share(found: list[Mutant]) -> float:
    """Killed among those that could be killed; 1 where there was none."""
    fates = [m.fate for m in found if m.fate != EQUIVALENT]
    return fates.count(KILLED) / len(fates) if fates else 1.0


def run(path: Path, say: Callable[[str], None] = lambda _: None) -> list[Mutant]:
    """All mutants of one pack against the tests beside it; ConfigErrors for files that cannot be read, ConfigError where a test fails anyhow."""
    pack, document, laid = load_pack(path), load(path), laid_out(path)
    found: list[Mutant] = []
    for number, rule in enumerate(map(at_work, pack.rules)):
        mine = [one for one in laid if one.case.rule == rule.id]
        bench = _bench(mine)
        if bench is not None and notices(rule, bench):
            raise ConfigError(f"{rule.id} 的测试本来就不通过 / its tests fail as it is", path=path, hint="先运行 fengsui rules test / run the tests first")
        own = [_mutant(pack.pack, rule, change, _fate(rule, change, bench), document.place("rules", number, *_keys(change))) for change in changes(rule)]
        own += [_mutant(pack.pack, rule, change, _fate_of_word(change, mine), document.place(KEY, change.word, *change.keys)) for change in reworded(rule)]
        say(f"{rule.id}：{sum(m.fate == KILLED for m in own)}/{sum(m.fate != EQUIVALENT for m in own)}")
        found += own
    return found


def _mutant(pack: str, rule: Rule, change: Change, fate: str, place: Place) -> Mutant:
    return Mutant(pack=pack, rule=rule.id, kind=change.kind, level=change.level, text=change.text, fate=fate, place=place.moved(change.at))


def _keys(change: Change) -> tuple[str, ...]:
    """Where in its rule a change stands."""
    return ("levels", change.level.en) if change.level is not None else change.keys


def _fate(rule: Rule, change: Change, bench: Bench | None) -> str:
    return KILLED if bench is not None and notices(change.rule, bench) else EQUIVALENT if same(rule, change, vocabulary((rule,))) else SURVIVED


def _fate_of_word(change: Change, laid: list[Laid]) -> str:
    """Of a changed indicator the cases are laid out anew: its values are others, not the condition."""
    again = (lay(change.rule, one.case) for one in laid)
    return KILLED if any(wrong for one in again for at in one.case.expected for wrong in wrong_levels(one, at)) else SURVIVED


def notices(rule: Rule, bench: Bench) -> bool:
    """Whether any expectation of the cases fails with `rule`."""
    finding = weigh(find(rule, bench.table, bench.reader), bench.others)
    for key, got in (("level", finding.proved), ("ceiling", finding.ceiling)):
        rows, wanted = bench.want[key]
        if (got[rows, 0] != wanted).any():
            return True
    rows, wanted = bench.want["held"]
    return bool(len(rows)) and bool((_held(finding, bench)[rows] != wanted).any())


def _held(finding: Finding, bench: Bench) -> NDArray[np.int64]:
    """(R,) held level after each step, every case from an empty memory."""
    held = np.zeros(finding.proved.shape[0], dtype=np.int64)
    if not counts(finding.rule):
        return held
    for first, ticks in bench.parts:
        state: HoldState | None = None
        for row, tick in enumerate(ticks, start=first):
            state = next_state(state, proved=int(finding.proved[row, 0]), ceiling=int(finding.ceiling[row, 0]), heading=int(finding.heading[row, 0]),
                               now=tick, hold=finding.rule.hold, seen=tick - timedelta(seconds=float(finding.age_s[row, 0])))
            held[row] = state.level
    return held


def _bench(laid: list[Laid]) -> Bench | None:
    """The cases of one rule stacked; None where it has none."""
    if not laid:
        return None
    starts = np.cumsum([0, *(len(one.held) for one in laid)]).tolist()
    table = _stacked([one.judged.table for one in laid])
    reader = Reader(table.plain, {name: indicator.baseline for name, indicator in laid[0].judged.situation.catalogue.indicators.items()})
    others = tuple(replace(other, rows=other.rows + start) for one, start in zip(laid, starts, strict=False)
                   for other in without_each(one.judged.findings[0].rule, one.judged.situation, np.ones(one.judged.table.plain.shape, dtype=bool)))
    want = {key: _wanted(key, [one.case for one in laid], starts) for key in ("level", "ceiling", "held")}
    return Bench(table, reader, others, want, tuple((start, one.judged.situation.ticks) for start, one in zip(starts, laid, strict=False)))


def _wanted(key: str, cases: list[Case], starts: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pairs = [(start + e.step, int(e.levels[key])) for start, case in zip(starts, cases, strict=False) for e in case.expected if key in e.levels]
    return np.array([p[0] for p in pairs], dtype=np.int64), np.array([p[1] for p in pairs], dtype=np.int64)


def _stacked(tables: list[Table]) -> Table:
    """Tables of one town each as one table of all their rows; what a town lacks is told row by row."""
    lengths = [table.plain.shape[0] for table in tables]
    shape = (sum(lengths), 1)
    lacking = sorted({name for table in tables for name in table.absent})
    absent = {name: np.concatenate([np.full((n, 1), name in t.absent and bool(t.absent[name][0])) for t, n in zip(tables, lengths, strict=True)])
              for name in lacking}
    age = {name: np.concatenate([t.age_s[name] for t in tables]) for name in tables[0].age_s}
    sides = ("plain", "heading", "corroborated", "second", "backed", "second_heading", "backed_heading")
    columns = (Columns(dict(_joined([getattr(t, side) for t in tables])), {}, shape) for side in sides)
    told = frozenset(name for table in tables for name in table.told)
    return replace(tables[0].each(lambda _: next(columns)), absent=absent, single={}, feeds={}, age_s=age, told=told)


def _joined(columns: list[Columns]) -> Iterator[tuple[str, Interval]]:
    for name in columns[0].values:
        yield name, Interval(*(np.concatenate([np.asarray(getattr(c.values[name], end)) for c in columns]) for end in ("lo", "hi")))
