"""A broker that is spoken to by TLS: certificates of the command's own, loudspeakers and sensors behind them, and nothing said to who cannot prove itself."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from compose_files import ONE, compose
from paho.mqtt.publish import single

from connectors.telemetry import mqtt as telemetry
from connectors.telemetry.mqtt import Session
from console.certificate import FILES, make_certificate
from console.sandbox.broker import Broker, _listens, free_port, start_broker
from console.sandbox.clock import Clock
from console.sandbox.loudspeakers import Fleet
from core.county import load_county
from core.errors import ConfigError, DeliveryError, FetchError
from core.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

from notifiers.broadcast import publisher
from notifiers.job import Job, Parts
from notifiers.outbox import Ticker

NOW = datetime(2026, 7, 1, tzinfo=UTC)
PASSWORD = "teatime-at-the-gate"


def fengsui(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "console.cli", "broker", "certificate", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    done = fengsui("--host", "127.0.0.1", "--host", "mosquitto", "--out", str(folder))
    assert done.returncode == 0 and done.stdout.split() == [str(folder / name) for name in FILES], done.stderr
    return folder


@pytest.fixture
def broker(tmp_path: Path, made: Path) -> Iterator[tuple[Broker, int]]:
    """A broker with a plain listener for the loudspeakers of this machine, and the port of another one that speaks TLS."""
    port = free_port()
    running = start_broker(tmp_path / "broker", config=f"listener {port} 127.0.0.1\ncertfile {made / FILES[1]}\nkeyfile {made / FILES[2]}\ntls_version tlsv1.2\n")
    if running.protocol == 4:
        running.stop()
        pytest.skip("mosquitto is not installed: the embedded broker speaks no TLS")
    yield running, port
    running.stop()


def test_the_key_is_its_owners_alone_and_nothing_is_overwritten(made: Path) -> None:
    before = {name: (made / name).read_bytes() for name in FILES}
    assert stat.S_IMODE((made / FILES[2]).stat().st_mode) == 0o600
    again, kept = (fengsui("--host", "elsewhere", "--out", str(made), *more) for more in ((), ("--keep",)))
    assert again.returncode == 2 and FILES[0] in again.stderr and "Traceback" not in again.stderr
    assert kept.returncode == 0 and {name: (made / name).read_bytes() for name in FILES} == before


@pytest.mark.parametrize("protocol", [5, 4])
def test_loudspeakers_are_reached_through_tls(tmp_path: Path, broker: tuple[Broker, int], made: Path, protocol: int) -> None:
    running, port = broker
    place = nw.make(tmp_path, people=60, speakers=True, broker_port=port, broker_ca=str(made / FILES[0]), broker_protocol=protocol)
    place.county = replace(place.county, policy=replace(place.county.policy, channels=dict.fromkeys(place.county.policy.channels, ("broadcast",))))
    fleet = Fleet(county=place.county, host=running.host, port=running.port, protocol=running.protocol, keys=tmp_path / "keys", clock=Clock(place.now))
    fleet.start()
    try:
        place.publish(haimen=3)
        place.dispatch()
        assert set(place.states("broadcast")) == {"delivered"}
    finally:
        fleet.stop()


def speak(settings: Settings, place: nw.Place) -> None:
    one = publisher.Publisher(Job(county=place.county, ledger=place.ledger, settings=settings, keyring=place.keyring, ticker=Ticker(place.now), deadline_s=5.0,
                                  shard=(0, 1), parts=Parts()))
    one.open()
    one.close()


def test_who_cannot_prove_itself_is_not_spoken_to(tmp_path: Path, broker: tuple[Broker, int], made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "CONNECT_S", 1.0)
    _, port = broker
    other = tmp_path / "other"
    make_certificate(["127.0.0.1"], other, NOW)
    place = nw.make(tmp_path, people=60, broker_port=port, broker_ca=str(made / FILES[0]))
    speak(place.settings, place)
    for change in ({"broker_ca": str(other / FILES[0])}, {"broker_host": "localhost"}, {"broker_ca": ""}):  # another's word, another's name, in the clear
        with pytest.raises(DeliveryError):
            speak(place.settings.model_copy(update=change), place)
    (tmp_path / "no.pem").write_text("no certificate", encoding="utf-8")
    for path in ("no.pem", "absent.pem"):
        with pytest.raises(ConfigError, match="FENGSUI_BROKER_CA"):
            place.settings.model_copy(update={"broker_ca": str(tmp_path / path)}).broker_tls()


def test_a_broker_elsewhere_is_never_spoken_to_in_the_clear() -> None:
    away, here = Settings(mode="sandbox").model_copy(update={"broker_host": "broker.example.cn"}), Settings()
    assert away.broker_tls() is not None and away.broker == ("broker.example.cn", 8883)
    assert here.broker_tls() is None and here.broker == ("127.0.0.1", 1883)


def test_sensors_are_read_through_tls(tmp_path: Path, broker: tuple[Broker, int], made: Path) -> None:
    running, port = broker
    feed = load_county(nw.ROOT / "county" / "haimen").feed("geology")
    settings = Settings(home=tmp_path, broker_port=port, broker_ca=str(made / FILES[0]))
    Session(feed, settings).close()  # the broker keeps it
    single("sensors/DZ-01/tilt", json.dumps({"value": 1}), qos=1, hostname=running.host, port=running.port)
    session = Session(feed, settings)
    (message,) = session.drain(1.0, 5.0)
    session.close()
    assert message.topic == "sensors/DZ-01/tilt"
    with pytest.raises(FetchError):
        Session(feed, settings.model_copy(update={"broker_port": running.port}))


def test_our_password_goes_to_our_broker_only_and_a_feeds_never_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "CONNECT_S", 0.5)
    heard = bytearray()
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        line, _ = listener.accept()
        with line:
            line.settimeout(5)
            heard.extend(line.recv(4096))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    feed = replace(load_county(nw.ROOT / "county" / "haimen").feed("geology"), address=f"mqtt://127.0.0.1:{listener.getsockname()[1]}")
    settings = Settings(home=tmp_path, broker_user="fengsui", broker_password=PASSWORD).model_copy(update={"mode": "live"})
    with pytest.raises(FetchError):
        Session(feed, settings)
    thread.join(10)
    assert heard and PASSWORD.encode() not in heard
    monkeypatch.setitem(os.environ, "FENGSUI_SECRET_SENSORS", f"reader:{PASSWORD}")
    with pytest.raises(ConfigError, match="clear"):
        Session(replace(feed, secret="sensors"), settings)
    listener.close()


def test_the_configuration_that_is_shipped_lets_us_in_by_tls_and_no_stranger(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = shutil.which("mosquitto_passwd", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    if tool is None:
        pytest.skip("mosquitto is not installed")
    monkeypatch.setattr(publisher, "CONNECT_S", 1.0)
    port, data = free_port(), tmp_path / "data"
    data.mkdir()
    text, (*shell, command) = (nw.ROOT / "docker" / "mosquitto.conf").read_text(encoding="utf-8"), compose(ONE)["services"]["mosquitto"]["command"]
    here = {"/mosquitto/broker": str(made), "/mosquitto/data": str(data), "listener 8883": f"listener {port} 127.0.0.1"}
    for path, place_here in here.items():
        assert path in text
        text = text.replace(path, place_here)
    conf = tmp_path / "mosquitto.conf"
    conf.write_text(("user root\n" if os.geteuid() == 0 else "") + text, encoding="utf-8")
    for path, place_here in {"/mosquitto/data": str(data), "/mosquitto/config/mosquitto.conf": str(conf), "chown mosquitto:mosquitto passwd": "true"}.items():
        assert path in command
        command = command.replace(path, place_here)
    (data / "passwd").write_text("")
    subprocess.run([tool, "-b", str(data / "passwd"), "station", "another"], check=True, capture_output=True)
    running = subprocess.Popen([*shell, command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=os.environ | {"FENGSUI_BROKER_PASSWORD": PASSWORD, "PATH": f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"})
    try:
        assert _listens(port, running)
        place = nw.make(tmp_path / "home", people=60, broker_port=port, broker_ca=str(made / FILES[0]), broker_user="fengsui", broker_password=PASSWORD)
        speak(place.settings, place)
        speak(place.settings.model_copy(update={"broker_user": "station", "broker_password": Settings(broker_password="another").broker_password}), place)
        for change in ({"broker_user": ""}, {"broker_password": Settings(broker_password="another").broker_password}, {"broker_ca": ""}):
            with pytest.raises(DeliveryError):
                speak(place.settings.model_copy(update=change), place)
    finally:
        running.terminate()
        running.wait(5)
