from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors import nmc_alarms
from connectors.official import area, hazard_of, read_title
from connectors.reading.records import Refused
from core.errors import ParseError
from core.model import Hazard, Level, MsgType

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)
ROW = {
    "alertid": "32061441600000_20210725210800",
    "issuetime": "2021/07/25 21:08",
    "title": "江苏省南通市海门区气象台发布台风橙色预警信号",
    "url": "/x",
    "pic": "",
}


def parse(county, *rows, count=None, feed=None):
    body = {
        "code": 0,
        "msg": "success",
        "data": {"page": {"pageNo": 1, "pageSize": 200, "count": len(rows) if count is None else count, "list": rows}},
    }
    return nmc_alarms.parse(json.dumps(body).encode(), feed=feed or county.feed("warnings_nmc"), county=county, received=NOW, raw="r")


@pytest.mark.parametrize(
    ("title", "event", "level", "kind"),
    [
        ("重庆市县云阳县气象台发布大雾黄色预警信号", "大雾", Level.YELLOW, MsgType.ALERT),
        ("广东省清远市广东省连山壮族瑶族自治县气象台发布森林火险黄色预警信号", "森林火险", Level.YELLOW, MsgType.ALERT),
        ("海南省气象台发布海上雷雨大风黄色预警信号", "海上雷雨大风", Level.YELLOW, MsgType.ALERT),
        ("南通市气象台2021年07月26日05时00分发布暴雨黄色预警信号[III级/较重]", "暴雨", Level.YELLOW, MsgType.ALERT),
        ("海门区气象台解除台风蓝色预警信号", "台风", Level.BLUE, MsgType.CANCEL),
        ("江苏省气象台将暴雨黄色预警信号升级为暴雨橙色预警信号", "暴雨", Level.ORANGE, MsgType.UPDATE),
        ("南通市自然资源和规划局与南通市气象局联合发布地质灾害气象风险黄色预警", "地质灾害气象风险", Level.YELLOW, MsgType.ALERT),
        ("南通市气象台变更发布暴雨红色预警信号", "暴雨", Level.RED, MsgType.UPDATE),
        (" 海门区气象台 发布\n台风橙色预警信号 ", "台风", Level.ORANGE, MsgType.ALERT),
    ],
)
def test_titles(title, event, level, kind) -> None:
    assert read_title(title) == (event, level, kind)


@pytest.mark.parametrize("title", ["", "海门区气象台发布暴雨预警", "天气预报", "发布红色预警信号"])
def test_titles_that_say_no_event_or_colour(title) -> None:
    with pytest.raises(Refused):
        read_title(title)


def test_hazards_are_floors_only_for_what_is_scored() -> None:
    assert [hazard_of(e) for e in ("台风", "暴雨", "地质灾害气象风险", "长江洪水", "大风", "海区大风", "高温")] == [
        Hazard.TYPHOON,
        Hazard.FLOOD,
        Hazard.GEOLOGICAL,
        Hazard.FLOOD,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("code", "cut"),
    [
        ("320614", "320614"),
        ("320600", "3206"),
        ("320000", "32"),
        ("320614000000", "320614"),
        ("320614415000", "320614415000"),
        ("320600000000", "3206"),
        ("320684", "320614"),
        ("320699", "320699"),
    ],
)
def test_area_codes_are_cut_to_what_they_name(county, with_options, code, cut) -> None:
    assert area(code, with_options(county.feed("warnings_nmc"), renamed="320684=320614")) == cut
    with pytest.raises(Refused):
        area(code[:5], county.feed("warnings_nmc"))


def test_a_signal_in_force(county) -> None:
    batch = parse(county, ROW)
    signal = batch.signals[0]
    assert (signal.event, signal.hazard, signal.level, signal.areas, signal.issued, signal.expires) == (
        "台风",
        Hazard.TYPHOON,
        Level.ORANGE,
        ("320614",),
        datetime(2021, 7, 25, 13, 8, tzinfo=UTC),
        None,
    )
    assert batch.rejected == ()


def test_other_provinces_are_read_past_and_bad_rows_set_aside(county) -> None:
    batch = parse(
        county,
        ROW,
        ROW | {"alertid": "35060441600000_20261006202800"},
        ROW | {"alertid": "x"},
        ROW | {"title": "?", "alertid": "32060041600000_20210725210900"},
        ROW | {"alertid": "32060041600000_20210725210800", "issuetime": "2021/07/26 21:08"},
    )
    assert len(batch.signals) == 1 and len(batch.rejected) == 3


def test_a_list_shorter_than_announced_says_so(county) -> None:
    assert "161 warnings announced" in parse(county, ROW, count=161).rejected[0].reason


@pytest.mark.parametrize("body", [b"{}", b'{"code":1}', b'{"code":0,"data":{"page":{}}}', b"[]x", b"<html>404</html>"])
def test_what_is_no_list(county, body) -> None:
    with pytest.raises(ParseError):
        nmc_alarms.parse(body, feed=county.feed("warnings_nmc"), county=county, received=NOW, raw="r")
