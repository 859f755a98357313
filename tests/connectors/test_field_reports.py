"""Officers' reports: by SMS, by BeiDou, as a list; one report told twice is one, what cannot be read is answered with what was wrong."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectors
from connectors import inbox
from connectors.reading.records import Gather, Refused
from connectors.report_beidou import MAX_BYTES, Code, decode, encode
from connectors.report_sms import EXAMPLE, read_sms
from core.reporting import KINDS, UNIT_WORDS

NOW = datetime(2021, 7, 26, 7, 40, tzinfo=UTC)  # 15:40 in Beijing
SEEN = datetime(2021, 7, 26, 7, 30, tzinfo=UTC)


def feed_of(county):
    return replace(county.feed("reports"), sandbox="", address="")


def sms(county, text, by="hm-bc-t1", at=NOW):
    return inbox.read("sms", text, by, Gather(feed=feed_of(county), received=at, raw="r"), county)


@pytest.mark.parametrize("text", [
    EXAMPLE, "报包场镇积水40厘米 07261530", "报，包场，积水，40cm，7月26日 15:30", "报 积水 0.4米 包场 15时30分", "报 包场 内涝 400毫米 1530",
    "报告：积水４０㎝　１５３０",
])
def test_what_a_person_types_is_read_alike(county, text) -> None:
    [report] = sms(county, text).reports
    assert (report.town, report.kind, report.value, report.time, report.reporter, report.trust) == ("baochang", "ponding", 0.4, SEEN, "hm-bc-t1", 2)
    assert report.report == sms(county, EXAMPLE).reports[0].report


def test_a_village_a_note_and_no_time(county) -> None:
    [report] = sms(county, "报 滨海村 倒树 备注 压断电线, 电话13812345678").reports
    assert (report.village, report.kind, report.value, report.time) == ("滨海村", "tree_down", None, NOW)
    assert "13812345678" not in repr(report) and report.note.startswith("压断电线")


@pytest.mark.parametrize(("text", "said"), [
    ("包场 积水 40厘米", "以「报」开头"), ("报 包场 积水 四十", "看不懂「四十」"), ("报 包场 积水 40 1530", "看不懂「40」"), ("报 包场 40厘米", "没有写灾情"),
    ("报 包场 积水 大风", "两个灾情"), ("报 包场 余东 积水", "两个镇街"), ("报 包场 积水 40厘米 50厘米", "两个数值"), ("报 包场 积水 1600", "还没有到"),
    ("报 包场 积水 0726 2560", "没有这个时间"), ("报 包场 积水 0701 1530", "7 days"), ("报 余东 积水", "reports from baochang"), ("报 包场 积水 40米", "not between"),
    ("报 包场 积水 8级", "does not fit"), ("报 包场 管涌 40厘米", "without a value"), ("报" + "水" * 400, "超过"),
])
def test_what_cannot_be_read_says_why(county, text, said) -> None:
    try:
        batch = sms(county, text)
    except Refused as error:
        reasons = [str(error)]
    else:
        assert not batch.reports
        reasons = [r.reason for r in batch.rejected]
    assert any(said in reason for reason in reasons), reasons


@settings(max_examples=150)
@given(st.text(max_size=60))
def test_no_text_crashes_the_reader(county, text) -> None:
    with contextlib.suppress(Refused):
        read_sms("报" + text, county, NOW)


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
codes = st.builds(
    Code, reporter=st.from_regex(r"[a-z][a-z0-9-]{1,11}", fullmatch=True), town=st.sampled_from(["baochang", "haimen", "yudong"]),
    kind=st.sampled_from(sorted(KINDS)), time=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC)),
    value=st.none() | st.integers(0, 2_000_000_000).map(lambda n: n / 1000), village=words, note=words,
    point=st.none() | st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000)).map(lambda p: (p[0] / 1e6, p[1] / 1e6)),
)


@settings(max_examples=300)
@given(codes, st.integers(0, 77), st.integers(1, 255))
def test_a_beidou_code_is_short_comes_back_whole_and_shows_any_wrong_byte(code, place, flip) -> None:
    try:
        message = encode(code)
    except Refused as error:
        assert "超出" in str(error)
        return
    assert len(message) <= MAX_BYTES and decode(message) == code
    place %= len(message)
    wrong = message[:place] + bytes([message[place] ^ flip]) + message[place + 1 :]
    for broken in (wrong, message[:-1], message + b"\0"):
        with pytest.raises(Refused):
            decode(broken)


def test_a_code_and_an_sms_of_one_sight_are_one_report_and_the_terminal_must_be_the_reporters(county) -> None:
    text = encode(Code(reporter="hm-bc-t1", town="baochang", kind="ponding", time=SEEN, value=0.4)).hex()
    gather = lambda: Gather(feed=feed_of(county), received=NOW, raw="r")  # noqa: E731
    [report] = inbox.read("beidou", text, "hm-bc-t1", gather(), county).reports
    assert report.report == sms(county, EXAMPLE).reports[0].report and report.channel == "beidou"
    for by, message in (("hm-yd-t1", text), ("hm-bc-t1", "zz")):
        assert not inbox.read("beidou", message, by, gather(), county).reports


def test_every_kind_has_its_own_code_and_words_and_its_unit_can_be_written() -> None:
    assert len({k.code for k in KINDS.values()}) == len(KINDS) and len([w for k in KINDS.values() for w in k.words]) == len({w for k in KINDS.values() for w in k.words})
    assert {k.unit for k in KINDS.values()} - {""} <= {"m", "mm", "m/s", "1"} and all(factor > 0 for _, factor in UNIT_WORDS.values())


def test_the_spool_goes_through_the_whole_step_late_doubled_and_damaged(county, lake, ledger, settings) -> None:
    feed = feed_of(county)
    there = replace(county, feeds=(*(f for f in county.feeds if f.feed != "reports"), feed))
    live = settings.model_copy(update={"sandbox_url": ""})
    spool = inbox.spool_of(feed, live)
    row = {"reporter": "hm-bc-t1", "town": "包场镇", "kind": "积水", "value": 40, "unit": "cm", "time": "2021-07-26T15:30:00+08:00"}
    late = row | {"time": "2021-07-25T15:30:00+08:00"}
    future = row | {"time": "2021-07-27T15:30:00+08:00"}
    told = [("sms", EXAMPLE, "hm-bc-t1"), ("json", json.dumps({"reports": [row, late, future]}), "web"),
            ("csv", "reporter,town,kind,time\nhm-bc-t1,baochang,ponding,soon\n", "web"), ("sms", "报 看不懂", "hm-bc-t1")]
    for n, (kind, body, by) in enumerate(told):
        spool.keep([{"at": NOW.isoformat(), "kind": kind, "by": by, "body": body}], NOW + timedelta(seconds=n))
    for again in range(2):
        report = connectors.ingest("reports", now=NOW + timedelta(minutes=1 + again), county=there, lake=lake, ledger=ledger, settings=live)
        assert report.state == "ok" and spool.waiting() == []
        spool.keep([{"at": NOW.isoformat(), "kind": "sms", "by": "hm-bc-t1", "body": EXAMPLE}], NOW)
    frame = lake.reports(start=NOW - timedelta(days=3), end=NOW, as_of=NOW + timedelta(hours=1))
    assert list(frame["time"]) == [datetime(2021, 7, 25, 7, 30, tzinfo=UTC), SEEN] and set(frame["value"]) == {0.4}
    assert lake.reports(start=NOW - timedelta(days=3), end=NOW, as_of=NOW - timedelta(seconds=1)).empty  # nobody knew it before it arrived
    assert set(frame["received"]) == {NOW}


def test_what_waits_in_the_spool_comes_before_the_list_and_neither_keeps_the_other_back(county, lake, ledger, settings, serve, reply) -> None:
    table = b"reporter,town,kind,time,value,unit\nhm-yd-t1,yudong,ponding,2021-07-26T07:00:00Z,20,cm\n"
    here = settings.model_copy(update={"sandbox_url": serve(lambda request: reply(request, table))})
    broken = settings.model_copy(update={"sandbox_url": serve(lambda request: reply(request, b"x", 500))})
    spool = inbox.spool_of(county.feed("reports"), here)

    def pull(where, minute):
        return connectors.ingest("reports", now=NOW + timedelta(minutes=minute), county=county, lake=lake, ledger=ledger, settings=where)

    def held():
        return sorted(lake.reports(start=NOW - timedelta(days=3), end=NOW, as_of=NOW + timedelta(hours=1))["value"])

    spool.keep([{"at": NOW.isoformat(), "kind": "sms", "by": "hm-bc-t1", "body": EXAMPLE}], NOW)
    assert pull(broken, 1).outcome == "failed" and held() == [0.4] and spool.waiting() == []  # the list is ill, and is said to be
    spool.keep([{"at": NOW.isoformat(), "kind": "sms", "by": "hm-bc-v2", "body": EXAMPLE.replace("40", "30")}], NOW)
    assert pull(here, 2).records == 2 and held() == [0.2, 0.3, 0.4] and spool.waiting() == []
