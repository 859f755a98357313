"""One path's claim that nature is known not to explain is not proved, stands in the ceiling and rings the desk; every other claim counts as ever."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rules_world import CLOCK, ROOT, Scenario, World, beijing, make, reading, signal
from small_pack import GOOD

import rules
from console.rulebook import book, page
from core.county import load_county
from core.county.overrides import COLUMNS, FILE
from core.model import Batch, FieldReport, Flag, Hazard, Level
from core.times import parse_local
from rules import backtest, schema
from rules.assess import hold_all, judge, rules_of
from rules.handbook import collect
from rules.packs import FOLDER, Rule, load_pack
from rules.testworld import START, sources, world
from rules.validate import validate

STAGE = next(r for r in load_pack(FOLDER / "cn" / "stage.yaml").rules if r.id == "flood.stage")
POINTS = next(r for r in load_pack(FOLDER / "cn" / "geological_points.yaml").rules if r.id == "geological.points")
OFF = {rule.id: replace(rule, explained_by=None) for rule in (STAGE, POINTS)}
HOURS = 40
STATIONS = {"Z": {"path": "z", "warning_stage": 2.8, "guaranteed_stage": 3.3}, "N": {"path": "n", "km": 20}, "M": {"path": "m", "km": 5}, "D": {"path": "d"},
            "E": {"path": "e"}}
#: A gauge that creeps from 2.0 m over its warning to its guaranteed stage, and ground that tilts by 0.8 degrees.
RISE = [2.0] * 26 + [round(2.0 + 0.1 * n, 2) for n in range(1, HOURS - 25)]
TILT = [0.4] * 26 + [round(0.4 + 0.06 * n, 2) for n in range(1, HOURS - 25)]
DRY = [0.0] * HOURS
Series = dict[str, list[float | None]]


def run(rule: Rule, series: Series, **case: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(proved, ceiling, held) per hour of the one town."""
    text = {key: " ".join("_" if v is None else f"{v:g}" for v in values) for key, values in series.items()}
    raw = {"name": "x", "series": text, "stations": STATIONS} | case
    county, ticks = world(raw, 1.0), [START + timedelta(hours=h) for h in range(HOURS)]
    judged = judge(sources(raw, 1.0, county, ticks[-1]), ticks[-1], county, (rule,), ticks)
    memory: dict = {}
    held = []
    for number, tick in enumerate(ticks):
        memory = hold_all(judged, memory, tick, number)
        held.append(max(s.level for s in memory.values()))
    return judged.findings[0].proved[:, 0], judged.findings[0].ceiling[:, 0], np.array(held)


def wet(hour: int, amount: float = 30.0) -> list[float | None]:
    return [amount if n == hour else 0.0 for n in range(HOURS)]


@pytest.mark.parametrize(("rule", "own"), [(STAGE, {"stage@Z": RISE}), (POINTS, {"tilt@D": TILT})], ids=lambda x: getattr(x, "id", ""))
def test_a_creep_that_nothing_explains_proves_nothing_and_hides_nothing(rule: Rule, own: Series) -> None:
    proved, ceiling, held = run(rule, own | {"rain@M": DRY, "stage@N": [2.0] * HOURS})
    believed = run(OFF[rule.id], own | {"rain@M": DRY, "stage@N": [2.0] * HOURS})
    assert believed[0][-1] >= Level.YELLOW and not proved.any() and not held.any() and (ceiling == believed[1]).all()


@pytest.mark.parametrize(("why", "more", "case"), [
    ("it rains before it rises", {"rain@M": wet(20)}, {}),
    ("a neighbour rises too", {"rain@M": DRY, "stage@N": [2.0] * 24 + [2.4] * 16}, {}),
    ("the rain gauge died in the dry", {"rain@M": [0.0] * 12 + [None] * (HOURS - 12)}, {}),
    ("nobody measures rain", {}, {}),
    ("one reading of the rain is missing", {"rain@M": [None if n == 20 else 0.0 for n in range(HOURS)]}, {}),
    ("the storm feed is silent", {"rain@M": DRY}, {"silent": ["tracks"]}),
    ("the warning centre is silent", {"rain@M": DRY}, {"silent": ["signals"]}),
    ("a storm is near", {"rain@M": DRY}, {"tracks": [{"at": f"{h} h", "lat": 29.0, "lon": 122.0, "wind": 25, "pressure": 985} for h in range(HOURS)]}),
    ("the warning centre says so", {"rain@M": DRY}, {"signals": [{"event": "暴雨", "level": "blue", "from": "20 h"}]}),
])
@pytest.mark.parametrize(("rule", "own"), [(STAGE, {"stage@Z": RISE}), (POINTS, {"tilt@D": TILT})], ids=lambda x: getattr(x, "id", ""))
def test_a_true_rise_is_proved_at_the_same_tick_as_without_the_clause(rule: Rule, own: Series, why: str, more: Series, case: dict) -> None:
    with_it, without = run(rule, own | more, **case), run(OFF[rule.id], own | more, **case)
    assert without[0].max() >= Level.YELLOW
    for a, b in zip(with_it, without, strict=True):
        assert (a == b).all(), why


def test_a_second_path_at_the_site_proves_whatever_it_measures_and_a_second_quantity_on_one_line_does_not() -> None:
    moves: list[float | None] = [12.0 if v == 0.4 else round(12.0 + 30 * (v - 0.4), 2) for v in TILT]
    two = run(POINTS, {"tilt@D": TILT, "displacement@E": moves, "rain@M": DRY})
    one = run(POINTS, {"tilt@D": TILT, "displacement@D": moves, "rain@M": DRY})
    assert (two[0] == run(OFF[POINTS.id], {"tilt@D": TILT, "displacement@E": moves, "rain@M": DRY})[0]).all()
    assert not one[0].any()


def test_a_gauge_that_dies_while_it_creeps_alone_is_not_carried_on_into_a_warning() -> None:
    died = [v if n < 34 else None for n, v in enumerate(RISE)]
    proved, ceiling, held = run(STAGE, {"stage@Z": died, "rain@M": DRY})
    assert not held.any() and not proved.any() and ceiling[-1] == Level.ORANGE
    assert run(OFF[STAGE.id], {"stage@Z": died, "rain@M": DRY})[2][-1] >= Level.YELLOW


SLOW = settings(max_examples=20, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=[HealthCheck.too_slow])
HOLES = st.sets(st.integers(0, HOURS - 1), max_size=20)


@SLOW
@given(st.lists(st.floats(-0.1, 0.25), min_size=HOURS - 26, max_size=HOURS - 26), st.integers(0, HOURS - 1), st.sampled_from([0.0, 10.0, 30.0]),
       st.floats(0.0, 0.05), HOLES, HOLES)
def test_less_known_of_the_causes_never_lowers_and_never_shows_more_than_the_gauge_claims(steps, hour, rain, drift, rain_holes, gauge_holes) -> None:
    stage = [2.0] * 26 + [round(float(v), 3) for v in 2.0 + np.cumsum(steps)]
    near = [round(2.0 + drift * max(0, n - 26), 3) for n in range(HOURS)]
    whole: Series = {"stage@Z": stage, "rain@M": wet(hour, rain), "stage@N": near}
    holed = {"stage@Z": stage, "rain@M": [None if n in rain_holes else v for n, v in enumerate(wet(hour, rain))],
             "stage@N": [None if n in gauge_holes else v for n, v in enumerate(near)]}
    (proved, ceiling, held), less = run(STAGE, whole), run(STAGE, holed)
    claimed = run(OFF[STAGE.id], whole)
    assert (less[0] >= proved).all() and (less[2] >= held).all() and (less[1] == ceiling).all(), "silence suppressed"
    for upper, lower in ((claimed, less), (claimed, (proved, ceiling, held))):
        assert (lower[0] <= upper[0]).all() and (lower[2] <= upper[2]).all() and (lower[1] == upper[1]).all(), "more than the gauge claims"
    assert (ceiling >= claimed[0]).all()


def test_many_ticks_at_once_say_what_each_says_alone() -> None:
    text = {"stage@Z": RISE, "rain@M": wet(3), "stage@N": [2.0] * 35 + [2.2] * 5}
    raw = {"name": "x", "series": {k: " ".join(map(str, v)) for k, v in text.items()}, "stations": STATIONS}
    county, ticks = world(raw, 1.0), [START + timedelta(hours=h) for h in range(HOURS)]
    block = judge(sources(raw, 1.0, county, ticks[-1]), ticks[-1], county, (STAGE,), ticks).findings[0]
    for number, tick in enumerate(ticks):
        alone = judge(sources(raw, 1.0, county, tick), tick, county, (STAGE,)).findings[0]
        for side in ("proved", "ceiling", "heading", "unexplained"):
            assert getattr(alone, side)[-1, 0] == getattr(block, side)[number, 0], (tick, side)
    assert block.unexplained.any() and block.proved.any()


@pytest.mark.parametrize(("storm", "start", "end"), [("in-fa-2021", "2021-07-25 00:00", "2021-07-28 08:00"), ("plum-rain-2023", "2023-07-06 12:00", "2023-07-07 16:00")])
def test_the_countys_storms_are_warned_of_at_the_same_step(tmp_path: Path, storm: str, start: str, end: str) -> None:
    home, first, last = make(tmp_path), parse_local(start, CLOCK), parse_local(end, CLOCK)
    tables, since, now = Scenario(storm, home.county), first - timedelta(days=5), first
    while now <= last:
        tables.tell(home, since, now)
        since, now = now, now + timedelta(hours=3)
    ticks, chosen = backtest.steps(first, last, timedelta(hours=1)), rules_of(home.county, first)
    held = {}
    for name, asked in (("asked", chosen), ("believed", tuple(replace(r, explained_by=None) for r in chosen))):
        held[name] = backtest.run(ticks=ticks, county=home.county, rules=asked, source=backtest.stored(home.county, home.lake, home.ledger, asked), block=len(ticks)).held
    for rule in (STAGE.id, POINTS.id):
        assert (held["asked"][rule] == held["believed"][rule]).all() and (storm == "plum-rain-2023" or held["asked"][rule].any()), rule


# --- what people see

NOW = beijing("07-01 08:00")


def creeping(folder: Path, top: float = 2.75) -> World:
    """A dry, still county in which LJZ alone has crept over its warning stage (2.70 m)."""
    home = make(folder)
    home.calm(NOW, hours=60)
    creep(home, NOW, top)
    return home


def creep(home: World, now, top: float) -> None:
    home.feed("water", now, Batch(observations=tuple(reading("LJZ", "stage", now - timedelta(hours=h), top - 0.1 * h, feed="water", received=now, datum="废黄河")
                                                     for h in range(5))))


def step(home: World, now=NOW):
    report = rules.assess(now=now, county=home.county, lake=home.lake, ledger=home.ledger)
    return next(s for s in report.scores if (s.town, s.hazard) == ("linjiang", Hazard.FLOOD))


def notices(home: World) -> list[tuple[str, str]]:
    with home.ledger.read() as tx:
        return [tuple(row) for row in tx.exec_driver_sql("select ref, text from duty_log where kind = 'unexplained'")]


def test_the_desk_is_asked_once_and_the_evidence_says_why(tmp_path: Path) -> None:
    home = creeping(tmp_path)
    score = step(home)
    proof = next(e for e in score.evidence if e.rule == "flood.stage")
    assert (score.level, score.ceiling) == (Level.NONE, Level.YELLOW) and "unexplained" in proof.flags and proof.conditions["explained_by"][1] is False
    assert proof.counterfactual == "黄色需另一线路的测站或成因证实"
    [(ref, text)] = notices(home)
    assert ref == "LJZ/flood.stage/yellow@2021-07-01"
    assert text.startswith("临江站独自报河道与潮位黄色（水位超警戒水位 0.05 m），没有另一线路证实，也不见成因（其他线路：周边24小时雨量 0 mm、")
    assert "仪器漂移，还是溃口、误开闸？请派人" in text
    told = rules.explain(town="linjiang", hazard=Hazard.FLOOD, at=NOW, county=home.county, lake=home.lake, ledger=home.ledger)
    assert told.matches, told.differences
    assert "explained_by 不成立" in told.text() and "rain_24h_around >= 25 mm：现 0 mm，阈值 25 mm，不成立" in told.text()
    assert {c["level"] for c in told.as_json()["comparisons"]["flood.stage"]} == {"blue", "yellow", "orange", "red", "explained_by"}
    later = NOW + timedelta(hours=1)
    home.calm(later, hours=2)
    creep(home, later, 2.76)
    step(home, later)
    assert len(notices(home)) == 1, "one event, one question"
    home.calm(later + timedelta(hours=1), hours=2)
    creep(home, later + timedelta(hours=1), 3.3)
    step(home, later + timedelta(hours=1))
    assert {ref for ref, _ in notices(home)} == {f"LJZ/flood.stage/{level}@2021-07-01" for level in ("yellow", "orange")}, "higher is another question"


def test_a_level_in_force_is_not_questioned_nor_lowered_when_its_cause_has_gone(tmp_path: Path) -> None:
    home = make(tmp_path)
    then = NOW - timedelta(hours=2)
    home.calm(then, hours=60)
    home.feed("weather", then, Batch(observations=tuple(reading(s, "rain", then - timedelta(hours=20), 40.0, received=then) for s in ("M9011", "M9012", "M9006"))))
    creep(home, then, 2.75)
    assert step(home, then).level == Level.YELLOW
    for hours in (2, 6, 12):
        now = then + timedelta(hours=hours)
        home.calm(now, hours=14, rain=0.0)
        creep(home, now, 2.75)
        score = step(home, now)
        assert (score.level, score.ceiling) == (Level.YELLOW, Level.YELLOW), hours
    assert score.proved == Level.NONE and notices(home) == []


@pytest.mark.parametrize("who", ["second gauge", "a person", "the warning centre", "suspect rain"])
def test_whoever_confirms_proves_it(tmp_path: Path, who: str) -> None:
    home = creeping(tmp_path)
    if who == "second gauge":
        rows = [reading("YLZ", "stage", NOW - timedelta(hours=h), 2.72 - 0.1 * h, feed="water", received=NOW, datum="废黄河") for h in range(5)]
        home.feed("water", NOW, Batch(observations=tuple(rows)))
    elif who == "a person":
        told = FieldReport(feed="reports", report="R1", reporter="hm-lj-t1", trust=2, town="linjiang", kind="overtopping", time=NOW, received=NOW, raw="ab" * 32)
        home.lake.append("reports", Batch(reports=(told,)), NOW)
    elif who == "the warning centre":
        home.feed("warnings_nmc", NOW, Batch(signals=(signal("A", "洪水", Level.BLUE, NOW, hazard=Hazard.FLOOD, received=NOW),)))
    else:
        rain = tuple(reading(s.station, "rain", NOW, 60.0, feed=s.feed, flag=Flag.SUSPECT, received=NOW) for s in home.county.stations if "rain" in s.properties)
        for feed in ("weather", "water"):
            home.feed(feed, NOW, Batch(observations=tuple(o for o in rain if o.feed == feed)))
    assert step(home).level >= Level.BLUE and notices(home) == []


# --- what analysts write

CLAUSE = """\
    explained_by:
      condition: >-
        rain_24h >= 25 mm
        or stage_rise_6h >= 0.1 m
      question: 漂移？
      source: 自定
      verified: false
"""


@pytest.mark.parametrize(("old", "new", "at", "says"), [
    ("stage_rise_6h", "stage_ris_6h", "19:12", "stage_rise_6h"), ("0.1 m", "0.1 mm/h", "19:26", "单位"), ("25 mm", "25 s", "18:18", "单位不合"),
    ("      question: 漂移？\n", "", "16:5", "question"), ("verified: false\n", "verified: perhaps\n", "22:17", "true 或 false"),
    ("rain_24h >= 25 mm\n", "rain_24h\n", "18:9", "真假"),
])
def test_a_clause_that_is_wrong_is_refused_in_its_place(tmp_path: Path, old: str, new: str, at: str, says: str) -> None:
    good = GOOD + CLAUSE
    assert problems_of(tmp_path, good) == ([], []) and good.count(old) >= 1
    head, _, tail = good.rpartition(old)
    errors, _ = problems_of(tmp_path, head + new + tail)
    assert len(errors) == 1 and f"x.yaml:{at}:" in errors[0] and says in errors[0], errors


def test_a_clause_that_can_never_hold_is_remarked_and_the_schema_knows_it(tmp_path: Path) -> None:
    errors, remarks = problems_of(tmp_path, GOOD + CLAUSE.replace("or stage_rise_6h >= 0.1 m", "and rain_24h < 20 mm"))
    assert not errors and len(remarks) == 1 and "成因自相矛盾" in remarks[0] and "x.yaml:18:" in remarks[0]
    good = yaml.safe_load(GOOD + CLAUSE)
    good["valid_from"] = str(good["valid_from"])
    jsonschema.validate(good, schema.pack_schema())
    del good["rules"][0]["explained_by"]["question"]
    with pytest.raises(jsonschema.ValidationError, match="question"):
        jsonschema.validate(good, schema.pack_schema())


def problems_of(folder: Path, text: str) -> tuple[list[str], list[str]]:
    (folder / "x.yaml").write_text(text, encoding="utf-8")
    found = validate([folder / "x.yaml"])
    return [str(e) for e in found.errors], [str(r) for r in found.remarks]


def test_a_county_changes_a_cause_by_its_parameter_and_the_town_has_its_own_number(tmp_path: Path) -> None:
    """8 mm in a day explain nothing by the pack's 25 mm, and do by Linjiang's 8."""
    folder = tmp_path / "haimen"
    shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios"))
    levels = {}
    for name, town in (("usual", ""), ("own", "linjiang"), ("elsewhere", "yuelai")):
        if town:
            (folder / FILE).write_text(",".join(COLUMNS) + f"\nflood.stage,,heavy_rain,{town},,8,mm,,自定,false,\n", encoding="utf-8")
        home = make(tmp_path / name, folder)
        home.calm(NOW, hours=60)
        for feed in ("weather", "water"):
            rain = [reading(s.station, "rain", NOW, 8.0, feed=feed, received=NOW) for s in home.county.stations_of(feed) if "rain" in s.properties]
            home.feed(feed, NOW, Batch(observations=tuple(rain)))
        creep(home, NOW, 2.75)
        levels[name] = step(home).level
    assert levels == {"usual": Level.NONE, "own": Level.YELLOW, "elsewhere": Level.NONE}


def test_the_rule_book_tells_what_explains_a_claim_and_what_is_asked() -> None:
    entry = next(e for e in collect(load_county(ROOT / "county" / "haimen"), NOW.date()) if e.rule.id == "flood.stage")
    assert entry.explained_by is not None and entry.explained_by.zh.startswith("周边24小时雨量达到 25 mm，或者") and not entry.explained_by.verified
    assert {"rain_24h_around", "official_flood"} <= {m.name for m in entry.indicators}
    data = book(load_county(ROOT / "county" / "haimen"), NOW.date(), None)
    assert all("问值班台“仪器漂移，还是溃口、误开闸？”" in page(data, form) for form in ("md", "html"))
