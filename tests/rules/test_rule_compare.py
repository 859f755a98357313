"""Two back-tests side by side, against plain loops: every warning that a change of rules makes, takes or alters is told once, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.county import load_county
from core.errors import ConfigError
from core.model import Hazard
from rules.backtest import Run
from rules.compare import Difference, compare, episodes

COUNTY = load_county(Path(__file__).parents[2] / "county" / "haimen")
TOWNS, TICKS = ("baochang", "binjiang"), tuple(datetime(2021, 7, 25, hour, tzinfo=UTC) for hour in range(12))
STEP = timedelta(hours=1)
LEVELS = st.lists(st.lists(st.sampled_from([0, 0, 1, 2, 4]), min_size=2, max_size=2), min_size=len(TICKS), max_size=len(TICKS))


def run(levels: list[list[int]], ticks: tuple[datetime, ...] = TICKS) -> Run:
    return Run(county="c", towns=TOWNS, ticks=ticks, rules=(), proved={}, ceiling={}, held={}, level={Hazard.FLOOD: np.array(levels, dtype=np.int8)}, block_s=3600)


def plain(levels: list[list[int]]) -> list[tuple[str, datetime, datetime, int]]:
    """Stretches above none, town by town, with their highest level."""
    found = []
    for number, town in enumerate(TOWNS):
        column, at = [row[number] for row in levels], 0
        while at < len(column):
            end = at
            while end < len(column) and column[end]:
                end += 1
            if end > at:
                found.append((town, TICKS[at], TICKS[at] + (end - at) * STEP, max(column[at:end])))
            at = end + 1
    return found


@given(LEVELS, LEVELS)
def test_each_episode_is_told_once_and_only_where_it_differs(one: list[list[int]], other: list[list[int]]) -> None:
    before, after = run(one), run(other)
    assert [(e.town, e.start, e.end, int(e.peak)) for e in episodes(before)] == plain(one)
    changes = compare(before, after, COUNTY)
    assert (changes == []) == (plain(one) == plain(other))
    for side, levels in (("before", one), ("after", other)):
        told = [(e.town, e.start, e.end, int(e.peak)) for c in changes if (e := getattr(c, side))]
        assert len(told) == len(set(told)) and set(told) <= set(plain(levels))
        unchanged = [e for e in plain(levels) if e not in told]
        assert all(e in plain(one) and e in plain(other) for e in unchanged), "what is not told is the same on both sides"
    for c in changes:
        assert c.kind == ("appears" if c.before is None else "vanishes" if c.after is None else "level" if c.before.peak != c.after.peak else "time")
        assert c.people == COUNTY.town(c.town).population
    assert [min(e.start for e in (c.before, c.after) if e) for c in changes] == sorted(min(e.start for e in (c.before, c.after) if e) for c in changes)
    assert sorted(c.kind for c in compare(after, run(one), COUNTY)) == sorted({"appears": "vanishes", "vanishes": "appears"}.get(c.kind, c.kind) for c in changes)


def test_a_change_reads_as_a_sentence() -> None:
    before, after = run([[0, 0]] * 3 + [[2, 0]] * 2 + [[0, 0]] * 7), run([[0, 0]] * 3 + [[4, 0]] * 3 + [[0, 1]] * 6)
    level, appears = compare(before, after, COUNTY)
    assert level.text("包场镇").startswith("级别变 包场镇 flood（")
    assert level.text("包场镇").endswith("07-25 11:00–07-25 13:00 最高黄色 → 07-25 11:00–07-25 14:00 最高红色")
    assert "：无 → 07-25 14:00–07-25 20:00 最高蓝色" in appears.text("滨江街道") and isinstance(appears, Difference)
    assert compare(after, before, COUNTY)[-1].text("滨江街道").endswith("最高蓝色 → 无")


def test_runs_over_different_steps_are_not_compared() -> None:
    with pytest.raises(ConfigError, match="differ in period"):
        compare(run([[0, 0]] * 12), run([[0, 0]] * 12, tuple(t + STEP for t in TICKS)), COUNTY)
