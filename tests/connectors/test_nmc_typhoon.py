from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors import nmc_typhoon
from core.errors import ParseError
from core.model import Circle

NOW = datetime(2026, 11, 1, tzinfo=UTC)
AHEAD = {"BABJ": [[12, "202107250000", 122.0, 30.2, 968, 38, "BABJ", "TY"], [0, "202107250000", 122.0, 30.2, 968, 38, "BABJ", "TY"]]}
POINT = [
    1,
    "202107250000",
    1627171200000,
    "TY",
    123.0,
    29.7,
    965,
    38,
    "NW",
    15,
    [["30KTS", 300, 200, 200, 250, 1], ["64KTS", 40, 40, 40, 40, 1]],
    AHEAD,
    ["202107250800", "x", None, None],
]


def view(*points: object) -> bytes:
    storm = [2793, "IN-FA", "烟花\n", 2106, 2106, None, None, "start", list(points)]
    return f"typhoon_jsons_view_2793({json.dumps({'typhoon': storm}, ensure_ascii=False)})".encode()


def parse(county, body):
    return nmc_typhoon.parse(body, feed=county.feed("typhoon_nmc"), county=county, received=NOW, raw="r")


def test_longitude_before_latitude_utc_and_quadrants(county) -> None:
    batch = parse(county, view(POINT))
    point, ahead = batch.tracks
    assert (point.lat, point.lon, point.time, point.storm, point.name) == (
        29.7,
        123.0,
        datetime(2021, 7, 25, tzinfo=UTC),
        "202106",
        "烟花 IN-FA",
    )
    assert point.r7 == Circle(ne=300, se=200, sw=200, nw=250) and point.r10 is None and point.r12 is not None
    assert (ahead.time, ahead.issued, ahead.agency, ahead.lat) == (
        datetime(2021, 7, 25, 12, tzinfo=UTC),
        datetime(2021, 7, 25, tzinfo=UTC),
        "中国",
        30.2,
    )
    assert "lead time 0" in batch.rejected[0].reason


def test_two_clocks_of_one_row_must_agree(county) -> None:
    batch = parse(county, view([*POINT[:2], POINT[2] + 8 * 3600 * 1000, *POINT[3:]]))
    assert "two times differ" in batch.rejected[0].reason


def test_swapped_coordinates_are_set_aside(county) -> None:
    point = [*POINT[:4], 29.7, 123.0, *POINT[6:11], None, None]
    batch = parse(county, view(point))
    assert batch.tracks == () and "no coordinate" in batch.rejected[0].reason


def test_an_unknown_circle_or_a_short_row_costs_its_row(county) -> None:
    batch = parse(county, view([*POINT[:10], [["99KTS", 1, 1, 1, 1]], None, None], [1, "2021"], POINT))
    assert len(batch.rejected) == 3 and any(p.issued is None for p in batch.tracks)


def test_the_joined_payload(county) -> None:
    listed = 'typhoon_jsons_list_default(({"typhoonList":[[2793,"IN-FA","烟花\\n","2106","2106",null,null,"start"]]}))'
    body = json.dumps({"list": listed, "storms": {"2793": view(POINT).decode()}}).encode()
    assert len(parse(county, body).tracks) == 2
    assert parse(county, json.dumps({"list": listed, "storms": {}}).encode()).records == 0


@pytest.mark.parametrize(
    "body", [b"", b"x(1)", b"{}", b'{"list":"","storms":{}}', b"cb({})", b"<!DOCTYPE HTML PUBLIC>\n<html>", view(POINT)[:-20]]
)
def test_what_is_no_storm(county, body) -> None:
    with pytest.raises(ParseError):
        parse(county, body)


def test_one_agency_by_any_code_is_one_and_a_stranger_is_told_once(county) -> None:
    ahead = {code: [[12, "202107250000", 122.0, 30.2, 968, 38, code, "TY"]] for code in ("BABJ", "RJTD", "JTWC", "XXXX")}
    batch = parse(county, view([*POINT[:11], ahead, None]))
    assert {p.agency for p in batch.tracks if p.issued} == {"中国", "日本", "美国", "XXXX"}
    assert [(r.where, r.reason) for r in batch.rejected] == [("agencies", "agencies not in the table: XXXX")]


@pytest.mark.parametrize(("number", "stamp", "wanted"), [
    (2106, "202107250000", "202106"), ("2106", "202107250000", "202106"), ("", "202107250000", "2793"), (None, "202107250000", "2793"),
    (2106, "202007250000", "2106"), ("20210015", "202107250000", "20210015"),
])
def test_a_storms_number_with_its_century(county, number, stamp, wanted) -> None:
    epoch = datetime.strptime(stamp, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp() * 1000
    storm = [2793, "IN-FA", "烟花", number, number, None, None, "start", [[*POINT[:1], stamp, epoch, *POINT[3:11], None, None]]]
    assert {p.storm for p in parse(county, f"x({json.dumps({'typhoon': storm})})".encode()).tracks} == {wanted}
