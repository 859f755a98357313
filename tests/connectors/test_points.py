"""Weather asked point by point: Open-Meteo, QWeather, nmc.cn's stations; each format."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import nmc_station, open_meteo, qweather, qweather_alerts
from connectors.points import points, wrap
from connectors.registry import CONNECTORS
from connectors.stages import store
from connectors.work import Work
from core.errors import ConfigError, ParseError
from core.model import Flag, Hazard, Level, MsgType

DATA = Path(__file__).parents[1] / "data"
NOW = datetime(2021, 7, 26, 0, 20, tzinfo=UTC)
PLACE = {"station": "P1", "lat": 31.9, "lon": 121.2, "properties": ("rain", "wind_speed")}
OTHER = {"station": "P2", "lat": 31.95, "lon": 121.5, "properties": ()}
WHERE = "P1@31.9,121.2"


def hours(**changes):
    row = {
        "latitude": 31.875, "longitude": 121.25, "utc_offset_seconds": 0,
        "hourly_units": {"time": "iso8601", "precipitation": "mm", "wind_speed_10m": "km/h", "visibility": "m", "relative_humidity_2m": "%"},
        "hourly": {"time": ["2021-07-26T01:00", "2021-07-26T02:00"], "precipitation": [12.5, None], "wind_speed_10m": [72.0, 90.0], "visibility": [800.0, 500.0],
                   "relative_humidity_2m": [97, 98]},
    }
    return row | changes


def om(document, **more):
    return json.dumps({"forecast": json.dumps(document), **more}).encode()


def read(module, place, body, now=NOW):
    return module.parse(body, feed=place[1], county=place[0], received=now, raw="r")


@pytest.fixture
def meteo(elsewhere):
    return elsewhere("open_meteo", PLACE, points=WHERE)


def test_open_meteo_keeps_issue_time_and_converts_what_the_answer_declares(meteo) -> None:
    batch = read(open_meteo, meteo, om(hours(), run='{"last_run_initialisation_time": 1627236000}'))
    found = {(o.observed_property, o.time.hour): o for o in batch.observations}
    assert len(found) == 7 and batch.rejected == ()
    rain, wind = found["rain", 1], found["wind_speed", 2]
    assert (rain.value, rain.interval_s, rain.issued, rain.time - rain.issued) == (12.5, 3600, datetime(2021, 7, 25, 18, tzinfo=UTC), timedelta(hours=7))
    assert rain.reasons == ("model best_match",)
    assert wind.value == 25.0 and found["humidity", 1].value == 0.97 and ("rain", 2) not in found


def test_open_meteo_without_a_run_is_issued_in_the_hour_of_receipt(meteo) -> None:
    assert {o.issued for o in read(open_meteo, meteo, om(hours())).observations} == {datetime(2021, 7, 26, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hourly_units": {"time": "unixtime"}}, "UTC"), ({"utc_offset_seconds": 28800}, "UTC"), ({"latitude": 40.0}, "not for the place"),
        ({"hourly": {"time": ["2021-07-26T01:00"], "precipitation": []}}, "different length"), ({"hourly": []}, "no object"),
        ({"hourly_units": {"time": "iso8601", "precipitation": "gal", "wind_speed_10m": "km/h"}}, "gal"),
        ({"hourly_units": {"time": "iso8601"}}, "None"),
    ],
)
def test_open_meteo_sets_aside_what_it_cannot_trust(elsewhere, change, reason) -> None:
    place = elsewhere("open_meteo", PLACE, OTHER, points=f"{WHERE} P2@31.95,121.5")
    batch = read(open_meteo, place, om([hours(**change), hours()]))
    assert reason in batch.rejected[0].reason and {o.station for o in batch.observations if o.observed_property == "rain"} == {"P2"}


def test_open_meteo_for_another_place_at_every_point_is_no_forecast(meteo) -> None:
    with pytest.raises(ParseError, match=r"no point's answer can be used: .* not for the place"):
        read(open_meteo, meteo, om(hours(latitude=40.0)))


@pytest.mark.parametrize("document", [[hours(), hours()], {"error": True, "reason": "no such model"}, []])
def test_open_meteo_answers_that_are_not_the_forecast(meteo, document) -> None:
    with pytest.raises(ParseError, match="elsewhere"):
        read(open_meteo, meteo, om(document))
    with pytest.raises(ParseError, match="run"):
        read(open_meteo, meteo, om(hours(), run="{}"))


@pytest.mark.parametrize("text", ["", "P1", "P1@x,2", "P1@91,2", "P1@1,2 P1@1,2", "@1,2", "P1@1,2,3", " ".join(f"P{i}@1,2" for i in range(61))])
def test_points_that_cannot_be_read(elsewhere, text) -> None:
    with pytest.raises(ConfigError, match="points"):
        points(elsewhere("open_meteo", points=text)[1])


def test_a_forecast_is_as_fresh_as_its_issue_and_never_as_what_it_speaks_of(meteo, lake, ledger, settings) -> None:
    work = Work(feed=meteo[1], connector=CONNECTORS["open_meteo"], now=NOW, county=meteo[0], lake=lake, ledger=ledger, settings=settings, former=None)
    work.batch = read(open_meteo, meteo, om(hours()))
    store(work)
    assert work.newest == datetime(2021, 7, 26, tzinfo=UTC)


HOURLY = (DATA / "qweather" / "hourly.json").read_bytes()
ALERTS = (DATA / "qweather" / "alerts.json").read_bytes()
REAL = (DATA / "nmc_station" / "weather.json").read_bytes()


def test_qweather_hourly(elsewhere) -> None:
    batch = read(qweather, elsewhere("qweather", PLACE), wrap(P1=HOURLY))
    found = {(o.observed_property, o.time.hour): o for o in batch.observations}
    assert batch.rejected == () and len(batch.observations) == 15
    assert found["wind_speed", 1].value == 20.0 and found["rain", 2].value == 31.5 and found["humidity", 1].value == 0.97
    assert {o.issued for o in batch.observations} == {datetime(2021, 7, 26, tzinfo=UTC)} and ("rain", 1) in found


def test_qweather_now_is_marked_as_interpolated(elsewhere) -> None:
    text = json.dumps({"code": "200", "updateTime": "2021-07-26T08:10+08:00", "now": {"obsTime": "2021-07-26T08:00+08:00", "temp": "26", "precip": "3.2", "vis": "1"}})
    batch = read(qweather, elsewhere("qweather", PLACE), wrap(P1=text))
    assert {o.observed_property: o.value for o in batch.observations} == {"temperature": 26, "rain": 3.2, "visibility": 1000}
    assert {(o.issued, o.reasons) for o in batch.observations} == {(None, qweather.INTERPOLATED)}


@pytest.mark.parametrize("text", ['{"code":"401"}', '{"error":{"status":403}}', "<html>login", '{"code":"200"}', "[]", ""])
def test_one_refused_point_costs_that_point(elsewhere, text) -> None:
    batch = read(qweather, elsewhere("qweather", PLACE, OTHER), wrap(P1=text, P2=HOURLY))
    assert {o.station for o in batch.observations} == {"P2"} and [r.where for r in batch.rejected] == ["P1"]


def test_qweather_warnings_concern_the_towns_where_they_are_in_force(elsewhere, county) -> None:
    one, two = county.towns[0], county.towns[3]
    place = elsewhere("qweather_alerts", PLACE | {"town": one.key}, OTHER | {"town": two.key})
    empty = '{"metadata":{"tag":"x","zeroResult":true},"alerts":[]}'
    (both,) = read(qweather_alerts, place, wrap(P1=ALERTS, P2=ALERTS)).signals
    (alone,) = read(qweather_alerts, place, wrap(P1=ALERTS, P2=empty)).signals
    assert both.areas == (one.code, two.code) and alone.areas == (one.code,)
    assert (alone.level, alone.hazard, alone.msg_type, alone.references) == (Level.ORANGE, Hazard.FLOOD, MsgType.UPDATE, ("20210725OLD",))
    assert alone.expires == datetime(2021, 7, 26, 6, tzinfo=UTC)


@pytest.mark.parametrize("change", [{"color": {"code": "purple"}, "severity": "odd"}, {"messageType": {"code": "draft"}}, {"issuedTime": "2021-07-26T07:50"}, {"id": ""}])
def test_a_qweather_warning_that_cannot_be_read_is_set_aside(elsewhere, change) -> None:
    document = json.loads(ALERTS)
    document["alerts"][0] |= change
    batch = read(qweather_alerts, elsewhere("qweather_alerts", PLACE), wrap(P1=json.dumps(document)))
    assert batch.signals == () and len(batch.rejected) == 1


def test_nmc_station_reads_the_newest_and_the_past_hours(elsewhere) -> None:
    batch = read(nmc_station, elsewhere("nmc_station", {"station": "58259", "lat": 32, "lon": 121, "properties": ("rain",)}), wrap(**{"58259": REAL}))
    found = {(o.observed_property, o.time.isoformat()[11:16]): o for o in batch.observations}
    assert found["rain", "00:00"].value == 18.4 and found["rain", "00:00"].interval_s == 3600 and found["rain", "23:00"].flag is Flag.MISSING
    assert found["wind_speed", "00:10"].value == 11.2 and found["humidity", "00:10"].value == 0.96 and ("wind_direction", "23:00") not in found
    assert batch.rejected == ()


def test_nmc_station_another_station_answered(elsewhere) -> None:
    place = elsewhere("nmc_station", {"station": "1", "lat": 32, "lon": 121}, {"station": "58259", "lat": 32, "lon": 121})
    assert "58259 answered" in read(nmc_station, place, wrap(**{"1": REAL, "58259": REAL})).rejected[0].reason


@pytest.mark.parametrize("text", ["<html>login</html>", '{"code": "401"}'])
@pytest.mark.parametrize("connector", [qweather, qweather_alerts, nmc_station])
def test_a_refusal_at_every_point_is_no_answer(elsewhere, connector, text) -> None:
    """A key that has run out is refused point by point; nothing of that may look like fair weather."""
    place = elsewhere(connector.__name__.rpartition(".")[2], PLACE, OTHER)
    with pytest.raises(ParseError, match="none of 2 answers can be used"):
        read(connector, place, wrap(P1=text, P2=text))
