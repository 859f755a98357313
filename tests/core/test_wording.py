"""Texts: who speaks, what, where, until when, what to do; nothing that could be called or clicked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.county import load_county
from core.errors import ConfigError
from core.model import Hazard, Level, MsgType, Status
from core.wording import Message, clean, drill, refuse_links, render, spoken

COUNTY = load_county(Path(__file__).resolve().parents[2] / "county" / "haimen")
NOW = datetime(2021, 7, 25, 13, 8, tzinfo=UTC)
COLOURS = [Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED]


def message(hazard: Hazard, status: Status = Status.EXERCISE) -> Message:
    return Message(county=COUNTY, hazard=hazard, status=status, msg_type=MsgType.ALERT, now=NOW, until=NOW + timedelta(hours=12))


@pytest.mark.parametrize("hazard", COUNTY.hazards)
@pytest.mark.parametrize("level", COLOURS)
@pytest.mark.parametrize("town", COUNTY.towns, ids=lambda town: town.key)
def test_a_text_has_place_hazard_level_time_and_action(hazard: Hazard, level: Level, town: object) -> None:
    texts = message(hazard, Status.ACTUAL).town_texts(town, level, Level.NONE, "")
    for text in texts.values():
        assert town.name in text and hazard.zh in text and level.zh in text and "26日9时8分" in text
        assert COUNTY.templates[hazard][f"advice_{level.en}"] in text
    assert len(texts["sms"]) <= 120 - 6  # two parts with signature and mark


@pytest.mark.parametrize("hazard", COUNTY.hazards)
def test_the_end_is_told(hazard: Hazard) -> None:
    texts = message(hazard).town_texts(COUNTY.towns[0], Level.NONE, Level.ORANGE, "")
    assert all("解除" in text and text.startswith("【演练】") for text in texts.values())


def test_only_an_actual_text_lacks_the_drill_mark() -> None:
    for status in Status:
        text = message(Hazard.FLOOD, status).own(list(COUNTY.towns), Level.RED, Level.NONE, False, [])["headline"]
        assert text.startswith("【演练】") is (status is not Status.ACTUAL)
    assert drill("【演练】x", "【演练】") == "【演练】x"


@pytest.mark.parametrize("text", ["见 http://a.cn", "www.fengsui.cn", "打 13912345678", "电话 0513-82212345", "拨+8613912345678", "上 haimen.gov.cn"])
def test_links_and_numbers_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        refuse_links(text)


def test_a_slot_without_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="town"):
        render("{town}", {})


@given(st.text(max_size=60))
def test_a_value_cannot_open_a_slot_or_hide_characters(text: str) -> None:
    made = clean(text)
    assert "{" not in made and "}" not in made and not any(ord(c) < 32 or "\u202a" <= c <= "\u202e" or c in "\u200b\u200f\ufeff" for c in made)


def test_a_reason_is_spoken_only_when_people_would_say_it() -> None:
    assert spoken("6小时降雨55毫米；依据 x") == "6小时降雨55毫米，"
    assert spoken("rain_6h >= 50 mm") == "" and spoken("") == "" and spoken("长" * 40) == ""
