"""The step on the real county and the recorded storms: levels, floors, silence, hold, repeatability, explanation."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest
from rules_world import ROOT, World, beijing, make, reading, signal
from rules_world import Scenario as Tables

import rules
from core.errors import ConfigError
from core.ledger import score_to_json, verify_audit
from core.ledger.codec import packed, unpacked
from core.model import Batch, Circle, Flag, Hazard, Level, MsgType, TrackPoint
from core.times import parse_local
from rules.assess import AssessReport

STORM = "in-fa-2021"
#: When a feed falls silent in the middle of it.
DIES = beijing("07-26 06:00")


def step(world: World, now: datetime) -> AssessReport:
    return rules.assess(now=now, county=world.county, lake=world.lake, ledger=world.ledger)


def levels(report: AssessReport, hazard: Hazard) -> dict[str, Level]:
    return {s.town: s.level for s in report.scores if s.hazard == hazard}


def replay(world: World, name: str, start: datetime, end: datetime, hours: int = 3) -> dict[datetime, AssessReport]:
    """Feed the scenario and assess every `hours`; data of the five days before `start` come first."""
    tables, since, now, out = Tables(name, world.county), start - timedelta(days=5), start, {}
    while now <= end:
        tables.tell(world, since, now)
        out[now] = step(world, now)
        since, now = now, now + timedelta(hours=hours)
    return out


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[datetime, AssessReport]]:
    world = make(tmp_path_factory.mktemp("storm"))
    return world, replay(world, STORM, beijing("07-25 03:00"), beijing("07-28 08:00") + timedelta(hours=1))


def at(reports: dict[datetime, AssessReport], text: str) -> AssessReport:
    return reports[beijing(text)]


def test_in_fa_circles_and_winds_then_the_official_floor_then_all_clear(storm) -> None:
    _, reports = storm
    assert set(levels(at(reports, "07-25 03:00"), Hazard.TYPHOON).values()) == {Level.NONE}
    assert set(levels(at(reports, "07-25 12:00"), Hazard.TYPHOON).values()) <= {Level.BLUE, Level.YELLOW}
    assert set(levels(at(reports, "07-25 21:00"), Hazard.TYPHOON).values()) <= {Level.BLUE, Level.YELLOW}
    for text in ("07-26 00:00", "07-26 12:00", "07-27 18:00"):
        report = at(reports, text)
        assert set(levels(report, Hazard.TYPHOON).values()) == {Level.ORANGE}
        assert {s.floor for s in report.scores if s.hazard == Hazard.TYPHOON} == {Level.ORANGE}
    assert max(levels(at(reports, "07-27 03:00"), Hazard.FLOOD).values()) >= Level.YELLOW
    last = reports[max(reports)]
    assert {s.level for s in last.scores} == {Level.NONE} and last.silent == ()


def test_levels_lie_between_proof_and_ceiling_and_scores_in_their_band(storm) -> None:
    _, reports = storm
    for report in reports.values():
        for s in report.scores:
            assert max(s.proved, s.floor) <= s.level <= s.ceiling
            assert 25 * s.level <= s.score < 25 * (s.level + 1) or s.score == 100.0
            assert bool(s.reason) == bool(s.level)
            assert {e.rule for e in s.evidence if e.role == "hazard"} or s.hazard not in Hazard


def test_the_sea_gale_signal_concerns_only_the_sea_front(storm) -> None:
    world, reports = storm
    assert {t.key for t in world.county.towns if t.sea_front} == {"baochang"}
    report = at(reports, "07-26 09:00")
    assert all("海区大风" not in s.reason for s in report.scores if s.town != "baochang")


def test_every_score_can_be_recomputed_from_the_lake(storm) -> None:
    world, reports = storm
    for when, part in ((beijing("07-26 18:00"), slice(0, None, 3)), (beijing("07-27 18:00"), slice(1, None, 4))):
        for s in reports[when].scores[part]:
            told = rules.explain(town=s.town, hazard=s.hazard, at=when, county=world.county, lake=world.lake, ledger=world.ledger)
            assert told.matches, (s.town, s.hazard, told.differences)
    text = rules.explain(town="包场镇", hazard=Hazard.TYPHOON, at=beijing("07-26 18:00"), county=world.county, lake=world.lake, ledger=world.ledger).text()
    assert "typhoon.circle" in text and "官方下限 橙色" in text and "原始数据" in text and "重算一致" in text and "【合成】" in text


def test_evidence_names_readings_payloads_thresholds_and_what_is_missing_to_the_next_level(storm) -> None:
    _world, reports = storm
    score = next(s for s in at(reports, "07-26 18:00").scores if (s.town, s.hazard) == ("sanchang", Hazard.FLOOD))
    rain = next(e for e in score.evidence if e.rule == "flood.rainstorm")
    assert rain.conditions["blue"] == ("rain_12h >= 50 mm or rain_12h_forecast >= 50 mm", True)
    assert len(rain.records["rain_12h"]) == 12 and rain.raws and rain.synthetic and rain.verified
    assert rain.counterfactual == f"黄色需 rain_6h 达 50 mm（现 {rain.values['rain_6h']:g} mm）"
    impact = next(e for e in score.evidence if e.rule == "impact.outage")
    assert impact.role == "impact" and impact.level >= Level.YELLOW and score.level == Level.BLUE


def test_plum_rain_alarms_nobody(tmp_path: Path) -> None:
    world = make(tmp_path)
    reports = replay(world, "plum-rain-2023", parse_local("2023-07-06 12:00", "%Y-%m-%d %H:%M"), parse_local("2023-07-07 16:00", "%Y-%m-%d %H:%M"), hours=4)
    assert {s.level for r in reports.values() for s in r.scores} == {Level.NONE}


@pytest.fixture(scope="module")
def midnight(tmp_path_factory: pytest.TempPathFactory, storm: tuple[World, dict[datetime, AssessReport]]) -> tuple[Path, AssessReport]:
    """The storm's first hours with every feed alive, which every silence below has before it: a folder to copy, and its last assessment."""
    world, since = make(folder := tmp_path_factory.mktemp("midnight")), beijing("07-20 00:00")
    for when in [when for when in sorted(storm[1])[7:14] if when <= DIES]:
        Tables(STORM, world.county).tell(world, since, when)
        report, since = step(world, when), when
    world.ledger.close()
    return folder, report


@pytest.mark.parametrize("feed", ["typhoon_zj", "typhoon_nmc", "weather", "water", "warnings_nmc", "warnings_cap", "geology", "power", "reports"])
def test_a_feed_that_dies_in_the_storm_lowers_nothing_and_is_named(tmp_path: Path, storm, midnight: tuple[Path, AssessReport], feed: str) -> None:
    copytree(midnight[0], tmp_path, dirs_exist_ok=True)
    world, (_, whole), since = make(tmp_path), storm, DIES
    world.skip = {feed}
    for when in [when for when in sorted(whole)[7:14] if when > DIES]:
        Tables(STORM, world.county).tell(world, since, when)
        report, since = step(world, when), when
    before = {(s.town, s.hazard): s.level for s in midnight[1].scores}
    hazards = {"typhoon_zj": Hazard.TYPHOON, "weather": Hazard.FLOOD, "water": Hazard.FLOOD, "warnings_nmc": Hazard.TYPHOON, "geology": Hazard.GEOLOGICAL}
    assert feed in report.silent
    told = {(s.town, s.hazard): s.level for s in whole[when].scores}
    for s in report.scores:
        assert s.level >= min(before[s.town, s.hazard], told[s.town, s.hazard])
        if s.hazard == hazards.get(feed) and feed != "geology":
            assert feed in s.silent and s.ceiling >= Level.ORANGE  # no record stage is known, so water alone cannot mean red
    if feed in ("typhoon_zj", "warnings_nmc"):
        assert all(s.level >= before[s.town, s.hazard] for s in report.scores if s.hazard == Hazard.TYPHOON)


def test_two_runs_with_one_clock_are_equal_byte_for_byte(tmp_path: Path) -> None:
    bodies = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        world = make(tmp_path / name)
        reports = replay(world, STORM, beijing("07-26 00:00"), beijing("07-26 06:00"))
        bodies.append([score_to_json(s) for r in reports.values() for s in r.scores])
        with sqlite3.connect(tmp_path / name / "ledger.db") as db:
            bodies[-1] += [str(row) for table in ("assessment", "evidence", "hold", "audit", "duty_log") for row in db.execute(f"select * from {table} order by 1, 2, 3")]
        assert verify_audit(world.ledger).broken_at is None
    assert bodies[0] == bodies[1]


def test_assessing_again_decides_nothing_anew(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-26 00:00")
    world.calm(now)
    first = step(world, now)
    world.feed("weather", now, Batch(observations=tuple(reading("M9001", "rain", now - timedelta(hours=h), 40.0, received=now) for h in range(3))))
    again = step(world, now)
    assert again.scores == first.scores and again.changed == ()
    with world.ledger.begin() as tx:
        assert len(list(tx.exec_driver_sql("select seq from audit"))) == 1


def test_a_calm_day_is_quiet_and_certain(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now, hours=60)
    report = step(world, now)
    assert report.silent == () and {(s.level, s.ceiling) for s in report.scores} == {(Level.NONE, Level.NONE)}
    assert len(report.scores) == len(world.county.towns) * len(world.county.hazards) and report.changed == ()


def test_with_nothing_at_all_nothing_is_proved_and_nothing_is_excluded(tmp_path: Path) -> None:
    world = make(tmp_path)
    report = step(world, beijing("07-01 08:00"))
    assert {s.level for s in report.scores} == {Level.NONE} and {s.ceiling for s in report.scores} == {Level.RED}
    assert set(report.silent) == {f.feed for f in world.county.feeds}


def test_an_official_signal_is_a_floor_for_whom_it_concerns(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    code = {t.key: t.code for t in world.county.towns}
    signals = (
        signal("A", "暴雨", Level.YELLOW, now, areas=("320614",), hazard=Hazard.FLOOD, received=now),
        signal("B", "暴雨", Level.RED, now, areas=("320613",), hazard=Hazard.FLOOD, received=now),
        signal("C", "地质灾害", Level.ORANGE, now, areas=(code["linjiang"],), hazard=Hazard.GEOLOGICAL, received=now),
        signal("D", "台风", Level.RED, now, areas=(), hazard=Hazard.TYPHOON, received=now),
        signal("E", "海区大风", Level.ORANGE, now, areas=("320600",), received=now),
        signal("F", "暴雨", Level.RED, now - timedelta(days=1), areas=("3206",), hazard=Hazard.FLOOD, received=now, expires=now),
    )
    world.feed("warnings_nmc", now, Batch(signals=signals))
    report = step(world, now)
    assert set(levels(report, Hazard.FLOOD).values()) == {Level.YELLOW}
    assert {k for k, v in levels(report, Hazard.GEOLOGICAL).items() if v} == {"linjiang"}
    assert {k: v for k, v in levels(report, Hazard.TYPHOON).items() if v} == {"baochang": Level.ORANGE}
    assert {s.proved for s in report.scores} == {Level.NONE}


def test_a_floor_falls_with_its_listing_but_not_with_half_a_list_or_a_dead_feed(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    made = signal("A", "暴雨", Level.ORANGE, now, hazard=Hazard.FLOOD, received=now)

    def floor(later: datetime) -> Level:
        return next(s.floor for s in step(world, later).scores if s.hazard == Hazard.FLOOD)

    world.calm(now)
    world.feed("warnings_nmc", now, Batch(signals=(made,)))
    assert floor(now) == Level.ORANGE
    dead = now + timedelta(hours=8)
    assert floor(dead) == Level.ORANGE  # nobody said that it was lifted
    half = dead + timedelta(hours=1)
    other = signal("B", "大雾", Level.YELLOW, half, received=half)
    world.lake.append("warnings_nmc", Batch(signals=(other,)), half)
    with world.ledger.begin() as tx:
        world.ledger.save_feed_run(tx, feed="warnings_nmc", at=half, outcome="partial", records=1, set_aside=1, raw="", error="")
    assert floor(half) == Level.ORANGE
    whole = half + timedelta(hours=1)
    world.feed("warnings_nmc", whole, Batch(signals=(signal("B", "大雾", Level.YELLOW, half, received=whole),)))
    assert floor(whole) == Level.NONE


def test_a_cancel_and_an_update_take_back_what_they_name(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    far = now + timedelta(days=1)
    world.feed("warnings_cap", now, Batch(signals=(
        signal("A", "暴雨", Level.RED, now, feed="warnings_cap", hazard=Hazard.FLOOD, received=now, expires=far),
        signal("B", "暴雨", Level.BLUE, now, feed="warnings_cap", hazard=Hazard.FLOOD, received=now, expires=far, msg_type=MsgType.UPDATE, references=("A",)),
        signal("C", "台风", Level.RED, now, feed="warnings_cap", hazard=Hazard.TYPHOON, received=now, expires=far),
        signal("D", "台风", Level.RED, now, feed="warnings_cap", hazard=Hazard.TYPHOON, received=now, msg_type=MsgType.CANCEL, references=("C",)),
    )))
    report = step(world, now)
    assert {s.floor for s in report.scores if s.hazard == Hazard.FLOOD} == {Level.BLUE}
    assert {s.floor for s in report.scores if s.hazard == Hazard.TYPHOON} == {Level.NONE}


def test_one_sensor_alone_proves_no_orange(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    rows = tuple(reading("M9004", "rain", now - timedelta(hours=h), 40.0, received=now) for h in range(3))
    world.feed("weather", now, Batch(observations=rows))
    score = next(s for s in step(world, now).scores if (s.town, s.hazard) == ("sanxing", Hazard.FLOOD))
    assert (score.proved, score.ceiling) == (Level.NONE, Level.RED)  # its neighbours read nothing: a first warning is not one gauge's to give
    assert "one_path" in next(e.flags for e in score.evidence if e.rule == "flood.rainstorm")


def test_suspect_readings_raise_the_ceiling_only(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    rows = tuple(reading(s, "stage", now, 9.0, feed="water", flag=Flag.SUSPECT, received=now, datum="废黄河") for s in ("LJZ",))
    world.feed("water", now, Batch(observations=rows))
    score = next(s for s in step(world, now).scores if (s.town, s.hazard) == ("linjiang", Hazard.FLOOD))
    assert score.level == Level.NONE and score.ceiling >= Level.ORANGE


def test_a_gauge_lost_while_rising_raises_and_asks_for_eyes_on_site(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    rows = tuple(reading("LJZ", "stage", now - timedelta(hours=h), 2.65 - 0.15 * h, feed="water", received=now, datum="废黄河") for h in range(4))
    world.feed("water", now, Batch(observations=rows))
    first = step(world, now)
    assert levels(first, Hazard.FLOOD)["linjiang"] == Level.BLUE
    later = now + timedelta(hours=3)
    for feed in world.county.feeds:  # everything else goes on
        rows = tuple(reading(s.station, p, later - timedelta(hours=h), 2.0, feed=feed.feed, received=later, datum=s.datum)
                     for s in world.county.stations_of(feed.feed) for p in s.properties if p == "stage" and s.station != "LJZ" for h in range(3))
        world.feed(feed.feed, later, Batch(observations=rows))
    report = step(world, later)
    score = next(s for s in report.scores if (s.town, s.hazard) == ("linjiang", Hazard.FLOOD))
    assert score.level == Level.YELLOW and score.proved == Level.NONE and "失联" in score.reason
    assert "linjiang/flood.stage" in report.lost
    with world.ledger.begin() as tx:
        assert [row[0] for row in tx.exec_driver_sql("select ref from duty_log where kind = 'lost_rising'")] == ["linjiang/flood.stage@2021-07-01"]
        assert tx.exec_driver_sql("select text from duty_log where kind = 'lost_rising'").scalar().startswith("临江镇“河道与潮位”的测站在上涨中失联")


def test_the_order_of_receipts_changes_nothing(tmp_path: Path) -> None:
    now, told = beijing("07-01 08:00"), []
    rows = [reading(s, "rain", now - timedelta(hours=h), 3.0 + h, received=now) for s in ("M9001", "M9002") for h in range(12)]
    for name, order in (("a", rows), ("b", rows[::-1]), ("c", [*rows, *rows[5:9]])):
        (tmp_path / name).mkdir()
        world = make(tmp_path / name)
        world.quiet_feeds(now)
        for row in order:
            world.lake.append("weather", Batch(observations=(row,)), now)
        told.append([score_to_json(s) for s in step(world, now).scores])
    assert told[0] == told[1] == told[2]


def test_a_level_that_rests_on_a_forecast_track_is_marked_so(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    base = {"feed": "typhoon_zj", "storm": "X", "name": "试", "agency": "中国", "received": now, "raw": "ab" * 32, "pressure": 970.0,
            "wind": 33.0, "r7": Circle(ne=250, se=250, sw=250, nw=250)}
    world.feed("typhoon_zj", now, Batch(tracks=(
        TrackPoint(time=now, lat=28.0, lon=124.5, **base), TrackPoint(time=now + timedelta(hours=24), lat=31.0, lon=121.5, issued=now, **base),
    )))
    score = next(s for s in step(world, now).scores if (s.town, s.hazard) == ("haimen", Hazard.TYPHOON))
    assert score.level >= Level.BLUE
    assert all("forecast" in e.flags for e in score.evidence if e.rule.startswith("typhoon"))


@pytest.mark.parametrize(("ending", "ceiling"), [("stands still", Level.RED), ("told of another storm", Level.NONE), ("told of none", Level.NONE)])
def test_a_storm_has_ended_when_its_feed_says_so_and_not_when_it_stands_still(tmp_path: Path, ending: str, ceiling: Level) -> None:
    """The site goes on answering with a storm that has had no position for 20 h; only a later answer without it ends it."""
    world, then = make(tmp_path), beijing("07-01 08:00")
    now = then + timedelta(hours=20)
    world.calm(then)
    base = {"feed": "typhoon_zj", "name": "试", "agency": "中国", "raw": "ab" * 32, "pressure": 970.0, "wind": 33.0}
    world.feed("typhoon_zj", then, Batch(tracks=(TrackPoint(storm="X", time=then, lat=24.0, lon=128.0, received=then, **base),)))
    world.skip = {"typhoon_zj"} if ending == "stands still" else set()
    world.calm(now)
    if ending == "stands still":  # the same bytes again: pulled, and nothing for the lake
        with world.ledger.begin() as tx:
            world.ledger.save_feed_run(tx, feed="typhoon_zj", at=now, outcome="unchanged", records=0, set_aside=0, raw="ab" * 32, error="")
    elif ending == "told of another storm":
        world.feed("typhoon_zj", now, Batch(tracks=(TrackPoint(storm="Y", time=now, lat=12.0, lon=170.0, received=now, **base),)))
    found = {s.ceiling for s in step(world, now).scores if s.hazard is Hazard.TYPHOON}
    assert found == {ceiling}


def test_explain_refuses_a_time_without_assessment_and_an_unknown_town(storm) -> None:
    world, _ = storm
    with pytest.raises(ConfigError):
        rules.explain(town="baochang", hazard=Hazard.FLOOD, at=beijing("07-01 00:00"), county=world.county, lake=world.lake, ledger=world.ledger)
    with pytest.raises(ConfigError, match="包场镇"):
        rules.explain(town="包厂镇", hazard=Hazard.FLOOD, at=beijing("07-26 18:00"), county=world.county, lake=world.lake, ledger=world.ledger)


def test_explain_notices_a_stored_score_that_the_lake_does_not_give(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    step(world, now)
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        (body,) = db.execute("select body from evidence").fetchone()
        texts = [text.replace('"proved":0', '"proved":3') if '"town":"haimen"' in text and '"hazard":"flood"' in text else text for text in unpacked([body])]
        db.execute("update evidence set body = ?", tuple(packed(texts)))
    told = rules.explain(town="haimen", hazard=Hazard.FLOOD, at=now, county=world.county, lake=world.lake, ledger=world.ledger)
    assert not told.matches and "proved" in told.differences


def test_a_reason_is_a_sentence_that_people_would_say(storm) -> None:
    _, reports = storm
    town = {s.hazard: s.reason for s in at(reports, "07-26 18:00").scores if s.town == "sanchang"}
    assert town[Hazard.TYPHOON].startswith("官方台风橙色信号生效；") and "已在七级风圈内（typhoon.circle 黄色）" in town[Hazard.TYPHOON]
    assert "12小时雨量 58.8 mm（flood.rainstorm 蓝色）" in town[Hazard.FLOOD] and "水位距警戒水位" in town[Hazard.FLOOD]
    assert {s.reason.split("；")[0] for s in at(reports, "07-27 18:00").scores if s.hazard == Hazard.TYPHOON} == {"官方台风橙色信号生效"}


def test_nothing_here_reads_a_clock_or_evaluates_python() -> None:
    for path in (ROOT / "rules").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("datetime.now", "utcnow", "time.time(", " eval(", "exec(", "import airflow")), path


def test_a_large_outage_tells_the_desk_that_silence_there_says_nothing(tmp_path: Path) -> None:
    world, now = make(tmp_path), beijing("07-01 08:00")
    world.calm(now)
    dark = tuple(reading("power-baochang", p, now, value, feed="power", received=now)
                 for p, value in (("customers_out", 160.0), ("customers_total", 1000.0)))
    world.feed("power", now, Batch(observations=dark))
    report = step(world, now)
    assert set(levels(report, Hazard.FLOOD).values()) == {Level.NONE}  # an impact alone raises no public level
    with world.ledger.begin() as tx:
        notes = tx.exec_driver_sql("select ref, text from duty_log where kind = 'power_out'").all()
    assert [ref for ref, _ in notes] == ["baochang@2021-07-01"] and "包场镇大面积停电，涉及 147427 人" in notes[0][1]
