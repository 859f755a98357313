from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors import usgs_nwis
from core.errors import ParseError
from core.model import Flag

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
GAGE = {"station": "01646500", "lat": 38.94977778, "lon": -77.12763889, "properties": ("stage", "discharge", "rain"), "datum": "USGS 01646500"}
UNITS = {"00060": "ft3/s", "00065": "ft", "00045": "in", "62620": "ft"}


def series(code: str, *values: tuple[str, str] | tuple[str, str, list[str]], site: str = "01646500", unit: str = "", lat: float = 38.94977778):
    rows = [{"value": v[0], "dateTime": v[1], "qualifiers": v[2] if len(v) > 2 else ["P"]} for v in values]
    return {
        "sourceInfo": {"siteName": "POTOMAC", "siteCode": [{"value": site, "network": "NWIS"}],
                       "geoLocation": {"geogLocation": {"srs": "EPSG:4326", "latitude": lat, "longitude": -77.12763889}}},
        "variable": {"variableCode": [{"value": code}], "unit": {"unitCode": unit or UNITS.get(code, "ft")}, "noDataValue": -999999.0},
        "values": [{"value": rows, "method": [{"methodID": 1}]}], "name": f"USGS:{site}:{code}:00000",
    }


def body(*rows) -> bytes:
    return json.dumps({"name": "ns1", "value": {"queryInfo": {}, "timeSeries": list(rows)}}).encode()


@pytest.fixture
def place(elsewhere):
    return elsewhere("usgs_nwis", GAGE, rain_interval_s=900)


def parse(place, text: bytes, received: datetime = NOW):
    return usgs_nwis.parse(text, feed=place[1], county=place[0], received=received, raw="r")


def test_feet_and_zones_are_converted_at_the_edge(place) -> None:
    batch = parse(place, body(series("00065", ("3.50", "2026-11-01T07:00:00.000-05:00")), series("00060", ("1000", "2026-11-01T07:00:00.000-05:00")),
                              series("00045", ("0.10", "2026-11-01T07:00:00.000-05:00")), series("62620", ("-1.0", "2026-11-01T07:00:00.000-05:00"))))
    found = {o.observed_property: o for o in batch.observations}
    assert (found["stage"].value, found["stage"].datum, found["stage"].time) == (1.0668, "USGS 01646500", NOW)
    assert found["discharge"].value == pytest.approx(28.316847) and (found["rain"].value, found["rain"].interval_s) == (2.54, 900)
    assert (found["tide"].value, found["tide"].datum, found["tide"].flag) == (-0.3048, "NAVD88", Flag.SUSPECT)
    assert batch.rejected == ()


def test_the_missing_code_and_doubtful_qualifiers(place) -> None:
    batch = parse(place, body(series("00065", ("-999999", "2026-11-01T11:00:00Z", ["P", "Eqp"]), ("3.5", "2026-11-01T11:15:00Z", ["P", "e"]))))
    first, second = batch.observations
    assert (first.value, first.flag, first.reasons) == (None, Flag.MISSING, ("Eqp",)) and (second.flag, second.reasons) == (Flag.SUSPECT, ("e",))


@pytest.mark.parametrize(
    "bad",
    [series("99999", ("1", "2026-11-01T11:00:00Z")), series("00065", ("1", "2026-11-01T11:00:00Z"), site="0"), series("00065", ("1", "2026-11-01T11:00:00Z"), unit="m"),
     series("00065", ("1", "2026-11-01T11:00:00Z"), lat=39.2), series("00065", ("x", "2026-11-01T11:00:00Z")),
     series("00065", ("1", "0001-01-01T00:00:00+23:59")), series("00065", ("1", "2026-11-01T11:00:00Z", True)), series("00065", ("1", "2026-11-01T11:00:00")),
     series("00065", ("1", "2026-11-02T11:00:00Z")), {"sourceInfo": {}}, [], {**series("00065"), "values": 3}, {**series("00065"), "sourceInfo": None}],
)
def test_a_bad_series_or_value_costs_itself(place, bad) -> None:
    batch = parse(place, body(bad, series("00060", ("1", "2026-11-01T11:00:00Z"))))
    assert [o.observed_property for o in batch.observations] == ["discharge"] and len(batch.rejected) == 1


def test_rain_of_an_unknown_interval_is_set_aside(elsewhere) -> None:
    batch = parse(elsewhere("usgs_nwis", GAGE), body(series("00045", ("0.1", "2026-11-01T11:00:00Z"))))
    assert batch.records == 0 and "rain_interval_s" in batch.rejected[0].reason


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"value": []}', b'{"value": {"timeSeries": {}}}', b"No sites found"])
def test_documents_that_are_not_the_data(place, text) -> None:
    with pytest.raises(ParseError):
        parse(place, text)
