from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import music_surface
from core.errors import ParseError
from core.model import Flag

BODY = (Path(__file__).parents[1] / "data" / "music_surface" / "hour.json").read_bytes()
RECEIVED = datetime(2021, 7, 25, 22, 10, tzinfo=UTC)


def parse(county, body=BODY):
    return music_surface.parse(body, feed=county.feed("weather"), county=county, received=RECEIVED, raw="r")


@pytest.fixture
def found(county):
    return {(o.station, o.observed_property): o for o in parse(county).observations}


def test_times_are_utc_and_text_is_number(found) -> None:
    rain = found["M9001", "rain"]
    assert (rain.value, rain.time, rain.interval_s, rain.flag) == (3.5, datetime(2021, 7, 25, 22, tzinfo=UTC), 3600, Flag.GOOD)
    assert found["M9001", "wind_gust"].value == 17.2


def test_missing_and_trace_and_calm_codes(found) -> None:
    assert found["M9002", "rain"].value == 0.0
    assert (found["M9002", "wind_speed"].value, found["M9002", "wind_speed"].flag) == (None, Flag.MISSING)
    assert found["M9002", "wind_direction"].value is None
    gust = found["M9002", "wind_gust"]
    assert gust.value is None and "abc" in gust.reasons[0]  # costs the element, not the row


def test_quality_codes_become_flags(found) -> None:
    assert found["M9001", "wind_speed"].flag is Flag.SUSPECT
    assert found["M9002", "pressure"].flag is Flag.FAIL and found["M9002", "pressure"].value == 985.3


def test_an_element_the_station_does_not_observe_is_not_missing(found) -> None:
    assert ("M9001", "temperature") not in found


def test_moved_unknown_and_future_stations_are_set_aside(county) -> None:
    reasons = {r.where: r.reason for r in parse(county).rejected}
    assert "km from its place" in reasons["DS[2]"] and "county's table" in reasons["DS[3]"] and "later than" in reasons["DS[4]"]


def test_coordinates_are_as_exact_as_they_are_written(found) -> None:
    assert ("M9005", "rain") in found  # 31.93 for 31.9342 is rounding, not a move


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"returnCode": "-2", "returnMessage": "bad password"}, "refused the query"),
        ({"rowCount": "99"}, "99 rows announced"),
        ({"DS": {}}, "no list"),
    ],
)
def test_documents_that_are_not_the_data(county, change, match) -> None:
    with pytest.raises(ParseError, match=match):
        parse(county, json.dumps(json.loads(BODY) | change).encode())


def test_a_login_page_is_no_weather(county) -> None:
    with pytest.raises(ParseError, match="HTML page"):
        parse(county, "<!DOCTYPE html><html>登录</html>".encode())


def test_no_rows_is_an_answer_of_no_rows(county) -> None:
    assert parse(county, b'{"returnCode":"-1","returnMessage":"no record","rowCount":"0","DS":[]}').records == 0


XML = """<?xml version="1.0" encoding="UTF-8"?>
<DS returnCode="0" returnMessage="Query Succeed" rowCount="2" colCount="9">
<R Station_Name="x" Station_Id_C="M9001" Lat="31.8962" Lon="121.1727" Year="2021" Mon="7" Day="25" Hour="22" Min="0" PRE_1h="3.5" Q_PRE_1h="0"/>
<R Station_Name="y" Station_Id_C="M9002" Lat="31.86" Lon="121.15" Datetime="2021-07-25 22:00:00" PRE_1h="999990" Q_PRE_1h="0"/>
</DS>"""


def test_xml_reads_as_json_does(county) -> None:
    rain = {o.station: (o.value, o.time) for o in parse(county, XML.encode()).observations if o.observed_property == "rain"}
    assert rain == {"M9001": (3.5, datetime(2021, 7, 25, 22, tzinfo=UTC)), "M9002": (0.0, datetime(2021, 7, 25, 22, tzinfo=UTC))}


@pytest.mark.parametrize("change", [
    ('rowCount="2"', 'rowCount="3"'), ('returnCode="0"', 'returnCode="-2"'), ("</DS>", ""), ("<DS", "<!DOCTYPE x><DS"), ("returnCode", "code"),
])
def test_xml_that_is_not_the_answer(county, change) -> None:
    with pytest.raises(ParseError):
        parse(county, XML.replace(*change).encode())


def test_xml_row_without_a_time_is_set_aside(county) -> None:
    batch = parse(county, XML.replace('Hour="22"', 'Hour="27"').encode())
    assert {o.station for o in batch.observations} == {"M9002"} and "no time" in batch.rejected[0].reason


@pytest.mark.parametrize("read", [music_surface.by_columns, music_surface.by_record])
@pytest.mark.parametrize(
    ("interval_s", "hour", "tenth", "value", "over"),
    [
        (3600, "55", "999999", 55.0, 3600), (3600, "999999", "4", 4.0, 600), (3600, "55", "4", 55.0, 3600), (600, "55", "4", 4.0, 600), (600, "55", "999999", 55.0, 3600),
        (3600, "999999", "999999", None, 3600), (600, "999999", "999999", None, 600),
    ],
)
def test_rain_of_an_hour_and_of_ten_minutes_is_one_reading_and_a_value_goes_before_none(county, read, interval_s, hour, tenth, value, over) -> None:
    feed = replace(county.feed("weather"), interval_s=interval_s)
    record = {"Station_Id_C": "M9001", "Lat": "31.8962", "Lon": "121.1727", "Datetime": "2021-07-25 22:00:00", "PRE_1h": hour, "PRE_10m": tenth}
    body = json.dumps({"returnCode": "0", "rowCount": "1", "DS": [record]}).encode()
    batch = read(body, feed=feed, county=county, received=RECEIVED, raw="r")
    assert [(o.observed_property, o.value, o.interval_s) for o in batch.observations] == [("rain", value, over)] and not batch.rejected
