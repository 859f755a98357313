"""Answers that are almost right: each is refused for its own reason, and what stands beside it is kept."""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import struct
import sys
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from test_cap_feed import cap
from test_cap_feed import parse as parse_cap

from connectors import cap_feed, inbox, nmc_alarms, nmc_typhoon, open_meteo, qweather, synop, zj_typhoon
from connectors.fm12 import decode as fm12
from connectors.push import limits
from connectors.push.limits import Buckets
from connectors.reading import http
from connectors.reading.records import Gather, Refused
from connectors.report_beidou import Code as Beidou
from connectors.report_beidou import decode, encode
from core.county import County
from core.errors import FetchError, ParseError
from core.model import Batch, Level, MsgType

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)
INFO = "<info><language>zh-CN</language><event>台风</event>"


def read(module: Any, county: County, feed: str, body: bytes, received: datetime = NOW) -> Batch:
    return module.parse(body, feed=county.feed(feed), county=county, received=received, raw="r")


@pytest.mark.parametrize(("change", "reason"), [
    (("<identifier>A</identifier>", "<identifier> </identifier>"), "identifier or sent is missing"),
    (("<sent>2021-07-25T21:08:00+08:00</sent>", ""), "identifier or sent is missing"),
    (("<info>", "<note>"), "no info block"),
    (("<severity>Severe</severity><expires>", "<severity>Unknown</severity><expires>"), "no colour and no severity"),
])
def test_a_cap_document_without_what_it_must_say_costs_itself(county: County, change: tuple[str, str], reason: str) -> None:
    document = cap().replace(*change).replace("</info>", "</note>" if change[0] == "<info>" else "</info>").replace("台风橙色预警信号", "台风")
    batch = parse_cap(county, document, cap("B"))
    assert [s.identifier for s in batch.signals] == ["B"] and reason in batch.rejected[0].reason


def test_a_cancel_needs_neither_block_nor_colour(county: County) -> None:
    bare = cap("C", kind="Cancel", references="s,A,2021-07-25T21:08:00+08:00")
    bare = bare[: bare.index("<info>")] + "</alert>"
    batch = parse_cap(county, cap("A"), bare)
    assert {s.identifier: (s.msg_type, s.level) for s in batch.signals} == {"A": (MsgType.CANCEL, Level.ORANGE), "C": (MsgType.CANCEL, Level.NONE)}
    assert not batch.rejected


@pytest.mark.parametrize(("module", "feed", "body", "says"), [
    (cap_feed, "warnings_cap", b'{"index": "<feed/>"}', "no CAP documents"),
    (nmc_typhoon, "typhoon_nmc", b'{"list": "f({\\"x\\": 1})", "storms": {}}', "typhoonList is missing"),
    (nmc_typhoon, "typhoon_nmc", b'{"storms": []}', "no list of storms"),
    (nmc_alarms, "warnings_nmc", b'{"code": 0, "data": {"page": {"list": {}, "count": 1}}}', "no list or no count"),
    (nmc_alarms, "warnings_nmc", b'{"code": 0, "data": {"page": {"list": []}}}', "count"),
    (zj_typhoon, "typhoon_zj", b'[{"tfid": "1", "name": "x", "isactive": "1", "points": {}}]', "points is no list"),
    (inbox, "reports", b'{"messages": {}}', "no messages"),
    (open_meteo, "weather", b'{"forecast": {}}', "no Open-Meteo answer"),
    (qweather, "weather", b'{"answers": {}}', "no answers"),
    (qweather, "weather", b'{"answers": {"P1": 7}}', "the answer is no text"),
    (synop, "weather", b"AAXX 26001\n" + b"58259 11458 82099=\n" * 60_000, "reports are over"),
])
def test_an_answer_of_another_shape_is_no_answer(county: County, module: Any, feed: str, body: bytes, says: str) -> None:
    with pytest.raises(ParseError, match=says):
        read(module, county, feed, body)


def test_an_agency_that_cannot_be_named_costs_its_own_forecast(county: County) -> None:
    def agency(name: object) -> dict[str, Any]:
        return {"tm": name, "forecastpoints": [{"time": f"2021-07-26 {hour:02d}:00:00", "lng": "121", "lat": "31", "speed": "20", "pressure": "985"} for hour in (2, 8)]}

    point = {"time": "2021-07-26 02:00:00", "lng": "122", "lat": "30", "speed": "28", "pressure": "975", "forecast": [agency(None), agency("中国"), {"tm": "日本"}]}
    batch = read(zj_typhoon, county, "typhoon_zj", json.dumps([{"tfid": "202106", "name": "烟花", "isactive": "1", "points": [point]}]).encode())
    assert {p.agency for p in batch.tracks if p.issued} == {"中国"} and len(batch.rejected) == 2 and all(".forecast[" in r.where for r in batch.rejected)


@pytest.mark.parametrize(("groups", "found"), [
    ("11458 80599 00105", {"wind_speed": 105.0, "wind_direction": 50.0}), ("11458 80512 29087", {"humidity": 87.0}),
    ("11458 80512 333 60051", {"rain": 5.0}), ("11458 80512 6///1", {}), ("11458 80512 60050", {}), ("11458 80512 333 8////", {}),
])
def test_synop_groups(groups: str, found: dict[str, float]) -> None:
    got = {v.name: v.value for v in fm12(groups.split(), "1")}
    assert {name: got.get(name) for name in found} == found and ("rain" in got) == ("rain" in found)


@pytest.mark.parametrize("groups", ["11458 80599", "11458 80599 10105"])
def test_a_wind_over_ninety_nine_needs_its_own_group(groups: str) -> None:
    with pytest.raises(Refused, match="00fff"):
        fm12(groups.split(), "1")


def sealed(body: bytes) -> bytes:
    return body + struct.pack(">I", zlib.crc32(body))


def test_a_beidou_code_that_was_made_wrong_is_refused_even_with_its_sum_right() -> None:
    """Whatever a terminal's maker gets wrong in one byte or in the length: what is read would be written as these very bytes."""
    body = encode(Beidou(reporter="hm-bc-t1", town="baochang", kind="ponding", time=NOW, value=0.4, village="滨海村", note="x", point=(31.9, 121.2)))[:-4]
    bent = [body[:place] + bytes([byte]) + body[place + 1:] for place in range(len(body)) for byte in range(256)]
    for wrong in map(sealed, (*bent, *(body[:end] for end in range(len(body))), body + b"\0")):
        with contextlib.suppress(Refused):
            assert encode(decode(wrong)) == wrong


@pytest.mark.parametrize("code", [
    Beidou(reporter="hm-bc-t1", town="baochang", kind="ponding", time=NOW, value=3e6), Beidou(reporter="r" * 300, town="t", kind="ponding", time=NOW),
    Beidou(reporter="hm-bc-t1", town="t", kind="ponding", time=NOW, point=(31.9, 9e9)),
])
def test_what_does_not_fit_a_beidou_code_is_refused(code: Beidou) -> None:
    with pytest.raises(Refused, match="cannot be encoded"):
        encode(code)


def test_a_message_of_tomorrow_and_one_without_a_town_are_set_aside_with_their_reason(county: County) -> None:
    def gather() -> Gather:
        return Gather(feed=county.feed("reports"), received=NOW, raw="r")

    late = encode(Beidou(reporter="hm-bc-t1", town="baochang", kind="ponding", time=datetime(2021, 7, 27, tzinfo=UTC), value=0.4)).hex()
    assert "dated later" in inbox.read("beidou", late, "hm-bc-t1", gather(), county).rejected[0].reason
    assert "没有写镇街" in inbox.read("sms", "报 积水 40厘米", "nobody", gather(), county).rejected[0].reason
    assert "两个时间" in inbox.read("sms", "报 包场 积水 40厘米 7时 7时30分", "hm-bc-t1", gather(), county).rejected[0].reason


def test_new_years_eve_told_on_new_years_day(county: County) -> None:
    at = datetime(2022, 1, 1, 1, tzinfo=UTC)
    (report,) = inbox.read("sms", "报 包场 积水 40厘米 12312300", "hm-bc-t1", Gather(feed=county.feed("reports"), received=at, raw="r"), county).reports
    assert report.time == datetime(2021, 12, 31, 15, tzinfo=UTC)


def test_a_damaged_packing_and_an_inner_address_are_the_sources_fault(county: County, settings: Any, serve: Any, reply: Any) -> None:
    feed, packed = replace(county.feed("power"), sandbox="/x"), gzip.compress(b'{"a": 1}' * 100)
    base = serve(lambda r: reply(r, packed[:12] + b"\xff" * 8 + packed[20:], Content_Encoding="gzip"))
    with pytest.raises(FetchError, match="damaged") as told:
        http.get(feed, f"{base}/x", settings=settings.model_copy(update={"sandbox_url": base}))
    assert told.value.layer == "source"
    live = settings.model_copy(update={"mode": "live", "sandbox_url": ""})
    for host in ("10.0.0.1", "192.168.1.1", "169.254.169.254"):  # a literal address needs no name server
        inner = replace(feed, address=f"http://{host}/x")
        with pytest.raises(FetchError, match="private network") as told:
            http.get(inner, inner.address, settings=live)
        assert told.value.layer == "source" and not told.value.retryable


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=40), st.integers(1, 120), st.integers(1, 10))
def test_a_bucket_gives_no_more_than_its_burst_and_its_rate(knocks: list[tuple[str, float]], rate: int, burst: int) -> None:
    buckets, at, given_, start = Buckets(), 0.0, dict.fromkeys("abc", 0), dict[str, float]()
    for name, after in knocks:
        at += after
        start.setdefault(name, at)
        wait = buckets.wait(name, rate, burst, at)
        given_[name] += wait == 0
        assert given_[name] <= burst + (at - start[name]) * rate / 60 + 1e-6
        later = copy.deepcopy(buckets).wait(name, rate, burst, at + wait + 1e-3, cost=0)  # a look takes nothing, but the table has seen that time
        assert wait == 0 or later == 0, "after the time that was told it is open"


def test_a_flood_of_new_names_frees_nobody_who_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMES", 50)
    buckets = Buckets()
    while buckets.wait("held", 1, 3, 0.0) == 0:
        pass
    for n in range(1000):
        buckets.wait(f"new-{n}", 1, 3, 0.0)
    assert buckets.wait("held", 1, 3, 0.0) > 0 and len(buckets._held) <= 51
