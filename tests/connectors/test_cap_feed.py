from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from lxml import etree

from connectors import cap_feed
from connectors.reading.syndication import links
from core.errors import ParseError
from core.model import Hazard, Level, MsgType

NOW = datetime(2021, 7, 26, tzinfo=UTC)
CAP = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{id}</identifier><sender>s</sender>
<sent>2021-07-25T21:08:00+08:00</sent><status>{status}</status><msgType>{kind}</msgType><scope>Public</scope>{references}
<info><language>en-US</language><event>Typhoon</event><severity>Severe</severity></info>
<info><language>zh-CN</language><event>台风</event><severity>Severe</severity><expires>2021-07-27T20:00:00+08:00</expires><headline>台风橙色预警信号</headline>
<area><areaDesc>x</areaDesc>{area}</area></info></alert>"""
CODE = "<geocode><valueName>CPEAS Geographic Code</valueName><value>{}</value></geocode>"
HAIMEN = CODE.format("320614000000")


def cap(identifier="A", status="Actual", kind="Alert", references="", area=HAIMEN) -> str:
    return CAP.format(
        id=identifier, status=status, kind=kind, area=area, references=f"<references>{references}</references>" if references else ""
    )


def parse(county, *documents: str):
    body = json.dumps({"index": '<feed xmlns="http://www.w3.org/2005/Atom"/>', "documents": {f"/{i}": d for i, d in enumerate(documents)}})
    return cap_feed.parse(body.encode(), feed=county.feed("warnings_cap"), county=county, received=NOW, raw="r")


def test_the_chinese_block_is_the_signal(county) -> None:
    (signal,) = parse(county, cap()).signals
    assert (signal.identifier, signal.event, signal.hazard, signal.level, signal.areas) == (
        "A",
        "台风",
        Hazard.TYPHOON,
        Level.ORANGE,
        ("320614",),
    )
    assert signal.expires == datetime(2021, 7, 27, 12, tzinfo=UTC) and signal.issued == datetime(2021, 7, 25, 13, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "area",
    [
        "<polygon>31,121 32,121 32,122 31,121</polygon>",
        "<circle>31.9,121.2 50</circle>",
        "",
        "<geocode><valueName>EMMA_ID</valueName><value>320614</value></geocode>",
    ],
)
def test_an_area_without_a_code_is_never_everybody(county, area) -> None:
    batch = parse(county, cap(area=area))
    assert batch.signals[0].areas == () and "concerns nobody" in batch.rejected[0].reason
    assert not any(county.concerns(town, batch.signals[0].areas) for town in county.towns)


def test_an_update_ends_what_it_refers_to_and_a_cancel_too(county) -> None:
    batch = parse(
        county,
        cap("A"),
        cap("B", kind="Update", references="s,A,2021-07-25T21:08:00+08:00"),
        cap("C", kind="Cancel", references="s,B,2021-07-25T21:08:00+08:00"),
    )
    assert {s.identifier: s.msg_type for s in batch.signals} == {"A": MsgType.CANCEL, "B": MsgType.CANCEL, "C": MsgType.CANCEL}
    batch = parse(county, cap("A"), cap("B", kind="Update", references="s,A,2021-07-25T21:08:00+08:00"))
    assert {s.identifier: s.msg_type for s in batch.signals} == {"A": MsgType.CANCEL, "B": MsgType.UPDATE}


@pytest.mark.parametrize(
    "document",
    [
        cap(status="Exercise"),
        cap(status="Test"),
        cap(kind="Ack"),
        cap(area=CODE.format("32061")),
        "<notcap/>",
        "<html>404</html>",
        "",
        cap()[:300],
        cap().replace("+08:00</sent>", "</sent>"),
        '<!DOCTYPE a [<!ENTITY x "y">]>' + cap(),
    ],
)
def test_a_bad_document_costs_itself(county, document) -> None:
    batch = parse(county, document, cap("B"))
    assert [s.identifier for s in batch.signals] == ["B"] and len(batch.rejected) == 1


def test_an_index_all_of_whose_documents_are_login_pages_is_no_answer(county) -> None:
    with pytest.raises(ParseError, match="no document can be read"):
        parse(county, "<!doctype html><html>login</html>", "")


def test_severity_where_no_colour_is_said(county) -> None:
    document = (
        cap().replace("台风橙色预警信号", "台风").replace("<severity>Severe</severity><expires>", "<severity>Extreme</severity><expires>")
    )
    assert parse(county, document).signals[0].level is Level.RED


def test_indexes(county) -> None:
    feed = county.feed("warnings_cap")
    atom = etree.fromstring(
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>3206x</id><link href="/html"/>'
        '<link href="/a.xml" type="application/cap+xml"/></entry>'
        '<entry><id>other</id><link href="/b.xml"/></entry></feed>'
    )
    rss = etree.fromstring("<rss><channel><item><link>/a.xml</link></item><item><link>/a.xml</link></item></channel></rss>")
    assert (
        links(atom, "", feed) == ["/a.xml", "/b.xml"]
        and links(atom, "3206,3207", feed) == ["/a.xml"]
        and links(rss, "", feed) == ["/a.xml"]
    )
    with pytest.raises(ParseError):
        links(etree.fromstring("<html/>"), "", feed)
