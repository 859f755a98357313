"""A source described in feeds.yaml: two real shapes, what is wrong in the data, and what is wrong in the description."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from connectors import catalogue, table
from core.county import Column, Table, load_county
from core.errors import ConfigError, ConfigErrors, ParseError
from core.model import Flag

DATA = Path(__file__).parents[1] / "data" / "table"
HAIMEN = Path(__file__).parents[2] / "county" / "haimen"
NOW = datetime(2021, 7, 26, 0, 20, tzinfo=UTC)
NESTED, GBK = (DATA / "nested.json").read_bytes(), (DATA / "beijing_gbk.csv").read_bytes()
STATIONS = ({"station": "T1", "lat": 32, "lon": 121, "properties": ("rain", "stage"), "datum": "吴淞"}, {"station": "T2", "lat": 32, "lon": 121, "properties": ("rain",)})
JSON_TABLE = Table(
    form="json", records="data.rows", station="site.code", time="tm", time_format="epoch_ms", zone="", missing=("9999", "-99.9", "--"), ignore=("site.name",),
    columns={"drp": Column(observed_property="rain", unit="mm", interval_s=3600), "z": Column(observed_property="stage", unit="cm"),
             "q": Column(observed_property="discharge", unit="m3/s")},
)
CSV_TABLE = Table(
    form="csv", records="", station="站号", time="时间", time_format="%Y-%m-%d %H:%M", zone="Asia/Shanghai", missing=("9999",), encoding="gbk", delimiter=";",
    ignore=("备注",), columns={"小时雨量": Column(observed_property="rain", unit="mm", interval_s=3600),
                              "最大风(公里/小时)": Column(observed_property="wind_gust", unit="km/h")},
)


@pytest.fixture
def place(elsewhere):
    def build(described: Table):
        county, feed = elsewhere("table", *STATIONS)
        feed = replace(feed, table=described)
        return replace(county, feeds=(*county.feeds[:-1], feed)), feed

    return build


def read(where, body, now=NOW):
    return table.parse(body, feed=where[1], county=where[0], received=now, raw="r")


def test_a_json_list_two_deep_with_epoch_times(place) -> None:
    batch = read(place(JSON_TABLE), NESTED)
    found = {(o.station, o.observed_property): o for o in batch.observations}
    assert {k: o.value for k, o in found.items()} == {("T1", "rain"): 12.5, ("T1", "stage"): 3.12, ("T2", "rain"): None, ("T2", "discharge"): 5.5}
    assert {o.time for o in batch.observations} == {datetime(2021, 7, 26, tzinfo=UTC)} and found["T2", "rain"].flag is Flag.MISSING
    assert (found["T1", "stage"].datum, found["T1", "rain"].datum, found["T1", "rain"].interval_s) == ("吴淞", "", 3600)
    assert [r.where for r in batch.rejected] == ["data.rows[2]"] and "county's table" in batch.rejected[0].reason


def test_a_csv_in_gbk_with_beijing_times(place) -> None:
    batch = read(place(CSV_TABLE), GBK)
    assert {(o.station, o.observed_property): o.value for o in batch.observations} == {
        ("T1", "rain"): 12.5, ("T1", "wind_gust"): 20.0, ("T2", "rain"): None, ("T2", "wind_gust"): 10.0,
    }
    assert {o.time for o in batch.observations} == {datetime(2021, 7, 26, tzinfo=UTC)}
    assert "no number" in batch.rejected[0].reason and "must be an object" in batch.rejected[1].reason


def test_a_declared_issue_time_makes_forecasts_and_an_unknown_field_is_told(place) -> None:
    body = json.dumps([{"s": "T1", "at": "2021-07-26T20:00:00+08:00", "made": "2021-07-26T08:00:00+08:00", "r": 5, "new": 1}]).encode()
    described = Table(form="json", records="", station="s", time="at", time_format="iso", zone="", issued="made",
                      columns={"r": Column(observed_property="rain", unit="in", interval_s=3600)})
    batch = read(place(described), body)
    (rain,) = (o for o in batch.observations if o.observed_property == "rain")
    assert (rain.value, rain.issued, rain.time) == (127.0, datetime(2021, 7, 26, tzinfo=UTC), datetime(2021, 7, 26, 12, tzinfo=UTC))
    assert "new" in batch.rejected[-1].reason


def test_records_without_a_time_are_as_of_their_receipt_and_an_objects_values_are_records(place) -> None:
    columns = {"out": Column(observed_property="rain", unit="mm", interval_s=60)}
    described = replace(JSON_TABLE, records="data.*", station="code", time="", time_format="receipt", columns=columns)
    batch = read(place(described), b'{"data": {"a": {"code": "T1", "out": "1,200"}, "b": {"code": "T2", "out": 0}, "c": 7}}')
    assert [(o.station, o.value, o.time) for o in batch.observations] == [("T1", 1200, NOW), ("T2", 0, NOW)] and [r.where for r in batch.rejected] == ["data.*[2]"]


LONG = replace(JSON_TABLE, records="", station="s", time="t", time_format="iso", missing=("9999",), ignore=(), quantity="what", value="is", columns={
    "Z": Column(observed_property="stage", unit="cm"), "P": Column(observed_property="rain", unit="mm", interval_s=3600)})


def test_a_record_may_give_one_quantity_by_name(place) -> None:
    rows = [{"s": "T1", "t": "2021-07-26T08:00:00+08:00", "what": what, "is": value} for what, value in (("Z", 312), ("P", "12.5"), ("mood", 5), ("Z", "high"))]
    batch = read(place(LONG), json.dumps([*rows, {"s": "T1", "t": "2021-07-26T08:00:00+08:00", "what": "Z"}]).encode())
    assert [(o.observed_property, o.value, o.datum) for o in batch.observations] == [("stage", 3.12, "吴淞"), ("rain", 12.5, "")]
    assert [r.where for r in batch.rejected] == ["row[3]", "row[4]"]
    lines = "s,t,what,is\nT1,2021-07-26T08:00:00+08:00,P,12.5\nT1,2021-07-26T08:00:00+08:00,Z,9999\n"
    assert [o.value for o in read(place(replace(LONG, form="csv")), lines.encode()).observations] == [12.5, None]


@pytest.mark.parametrize("text", ["2021-07-26T08:00:00", "yesterday", "2021-13-01T00:00:00+08:00"])
def test_an_iso_time_without_a_zone_is_set_aside(place, text) -> None:
    described = replace(JSON_TABLE, records="", time_format="iso")
    assert read(place(described), json.dumps([{"site": {"code": "T1"}, "tm": text}]).encode()).records == 0


@pytest.mark.parametrize(
    ("described", "body", "match"),
    [
        (JSON_TABLE, b'{"data": {"list": []}}', "there is no rows"), (JSON_TABLE, b'{"data": {"rows": {}}}', "no list"), (JSON_TABLE, b"[]", "there is no data"),
        (JSON_TABLE, b"", "empty"), (JSON_TABLE, b"<html>", "HTML"), (CSV_TABLE, GBK.replace("站号".encode("gbk"), b"x"), "missing"), (CSV_TABLE, b"\xff\xff", "not gbk"),
        (CSV_TABLE, GBK + b"\0", "NUL"), (CSV_TABLE, GBK + b'"', "not CSV"), (replace(CSV_TABLE, encoding="utf-8"), GBK, "not utf-8"),
    ],
)
def test_documents_that_are_not_the_table(place, described, body, match) -> None:
    with pytest.raises(ParseError, match=match):
        read(place(described), body)


@limits(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([JSON_TABLE, CSV_TABLE]))
def test_no_bytes_bring_it_down(place, body, described) -> None:
    try:
        read(place(described), body)
    except ParseError as error:
        assert "elsewhere" in str(error)


GOOD = """
rain_bureau:
  title: 雨量站
  sector: water
  connector: table
  address: https://example.org/api/rain
  sandbox: /rain
  cron: "*/10 * * * *"
  interval_s: 600
  max_age_s: 1800
  expected: 0
  table:
    form: csv
    station: 站号
    time: 时间
    time_format: "%Y-%m-%d %H:%M"
    zone: Asia/Shanghai
    encoding: gbk
    delimiter: semicolon
    missing: [9999, "--"]
    columns:
      小时雨量: {property: rain, unit: mm, interval_s: 3600}
"""


@pytest.fixture
def county_with(tmp_path):
    import shutil

    def build(text: str) -> Path:
        copy = tmp_path / "county"
        shutil.copytree(HAIMEN, copy, ignore=shutil.ignore_patterns("scenarios"), dirs_exist_ok=True)
        path = copy / "feeds.yaml"
        path.write_text((HAIMEN / "feeds.yaml").read_text(encoding="utf-8") + text, encoding="utf-8")
        return copy

    return build


def test_the_description_is_read(county_with) -> None:
    described = load_county(county_with(GOOD)).feed("rain_bureau").table
    assert described == replace(CSV_TABLE, missing=("9999", "--"), ignore=(), columns={"小时雨量": CSV_TABLE.columns["小时雨量"]})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("property: rain", "property: rian", "rain"), ("unit: mm", "unit: mn", "mm"), (", interval_s: 3600", "", "interval_s"),
        ("zone: Asia/Shanghai", "zone: Asia/Shangai", "Asia/Shanghai"),
        ("    zone: Asia/Shanghai\n", "", "zone"), ("    time: 时间\n", "", "receipt"), ("    time: 时间\n", "    time: 时间\n    quantity: 要素\n", "value"),
        ('time_format: "%Y-%m-%d %H:%M"', "time_format: receipt", "time"),
        ("encoding: gbk", "encoding: gb", "gbk"), ("form: csv", "form: cvs", "csv"),
        ("station: 站号", "staton: 站号", "station"),
        ('"%Y-%m-%d %H:%M"', '"%m-%d %H:%M"', "%Y"), ("delimiter: semicolon", "delimiter: semicolom", "semicolon"), ("missing: [9999, \"--\"]", "missing: 9999", "9999"),
        ("    columns:\n      小时雨量: {property: rain, unit: mm, interval_s: 3600}\n", "    columns: []\n", "property"),
        ("connector: table", "connector: outages", "connector: table"), ("time_format: \"%Y-%m-%d %H:%M\"", "time_format: epoch", "epoch_s"),
    ],
)
def test_a_wrong_word_is_told_with_its_line_and_the_nearest_known_one(county_with, old, new, said) -> None:
    assert old in GOOD
    with pytest.raises(ConfigErrors) as told:
        load_county(county_with(GOOD.replace(old, new, 1)))
    first = len((HAIMEN / "feeds.yaml").read_text(encoding="utf-8").splitlines())
    assert any(said in f"{e} {e.hint}" and e.line and e.line > first and "feeds.yaml" in str(e) for e in told.value.errors), told.value.errors


def test_the_connector_without_its_table(county_with, elsewhere) -> None:
    with pytest.raises(ConfigErrors, match="table"):
        load_county(county_with(GOOD[: GOOD.index("  table:")]))
    with pytest.raises(ConfigError, match="table"):
        read(elsewhere("table"), NESTED)


def test_the_readme_lists_every_connector_as_it_is() -> None:
    text = catalogue.README.read_text(encoding="utf-8")
    assert text == catalogue.filled(text), "run: python -m connectors.catalogue"
