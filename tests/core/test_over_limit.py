"""At the height of a flood the true reading is the unlikely one: it is set aside, moves nothing, and somebody is asked to look, once."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mountain_world import LIMITS, NOW, Mountain

from core.ledger import tables as t
from core.model import Flag, Level, RiskScore
from rules.aside import by_limit_alone
from rules.assess import assess

#: Over the guaranteed stage, and over what the county believes of this stream; hard rain around it.
FLASH = {("U1", "stage"): 845.1, ("R3", "rain"): 25.0, ("U2", "stage"): 849.6}
OWN = LIMITS + "U1,,stage,high,844.9,县水文手册实测最高（虚构）,false\n"


def asked(mountain: Mountain) -> list[tuple[str, str]]:
    with mountain.ledger.begin() as tx:
        return [(row.ref, row.text) for row in tx.execute(t.duty_log.select()) if row.kind == "over_limit"]


def later(mountain: Mountain, minutes: int, told: dict[tuple[str, str], float | None]) -> list[RiskScore]:
    """The readings of the hour once more, so many minutes on."""
    at = NOW + timedelta(minutes=minutes)
    for feed in ("rain", "water"):
        mountain._ingest(feed, [replace(o, received=at) for o in mountain._hour(feed, at, told)], at)
    return list(assess(now=at, county=mountain.county, lake=mountain.lake, ledger=mountain.ledger).scores)


def test_a_record_that_only_its_limit_doubts_is_asked_about_and_raises_nothing(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path, limits=OWN)
    score = mountain.tell(FLASH)["shang"]
    flag, reasons = mountain.flag("U1", "stage")
    assert flag == Flag.SUSPECT and by_limit_alone(reasons)
    assert (score.level, score.proved, score.ceiling) == (Level.NONE, Level.NONE, Level.RED), "the ceiling stays open, the level where it was"
    [(ref, text)] = asked(mountain)
    assert ref == "U1/stage@2024-07-01"
    for words in ("东溪站（U1）07-01 18:00 报 stage 845.1 m", "高于可信上限 844.9 m（limits.csv:7，来源：县水文手册实测最高（虚构），未核定）",
                  "没有计入级别，只列入“不能排除”", "若属实，山溪水位到橙色（水位超保证水位 0.1 m）",
                  "此前可信的是 841.2", "西溪站 3 小时 +0.", "请派人到现场或去电核实", "eyes on site"):
        assert words in text, (words, text)


def test_the_same_reading_within_its_limit_proves_what_was_asked_about(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path)
    assert mountain.tell(FLASH)["shang"].proved == Level.ORANGE and asked(mountain) == []


def test_one_question_an_episode_however_often_it_is_assessed(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path, limits=OWN)
    mountain.tell(FLASH)
    for minutes in (10, 20, 60):
        later(mountain, minutes, FLASH)
    assert len(asked(mountain)) == 1
    later(mountain, 70, {("U1", "stage"): 843.0})
    later(mountain, 80, FLASH)
    assert len(asked(mountain)) == 1, "about its limit to and fro is one episode"


def test_the_question_tells_the_readings_since_the_last_that_was_believed(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path, limits=OWN)
    mountain.tell(FLASH)
    for minutes, told, words in ((10, FLASH, "自 07-01 18:00 起连续 2 个"), (70, {("U1", "stage"): 843.0}, None), (130, FLASH, "此前可信的是 843（07-01 19:10）")):
        with mountain.ledger.begin() as tx:
            tx.execute(t.duty_log.delete())
        later(mountain, minutes, told)
        found = asked(mountain)
        assert (not found if words is None else words in found[0][1]) and (minutes < 130 or "连续" not in found[0][1])


@pytest.mark.parametrize(("limits", "stage"), [
    (OWN, 850.5),                                     # 9 m in an hour as well: more than its size speaks against it
    (OWN.replace("844.9", "842.5"), 842.7),           # over its limit, far under the warning stage: nothing hangs on it
    (OWN, 843.2),                                     # believed
])
def test_what_another_test_doubts_or_nothing_hangs_on_is_not_asked_about(tmp_path: Path, limits: str, stage: float) -> None:
    mountain = Mountain(tmp_path, limits=limits)
    mountain.tell({("U1", "stage"): stage, ("R3", "rain"): 25.0})
    assert asked(mountain) == []


def test_a_months_limit_is_told_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "county").mkdir()
    row = "U1,stage,7,838,844.5,七月历年最高（虚构）,true\n"
    (tmp_path / "county" / "climate.csv").write_text(f"station,property,month,low,high,source,verified\n{row}", encoding="utf-8")
    mountain = Mountain(tmp_path)
    score = mountain.tell(FLASH)["shang"]
    [(_, text)] = asked(mountain)
    assert score.proved == Level.NONE and "高于可信上限 844.5 m（climate.csv 7 月，来源：七月历年最高（虚构））" in text


def test_one_that_fell_silent_since_is_not_asked_about_for_ever(tmp_path: Path) -> None:
    mountain = Mountain(tmp_path, limits=OWN)
    mountain.tell(FLASH)
    with mountain.ledger.begin() as tx:
        tx.execute(t.duty_log.delete())
    later(mountain, 24 * 60, {("U1", "stage"): None})
    assert asked(mountain) == []


@pytest.mark.parametrize(("reasons", "alone"), [
    ("qc3/1 unlikely outside -5..15", True), ("qc3/1 unlikely outside -5..15 (limits.csv:3)", True), ("qc3/1 month 7 knows 2..4.5", True),
    ("qc1/1 after a gap;qc3/1 unlikely outside 0..85", True), ("a note;qc3/1 unlikely outside 870..1060 brought to its height", True),
    ("qc3/1 unlikely outside -5..15;qc3/1 spike over 0.6", False), ("qc3/3 unlikely outside -5..15", False), ("qc4/1 range -20..60", False),
    ("qc3/1 station under maintenance", False), ("qc3/1 unlikely outside -5..15;qc3/1 station under maintenance", False), ("", False), ("qc1/1 after a gap", False),
])
def test_what_doubts_by_a_limit_alone(reasons: str, alone: bool) -> None:
    assert by_limit_alone(reasons) is alone
