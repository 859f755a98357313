"""The recorded season of 2026 from end to end through the production connectors: a step at the first pull after every change of any recorded feed,
and at least every N minutes, so that nothing recorded falls between two steps.

Prints when the levels moved and which feeds were silent; each of Haimen's official warnings with its recorded time and when it stood as a signal and as a
floor, by the list of nmc.cn and by CAP documents; the hole; what each agency forecast. Ends with 1 where one of the facts of `checks` does not hold.

    FENGSUI_RECORDED=... .venv/bin/python tests/bench/season.py [minutes=30] [from=2026-07-13T17:35] [to=2026-08-22T18:00]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "console"))

import season_wire as wire
from season_facts import Fact, Warned, forecasts, hole, official
from season_world import CAP, HOLE, World, world

from console.steps import TickReport, assess, ingest_all
from core.model import Hazard, Level


@dataclass
class Told:
    """What is kept of the steps."""

    warned: list[Warned]
    feeds: Counter[tuple[str, str]] = field(default_factory=Counter)
    took: dict[str, list[float]] = field(default_factory=lambda: {"ingest": [], "assess": []})
    silent: dict[datetime, frozenset[str]] = field(default_factory=dict)
    levels: dict[datetime, dict[tuple[str, Hazard], tuple[int, int]]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)


def main(minutes: float, first: datetime, last: datetime) -> int:
    """Play and print; how many facts do not hold."""
    folder = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data")) / "typhoon_season_2026"
    with tempfile.TemporaryDirectory() as home, world(Path(home), folder, first, CAP) as played:
        told = Told(official(played.season, first, last))
        before: dict[str, tuple[int, ...]] = {}
        for at in wire.steps(played.season.changes(), first, last, timedelta(minutes=minutes)):
            report = step(played, at, told)
            moved(report, before)
            if at.hour % 12 == 0 and at.minute == 0:
                told.facts += forecasts(played, at)
        told.facts += hole(told.silent, told.levels) if first < HOLE[0] and last > HOLE[1] else []
        told.facts += [fact for warned in told.warned for fact in warned.facts()]
    for feed in sorted({feed for feed, _ in told.feeds}):
        print(f"{feed:16} " + " ".join(f"{key} {n}" for (name, key), n in sorted(told.feeds.items()) if name == feed and n))
    for name, seconds in told.took.items():
        print(f"{name}: {len(seconds)} steps, median {np.median(seconds) * 1000:.0f} ms, p95 {np.quantile(seconds, 0.95) * 1000:.0f} ms, all {sum(seconds):.0f} s")
    wrong = [fact.words for fact in told.facts if not fact.holds]
    print(f"{len(told.facts)} 项核对 facts, {len(wrong)} 项不符 do not hold", *wrong, sep="\n  ")
    return len(wrong)


def step(played: World, at: datetime, told: Told) -> TickReport:
    """One pull of everything and one assessment, and what they say noted."""
    played.season.now, report = at, TickReport(at=at)
    for name, stage in (("ingest", ingest_all), ("assess", assess)):
        start = time.perf_counter()
        stage(at, played.ctx, report)
        told.took[name].append(time.perf_counter() - start)
    for pull in report.ingests:
        for key, number in ((pull.outcome, 1), ("records", pull.records), ("set aside", pull.set_aside), (f"state {pull.state}", 1)):
            told.feeds[pull.feed, key] += number
    told.silent[at] = frozenset(report.assessment.silent)
    told.levels[at] = {(s.town, s.hazard): (int(s.level), int(s.ceiling)) for s in report.assessment.scores}
    for warned in told.warned:
        warned.look(played, report)
    return report


def moved(report: TickReport, before: dict[str, tuple[int, ...]]) -> None:
    """One line where the county's highest level, floor, proof or ceiling of a hazard is not what it was."""
    for hazard in (Hazard.TYPHOON, Hazard.FLOOD):
        scores = [s for s in report.assessment.scores if s.hazard is hazard]
        now = tuple(max(int(getattr(s, name)) for s in scores) for name in ("level", "floor", "proved", "ceiling"))
        if before.get(hazard) != now:
            words = " ".join(f"{name} {Level(n).zh}" for name, n in zip(("级别 level", "下限 floor", "实证 proved", "不能排除 ceiling"), now, strict=True))
            print(f"{report.at:%m-%dT%H:%MZ} {hazard.zh} {words} 静默 silent {','.join(report.assessment.silent) or '-'}")
            before[hazard] = now


if __name__ == "__main__":
    given = [*sys.argv[1:], *("30", "2026-07-13T17:35", "2026-08-22T18:00")[len(sys.argv) - 1:]]
    raise SystemExit(main(float(given[0]), *(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in given[1:3])) > 0)
