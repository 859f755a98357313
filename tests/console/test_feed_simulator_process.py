"""The hydrology database, the telemetry and the process around them: they follow the clock, forwards and back, and end when told."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import pytest
import sqlalchemy as sa

from connectors.registry import CONNECTORS
from connectors.types import Conditional
from console.sandbox.broker import Broker, start_broker
from console.sandbox.scenario import Scenario, load_scenario
from console.sandbox.telemetry import Telemetry
from console.sandbox.water_db import WaterDatabase, river, tide
from core.county import County, load_county
from core.settings import Settings
from core.times import SHANGHAI, iso

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"
START = datetime(2021, 7, 25, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def county() -> County:
    return load_county(HAIMEN)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(HAIMEN / "scenarios" / "in-fa-2021")


def held(database: WaterDatabase) -> set[tuple[str, datetime]]:
    """What lies in both tables of readings."""
    with database.engine.connect() as connection:
        return {(row.STCD, row.TM) for table in (river, tide) for row in connection.execute(sa.select(table.c.STCD, table.c.TM))}


def expected(scenario: Scenario, at: datetime) -> set[tuple[str, datetime]]:
    return {(row["station"], when.astimezone(SHANGHAI).replace(tzinfo=None)) for when, row in scenario.until("water", at)}


def test_the_database_holds_what_is_known_and_no_more(county: County, scenario: Scenario, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sandbox' / 'water.db'}"
    database = WaterDatabase(url, county, scenario)
    for hours in (0, 0, 5, 5.5, 6, 2, 7):  # the same time twice, between the hours, and back
        database.advance(START + timedelta(hours=hours))
        assert held(database) == expected(scenario, START + timedelta(hours=hours)), hours
    again = WaterDatabase(url, county, scenario)  # a second run in the same folder begins anew
    assert held(again) == set()
    again.advance(START)
    assert held(again) == expected(scenario, START)


def test_the_connector_reads_the_database_with_its_datums(county: County, scenario: Scenario, tmp_path: Path) -> None:
    feed, now = county.feed("water"), START + timedelta(hours=29)
    WaterDatabase(f"sqlite:///{tmp_path / 'sandbox' / 'water.db'}", county, scenario).advance(now)
    settings = Settings(home=tmp_path, sandbox_url="http://127.0.0.1:9")
    payload = CONNECTORS["sl323"].fetch(feed, conditional=Conditional(), now=now, settings=settings)
    assert payload is not None
    batch = CONNECTORS["sl323"].parse(payload.body, feed=feed, county=county, received=now, raw="0" * 64)
    assert batch.rejected == () and max(o.time for o in batch.observations) == now
    assert {o.station for o in batch.observations} == {s.station for s in county.stations_of("water")}
    assert {o.datum for o in batch.observations if o.station == "TSG"} == {"吴淞"}
    assert {o.datum for o in batch.observations if o.station == "QLG"} == {"废黄河"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = start_broker(tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


def test_telemetry_publishes_each_reading_once(broker: Broker, scenario: Scenario) -> None:
    got: list[dict[str, object]] = []
    reader = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="reader", protocol=mqtt.MQTTProtocolVersion(broker.protocol))
    reader.on_message = lambda _c, _u, message: got.append(json.loads(message.payload) | {"topic": message.topic, "qos": message.qos})
    reader.connect(broker.host, broker.port)
    reader.subscribe("sensors/#", qos=1)
    reader.loop_start()
    telemetry = Telemetry(broker.host, broker.port, broker.protocol, scenario)
    try:
        for hours in (0, 3, 3, 1):  # standing still and turning back publish nothing
            telemetry.advance(scenario.start + timedelta(hours=hours))
        wanted = len(scenario.until("sensors", scenario.start + timedelta(hours=3)))
        for _ in range(100):
            if len(got) >= wanted:
                break
            time.sleep(0.05)
    finally:
        telemetry.stop()
        reader.disconnect()
        reader.loop_stop()
    assert len(got) == wanted and [m["seq"] for m in got] == list(range(1, wanted + 1))
    assert len({(m["station"], m["property"], m["time"]) for m in got}) == wanted
    assert all(m["topic"] == f"sensors/{m['station']}/{m['property']}" and m["qos"] == 1 and m["synthetic"] is True for m in got)
    assert all(str(m["time"]).endswith("+08:00") for m in got)


def start(home: Path, *more: str) -> tuple[subprocess.Popen[bytes], str]:
    """The process as it is started in a demonstration; (process, address)."""
    ready = home / "ready.json"
    ready.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "console.sandbox.serve", "--county", str(HAIMEN), "--scenario", "in-fa-2021",
                                "--home", str(home), "--ready-file", str(ready), *more], stderr=subprocess.PIPE)
    for _ in range(600):
        if ready.is_file():
            said = json.loads(ready.read_text(encoding="utf-8"))
            assert said["pid"] == process.pid
            return process, f"http://127.0.0.1:{said['port']}"
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(process.stderr.read().decode() if process.stderr else "")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_and_ends_when_told_and_can_start_again_in_the_same_home(tmp_path: Path, how: signal.Signals) -> None:
    for _ in range(2):
        process, url = start(tmp_path)
        try:
            assert httpx.post(url + "/clock", json={"now": iso(START)}, trust_env=False).status_code == 200
            assert httpx.get(url + "/power/outages", trust_env=False).json()["time"] == "2021-07-25 12:00:00"
        finally:
            process.send_signal(how)
            assert process.wait(10) == 0
            if process.stderr:
                process.stderr.close()


def test_the_process_refuses_a_broken_scenario_before_it_listens(tmp_path: Path) -> None:
    county = tmp_path / "haimen"
    shutil.copytree(HAIMEN, county)
    power = county / "scenarios" / "in-fa-2021" / "power.csv"
    power.write_text(power.read_text(encoding="utf-8").replace("true", "perhaps", 1), encoding="utf-8")
    said = subprocess.run([sys.executable, "-m", "console.sandbox.serve", "--county", str(county), "--scenario", "in-fa-2021", "--home", str(tmp_path),
                           "--ready-file", str(tmp_path / "ready")], capture_output=True, timeout=60, check=False)
    assert said.returncode != 0 and b"power.csv:2" in said.stderr and not (tmp_path / "ready").exists()
