"""Against a real mosquitto: nothing is lost between store and acknowledgement, and nothing counts twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import served_sources
from served_sources import mosquitto

import connectors
from connectors import mqtt_sensors
from connectors.types import Conditional
from core.errors import FetchError, ParseError

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)


def message(station="DZ-01", name="tilt", value=0.02, minutes=0, unit="deg", **change):
    when = (NOW - timedelta(hours=1) + timedelta(seconds=minutes)).isoformat()
    return {"station": station, "property": name, "value": value, "unit": unit, "time": when, "seq": 1, "synthetic": True} | change


@pytest.fixture(params=[5, 4])
def broker(request, tmp_path):
    for port in mosquitto(tmp_path):
        yield port, request.param


def publish(port, *messages) -> None:
    served_sources.publish(port, [(f"sensors/{m['station']}/{m['property']}", json.dumps(m)) for m in messages])


@pytest.fixture
def here(settings, broker):
    return settings.model_copy(update={"broker_port": broker[0], "broker_protocol": broker[1]})


def pull(here, county, lake, ledger, now=NOW):
    return connectors.ingest("geology", now=now, county=county, lake=lake, ledger=ledger, settings=here)


def stored(lake):
    return lake.observations(start=NOW - timedelta(days=1), end=NOW + timedelta(days=1), as_of=NOW + timedelta(days=1))


def test_the_queue_is_drained_in_rounds_and_only_once(here, broker, county, lake, ledger) -> None:
    assert pull(here, county, lake, ledger).outcome == "unchanged"  # makes the session
    publish(broker[0], *(message(value=i / 1000, minutes=i) for i in range(130)))
    report = pull(here, county, lake, ledger)
    assert (report.outcome, report.records, len(stored(lake))) == ("ok", 130, 130)
    assert pull(here, county, lake, ledger, NOW + timedelta(minutes=5)).records == 0


DIE = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
import connectors.ingest
step = sys.modules["connectors.ingest"]
from connectors.telemetry.mqtt import Session
from core.county import load_county
from core.lake import Lake
from core.ledger import Ledger
from core.settings import Settings
home, port, protocol, where, root = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
def die(*args): os._exit(9)
if where == "ack":
    Session.acknowledge = die
else:
    step.STAGES = (*step.STAGES[:2], die)
step.ingest("geology", now=datetime(2021, 7, 26, tzinfo=UTC), county=load_county(Path(root)), lake=Lake(home / "lake"),
            ledger=Ledger.open(f"sqlite:///{home / 'ledger.db'}"), settings=Settings(home=home, broker_port=port, broker_protocol=protocol))
"""


@pytest.mark.parametrize("where", ["ack", "parse"])
def test_a_process_that_dies_loses_nothing_and_doubles_nothing(here, broker, county, lake, ledger, tmp_path, where) -> None:
    pull(here, county, lake, ledger)
    publish(broker[0], *(message(value=i / 1000, minutes=i) for i in range(15)))
    died = subprocess.run([sys.executable, "-c", DIE, str(tmp_path), str(broker[0]), str(broker[1]), where, str(county.root)], timeout=60)
    assert died.returncode == 9
    assert len(stored(lake)) == (15 if where == "ack" else 0)
    assert pull(here, county, lake, ledger, NOW + timedelta(minutes=1)).records == 15
    assert len(stored(lake)) == 15
    assert pull(here, county, lake, ledger, NOW + timedelta(minutes=2)).records == 0


DRAIN = DIE.split("def die")[0] + """
while True:
    step.ingest("geology", now=datetime(2021, 7, 26, tzinfo=UTC), county=load_county(Path(root)), lake=Lake(home / "lake"),
                ledger=Ledger.open(f"sqlite:///{home / 'ledger.db'}"), settings=Settings(home=home, broker_port=port, broker_protocol=protocol))
"""


@pytest.mark.parametrize("broker", [5], indirect=True)
def test_kill_9_with_a_thousand_readings_in_flight_loses_none_and_doubles_none(here, broker, county, lake, ledger, tmp_path) -> None:
    pull(here, county, lake, ledger)  # makes the session
    batches = [[message(value=i / 1000, minutes=i) for i in range(k, k + 100)] for k in range(0, 1000, 100)]
    process = subprocess.Popen([sys.executable, "-c", DRAIN, str(tmp_path), str(broker[0]), str(broker[1]), "", str(county.root)])
    for number, batch in enumerate(batches):
        publish(broker[0], *batch)
        while number < 3 and not len(list((tmp_path / "lake" / "observations").rglob("*.parquet"))) > number:
            assert process.poll() is None
            time.sleep(0.002)
        if number == 3:  # while these are on their way to it
            process.kill()
            process.wait()
    held = len(stored(lake))
    assert 0 < held < 1000
    assert pull(here, county, lake, ledger, NOW + timedelta(minutes=1)).records >= 1000 - held
    assert sorted(round(v * 1000) for v in stored(lake)["value"]) == list(range(1000))
    assert pull(here, county, lake, ledger, NOW + timedelta(minutes=2)).records == 0


def test_no_broker_is_a_network_failure(settings, county) -> None:
    with pytest.raises(FetchError) as caught:
        mqtt_sensors.fetch(
            county.feed("geology"), conditional=Conditional(), now=NOW, settings=settings.model_copy(update={"broker_port": 9})
        )
    assert caught.value.layer == "network"


def parse(county, *messages):
    body = json.dumps({"messages": [{"topic": f"sensors/{m.get('station')}/{m.get('property')}", "text": json.dumps(m)} for m in messages]})
    return mqtt_sensors.parse(body.encode(), feed=county.feed("geology"), county=county, received=NOW, raw="r")


def test_units_are_converted_at_the_edge(county) -> None:
    batch = parse(county, message(name="displacement", value=1.2, unit="cm"), message(name="tilt", value=0.02))
    assert {o.observed_property: o.value for o in batch.observations} == {"displacement": 12.0, "tilt": 0.02} and batch.rejected == ()


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "furlong"},
        {"value": "x"},
        {"time": "2021-07-26T08:00:00"},
        {"time": "2021-07-26T12:00:00+08:00"},
        {"station": "DZ-99"},
        {"property": "rain"},
        {"property": "crack"},
        {"unit": None},
    ],
)
def test_what_a_sensor_may_not_say(county, change) -> None:
    batch = parse(county, message(**change), message("DZ-02"))
    assert [o.station for o in batch.observations] == ["DZ-02"] and len(batch.rejected) == 1


def test_a_topic_of_another_station_and_garbage_are_set_aside(county) -> None:
    body = {
        "messages": [
            {"topic": "sensors/DZ-02/tilt", "text": json.dumps(message())},
            {"topic": "sensors/DZ-01/tilt", "text": "{\x00"},
            {"topic": "sensors/DZ-01/tilt", "text": "[" * 4000},
            {"topic": "sensors/DZ-01/tilt", "text": " " * 5000 + "1"},
        ]
    }
    batch = mqtt_sensors.parse(json.dumps(body).encode(), feed=county.feed("geology"), county=county, received=NOW, raw="r")
    assert batch.records == 0 and len(batch.rejected) == 4
    with pytest.raises(ParseError):
        mqtt_sensors.parse(b"{}", feed=county.feed("geology"), county=county, received=NOW, raw="r")
