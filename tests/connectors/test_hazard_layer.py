from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors import hazard_layer
from core.errors import ParseError

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TOWN = {"station": "L1", "lat": 31.87, "lon": 121.20, "properties": ("hazard_points", "hazard_people", "bank_class")}


def feature(key: object = "p1", kind: str = "hazard_point", geometry: object = None, **fields: object) -> dict[str, object]:
    point = {"type": "Point", "coordinates": [121.21, 31.88]}
    return {"type": "Feature", "properties": {"id": key, "kind": kind} | fields, "geometry": point if geometry is None else geometry}


def bank(key: str, rank: object, lon: float = 121.21) -> dict[str, object]:
    return feature(key, "bank_section", {"type": "LineString", "coordinates": [[lon - 0.02, 31.87], [lon, 31.87], [lon + 0.02, 31.87]]}, **{"class": rank})


def body(*features: object) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


@pytest.fixture
def place(elsewhere):
    return elsewhere("hazard_layer", TOWN, TOWN | {"station": "L2", "lat": 32.05})


def parse(place, text: bytes):
    return hazard_layer.parse(text, feed=place[1], county=place[0], received=NOW, raw="r")


def test_points_people_and_the_most_dangerous_section(place) -> None:
    batch = parse(place, body(feature(people=120), feature("p2"), bank("b1", 2), bank("b2", 1), bank("b3", 1, lon=122.5)))
    found = {(o.station, o.observed_property): o.value for o in batch.observations}
    assert found == {("L1", "hazard_points"): 2, ("L1", "hazard_people"): 120, ("L1", "bank_class"): 1, ("L2", "hazard_points"): 0, ("L2", "hazard_people"): 0}
    assert {o.time for o in batch.observations} == {datetime(2026, 11, 1, tzinfo=UTC)} and batch.rejected == ()


def test_other_names_of_the_fields(elsewhere) -> None:
    place = elsewhere("hazard_layer", TOWN, fields="people=threatened,id=code")
    row = {"type": "Feature", "properties": {"code": 7, "kind": "hazard_point", "threatened": "1,200"}, "geometry": {"type": "Point", "coordinates": [121.2, 31.87]}}
    assert [o.value for o in parse(place, body(row)).observations] == [1, 1200]


@pytest.mark.parametrize(
    "bad",
    [
        feature(), feature("x", "volcano"), feature("x", people=-1), feature("x", people=1.5), feature("x", people="many"), bank("x", 4), bank("x", None), feature(None),
        7,
        feature("x", geometry={"type": "Polygon", "coordinates": []}), feature("x", geometry={"type": "Point", "coordinates": [31.88, 121.2]}), {"properties": {}},
        feature("x", geometry={"type": "Point", "coordinates": [1]}), feature("x", geometry={"type": "LineString", "coordinates": []}),
    ],
)
def test_one_bad_feature_costs_itself(place, bad) -> None:
    batch = parse(place, body(feature(people=5), bad))
    assert len(batch.rejected) == 1 and {o.value for o in batch.observations if o.station == "L1"} == {1, 5}


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"type": "FeatureCollection"}', b'{"type": "FeatureCollection", "features": 1}', b"<html>"])
def test_documents_that_are_no_layer(place, text) -> None:
    with pytest.raises(ParseError):
        parse(place, text)
