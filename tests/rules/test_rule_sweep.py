"""A swept threshold says what a back-test with that threshold says, the county's own numbers stand, and every town-step is counted once."""

from __future__ import annotations

import dataclasses
import operator
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rules_world import World, make, reading
from test_rule_backtest import END, START, filled
from test_rule_overrides import county

from core.county import County
from core.errors import ConfigErrors
from core.model import Batch, Hazard, Level
from rules import backtest, packs
from rules.situation import Sources
from rules.sweep import Variant, in_county, sweep, variant
from rules.verify.contingency import contingency
from rules.verify.events import Span, match
from rules.verify.skill import skill

RAIN, PONDING, STAGE = (packs.FOLDER / "cn" / f"{name}.yaml" for name in ("rainstorm", "ponding", "stage"))
STEP = timedelta(hours=1)
OPS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
values = st.sampled_from([-np.inf, -2.0, 0.0, 0.1, 0.30000000000000004, 0.3, 5.0, 49.999999, 50.0, 1e6, np.inf]) | st.floats(-60, 60)


@settings(max_examples=150)
@given(st.lists(st.tuples(values, st.booleans()), min_size=1, max_size=40), st.lists(values.filter(np.isfinite), min_size=1, max_size=12), st.sampled_from(sorted(OPS)))
def test_every_threshold_counts_as_if_it_were_alone(cases: list[tuple[float, bool]], thresholds: list[float], op: str) -> None:
    value, happened = np.array([v for v, _ in cases]), np.array([h for _, h in cases])
    found = contingency(value, happened, thresholds, op)
    for number, threshold in enumerate(thresholds):
        said = OPS[op](value, threshold)
        counts = [int(part.sum()) for part in (said & happened, ~said & happened, said & ~happened, ~said & ~happened)]
        assert [int(c[number]) for c in (found.hits, found.misses, found.false, found.quiet)] == counts, threshold


def test_thresholds_too_uneven_for_a_grid_are_counted_all_the_same() -> None:
    value, thresholds = np.linspace(-1, 2e6, 5001), [0.0, 1e-7, 1e6]
    assert contingency(value, value > 5, thresholds).hits.tolist() == [int(((value >= t) & (value > 5)).sum()) for t in thresholds]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return filled(tmp_path_factory.mktemp("storm"))


TICKS = backtest.steps(START, END, STEP)


def judged_alone(found: Variant, place: County, sources: Sources) -> tuple[backtest.Run, list[Span]]:
    """The variant's own back-test, and its warnings."""
    run = backtest.run(ticks=TICKS, county=place, rules=(found.rule,), source=lambda _: sources, block=99)
    return run, [Span(town=w.town, hazard=h, start=w.start, end=w.end, level=w.level) for h in found.rule.hazards
                 for w in backtest.spans(run.ticks, run.towns, {found.rule.id: run.held[found.rule.id]})]


def test_each_value_is_judged_as_a_back_test_with_it(world: World) -> None:
    (rule,) = (r.id for r in packs.load_pack(RAIN).rules if Level.BLUE in r.conditions and "rain_12h" in r.conditions[Level.BLUE][0])
    variants = [in_county(variant(RAIN, rule, Level.BLUE, "rain_12h", value), world.county, START.date()) for value in (50.0, 1.0, 5.0, 20.0)]
    happened = [Span(town=t.key, hazard=Hazard.FLOOD, start=START + timedelta(hours=9), end=START + timedelta(hours=15), level=Level.BLUE)
                for t in world.county.towns[:5]]
    sources = backtest.stored(world.county, world.lake, world.ledger, tuple(v.rule for v in variants))(TICKS)
    points = sweep(variants, Level.BLUE, ticks=TICKS, county=world.county, sources=sources, happened=happened)
    for found, point in zip(variants, points, strict=True):
        run, warned = judged_alone(found, world.county, sources)
        assert (point.value, point.skill) == (found.value, skill(match(warned, happened, Level.BLUE, period=backtest.period(TICKS))))
        assert point.steps.hits + point.steps.misses == 5 * 6 and sum(dataclasses.astuple(point.steps)) == len(TICKS) * len(run.towns)
    assert len({(p.skill.hits, p.skill.false, p.skill.misses) for p in points}) > 2, "the thresholds differ in what they say"
    said = {p.value: p.steps.hits + p.steps.false for p in points}
    assert said[1.0] > said[5.0] > said[20.0] > said[50.0] == 0


def test_the_county_s_own_number_stands(world: World, tmp_path: Path) -> None:
    place = county(tmp_path / "c", "flood.ponding,blue,rain_1h,yuelai,,2,mm,,县防汛预案第三条,false,低洼")
    variants = [in_county(variant(PONDING, "flood.ponding", Level.BLUE, "rain_1h", value), place, START.date()) for value in (3.0, 29.0)]
    sources = backtest.stored(place, world.lake, world.ledger, tuple(v.rule for v in variants))(TICKS)
    runs = [judged_alone(found, place, sources) for found in variants]
    own = [{w.town for w in warned} for _, warned in runs]
    assert "yuelai" in own[1] and own[1] < own[0], "its own 2 mm whatever the pack says; elsewhere the pack's value decides"
    points = sweep(variants, Level.BLUE, ticks=TICKS, county=place, sources=sources, happened=[])
    for (_, warned), point in zip(runs, points, strict=True):
        assert point.skill == skill(match(warned, [], Level.BLUE, period=backtest.period(TICKS)))
    assert points[0].skill.false > points[1].skill.false > 0


def test_what_one_gauge_claims_alone_is_weighed_as_in_an_assessment(tmp_path: Path) -> None:
    drifting = make(tmp_path)
    drifting.calm(END)
    gauge = next(s for s in drifting.county.stations if s.station == "SXZ" and s.warning_stage)  # no other is near enough to contradict it
    rows = [reading(gauge.station, "stage", END - timedelta(hours=h), gauge.warning_stage + 0.3, feed=gauge.feed, received=END, datum=gauge.datum)
            for h in range(26)]
    drifting.feed(gauge.feed, END, Batch(observations=tuple(rows)))
    drifting.quiet_feeds(END)
    pack = tmp_path / "stage.yaml"
    pack.write_text(re.sub(r"condition: >-.*?question:", "condition: typhoon_distance <= 1 km\n      question:", STAGE.read_text(encoding="utf-8"), flags=re.DOTALL),
                    encoding="utf-8")
    variants = [variant(pack, "flood.stage", Level.YELLOW, "stage_above_warning", value) for value in (0.0, 0.2)]
    sources = backtest.stored(drifting.county, drifting.lake, drifting.ledger, tuple(v.rule for v in variants))(TICKS)
    points = sweep(variants, Level.YELLOW, ticks=TICKS, county=drifting.county, sources=sources, happened=[])
    for found, point in zip(variants, points, strict=True):
        _, warned = judged_alone(found, drifting.county, sources)
        assert point.skill == skill(match(warned, [], Level.YELLOW)) and point.skill.false == 0, "nothing explains it"
        assert point.steps.false > 0, "the comparison itself holds"


def test_rows_that_do_not_fit_are_refused_and_other_rules_rows_are_not_looked_at(tmp_path: Path) -> None:
    place = county(tmp_path / "c", "flood.ponding,red,rain_1h,yuelai,,2,mm,,县防汛预案第三条,false,低洼")
    found = variant(PONDING, "flood.ponding", Level.BLUE, "rain_1h", 29.0)
    with pytest.raises(ConfigErrors):
        in_county(found, place, START.date())
    other = dataclasses.replace(place, overrides=tuple(dataclasses.replace(row, rule="geological.rain_caine") for row in place.overrides))
    assert in_county(found, other, START.date()).rule == found.rule
