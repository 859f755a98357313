from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors import cenc_quakes, usgs_quakes
from connectors.quakes import intensity
from core.errors import ParseError
from core.model import Flag

NOW = datetime(2021, 11, 17, 6, 0, tzinfo=UTC)
HERE = {"station": "EQ-HM", "lat": 31.9, "lon": 121.2, "properties": ("quake_intensity", "quake_magnitude", "quake_distance")}
ORIGIN = 1637127234000  # 2021-11-17T05:33:54Z


def event(mag: object = 5.0, lon: object = 121.19, lat: object = 33.5, time: object = ORIGIN, status: str = "reviewed", kind: str = "earthquake", key: str = "us1"):
    properties = {"mag": mag, "place": "off Jiangsu", "time": time, "updated": ORIGIN, "status": status, "type": kind, "title": "M"}
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Point", "coordinates": [lon, lat, 17]}, "id": key}


def body(*events, **change) -> bytes:
    return json.dumps({"type": "FeatureCollection", "metadata": {"count": len(events)}, "features": list(events)} | change).encode()


@pytest.fixture
def place(elsewhere):
    return elsewhere("usgs_quakes", HERE)


def parse(place, text: bytes, received: datetime = NOW, connector=usgs_quakes):
    return connector.parse(text, feed=place[1], county=place[0], received=received, raw="r")


def test_an_event_is_told_at_the_countys_points(place) -> None:
    batch = parse(place, body(event()))
    found = {o.observed_property: o.value for o in batch.observations}
    assert batch.rejected == () and found["quake_magnitude"] == 5.0 and found["quake_distance"] == pytest.approx(177.9, abs=0.3)
    assert found["quake_intensity"] == pytest.approx(5.019 + 7.23 - 4.136 * 2.3052, abs=0.02)
    assert {o.time for o in batch.observations} == {datetime(2021, 11, 17, 5, 33, 54, tzinfo=UTC)}


@pytest.mark.parametrize("one", [event(mag=2.0), event(lon=-121.0), event(kind="quarry blast"), event(mag=None)])
def test_what_matters_to_nobody_here_is_passed_over(place, one) -> None:
    assert parse(place, body(one)).observations == () and parse(place, body(one)).rejected == ()


def test_an_unreviewed_magnitude_is_doubtful(place) -> None:
    assert {o.flag for o in parse(place, body(event(status="automatic"))).observations} == {Flag.SUSPECT}


@pytest.mark.parametrize(
    "one",
    [event(status="deleted"), event(status="odd"), event(lat=91), event(mag=11), event(time=None), event(time=1e30), event(time=ORIGIN + 86_400_000),
     event(lon="x"), event(lat=None), {**event(), "geometry": None}, {**event(), "properties": []}, 7],
)
def test_one_bad_event_costs_itself(place, one) -> None:
    batch = parse(place, body(one, event()))
    assert len(batch.observations) == 3 and len(batch.rejected) == 1


@pytest.mark.parametrize("text", [b"[]", b"{}", body(type="Feature"), body(event(), metadata={"count": 9}), b'{"type": "FeatureCollection", "features": {}}'])
def test_a_document_that_is_no_list(place, text) -> None:
    with pytest.raises(ParseError):
        parse(place, text)


def test_intensity_falls_with_distance_and_stays_in_its_scale() -> None:
    assert intensity(8, 0) > intensity(8, 50) > intensity(8, 400) and intensity(10, 0) == 12.0 and intensity(0, 1000) == 0.0


CENC = {"id": "1", "CATA_ID": "CC1", "O_TIME": "2021-11-17 13:54:28", "EPI_LAT": "33.50", "EPI_LON": "121.19", "EPI_DEPTH": 17, "AUTO_FLAG": "M", "M": "5.0",
        "LOCATION_C": "江苏盐城市大丰区海域", "EQ_TYPE": "M"}


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"shuju": rows}, lambda rows: {"data": rows}])
def test_the_list_of_cenc(elsewhere, wrap) -> None:
    place = elsewhere("cenc_quakes", HERE)
    text = json.dumps(wrap([CENC, CENC | {"M": "x"}, CENC | {"O_TIME": "17:54"}, CENC | {"EPI_LAT": None}, CENC | {"AUTO_FLAG": "Z"}])).encode()
    batch = parse(place, text, connector=cenc_quakes)
    assert len(batch.observations) == 3 and len(batch.rejected) == 4
    assert batch.observations[0].time == datetime(2021, 11, 17, 5, 54, 28, tzinfo=UTC)
    assert {o.flag for o in parse(place, json.dumps([CENC | {"AUTO_FLAG": "A"}]).encode(), connector=cenc_quakes).observations} == {Flag.SUSPECT}


def test_cenc_without_a_list(elsewhere) -> None:
    with pytest.raises(ParseError):
        parse(elsewhere("cenc_quakes", HERE), b'{"shuju": 3}', connector=cenc_quakes)
