from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors import ea_flood
from core.errors import ParseError
from core.model import Flag

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROOT = "http://environment.data.gov.uk/flood-monitoring"
MILL = {"station": "1491TH", "lat": 51.756247, "lon": -1.238765, "properties": ("stage", "gate_downstream", "rain", "discharge", "tide"), "datum": "ASD 1491TH"}
STAGE = "1491TH-level-stage-i-15_min-mASD"


def reading(value: object = 2.098, measure: object = STAGE, time: str = "2026-11-01T11:45:00Z") -> dict[str, object]:
    return {"@id": f"{ROOT}/data/readings/x", "dateTime": time, "measure": f"{ROOT}/id/measures/{measure}" if isinstance(measure, str) else measure, "value": value}


def body(*items: object) -> bytes:
    return json.dumps({"@context": "x", "meta": {"publisher": "Environment Agency"}, "items": list(items)}).encode()


@pytest.fixture
def place(elsewhere):
    return elsewhere("ea_flood", MILL)


def parse(place, text: bytes, received: datetime = NOW):
    return ea_flood.parse(text, feed=place[1], county=place[0], received=received, raw="r")


def test_measures_say_what_a_value_is(place) -> None:
    names = ["level-stage-i-15_min-mASD", "level-downstage-i-15_min-mASD", "rainfall-tipping_bucket_raingauge-t-15_min-mm", "flow--i-15_min-m3_s",
             "level-tidal_level-i-15_min-mAOD"]
    batch = parse(place, body(*(reading(1.5, f"1491TH-{name}") for name in names)))
    found = {o.observed_property: (o.value, o.datum, o.interval_s) for o in batch.observations}
    assert found == {
        "stage": (1.5, "ASD 1491TH", 0), "gate_downstream": (1.5, "ASD 1491TH", 0), "rain": (1.5, "", 900), "discharge": (1.5, "", 0), "tide": (1.5, "ODN", 0),
    }
    assert next(o.flag for o in batch.observations if o.datum == "ODN") is Flag.SUSPECT and batch.rejected == ()


def test_the_full_view_names_the_measure_as_an_object(place) -> None:
    batch = parse(place, body(reading(measure={"@id": f"{ROOT}/id/measures/{STAGE}", "stationReference": "1491TH"})))
    assert [o.value for o in batch.observations] == [2.098]


@pytest.mark.parametrize(
    "bad",
    [
        reading([1, 2]), reading("x"), reading(measure="1491TH-level-stage"), reading(measure="9999-level-stage-i-15_min-mASD"), reading(measure=7),
        reading(measure="1491TH-wind-speed-i-15_min-Knots"), reading(measure="1491TH-level-stage-i-15_min-ft"), reading(time="2026-11-01T11:45:00"),
        reading(time="2026-11-02T11:45:00Z"), {}, 7, {"measures": [{"label": "none"}]},
    ],
)
def test_one_bad_reading_costs_itself(place, bad) -> None:
    batch = parse(place, body(bad, reading()))
    assert [o.value for o in batch.observations] == [2.098] and len(batch.rejected) == 1


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"items": 3}', b"Service unavailable"])
def test_documents_that_are_not_the_data(place, text) -> None:
    with pytest.raises(ParseError):
        parse(place, text)
