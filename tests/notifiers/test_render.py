"""Segments by golden values; what a carrier refuses never leaves."""

from __future__ import annotations

import re
import sys
import tempfile
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DeliveryError
from core.model import Hazard, Level, MsgType, Status
from core.wording import Message
from notifiers import render

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

GOLDEN = [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2), ("汉" * 70, 1), ("汉" * 71, 2), ("汉" * 134, 2),
          ("汉" * 135, 3), ("汉" * 536, 8), ("汉" * 537, 9), ("😀" * 35, 1), ("😀" * 36, 2), ("😀" * 67, 3), ("汉" * 66 + "😀" + "汉" * 10, 2), ("", 1)]


@pytest.mark.parametrize(("text", "parts"), GOLDEN)
def test_segments(text: str, parts: int) -> None:
    assert render.segments(text) == parts


NASTY = st.text(max_size=700) | st.lists(st.sampled_from(
    ["转移", "到高处", "http://a.cn/x", "www.x.com", "bit.ly", "13800138000", "+8610000123456", "0513-82212345", "\u202e", "\u200b", "\x00", "400-820-8820",
     "1380", "0138000", "【别的】", "😀"]), max_size=80).map("".join)


@given(NASTY, st.sampled_from(list(Status)))
def test_what_leaves_is_clean(text: str, status: Status) -> None:
    try:
        out = render.sms(text, signature="海门预警", status=status, alert_id="320614FS-flood-1", version=3)
    except DeliveryError:
        return
    assert render.segments(out) <= render.MAX_SEGMENTS
    assert not re.search(r"1[3-9]\d{9}|https?:|www\.|\+\d{8}", out)
    assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in out)
    assert out.startswith({"Actual": "【海门预警】", "Exercise": "【演练】【海门预警】", "Test": "【测试】【海门预警】"}[status])
    assert out.endswith(render.version_mark("320614FS-flood-1", 3))


def test_rendering_marks_once_and_tells_versions_apart() -> None:
    one = render.sms("【演练】【海门预警】快走", signature="海门预警", status=Status.EXERCISE, alert_id="A", version=1)
    assert one.count("【演练】") == 1 and one.count("快走") == 1
    assert one != render.sms("快走", signature="海门预警", status=Status.EXERCISE, alert_id="A", version=2)


def test_nothing_to_say_is_an_error() -> None:
    with pytest.raises(DeliveryError):
        render.sms("http://only.link.cn", signature="海门预警", status=Status.ACTUAL, alert_id="A", version=1)


PLACE = nw.make(Path(tempfile.mkdtemp()), people=20)


@pytest.mark.parametrize("hazard", [Hazard(name) for name in PLACE.county.templates])
@pytest.mark.parametrize("level", [1, 2, 3, 4, 0])
def test_every_text_says_who_where_what_until_when_and_what_to_do(hazard: Hazard, level: int) -> None:
    for status in Status:
        words = Message(county=PLACE.county, hazard=hazard, status=status, msg_type=MsgType.UPDATE, now=nw.START, until=nw.START + timedelta(hours=12))
        for town in PLACE.county.towns:
            texts = words.town_texts(town, Level(level), Level(2), "3小时雨量62毫米，")
            out = render.sms(texts["sms"], signature=PLACE.county.signature, status=status, alert_id="320614FS-x", version=2)
            spoken = render.spoken(texts["broadcast"], status=status)
            for text in (out, spoken):
                assert town.name in text and hazard.zh in text
                assert ("【演练】" in text or "【测试】" in text) == (status is not Status.ACTUAL)
            assert PLACE.county.signature in out and render.segments(out) <= render.MAX_SEGMENTS
            if level:
                assert Level(level).zh in out and PLACE.county.words.said(words.until, PLACE.county.zone) in out
                assert any(part in out for part in PLACE.county.templates[hazard][f"advice_{Level(level).en}"].split("，"))
            else:
                assert "解除" in out and "解除" in spoken
