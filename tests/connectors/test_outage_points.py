"""Outages as points, summed per town."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import log, pi, radians, tan

import pytest

from connectors import outage_points
from core.errors import ParseError

NOW = datetime(2021, 7, 26, 0, 5, tzinfo=UTC)
EPOCH = 1627257600000  # 2021-07-26 00:00Z


def feature(lat: float, lon: float, out: object = 10, **more: object) -> dict[str, object]:
    return {"attributes": {"OBJECTID": 1, "customers_out": out, "asof": EPOCH} | more, "geometry": {"x": lon, "y": lat}}


def layer(*features: object, **more: object) -> bytes:
    return json.dumps({"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326}, "features": list(features)} | more).encode()


@pytest.fixture
def place(county, elsewhere):
    towns = county.towns[:3]
    stations = ({"station": f"P{i}", "lat": t.lat, "lon": t.lon, "town": t.key, "properties": ("customers_out",)} for i, t in enumerate(towns))
    here, feed = elsewhere("outage_points", *stations, restored="back", critical="vital", time="asof")
    return here, feed, towns


def parse(place, body):
    return outage_points.parse(body, feed=place[1], county=place[0], received=NOW, raw="r")


def values(batch):
    return {(o.station, o.observed_property): o.value for o in batch.observations}


def test_points_are_summed_by_the_towns_cell_and_the_rest_is_zero(place) -> None:
    a, b, _ = place[2]
    batch = parse(place, layer(feature(a.lat, a.lon, 10, vital="Y"), feature(a.lat + 0.001, a.lon, 5, back=3, vital=0), feature(b.lat, b.lon, "1,200"), feature(20, 110)))
    found = values(batch)
    assert [found[f"P{i}", "customers_out"] for i in range(3)] == [15, 1200, 0] and found["P0", "customers_restored"] == 3 and found["P0", "critical_out"] == 1
    assert {o.time for o in batch.observations} == {datetime(2021, 7, 26, tzinfo=UTC)} and batch.rejected == ()


@pytest.mark.parametrize("bad", [feature(32, 121, -1), feature(32, 121, 1.5), feature(32, 121, None), feature(132, 121), {"attributes": {}}, 7, feature(32, 121, asof=1)])
def test_a_town_without_a_point_is_unknown_once_a_point_cannot_be_read(place, bad) -> None:
    a = place[2][0]
    if isinstance(bad, dict) and bad.get("attributes", {}).get("asof") == 1:
        bad["attributes"]["asof"] = -1
    batch = parse(place, layer(feature(a.lat, a.lon), bad))
    assert {o.station for o in batch.observations} == {"P0"} and len(batch.rejected) == 1


def test_a_cut_list_says_nothing_about_the_other_towns(place) -> None:
    a = place[2][0]
    batch = parse(place, layer(feature(a.lat, a.lon), exceededTransferLimit=True))
    assert {o.station for o in batch.observations} == {"P0"} and "cut off" in batch.rejected[0].reason


def test_a_point_counts_once_under_its_id_and_may_not_say_two_things(place) -> None:
    a = place[2][0]
    one, two = feature(a.lat, a.lon, 10, OBJECTID=1), feature(a.lat, a.lon, 10, OBJECTID=2)
    assert values(parse(place, layer(one, two, one, objectIdFieldName="OBJECTID")))["P0", "customers_out"] == 20
    assert values(parse(place, layer(one, one)))["P0", "customers_out"] == 20  # without an id two outages at one place are two
    batch = parse(place, layer(one, feature(a.lat, a.lon, 99, OBJECTID=1), objectIdFieldName="OBJECTID"))
    assert values(batch)["P0", "customers_out"] == 10 and "says two things" in batch.rejected[0].reason


def test_web_mercator_and_geojson(place) -> None:
    a, b, _ = place[2]
    x, y = radians(a.lon) * 6378137.0, log(tan(pi / 4 + radians(a.lat) / 2)) * 6378137.0
    assert values(parse(place, layer(feature(y, x, 7), spatialReference={"wkid": 102100, "latestWkid": 3857})))["P0", "customers_out"] == 7
    one = {"type": "Feature", "properties": {"customers_out": 9}, "geometry": {"type": "Point", "coordinates": [b.lon, b.lat]}}
    assert values(parse(place, json.dumps({"type": "FeatureCollection", "features": [one]}).encode()))["P1", "customers_out"] == 9
    odd = parse(place, layer(feature(a.lat, a.lon), spatialReference={"wkid": 2437}))
    assert odd.records == 0 and "2437" in odd.rejected[0].reason


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"error": {"code": 498, "message": "Invalid token"}}', b'{"features": {}}'])
def test_documents_that_are_not_points(place, body) -> None:
    with pytest.raises(ParseError):
        parse(place, body)
