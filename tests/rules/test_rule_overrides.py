"""A county's own numbers: they act where they should and nowhere else, evidence says which row, and what does not fit is refused in its place."""

from __future__ import annotations

import re
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rules_world import ROOT, Scenario, World, beijing, make, reading

import rules
from core.county import County, load_county
from core.county.overrides import COLUMNS, FILE
from core.errors import ConfigErrors
from core.ledger import score_to_json
from core.model import Batch, Hazard, Level, RiskScore
from rules import backtest, overrides
from rules.assess import judge, read, rules_of
from rules.evidence import evidence
from rules.packs import find, load_packs

NOW = beijing("07-25 20:00")


def county(folder: Path, *rows: str) -> County:
    """Haimen with the ponding pack, and these rows."""
    if not folder.exists():
        shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios"))
        head = folder / "county.yaml"
        head.write_text(head.read_text(encoding="utf-8").replace("  - cn/stage\n", "  - cn/stage\n  - cn/ponding\n"), encoding="utf-8")
    if rows:
        (folder / FILE).write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    else:
        (folder / FILE).unlink(missing_ok=True)
    return load_county(folder)


def world(folder: Path, *rows: str, rain: float = 0.0, **over: float) -> World:
    """A quiet county, all of it with one hour of `rain` and other values in `over`."""
    made = make(folder, county(folder / "c", *rows).root)
    made.calm(NOW, **over)
    stations = [s for s in made.county.stations if "rain" in s.properties]
    made.feed("weather", NOW, Batch(observations=tuple(reading(s.station, "rain", NOW, rain, received=NOW) for s in stations)))
    made.quiet_feeds(NOW)
    return made


def scores(made: World, hazard: Hazard = Hazard.FLOOD, at: datetime = NOW) -> dict[str, RiskScore]:
    return {s.town: s for s in rules.assess(now=at, county=made.county, lake=made.lake, ledger=made.ledger).scores if s.hazard == hazard}


def of_rule(score, rule: str):
    return next(e for e in score.evidence if e.rule == rule)


PONDING = "flood.ponding,blue,rain_1h,yuelai,,25,mm,,县防汛预案第三条,false,低洼"


def test_a_town_s_own_threshold_decides_and_is_told(tmp_path: Path) -> None:
    got = scores(world(tmp_path, PONDING, rain=27.0))
    assert {t for t, s in got.items() if of_rule(s, "flood.ponding").level == Level.BLUE} == {"yuelai"}
    own, other = of_rule(got["yuelai"], "flood.ponding"), of_rule(got["yudong"], "flood.ponding")
    assert own.conditions["blue"] == ("low_ground and rain_1h >= 25 mm", True) and other.conditions["blue"] == ("low_ground and rain_1h >= 30 mm", False)
    assert "override:rain_1h=25 mm:yuelai:overrides.csv:2" in own.flags and not any(f.startswith("override") for f in other.flags)
    assert own.values["rain_1h@flood.ponding.blue"] == 25.0 and own.units["rain_1h@flood.ponding.blue"] == "mm"
    assert "县防汛预案第三条（overrides.csv:2）" in own.source and "县防汛预案" not in other.source
    assert "1小时雨量 27 mm（flood.ponding 蓝色）" in got["yuelai"].reason


def test_the_counterfactual_and_the_score_look_to_the_town_s_own_number(tmp_path: Path) -> None:
    got = scores(world(tmp_path, PONDING, rain=20.0))
    own, other = of_rule(got["yuelai"], "flood.ponding"), of_rule(got["yudong"], "flood.ponding")
    assert "蓝色需 rain_1h 达 25 mm（现 20 mm）" in own.counterfactual and "达 30 mm" in other.counterfactual
    assert own.score == 20.0 and other.score == 16.7


def test_a_parameter_is_another_in_one_town(tmp_path: Path) -> None:
    """flood.stage blue is within near_margin of the warning stage: 0.30 m, in Yuelai 0.50 m. All gauges stand 0.40 m under."""
    rows = ("flood.stage,,near_margin,yuelai,,50,cm,,自定,false,",)
    made = world(tmp_path, *rows, stage=2.3)
    got = {t: of_rule(s, "flood.stage") for t, s in scores(made).items()}
    plain = {t: of_rule(s, "flood.stage") for t, s in scores(world(tmp_path / "b", stage=2.3)).items()}
    blue, before = ({t for t, e in told.items() if e.level == Level.BLUE} for told in (got, plain))
    assert "yuelai" not in before and blue == before | {"yuelai"} and got["yuelai"].conditions["blue"][0] == "stage_above_warning >= -0.5 m"


def test_a_station_s_own_threshold_is_looked_at_before_the_worst_is_taken(tmp_path: Path) -> None:
    """Sanchang has three monitoring points. DZ-01 moves 0.09 deg (own number 0.08), DZ-02 0.095 (the pack's 0.1): DZ-01 decides though DZ-02 moves more."""
    made = world(tmp_path, "geological.points,blue,tilt_rate_24h,,DZ-01,0.08,deg,,监测单位 2024,true,")
    moves = {"DZ-01": 0.49, "DZ-02": 0.495}
    made.feed("geology", NOW, Batch(observations=tuple(reading(s, "tilt", NOW, v, feed="geology", received=NOW) for s, v in moves.items())))
    got = {t: of_rule(s, "geological.points") for t, s in scores(made, Hazard.GEOLOGICAL).items()}
    assert {t for t, e in got.items() if e.level} == {"sanchang"}
    own = got["sanchang"]
    assert own.level == Level.BLUE and own.conditions["blue"][0].startswith("tilt_rate_24h >= 0.08 deg or ")
    assert own.values["tilt_rate_24h[geological.points.blue]"] == 0.09 and own.values["tilt_rate_24h@geological.points.blue"] == 0.08
    assert "override:tilt_rate_24h=0.08 deg:DZ-01:overrides.csv:2" in own.flags
    assert any("DZ-01/tilt" in r for r in own.records["tilt_rate_24h[geological.points.blue]"])
    reason = scores(made, Hazard.GEOLOGICAL)["sanchang"].reason
    assert "24小时倾角变化 0.09 deg（geological.points 蓝色）" in reason


def test_a_station_s_row_leaves_the_evidence_of_other_towns_as_it_was(tmp_path: Path) -> None:
    row = "geological.points,blue,tilt_rate_24h,,DZ-06,0.05,deg,,监测单位 2024,,"
    told = [scores(world(tmp_path / name, *rows), Hazard.GEOLOGICAL) for name, rows in (("plain", ()), ("own", (row,)))]
    assert {t for t in told[0] if score_to_json(told[0][t]) != score_to_json(told[1][t])} == {"baochang"}


def test_a_station_s_higher_number_spares_it_and_no_other(tmp_path: Path) -> None:
    made = world(tmp_path, "geological.points,blue,tilt_rate_24h,,DZ-01,0.2,deg,,监测单位 2024,,")
    made.feed("geology", NOW, Batch(observations=tuple(reading(s, "tilt", NOW, 0.55, feed="geology", received=NOW) for s in ("DZ-01", "DZ-03"))))
    got = {t: of_rule(s, "geological.points") for t, s in scores(made, Hazard.GEOLOGICAL).items()}
    assert {t for t, e in got.items() if e.level} == {"linjiang"}  # DZ-03 in Linjiang: the pack's number
    assert "蓝色需 tilt_rate_24h 达 0.2 deg（现 0.15 deg）" in got["sanchang"].counterfactual


def test_a_silent_station_with_a_number_of_its_own_excludes_nothing(tmp_path: Path) -> None:
    made = world(tmp_path, "geological.points,blue,tilt_rate_24h,,DZ-03,0.2,deg,,监测单位 2024,,")
    later = NOW + timedelta(hours=6)
    for feed in made.county.feeds:
        if feed.feed != "geology":
            made.feed(feed.feed, later, Batch())
    got = {t: of_rule(s, "geological.points") for t, s in scores(made, Hazard.GEOLOGICAL, later).items()}
    assert {(got[t].level, got[t].ceiling) for t in ("linjiang", "sanchang")} == {(Level.NONE, Level.RED)}
    assert got["linjiang"].values["tilt_rate_24h[geological.points.blue]:max"] is None


def test_a_row_counts_from_its_day_on_and_a_later_one_replaces_it(tmp_path: Path) -> None:
    there = county(tmp_path / "c", PONDING.replace("mm,,", "mm,2021-07-01,"), PONDING.replace(",25,", ",20,").replace("mm,,", "mm,2022-01-01,"))
    packs = [r for p in load_packs(find(there.packs, there.root)) for r in p.rules]

    def number(day: date) -> float | None:
        rule = next(r for r in overrides.apply(packs, there, day) if r.id == "flood.ponding")
        return rule.own[0].mark.towns["yuelai"] if rule.own else None

    assert [number(date(*d)) for d in ((2021, 6, 30), (2021, 7, 1), (2022, 1, 1))] == [None, 25.0, 20.0]


def test_a_verified_pack_is_verified_no_more_where_the_county_changed_it(tmp_path: Path) -> None:
    rows = ("flood.rainstorm,blue,rain_12h,yuelai,,40,mm,,自定,,", "flood.rainstorm,blue,rain_12h,yudong,,45,mm,,县令 2025 第一条,true,")
    got = {t: of_rule(s, "flood.rainstorm") for t, s in scores(world(tmp_path, *rows, rain=42.0)).items()}
    assert [got[t].verified for t in ("yuelai", "yudong", "sijia")] == [False, True, True]
    assert [got[t].level for t in ("yuelai", "yudong", "sijia")] == [Level.BLUE, Level.NONE, Level.NONE]


def test_explain_recomputes_a_score_with_own_numbers(tmp_path: Path) -> None:
    made = world(tmp_path, PONDING, rain=27.0)
    scores(made)
    told = rules.explain(town="yuelai", hazard=Hazard.FLOOD, at=NOW, county=made.county, lake=made.lake, ledger=made.ledger)
    assert told.matches and "rain_1h >= 25 mm" in told.text() and "overrides.csv:2" in told.text()


def test_a_back_test_and_its_hash_follow_the_file(tmp_path: Path) -> None:
    """One storm, three ticks, with a number that fires at once: other levels in one town and another hash; the live step says the same."""
    start = beijing("07-25 12:00")
    runs = {}
    for name, rows in (("plain", ()), ("own", ("flood.stage,,near_margin,yuelai,,1.5,m,,自定,,",))):
        made = make(tmp_path / name, county(tmp_path / name / "c", *rows).root)
        Scenario("in-fa-2021", made.county).tell(made, start - timedelta(days=1), start)
        chosen = rules_of(made.county, start)
        ticks = backtest.steps(start, start + timedelta(hours=2), timedelta(hours=1))
        runs[name] = backtest.run(ticks=ticks, county=made.county, rules=chosen, source=backtest.stored(made.county, made.lake, made.ledger, chosen), block=3)
        live = {s.town: s for s in rules.assess(now=start, county=made.county, lake=made.lake, ledger=made.ledger).scores if s.hazard == Hazard.FLOOD}
        assert all(live[t].level == runs[name].level[Hazard.FLOOD][0, n] for n, t in enumerate(runs[name].towns))
    differing = runs["plain"].proved["flood.stage"] != runs["own"].proved["flood.stage"]
    assert {runs["own"].towns[n] for n in np.flatnonzero(differing.any(axis=0))} == {"yuelai"} and runs["plain"].hash() != runs["own"].hash()


RULES = {"flood.stage": ("", "near_margin", "m"), "flood.ponding": ("blue", "rain_1h", "mm"), "typhoon.wind": ("", "near", "km"),
         "flood.rainstorm": ("red", "rain_3h", "mm")}


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("own")
    made = make(folder, county(folder / "c").root)
    Scenario("in-fa-2021", made.county).tell(made, NOW - timedelta(days=3), NOW)
    plain = judge(read(NOW, made.county, made.lake, made.ledger), NOW, made.county)
    return made, plain


@settings(max_examples=25)
@given(rule=st.sampled_from(sorted(RULES)), town=st.integers(0, 11), share=st.floats(0.3, 0.95))
def test_a_row_for_one_town_changes_nothing_in_any_other(storm, rule: str, town: int, share: float) -> None:
    made, plain = storm
    level, parameter, unit = RULES[rule]
    usual = {"near_margin": 0.3, "rain_1h": 30.0, "near": 800.0, "rain_3h": 100.0}[parameter]
    key = made.county.towns[town].key
    value = round(usual * (share if parameter != "rain_3h" else 1 + share), 3)
    there = county(made.county.root, f"{rule},{level},{parameter},{key},,{value},{unit},,自定,,")
    own = judge(plain.situation.sources, NOW, there)
    for before, after in zip(plain.findings, own.findings, strict=True):
        for side in ("proved", "ceiling", "heading", "age_s"):
            others = np.arange(len(there.towns)) != town if before.rule.id == rule else np.ones(len(there.towns), dtype=bool)
            np.testing.assert_array_equal(getattr(before, side)[:, others], getattr(after, side)[:, others], err_msg=f"{before.rule.id} {side}")
        for n in np.flatnonzero(np.arange(len(there.towns)) != town):
            assert evidence(before, int(n), plain.tracer) == evidence(after, int(n), own.tracer)
            assert all((before.progress[k][:, n] == after.progress[k][:, n]).all() for k in before.progress)


BAD = [
    ("flood.pondng,blue,rain_1h,yuelai,,25,mm,,自定,,", "rule", ("未知规则", "flood.pondng", "flood.ponding")),
    ("flood.ponding,blue,rain_1hr,yuelai,,25,mm,,自定,,", "parameter", ("rain_1hr", "rain_1h")),
    ("flood.stage,,near_margn,yuelai,,0.2,m,,自定,,", "parameter", ("near_margn", "near_margin")),
    ("flood.ponding,,rain_1h,yuelai,,25,mm,,自定,,", "level", ("级别",)),
    ("flood.ponding,red,rain_1h,yuelai,,25,mm,,自定,,", "level", ("没有红色", "blue, orange, yellow")),
    ("flood.ponding,blue,rain_1h,yuelai,,25,m/s,,自定,,", "unit", ("单位不合", "mm")),
    ("flood.ponding,blue,rain_1h,yuelai,,25,millimetre,,自定,,", "unit", ("单位不合", "mm")),
    ("flood.ponding,blue,rain_1h,yuelai,,60,mm,,自定,,", "value", ("yuelai", "门槛 50 比蓝色的 60 还低")),
    ("flood.ponding,blue,low_ground,yuelai,,1,1,,自定,,", "parameter", ("恰有一个",)),
    ("flood.ponding,yellow,rain_3h,yuelai,,25,mm,,自定,,", "", ()),
    ("flood.surge,blue,official_surge,yuelai,,2,1,,自定,,", "parameter", ("颜色或是非",)),
    ("flood.rainstorm,orange,rain_3h,yuelai,,120,mm,,自定,,", "value", ("yuelai", "红色",)),
    ("flood.stage,,near_margin,yuelai,,-0.2,m,,自定,,", "value", ("比蓝色",)),
    ("flood.stage,,near_margin,,SXZ,0.2,m,,自定,,", "station", ("逐站", "town")),
    ("geological.points,blue,tilt_rate_24h,,SXZ,0.08,deg,,自定,,", "station", ("要素",)),
    ("flood.rainstorm,orange,rain_3h,,M9001,45,mm,,自定,,", "station", ("两路",)),
    ("geological.bank,yellow,stage_mean_drop_25h,sanchang,,0.4,m,,自定,,", "parameter", ("恰有一个", "2 个")),
]


@pytest.mark.parametrize(("row", "column", "words"), BAD, ids=[row[:60] for row, _, _ in BAD])
def test_what_does_not_fit_is_refused_in_its_place(tmp_path: Path, row: str, column: str, words: tuple[str, ...]) -> None:
    there = county(tmp_path / "c", row)
    if not words:
        assert rules_of(there, NOW)
        return
    with pytest.raises(ConfigErrors) as caught:
        rules_of(there, NOW)
    found = [str(e) for e in caught.value.errors]
    begins = 1 + sum(len(cell) + 1 for cell in row.split(",")[: COLUMNS.index(column)])
    assert any(f"{FILE}:2:{begins}: " in text and all(w in text for w in words) for text in found), found
    assert all(re.search("[\u4e00-\u9fff]", text) and " / " in text for text in found)


def test_both_ways_to_change_one_number_are_refused_together(tmp_path: Path) -> None:
    rows = ("flood.stage,,near_margin,yuelai,,0.2,m,,自定,,", "flood.stage,blue,stage_above_warning,yudong,,-0.25,m,,自定,,",
            "flood.ponding,blue,rain_1h,yuelai,,x,mm,,自定,,")
    with pytest.raises(ConfigErrors):
        county(tmp_path / "c", *rows)
    with pytest.raises(ConfigErrors, match="同一个数"):
        rules_of(county(tmp_path / "c", *rows[:2]), NOW)
    mixed = ("geological.points,blue,tilt_rate_24h,sanchang,,0.08,deg,,自定,,", "geological.points,blue,tilt_rate_24h,,DZ-03,0.08,deg,,自定,,")
    with pytest.raises(ConfigErrors, match="既按镇街又按站"):
        rules_of(county(tmp_path / "c", *mixed), NOW)


def test_every_fault_of_every_row_comes_at_once(tmp_path: Path) -> None:
    rows = {tuple(row.split(",")[:3]): row for row, column, _ in reversed(BAD) if column}  # of one number once
    there = county(tmp_path / "c", *rows.values())
    with pytest.raises(ConfigErrors) as caught:
        overrides.check([r for p in load_packs(find(there.packs, there.root)) for r in p.rules], there)
    assert {e.line for e in caught.value.errors} == {*range(2, 2 + len(rows))}


def test_two_rows_of_a_town_are_looked_at_together(tmp_path: Path) -> None:
    """Blue at 60 mm is over yellow's 50; with yellow at 70 mm both fit."""
    rows = ("flood.ponding,blue,rain_1h,yuelai,,60,mm,,自定,,", "flood.ponding,yellow,rain_1h,yuelai,,70,mm,,自定,,")
    assert next(r for r in rules_of(county(tmp_path / "c", *rows), NOW) if r.id == "flood.ponding").own


def test_scores_carry_own_numbers_through_the_ledger(tmp_path: Path) -> None:
    made = world(tmp_path, PONDING, rain=27.0)
    told = scores(made)["yuelai"]
    stored = next(s for s in made.ledger.scores(at=NOW) if (s.town, s.hazard) == ("yuelai", Hazard.FLOOD))
    assert score_to_json(stored) == score_to_json(told) and "overrides.csv:2" in score_to_json(stored)


def test_the_example_of_the_county_readme_is_accepted(tmp_path: Path) -> None:
    text = (ROOT / "county" / "README.md").read_text(encoding="utf-8")
    rows = text.split("rule,level,parameter,town,station,value,unit,valid_from,source,verified,note\n")[1].split("```")[0].strip().splitlines()
    assert len(rows) == 3
    there = county(tmp_path / "c", *rows)
    overrides.check([r for p in load_packs(find(there.packs, there.root)) for r in p.rules], there)
    assert all(column in text for column in COLUMNS)
