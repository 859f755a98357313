from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors import firms
from core.errors import ParseError

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TOWN = {"station": "F1", "lat": 31.90, "lon": 121.20, "properties": ("fire_count", "fire_power")}
HEAD = "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,confidence,version,bright_ti5,frp,daynight"


def row(lat: object = 31.92, lon: object = 121.21, time: str = "0537", confidence: str = "n", frp: object = 3.5, date: str = "2026-11-01") -> str:
    return f"{lat},{lon},340.6,0.39,0.44,{date},{time},N,VIIRS,{confidence},2.0NRT,291.4,{frp},D"


def body(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows, "")).encode()


@pytest.fixture
def place(elsewhere):
    return elsewhere("firms", TOWN, TOWN | {"station": "F2", "lat": 32.1})


def parse(place, text: bytes, received: datetime = NOW):
    return firms.parse(text, feed=place[1], county=place[0], received=received, raw="r")


def test_an_overpass_is_one_reading_at_the_nearest_point(place) -> None:
    batch = parse(place, body(row(), row(31.88, frp=1.25), row(32.1), row(time="537", frp=1), row(time="0718"), row(35), row(confidence="l"), row(confidence="12")))
    found = {(o.station, o.observed_property, f"{o.time:%H%M}"): o.value for o in batch.observations}
    assert found == {("F1", "fire_count", "0537"): 3, ("F1", "fire_power", "0537"): 5.75, ("F1", "fire_count", "0718"): 1, ("F1", "fire_power", "0718"): 3.5,
                     ("F2", "fire_count", "0537"): 1, ("F2", "fire_power", "0537"): 3.5}
    assert batch.rejected == ()


@pytest.mark.parametrize(
    "bad",
    [row(lat=91), row(lat="x"), row(lat=""), row(frp=-1), row(frp=""), row(frp="1e999"), row(time="2561"), row(date="01/11/2026"), row(confidence="?"),
     row(confidence=""), "1,2", row() + ",9"],
)
def test_one_bad_line_costs_itself(place, bad) -> None:
    batch = parse(place, body(bad, row()))
    assert len(batch.observations) == 2 and len(batch.rejected) == 1


def test_no_fire_is_an_answer_and_a_new_column_is_told(place) -> None:
    assert parse(place, body()).records == 0
    assert "mood" in parse(place, body(row() + ",x", head=HEAD + ",mood")).rejected[0].reason


@pytest.mark.parametrize("text", [
    b"", b"Invalid MAP_KEY.", b"<html></html>", body(row(), head="a,b"), body(row(), head=HEAD + ",frp"), b"\xff\xfe", body('"' + "x" * 200_000),
])
def test_texts_that_are_no_table(place, text) -> None:
    with pytest.raises(ParseError):
        parse(place, text)
