"""The live code over a period: what the rules would have said at every step, rule by rule and hazard by hazard.

Readings are read as they were known at the end of each block and judged in one pass over the block's steps by the functions that judge
a single step (`read`, `judge`, the official floor; what is held as `next_state` has it). A block of one step is the live path itself; longer blocks are faster
and differ only where readings came later than the block's end allows, which is why the length is part of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import pairwise

import numpy as np

from core.county import County
from core.errors import ConfigError
from core.lake import Lake
from core.ledger import Ledger
from core.model import Hazard, Level
from core.signing import digest
from core.times import iso, people
from rules.assess import counts, read
from rules.freshness import whole_times
from rules.held import Course, awake, follow
from rules.hold import HoldState
from rules.listings import LOOK_BACK, Listing
from rules.packs import Rule
from rules.pieces import Levels, Piece, Source, judged_in_turn
from rules.situation import Sources
from rules.verify.period import Period

Say = Callable[[str], None]
MAX_STEPS = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One back-test. By rule id, (T, N) each: `proved`, `ceiling`, `held` (shadow rules too, as if they were live). By hazard: the public
    `level` (live rules and the official floor). `block_s`: how many seconds of readings were read at once."""

    county: str
    towns: tuple[str, ...]
    ticks: tuple[datetime, ...]
    rules: tuple[Rule, ...]
    proved: dict[str, Levels]
    ceiling: dict[str, Levels]
    held: dict[str, Levels]
    level: dict[Hazard, Levels]
    block_s: int

    def hash(self) -> str:
        """Digest over everything that was found; equal for equal readings, county and packs."""
        parts = [self.county, str(self.block_s), *self.towns, *(iso(t) for t in self.ticks), *(f"{r.id}:{r.pack_hash}" for r in self.rules)]
        for group in (self.proved, self.ceiling, self.held, {str(k): v for k, v in self.level.items()}):
            parts += [f"{name}:{digest(group[name].tobytes())}" for name in sorted(group)]
        return digest("\n".join(parts))


def steps(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Every `step` (a multiple of five minutes) from `start` to `end`, both within; ConfigError for what cannot be."""
    if step <= timedelta(0) or step % timedelta(minutes=5):
        raise ConfigError("步长应为 5 分钟的整数倍 / the step is a multiple of five minutes")
    if end < start or (end - start) // step >= MAX_STEPS:
        raise ConfigError(f"时段为空或超过 {MAX_STEPS} 步 / an empty period or too many steps", hint="检查 --from、--to 与 --step / check the period")
    return [start + step * n for n in range((end - start) // step + 1)]


def stored(county: County, lake: Lake, ledger: Ledger, rules: tuple[Rule, ...]) -> Source:
    """Readings of an installation, as they were known at the end of each block; signals as they were listed at each step, because a signal
    that was lifted since must still count for the steps before."""

    def known(ticks: list[datetime]) -> Sources:
        """What was known over these ticks, of one county's lake; several ticks see each listing as it grew."""
        found = read(ticks[-1], county, lake, ledger, rules=rules, since=ticks[0])
        if len(ticks) == 1:
            return found
        receipts, blanks = lake.listings(first=ticks[0] - LOOK_BACK, as_of=ticks[-1])
        return replace(found, listed=Listing(receipts, blanks, whole_times(set(receipts["feed"]), ticks[-1], ledger)))

    return known


def run(
    *, ticks: list[datetime], county: County, rules: tuple[Rule, ...], source: Source, block: int = 1, say: Say = lambda _: None, workers: int = 1
) -> Run:
    """Judge `rules` at all `ticks`, at most `block` steps at a time, by as many processes; the result does not depend on how many.

    What is proved needs no memory and is judged wherever there is room; what is held is followed here, in order. With more than one process
    `source` must survive a fork: no open connection.
    """
    count = -(-len(ticks) // block)
    parts = [ticks[len(ticks) * n // count : len(ticks) * (n + 1) // count] for n in range(count)]  # of one length, so that processes end together
    pieces: list[dict[str, dict[str, Levels]]] = []
    memory: dict[tuple[str, int], HoldState] = {}
    for number, (part, piece) in enumerate(zip(parts, judged_in_turn(parts, (county, rules, source), workers), strict=True)):
        held = {rule.id: hold(piece, rule, part, memory) for rule in rules}
        pieces.append({"proved": piece.proved, "ceiling": piece.ceiling, "held": held, "level": _public(piece, held, rules)})
        if number % 16 == 0 or number + 1 == len(parts):
            say(f"{len(ticks) * (number + 1) // count}/{len(ticks)} {people(part[-1], county.zone)}")
    joined = {kind: {name: np.concatenate([p[kind][name] for p in pieces]) for name in pieces[0][kind]} for kind in pieces[0]}
    step = ticks[1] - ticks[0] if len(ticks) > 1 else timedelta(0)
    return Run(
        county=county.version, towns=tuple(t.key for t in county.towns), ticks=tuple(ticks), rules=rules, proved=joined["proved"],
        ceiling=joined["ceiling"], held=joined["held"], level={Hazard(k): v for k, v in joined["level"].items()},
        block_s=block * int(step.total_seconds()),
    )


def _public(piece: Piece, held: dict[str, Levels], rules: tuple[Rule, ...]) -> dict[str, Levels]:
    """(T, N) by hazard: what the live rules hold or the official floor, whichever is higher."""
    return {hazard: reduce(np.maximum, [floor, *(held[r.id] for r in rules if hazard in r.hazards and counts(r))]) for hazard, floor in piece.floor.items()}


def hold(piece: Piece, rule: Rule, ticks: list[datetime], memory: dict[tuple[str, int], HoldState]) -> Levels:
    """Held levels (T, N) of one rule; towns where nothing is proved, heading or remembered are passed over."""
    proved, heading, age = piece.proved[rule.id], piece.heading[rule.id], piece.age_s[rule.id]
    out = np.zeros_like(proved)
    remembered = np.array([awake(memory.get((rule.id, town))) for town in range(len(proved[0]))])
    for town in np.flatnonzero(np.any(proved, axis=0) | np.any(heading, axis=0) | remembered):
        key = (rule.id, int(town))
        course = Course(ticks, proved[:, town], piece.ceiling[rule.id][:, town], heading[:, town], piece.tick_us - age[:, town] * np.int64(1_000_000))
        out[:, town], state = follow(course, rule.hold, memory.pop(key, None))
        if state is not None:
            memory[key] = state
    return out


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Warned:
    """A town stood at exactly `level` from `start` until `end`, the first step at which it no longer did (or the period's end)."""

    town: str
    what: str
    start: datetime
    end: datetime
    level: Level


def period(ticks: Sequence[datetime]) -> Period:
    """What a back-test of these steps speaks of: from the first until one step after the last."""
    return Period(start=ticks[0], end=ticks[-1] + (timedelta(seconds=1) if len(ticks) < 2 else ticks[1] - ticks[0]))


def spans(ticks: Sequence[datetime], towns: Sequence[str], levels: dict[str, Levels]) -> Iterator[Warned]:
    """Stretches of one level above none, by town and by the key of `levels`, in order."""
    edges = [*ticks, period(ticks).end]
    for what in sorted(levels):
        for number, town in sorted(enumerate(towns), key=lambda pair: pair[1]):
            column = levels[what][:, number]
            cuts = [0, *(np.flatnonzero(np.diff(column)) + 1).tolist(), len(column)]
            for first, last in pairwise(cuts):
                if column[first]:
                    yield Warned(town=town, what=what, start=edges[first], end=edges[last], level=Level(int(column[first])))


def public(run_: Run) -> list[Warned]:
    """Stretches of the public level by town and hazard."""
    return list(spans(run_.ticks, run_.towns, {str(h): v for h, v in run_.level.items()}))


def csv_text(found: list[Warned]) -> str:
    """The spans in the columns that `fengsui verify` reads, times in UTC."""
    return "".join(["town,hazard,level,start,end\n", *(f"{w.town},{w.what},{w.level.en},{iso(w.start)},{iso(w.end)}\n" for w in found)])
