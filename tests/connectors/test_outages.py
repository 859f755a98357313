from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors import outages
from core.errors import ParseError

NOW = datetime(2021, 7, 26, 0, 5, tzinfo=UTC)
ROW = {
    "town_code": "320614415000",
    "town": "包场镇",
    "customers_total": "24,813",
    "customers_out": 1380,
    "areas_total": 310,
    "areas_out": 17,
    "critical_out": ["泵站"],
    "synthetic": True,
}


def parse(county, *rows, **head):
    document = {"code": 0, "time": "2021-07-26 08:00:00", "unit": "户", "data": list(rows)} | head
    return outages.parse(json.dumps(document).encode(), feed=county.feed("power"), county=county, received=NOW, raw="r")


def test_counts_per_town_at_the_documents_beijing_time(county) -> None:
    batch = parse(county, ROW)
    assert {o.observed_property: o.value for o in batch.observations} == {
        "customers_out": 1380,
        "customers_total": 24813,
        "areas_out": 17,
        "areas_total": 310,
        "critical_out": 1,
    }
    assert {(o.station, o.time, o.synthetic) for o in batch.observations} == {("power-baochang", datetime(2021, 7, 26, tzinfo=UTC), True)}
    assert batch.rejected == ()


def test_pumping_stations_are_counted_where_the_power_station_declares_them(county) -> None:
    stations = tuple(replace(s, properties=(*s.properties, "pumps_out")) if s.station == "power-baochang" else s for s in county.stations)
    declared = replace(county, stations=stations)
    for row, pumps, critical in (
        ({"critical_out": ["东灶港泵站", "卫生院", "通启河排涝泵站"]}, 2, 3), ({"critical_out": []}, 0, 0), ({"critical_out": 4}, None, 4),
        ({"critical_out": ["东灶港泵站"], "pumps_out": 3}, 3, 1),
    ):
        found = {o.observed_property: o.value for o in parse(declared, ROW | row).observations}
        assert (found.get("pumps_out"), found["critical_out"]) == (pumps, critical)


def test_two_towns_may_share_a_code(county) -> None:
    shared = [ROW | {"town": name, "town_code": "320614400000"} for name in ("海门街道", "滨江街道")]
    assert {o.station for o in parse(county, *shared).observations} == {"power-haimen", "power-binjiang"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"customers_out": 30000}, "is over"),
        ({"customers_out": -1}, "no count"),
        ({"customers_out": 1.5}, "no count"),
        ({"town": "某镇"}, "not in the county"),
        ({"town_code": "320684415000"}, "has code"),
        ({"customers_out": "many"}, "no number"),
        ({"customers_out": True}, "no number"),
    ],
)
def test_a_bad_row_costs_that_row(county, change, reason) -> None:
    batch = parse(county, ROW | change, ROW | {"town": "余东镇", "town_code": "320614106000"})
    assert {o.station for o in batch.observations} == {"power-yudong"} and reason in batch.rejected[0].reason


def test_null_counts_are_missing_not_zero(county) -> None:
    batch = parse(county, ROW | {"customers_out": "null"})
    assert [o.value for o in batch.observations if o.observed_property == "customers_out"] == [None]


@pytest.mark.parametrize("head", [{"code": 1}, {"unit": "万户"}, {"time": "2021年"}, {"data": {}}, {"time": None}])
def test_a_document_that_is_not_what_was_agreed(county, head) -> None:
    with pytest.raises(ParseError, match="power"):
        parse(county, ROW, **head)


CSV = """town_code,town,time,customers_total,customers_out,customers_restored,critical_out,areas_total,areas_out
320614415000,包场镇,2021-07-26 08:00:00,"24,813",1380,200,2,310,17
320614106000,余东镇,2021-07-26 08:00:00,9000,9001,0,0,100,1
"""


def table(county, text: bytes, **options):
    from dataclasses import replace

    feed = replace(county.feed("power"), options=options)
    return outages.parse(text, feed=feed, county=county, received=NOW, raw="r")


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_csv_in_either_encoding(county, encoding) -> None:
    batch = table(county, CSV.encode(encoding), encoding=encoding)
    found = {o.observed_property: o.value for o in batch.observations}
    assert found == {"customers_out": 1380, "customers_total": 24813, "areas_out": 17, "areas_total": 310, "customers_restored": 200, "critical_out": 2}
    assert {o.time for o in batch.observations} == {datetime(2021, 7, 26, tzinfo=UTC)} and "is over" in batch.rejected[0].reason


@pytest.mark.parametrize("text", [b"", b"<html>", CSV.encode("gbk"), b"town,time\nx,y\n", CSV.splitlines()[0].encode(), b'a,"b\n'])
def test_csv_that_is_not_the_table(county, text) -> None:
    with pytest.raises(ParseError, match="power"):
        table(county, text)
