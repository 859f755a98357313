"""Stations over real TCP: answered only for what is kept, nothing lost and nothing twice, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import connectors
from connectors.sl651 import spool_of
from connectors.spool import Spool
from connectors.telemetry.frames import EOT, NAK, Framer, write
from connectors.telemetry.gateway import Gateway
from console.sandbox.rtu import Rtu, element, report, run_all
from core.errors import StoreError
from core.lake import Lake

NOW = datetime(2026, 7, 26, 4, 0, tzinfo=UTC)
ADDRESS = "0032061401"
STATION = {"station": ADDRESS, "lat": 31.9, "lon": 121.2, "properties": ("stage",), "datum": "废黄河"}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(elsewhere):
    return elsewhere("sl651", STATION)


@pytest.fixture
def talk(place, settings) -> Callable[..., Gateway]:
    """Run a conversation with a gateway of its own; the function given gets its port."""

    def run(conversation, spool: Spool | None = None, **change) -> Gateway:
        county, feed = place
        gateway = Gateway(feed=feed, county=county, spool=spool or spool_of(feed, settings), clock=lambda: NOW, **change)

        async def both() -> None:
            server, writer = await gateway.serve("127.0.0.1", 0)
            try:
                await asyncio.wait_for(conversation(server.sockets[0].getsockname()[1]), 20)
            finally:
                server.close()
                writer.cancel()

        asyncio.run(both())
        return gateway

    return run


def stored(place, lake: Lake, ledger, settings) -> list[float]:
    county, feed = place
    connectors.ingest(feed.feed, now=NOW, county=county, lake=lake, ledger=ledger, settings=settings)
    frame = lake.observations(start=NOW - timedelta(days=1), end=NOW, as_of=NOW, feeds=[feed.feed])
    return [float(v) for v in frame["value"]]


async def exchange(port: int, sent: bytes, *, close: bool = True) -> bytes:
    """Send bytes, read what comes until the gateway is quiet or closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    if close:
        writer.write_eof()
    got = await asyncio.wait_for(reader.read(-1), 10)
    writer.close()
    return got


def body(value: float | None = 1.0, serial: int = 1, time: datetime = NOW) -> bytes:
    return report(ADDRESS, serial, time, element("stage", value))


def single(value: float | None = 1.0, serial: int = 1, time: datetime = NOW, **change) -> bytes:
    return write(body(value, serial, time), **({"station": ADDRESS, "function": 0x33} | change))


def test_a_reading_is_answered_when_it_is_on_the_disk_and_reaches_the_lake_once(talk, place, lake, ledger, settings) -> None:
    heard = []

    async def conversation(port: int) -> None:
        for sent in (single(-0.125), single(-0.125), single(None, 2, NOW - timedelta(hours=1))):
            heard.append((await exchange(port, sent), len(spool_of(place[1], settings).waiting())))

    talk(conversation)
    assert all(Framer().feed(got)[0].end == EOT for got, _ in heard) and heard[0][1] == 1
    values = stored(place, lake, ledger, settings)
    assert values[1:] == [-0.125] and values[0] != values[0]
    assert stored(place, lake, ledger, settings)[1:] == [-0.125] and spool_of(place[1], settings).waiting() == []


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (single()[:-1] + b"\x00", None), (single(station="0099999999"), "unknown_station"), (single(function=0x45), "other_function"), (single(down=True), None),
        (single(function=0x2F), "link"), (b"GET / HTTP/1.1\r\n\r\n", None), (single()[:20], None), (b"", None),
    ],
)
def test_what_is_not_answered_and_not_kept(talk, place, settings, sent, told) -> None:
    async def conversation(port: int) -> None:
        assert await exchange(port, sent) == b""
        assert await exchange(port, single()) != b""  # and the next is served as ever

    gateway = talk(conversation)
    assert gateway.told["kept"] == 1 and (told is None or gateway.told[told] == 1)


def test_a_wrong_password_is_not_answered(talk) -> None:
    async def conversation(port: int) -> None:
        assert await exchange(port, single(password="1234")) == b"" and await exchange(port, single(password="A0B1")) != b""

    assert talk(conversation, password="a0b1").told["wrong_password"] == 1


def test_several_packets_get_one_answer_and_a_missing_one_is_asked_for(talk, place, lake, ledger, settings) -> None:
    text = report(ADDRESS, 5, NOW, element("stage", 3.5))
    parts = [text[:20], text[20:33], text[33:]]
    frames = [write(p, station=ADDRESS, function=0x34, packet=(i, 3), end=3 if i == 3 else 0x17) for i, p in enumerate(parts, 1)]

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frames[0] + frames[2])
        (asked,) = Framer().feed(await reader.read(100))
        assert (asked.end, asked.number, asked.count) == (NAK, 2, 3)
        writer.write(frames[1] + frames[2])
        (done,) = Framer().feed(await reader.read(100))
        assert (done.end, done.body[:2]) == (EOT, b"\x00\x05")
        writer.close()

    talk(conversation)
    assert stored(place, lake, ledger, settings) == [3.5]


@pytest.mark.parametrize("packet", [(1, 4000), (9, 3), (0, 3)])
def test_a_message_beyond_the_bounds_closes_the_connection(talk, packet) -> None:
    async def conversation(port: int) -> None:
        assert await exchange(port, write(body(), station=ADDRESS, function=0x34, packet=packet, end=0x17), close=False) == b""

    assert talk(conversation).told["closed"] == 1


def test_slow_idle_and_noisy_connections_are_closed_and_too_many_refused(talk) -> None:
    async def conversation(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        held[0][1].write(single()[:9])  # begins a frame and never ends it
        assert await exchange(port, b"", close=False) == b""  # the third of two
        assert await held[0][0].read(-1) == b"" and await held[1][0].read(-1) == b""
        with_noise = await exchange(port, b"\x00" * 20_000, close=False)
        assert with_noise == b"" and await exchange(port, single()) != b""

    gateway = talk(conversation, idle_s=0.4, frame_s=0.2, max_connections=2)
    assert gateway.told["too_many"] == 1 and gateway.told["closed"] == 3


def test_a_full_spool_is_not_answered(talk, tmp_path) -> None:
    async def conversation(port: int) -> None:
        assert await exchange(port, single()) == b""

    assert talk(conversation, spool=Spool(tmp_path / "full", max_bytes=10)).told["not_kept"] == 1


def test_a_torn_spool_file_is_put_aside_and_the_others_are_read(tmp_path) -> None:
    spool = Spool(tmp_path)
    spool.keep([{"a": 1}], NOW)
    spool.keep([{"a": 2}], NOW + timedelta(seconds=1))
    torn = spool.waiting()[0]
    torn.write_bytes(torn.read_bytes()[:-1])
    (tmp_path / "half.json.part").write_bytes(b"[")
    messages, files = spool.read()
    assert messages == [{"damaged": torn.name}, {"a": 2}] and len(files) == 1 and torn.with_suffix(".bad").is_file()
    with pytest.raises(StoreError):
        Spool(tmp_path / "half.json.part").keep([{}], NOW)
    spool.sweep()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".bad", ".json"]


def test_a_long_spool_is_read_in_rounds_and_in_order(place, settings, lake, ledger, monkeypatch) -> None:
    monkeypatch.setattr("connectors.spool.ROUND", 2)
    monkeypatch.setattr("connectors.spool.ROUND_BYTES", 500)
    spool = spool_of(place[1], settings)
    for k in range(7):
        frames = [single(float(k), 1, NOW - timedelta(minutes=k)).hex()] * (5 if k == 3 else 1)
        spool.keep([{"at": "", "frames": [frame]} for frame in frames], NOW + timedelta(seconds=k))
    assert sorted(stored(place, lake, ledger, settings)) == list(range(7)) and spool.waiting() == []


STATIONS = 10
EACH = 100


@pytest.fixture
def county_folder(tmp_path: Path) -> Path:
    """The county's folder with ten more stations, of a telemetry feed."""
    import shutil

    folder = tmp_path / "county"
    shutil.copytree(ROOT / "county" / "haimen", folder)
    with (folder / "feeds.yaml").open("a", encoding="utf-8") as out:
        out.write('telemetry:\n  title: 遥测\n  sector: water\n  connector: sl651\n  address: ""\n  cron: "*/5 * * * *"\n'
                  '  interval_s: 300\n  max_age_s: 900\n  expected: 0\n')
    with (folder / "stations.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    model = next(row for row in rows if row["properties"] == "stage")
    rows += [model | {"station": f"00320614{i:02d}", "name": f"00320614{i:02d}", "feed": "telemetry"} for i in range(STATIONS)]
    with (folder / "stations.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(model))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_kill_9_with_a_thousand_readings_under_way_loses_none_and_doubles_none(county_folder: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"FENGSUI_HOME": str(tmp_path / "home"), "FENGSUI_COUNTY": str(county_folder), "FENGSUI_MODE": "sandbox"}
    command = [sys.executable, "-c", "from console.cli import main; main()", "gateway", "telemetry", "--port", str(port), "--every", "2"]

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, cwd=ROOT)
        assert process.stdout is not None and b"listening" in process.stdout.readline()
        return process

    stations = [Rtu(f"00320614{i:02d}", port) for i in range(STATIONS)]
    for i, station in enumerate(stations):
        for k in range(EACH):
            station.observe(now - timedelta(minutes=k), element("stage", (i * EACH + k) / 1000), packets=1 + (k % 20 == 7))
    answered_at_death = []

    async def storm() -> None:
        process = await asyncio.to_thread(start)
        sending = asyncio.create_task(run_all(stations))
        while sum(len(s.answered) for s in stations) < STATIONS * EACH // 3:  # noqa: ASYNC110 - a count, not an event
            await asyncio.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        answered_at_death.append(sum(len(s.answered) for s in stations))
        process = await asyncio.to_thread(start)
        await asyncio.wait_for(sending, 90)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0

    asyncio.run(storm())
    assert 0 < answered_at_death[0] < STATIONS * EACH and any(s.connections >= 2 for s in stations)
    frame = Lake(tmp_path / "home" / "lake").observations(start=now - timedelta(days=1), end=now, as_of=now + timedelta(hours=1), feeds=["telemetry"])
    assert sorted(round(v * 1000) for v in frame["value"]) == list(range(STATIONS * EACH))
    assert not re.findall("json", " ".join(p.name for p in (tmp_path / "home" / "spool" / "telemetry").iterdir()))
