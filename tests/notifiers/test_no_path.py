"""What has no path out: a drill towards a live channel, a text that says nothing, a text that is too long to be whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.errors import DeliveryError
from core.ledger import tables as t
from core.model import Status
from notifiers import render


def test_a_drill_finds_no_live_channel_even_with_every_signature_under_it(tmp_path: Path) -> None:
    gateway = nw.Gateway(tmp_path)
    try:
        place = nw.make(tmp_path, sms_url=gateway.url, people=60)
        ref = place.publish(haimen=3)
        drill = place.settings
        place.settings = drill.model_copy(update={"mode": "live"})
        report = place.dispatch()
        assert report.sent == 0 and list(report.refused) == [str(ref)] and "no path to a live channel" in report.refused[str(ref)]
        assert not gateway.messages() and set(place.states()) == {"planned"}
        with place.ledger.read() as tx:
            assert "authority" in tx.execute(select(t.duty_log.c.kind)).scalars().all()
        place.settings = drill
        assert place.dispatch().sent == len(place.recipients(ref)), "in the sandbox it goes out as ever"
    finally:
        gateway.stop()


@pytest.mark.parametrize("text", ["", "   ", "http://a.cn/x", "\u200b\u202e", "【海门预警】", "13800138000"])
def test_where_nothing_is_left_to_say_neither_message_nor_loudspeaker_says_it(text: str) -> None:
    with pytest.raises(DeliveryError) as sms:
        render.sms(text, signature="海门预警", status=Status.ACTUAL, alert_id="A", version=1)
    with pytest.raises(DeliveryError) as spoken:
        render.spoken(text, status=Status.ACTUAL)
    assert sms.value.code == spoken.value.code == "empty_text"


@settings(max_examples=20)
@given(st.integers(400, 900), st.sampled_from(list(Status)))
def test_what_is_too_long_ends_with_dots_and_keeps_who_speaks_and_its_mark(length: int, status: Status) -> None:
    out = render.sms("水位上涨请转移" * (length // 7), signature="海门预警", status=status, alert_id="A", version=2)
    assert render.segments(out) <= render.MAX_SEGMENTS and "【海门预警】" in out and out.endswith(render.version_mark("A", 2))
    words = out.partition("】水")[2].removesuffix(render.version_mark("A", 2))
    whole = "位上涨请转移" + "水位上涨请转移" * (length // 7 - 1)
    assert words == whole or (words.endswith("…") and whole.startswith(words[:-1]) and render.segments(out + "水位" * 3) > render.MAX_SEGMENTS)
