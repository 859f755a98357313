"""The recorded season of 2026 from end to end through the production connectors, every N minutes. Prints what each feed brought, when Haimen's
official warnings were floors, when the packs proved a colour, and how long the steps took; no assertion.

    FENGSUI_RECORDED=... .venv/bin/python tests/bench/season.py [minutes=30] [from=2026-07-27] [to=2026-08-16]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "console"))

from season_world import World, world

from console.steps import TickReport, assess, ingest_all
from core.model import Hazard, Level


def main(minutes: float, first: datetime, last: datetime) -> None:
    """Play and print."""
    folder = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data")) / "typhoon_season_2026"
    feeds, took = Counter[tuple[str, str]](), {"ingest": list[float](), "assess": list[float]()}
    before: dict[str, tuple[int, ...]] = {}
    with tempfile.TemporaryDirectory() as home, world(Path(home), folder, first) as played:
        at = first
        while at <= last:
            report = step(played, at, took)
            for pull in report.ingests:
                for key, number in ((pull.outcome, 1), ("records", pull.records), ("set aside", pull.set_aside), (f"state {pull.state}", 1)):
                    feeds[pull.feed, key] += number
            for hazard in (Hazard.TYPHOON, Hazard.FLOOD):
                scores = [s for s in report.assessment.scores if s.hazard is hazard]
                now = tuple(max(int(getattr(s, name)) for s in scores) for name in ("level", "floor", "proved", "ceiling"))
                if before.get(hazard) != now:
                    words = " ".join(f"{name} {Level(n).zh}" for name, n in zip(("级别 level", "下限 floor", "实证 proved", "不能排除 ceiling"), now, strict=True))
                    print(f"{at:%m-%dT%H:%MZ} {hazard.zh} {words} 静默 silent {','.join(report.assessment.silent) or '-'}")
                    before[hazard] = now
            at += timedelta(minutes=minutes)
    for feed in sorted({feed for feed, _ in feeds}):
        print(f"{feed:16} " + " ".join(f"{key} {n}" for (name, key), n in sorted(feeds.items()) if name == feed and n))
    for name, seconds in took.items():
        print(f"{name}: {len(seconds)} steps, median {np.median(seconds) * 1000:.0f} ms, p95 {np.quantile(seconds, 0.95) * 1000:.0f} ms, all {sum(seconds):.0f} s")


def step(played: World, at: datetime, took: dict[str, list[float]]) -> TickReport:
    played.season.now, report = at, TickReport(at=at)
    for name, stage in (("ingest", ingest_all), ("assess", assess)):
        start = time.perf_counter()
        stage(at, played.ctx, report)
        took[name].append(time.perf_counter() - start)
    return report


if __name__ == "__main__":
    given = [*sys.argv[1:], *("30", "2026-07-27", "2026-08-16")[len(sys.argv) - 1:]]
    main(float(given[0]), *(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in given[1:3]))
