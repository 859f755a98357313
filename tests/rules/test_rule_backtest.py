"""Back-tests: the same answer as the live step by step, in one pass or many, byte for byte; and what a change of rules changes."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from rules_world import Scenario, World, beijing, make

import rules
from core.errors import ConfigError
from core.model import Hazard
from rules import backtest, packs
from rules.assess import rules_of
from rules.compare import compare, episodes

START, END, STEP = beijing("07-25 06:00"), beijing("07-26 06:00"), timedelta(hours=4)


def filled(folder: Path, every: timedelta = STEP) -> World:
    """The storm's feeds as they came in, one pull a step."""
    world, storm = make(folder), Scenario("in-fa-2021", make(folder).county)
    since, now = START - timedelta(days=2), START
    while now <= END:
        storm.tell(world, since, now)
        since, now = now, now + every
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return filled(tmp_path_factory.mktemp("storm"))


def tried(world: World, folder: Path = packs.FOLDER, block: int = 1) -> backtest.Run:
    chosen = rules_of(world.county, START, folder)
    source = backtest.stored(world.county, world.lake, world.ledger, chosen)
    return backtest.run(ticks=backtest.steps(START, END, STEP), county=world.county, rules=chosen, source=source, block=block)


def test_a_back_test_says_what_the_live_assessments_said(world: World, tmp_path: Path) -> None:
    got, live = tried(world), make(tmp_path)
    for number, tick in enumerate(got.ticks):
        report = rules.assess(now=tick, county=world.county, lake=world.lake, ledger=live.ledger)
        for score in report.scores:
            assert got.level[score.hazard][number, got.towns.index(score.town)] == score.level, (tick, score.town)
    assert any(levels.any() for levels in got.level.values())


def test_one_pass_over_all_steps_proves_the_same_as_step_by_step(world: World) -> None:
    single, whole = tried(world), tried(world, block=100)
    for name in single.proved:
        np.testing.assert_array_equal(single.proved[name], whole.proved[name], err_msg=name)
    np.testing.assert_array_equal(single.level[Hazard.TYPHOON], whole.level[Hazard.TYPHOON])


def test_the_same_readings_give_the_same_bytes(world: World) -> None:
    one, two = tried(world, block=4), tried(world, block=4)
    assert one.hash() == two.hash()
    assert backtest.csv_text(backtest.public(one)) == backtest.csv_text(backtest.public(two))


def test_a_changed_threshold_shows_as_changed_warnings(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "packs"
    shutil.copytree(packs.FOLDER, copy)
    rain = copy / "cn" / "rainstorm.yaml"
    rain.write_text(rain.read_text(encoding="utf-8").replace("rain_12h >= 50 mm", "rain_12h >= 2 mm"), encoding="utf-8")
    before, after = tried(world, block=100), tried(world, copy, block=100)
    changes = compare(before, after, world.county)
    assert {c.hazard for c in changes} == {"flood"} and {c.kind for c in changes} <= {"appears", "time", "level"}
    assert all(c.people == world.county.town(c.town).population for c in changes)
    back = compare(after, before, world.county)
    assert len(back) == len(changes) and {c.kind for c in back} <= {"vanishes", "time", "level"}
    assert compare(before, before, world.county) == [] and episodes(after)


def test_a_shadow_rule_is_tried_but_moves_no_public_level(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "packs"
    shutil.copytree(packs.FOLDER, copy)
    rain = copy / "cn" / "rainstorm.yaml"
    rain.write_text(rain.read_text(encoding="utf-8").replace("rain_12h >= 50 mm", "rain_12h >= 0.1 mm").replace(
        "    hazard: flood\n", "    hazard: flood\n    stage: shadow\n"), encoding="utf-8")
    off = tmp_path / "off"
    shutil.copytree(copy, off)
    (off / "cn" / "rainstorm.yaml").write_text(rain.read_text(encoding="utf-8").replace("stage: shadow", "stage: off"), encoding="utf-8")
    shadow, without = tried(world, copy, block=100), tried(world, off, block=100)
    assert shadow.held["flood.rainstorm"].any() and "flood.rainstorm" not in without.held
    for hazard, levels in shadow.level.items():
        np.testing.assert_array_equal(levels, without.level[hazard])


@pytest.mark.parametrize(("start", "end", "step"), [(END, START, STEP), (START, END, timedelta(minutes=7)), (START, END, timedelta(0))])
def test_a_period_that_cannot_be_is_refused(start: datetime, end: datetime, step: timedelta) -> None:
    with pytest.raises(ConfigError):
        backtest.steps(start, end, step)


def test_blocks_of_any_length_by_any_number_of_processes_hold_the_same(world: World) -> None:
    """A year is judged in blocks by several processes; what is held across their edges must be what one pass holds."""
    chosen = rules_of(world.county, START, packs.FOLDER)
    ticks = backtest.steps(START, END, timedelta(hours=1))
    whole = backtest.run(ticks=ticks, county=world.county, rules=chosen, source=(source := backtest.stored(world.county, world.lake, world.ledger, chosen)), block=99)
    world.ledger.close()
    for block, workers in ((7, 1), (7, 2), (1, 2)):
        cut = backtest.run(ticks=ticks, county=world.county, rules=chosen, source=source, block=block, workers=workers)
        assert any(levels.any() for levels in cut.held.values())
        for name, held in whole.held.items():
            np.testing.assert_array_equal(held, cut.held[name], err_msg=f"{name} {block} {workers}")
        if block > 1:
            assert cut.hash() == backtest.run(ticks=ticks, county=world.county, rules=chosen, source=source, block=block).hash()
