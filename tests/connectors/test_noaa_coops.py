from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors import noaa_coops
from core.errors import FetchError, ParseError
from core.model import Flag

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SEATTLE = {"station": "9447130", "lat": 47.6026, "lon": -122.3393, "properties": ("tide",), "datum": "MLLW"}
HEAD = {"id": "9447130", "name": "Seattle", "lat": "47.6026", "lon": "-122.3393"}
ROW = {"t": "2026-11-01 11:54", "v": "-0.203", "s": "0.009", "f": "0,0,0,0", "q": "p"}
AHEAD = {"t": "2026-11-01 18:00", "v": "3.211"}


def level(*rows, **change) -> str:
    return json.dumps({"metadata": HEAD, "data": list(rows)} | change)


def answer(text: str, product: str = "water_level", datum: str = "MLLW", station: str = "9447130") -> dict[str, str]:
    return {"station": station, "product": product, "datum": datum, "text": text}


def parse(place, *answers, received: datetime = NOW):
    body = json.dumps({"answers": list(answers)}).encode()
    return noaa_coops.parse(body, feed=place[1], county=place[0], received=received, raw="r")


@pytest.fixture
def place(elsewhere):
    return elsewhere("noaa_coops", SEATTLE, stations="9447130")


def test_measured_and_predicted(place) -> None:
    batch = parse(place, answer(level(ROW)), answer(json.dumps({"predictions": [AHEAD]}), "predictions"))
    seen, ahead = batch.observations
    assert (seen.observed_property, seen.value, seen.datum, seen.issued, seen.flag) == ("tide", -0.203, "MLLW", None, Flag.GOOD)
    assert (ahead.observed_property, ahead.value, ahead.issued) == ("tide_astronomic", 3.211, datetime(2026, 11, 1, tzinfo=UTC))
    assert seen.time == datetime(2026, 11, 1, 11, 54, tzinfo=UTC) and batch.rejected == ()


def test_missing_doubtful_and_another_datum(place) -> None:
    batch = parse(place, answer(level(ROW | {"v": ""}, ROW | {"t": "2026-11-01 11:48", "f": "1,0,1,0"})), answer(level(ROW | {"t": "2026-11-01 11:42"}), datum="NAVD"))
    missing, doubtful, other = batch.observations
    assert missing.flag is Flag.MISSING and (doubtful.flag, doubtful.reasons) == (Flag.SUSPECT, ("rate of change",))
    assert (other.datum, other.flag) == ("NAVD", Flag.SUSPECT)


@pytest.mark.parametrize(
    "bad",
    [
        answer(json.dumps({"error": {"message": "No data was found."}})), answer(level(ROW)[:-3]), answer("<html>down</html>"),
        answer(level(ROW, metadata=HEAD | {"id": "1"})),
        answer(level(ROW, metadata=HEAD | {"lat": "48.00"})), answer(level(ROW), station="1"), answer(level(ROW), "currents"), answer("[]"), answer(level(data=3)), 7,
        answer(level(ROW | {"t": "x"})), answer(level(ROW | {"v": "1e999"})), answer(level(ROW | {"q": "z"})), answer(level(ROW | {"t": "2026-11-02 11:54"})),
    ],
)
def test_one_bad_answer_or_row_costs_itself(place, bad) -> None:
    batch = parse(place, bad, answer(json.dumps({"predictions": [AHEAD]}), "predictions"))
    assert [o.observed_property for o in batch.observations] == ["tide_astronomic"] and len(batch.rejected) == 1


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"answers": 1}', b"x"])
def test_no_answers(place, body) -> None:
    with pytest.raises(ParseError):
        noaa_coops.parse(body, feed=place[1], county=place[0], received=NOW, raw="r")


def test_no_station_is_told(elsewhere, settings) -> None:
    from connectors.types import Conditional

    with pytest.raises(FetchError, match="stations"):
        noaa_coops.fetch(elsewhere("noaa_coops", SEATTLE)[1], conditional=Conditional(), now=NOW, settings=settings)


def test_what_is_asked(place, serve, reply, settings) -> None:
    from connectors.types import Conditional

    asked = []

    def handle(request) -> None:
        asked.append({k: v[0] for k, v in parse_qs(urlsplit(request.path).query).items()})
        reply(request, b"{}")

    noaa_coops.fetch(place[1], conditional=Conditional(), now=NOW, settings=settings.model_copy(update={"sandbox_url": serve(handle)}))
    assert asked[0] == {"station": "9447130", "product": "water_level", "datum": "MLLW", "units": "metric", "time_zone": "gmt", "format": "json",
                        "application": "fengsui", "begin_date": "20261101 06:00", "end_date": "20261101 12:00"}
    assert (asked[1]["product"], asked[1]["end_date"]) == ("predictions", "20261102 12:00")


def test_no_answer_that_can_be_used_is_an_error(place) -> None:
    with pytest.raises(ParseError, match="none of 2 answers"):
        parse(place, answer('{"error": {"message": "No data was found."}}'), answer("<html>down</html>", "predictions"))
