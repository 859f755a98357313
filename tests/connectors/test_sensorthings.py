from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors import sensorthings
from connectors.types import Conditional
from core.errors import FetchError, ParseError
from core.model import Flag

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
GAUGE = {"station": "G1", "lat": 31.9, "lon": 121.2, "properties": ("stage", "rain"), "datum": "废黄河"}


def observation(
    result: object = 312, name: str = "WaterLevel", symbol: str = "cm", time: str = "2026-11-01T11:50:00Z", thing: str = "G1", key: int = 1
) -> dict[str, object]:
    return {
        "@iot.id": key, "@iot.selfLink": "x", "phenomenonTime": time, "resultTime": None, "result": result,
        "Datastream": {"name": "d", "unitOfMeasurement": {"name": "u", "symbol": symbol, "definition": "x"},
                       "Thing": {"name": thing, "properties": {"code": thing}}, "ObservedProperty": {"name": name}},
    }


RAIN = observation(2.4, "Precipitation", "mm", "2026-11-01T11:00:00Z/2026-11-01T12:00:00Z", key=2)
SOIL = observation(31.5, "SoilMoisture", "%", key=3)


def page(*rows: object, more: str = "") -> str:
    return json.dumps({"value": list(rows)} | ({"@iot.nextLink": more} if more else {}))


@pytest.fixture
def place(elsewhere):
    return elsewhere("sensorthings", GAUGE, properties="WaterLevel=stage,Precipitation=rain,SoilMoisture=soil_moisture")


def parse(place, *pages: str):
    return sensorthings.parse(json.dumps({"pages": list(pages)}).encode(), feed=place[1], county=place[0], received=NOW, raw="r")


def test_units_intervals_and_datums(place) -> None:
    batch = parse(place, page(observation(), RAIN), page(SOIL, observation(None, time="2026-11-01T11:40:00+00:00")))
    assert [(o.observed_property, o.value, o.interval_s, o.datum) for o in batch.observations] == [
        ("stage", 3.12, 0, "废黄河"), ("rain", 2.4, 3600, ""), ("soil_moisture", 0.315, 0, ""), ("stage", None, 0, "废黄河")]
    assert batch.observations[3].flag is Flag.MISSING and batch.observations[1].time == NOW and batch.rejected == ()


def test_the_station_may_stand_in_the_things_properties(elsewhere) -> None:
    place = elsewhere("sensorthings", GAUGE, properties="WaterLevel=stage", station_key="code")
    row = observation()
    row["Datastream"]["Thing"]["name"] = "Gauge at the bridge"  # type: ignore[index]
    assert [o.station for o in parse(place, page(row)).observations] == ["G1"]


@pytest.mark.parametrize(
    "bad",
    [
        observation(symbol="furlong"), observation(name="Mood"), observation(thing="G9"), observation("high"), observation(time="2026-11-01T11:50:00"),
        observation(time="soon"), observation(2.4, "Precipitation", "mm"), observation(time="2026-11-03T00:00:00Z"), {"result": 1}, 7,
        observation() | {"Datastream": None},
    ],
)
def test_one_bad_observation_costs_itself(place, bad) -> None:
    batch = parse(place, page(bad, RAIN))
    assert [o.observed_property for o in batch.observations] == ["rain"] and len(batch.rejected) == 1


@pytest.mark.parametrize("body", [b"[]", b'{"pages": 1}', b'{"pages": ["[]"]}', b'{"pages": ["{"]}', b'{"pages": [7]}', b'{"pages": ["<html>"]}'])
def test_documents_that_are_not_the_data(place, body) -> None:
    with pytest.raises(ParseError):
        sensorthings.parse(body, feed=place[1], county=place[0], received=NOW, raw="r")


def test_pages_that_lead_elsewhere_or_never_end_are_not_followed(place, serve, reply, settings) -> None:
    base, more = [""], [""]
    base[0] = serve(lambda request: reply(request, page(observation(), more=more[0].replace("HERE", base[0])).encode()))
    here = settings.model_copy(update={"sandbox_url": base[0]})
    for more[0], said in (("http://127.0.0.1:1/x", "leaves the feed's own host"), ("HERE/it", "more than 20 pages")):
        with pytest.raises(FetchError, match=said):
            sensorthings.fetch(place[1], conditional=Conditional(), now=NOW, settings=here)
