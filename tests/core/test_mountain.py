"""A mountain county, reading by reading: what the judge flags, which level and ceiling the rules give, and what the duty desk is asked."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mountain_world import FILES, LIMITS, NOW, Mountain

import console
from core.model import Flag, Level
from rules.assess import assess
from rules.explain import explain

#: +3.9 m within the hour: over the guaranteed stage of 845.0.
FLASH = {("U1", "stage"): 845.1}
HARD_RAIN = {("R3", "rain"): 25.0}


def test_a_flash_flood_under_hard_rain_is_believed_at_the_same_tick(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path)
    scores = mountain.tell(FLASH | HARD_RAIN)
    flag, reasons = mountain.flag("U1", "stage")
    assert flag == Flag.GOOD and "believed: leap over 0.4" in reasons and "(limits.csv:2)" in reasons
    assert scores["shang"].level == scores["shang"].proved == Level.ORANGE
    assert mountain.asked() == []
    told = explain(town="shang", hazard=scores["shang"].hazard, at=NOW, county=mountain.county, lake=mountain.lake, ledger=mountain.ledger)
    assert "own_limit:U1:" in told.text() and "limits.csv:2" in told.text() and told.matches


def test_the_same_rise_in_the_dry_stands_in_the_ceiling_in_full_and_is_asked_about(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path)
    score = mountain.tell(FLASH)["shang"]
    assert (score.level, score.proved, score.ceiling) == (Level.NONE, Level.NONE, Level.ORANGE)
    (text,) = mountain.asked()
    assert "东溪站独自报山溪水位橙色" in text and "limits.csv:2" in text and "周边1小时雨量 0 mm" in text and "山洪、溃坝" in text


def test_the_next_valley_rising_too_believes_it(tmp_path: Path) -> None:
    score = Mountain(tmp_path).tell(FLASH | {("U2", "stage"): 850.0})["shang"]
    assert score.proved == Level.ORANGE


def test_a_calm_next_valley_does_not_deny_it_and_a_day_of_drizzle_does_not_prove_it(tmp_path: Path) -> None:
    score = Mountain(tmp_path).tell(FLASH | {("R1", "rain"): 4.0, ("R2", "rain"): 5.0, ("R3", "rain"): 6.0})["shang"]
    assert (score.proved, score.ceiling) == (Level.NONE, Level.ORANGE)


def test_silent_rain_gauges_suppress_nothing(tmp_path: Path) -> None:
    score = Mountain(tmp_path).tell(FLASH | {(name, "rain"): None for name in ("R1", "R2", "R3")})["shang"]
    assert score.ceiling >= Level.ORANGE


def test_what_even_the_countys_limit_doubts_is_not_excused_by_the_calm_valley_beside(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path)
    score = mountain.tell({("U1", "stage"): 847.0} | HARD_RAIN)["shang"]
    assert mountain.flag("U1", "stage")[0] == Flag.SUSPECT and "leap over 5" in mountain.flag("U1", "stage")[1]
    assert "(limits.csv:2)" in mountain.flag("U1", "stage")[1]
    assert (score.proved, score.ceiling) == (Level.NONE, Level.RED)


def test_the_limits_of_the_plain_hold_the_flash_flood_back(tmp_path: Path) -> None:
    """The fault that limits.csv is there for; the ceiling shows it all the same."""
    plain = Mountain(tmp_path, limits="", stations=FILES["stations.csv"].replace(",stream\n", ",\n").replace(",ridge\n", ",\n"))
    score = plain.tell(FLASH | HARD_RAIN)["shang"]
    assert plain.flag("U1", "stage")[0] == Flag.SUSPECT and "limits.csv" not in plain.flag("U1", "stage")[1]
    assert (score.proved, score.ceiling) == (Level.NONE, Level.RED)


def test_a_cloudburst_over_one_gauge_stands_in_the_ceiling_and_is_asked_about(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path)
    score = mountain.tell({("R1", "rain"): 80.0})["shang"]
    flag, reasons = mountain.flag("R1", "rain")
    assert flag == Flag.GOOD and "believed: 30 or more here, no neighbour over 0.2 (limits.csv:5)" in reasons
    assert score.proved == Level.NONE and score.ceiling >= Level.ORANGE
    (text,) = mountain.asked()
    assert "上虚雨量站独自报暴雨橙色" in text and "limits.csv:5" in text


def test_a_second_gauge_makes_it_a_level_at_the_same_tick(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path)
    score = mountain.tell({("R1", "rain"): 80.0, ("R3", "rain"): 55.0})["shang"]
    assert score.proved == Level.ORANGE and mountain.asked() == []


def test_the_plain_hides_that_cloudburst(tmp_path: Path) -> None:
    plain = Mountain(tmp_path, limits="", stations=FILES["stations.csv"].replace(",stream\n", ",\n").replace(",ridge\n", ",\n"))
    plain.tell({("R1", "rain"): 80.0})
    assert plain.flag("R1", "rain")[0] == Flag.SUSPECT and plain.asked() == []


def test_barometers_and_thermometers_are_judged_by_their_height(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path)
    mountain.tell({})
    assert {mountain.flag(name, p)[0] for name in ("R2", "R3", "P1") for p in ("pressure", "temperature")} == {Flag.GOOD}


@pytest.mark.parametrize(("station", "value", "flag", "why"), [
    ("R2", 1013.0, Flag.FAIL, "range 500..1080 brought to its height"),  # reduced to the sea by the source
    ("R2", 828.0, Flag.SUSPECT, "unlikely outside 870..1060 brought to its height"),
    ("R2", 75.7, Flag.FAIL, "brought to its height"), ("R3", 690.0, Flag.SUSPECT, "brought to its height"), ("P1", 975.0, Flag.GOOD, ""),
])
def test_a_pressure_that_is_not_the_heights_is_doubted(tmp_path: Path, station: str, value: float, flag: Flag, why: str) -> None:
    mountain = Mountain(tmp_path)
    mountain.tell({(station, "pressure"): value})
    assert mountain.flag(station, "pressure")[0] == flag and why in mountain.flag(station, "pressure")[1]


def test_without_heights_a_station_over_thirteen_hundred_metres_is_doubted_for_ever(tmp_path: Path) -> None:
    low = FILES["stations.csv"].replace(",2400,", ",,").replace(",1450,", ",,").replace(",300,", ",,").replace(",842,", ",,").replace(",850,stream", ",,stream")
    mountain = Mountain(tmp_path, stations=low)
    mountain.tell({})
    assert mountain.flag("R2", "pressure")[0] == Flag.SUSPECT


def test_a_station_goes_before_its_site_and_its_site_before_the_county(tmp_path: Path) -> None:
    rows = LIMITS + ",,stage,leap,2,虚构,false\nU2,,stage,leap,1.5,虚构,false\n"
    for station, level, told in (("U1", 844.0, (Flag.GOOD, "believed: leap over 0.4")), ("U2", 851.2, (Flag.SUSPECT, "leap over 1.5, not yet stood 1.5 h"))):
        mountain = Mountain(tmp_path / station, limits=rows)
        mountain.tell({(station, "stage"): level})
        flag, reasons = mountain.flag(station, "stage")
        assert flag == told[0] and told[1] in reasons and f"limits.csv:{2 if station == 'U1' else 8}" in reasons


def test_a_silent_feed_is_told_by_its_title(tmp_path: Path) -> None:
    """On the board and in the explanation; the analyst reads its id too."""
    from types import SimpleNamespace

    from console.report import towns

    mountain = Mountain(tmp_path)
    later = NOW + timedelta(hours=6)
    score = next(s for s in assess(now=later, county=mountain.county, lake=mountain.lake, ledger=mountain.ledger).scores if s.town == "shang")
    assert score.silent == ("rain", "water")
    told = explain(town="shang", hazard=score.hazard, at=later, county=mountain.county, lake=mountain.lake, ledger=mountain.ledger)
    assert "静默数据源 雨量（rain）、水情（water）" in told.text() and told.as_json()["score"]["silent"] == ["rain", "water"]
    with mountain.ledger.begin() as tx:
        rows = towns(tx, SimpleNamespace(county=replace(mountain.county, feeds=mountain.county.feeds[1:])), later)
    assert rows[0]["silent"] == ["rain", "water"] and rows[0]["silent_zh"] == ["rain", "水情"]  # a feed that is gone keeps its id
    page = (Path(console.__file__).parent / "board.html.j2").read_text(encoding="utf-8")
    assert "t.silent_zh" in page and "t.silent|" not in page
