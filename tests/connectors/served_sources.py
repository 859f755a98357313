"""Where a connector's documents come from in the tests: a real server on loopback for each way in (HTTP, SQL, TCP, MQTT, a folder, a spool).

`tell` makes the source hold, or send, what it is given; `pulls` is how many pulls of the feed it takes to read that, and `queue` says that what was read once
is gone from it. A source is opened for one feed and closed after the test.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import paho.mqtt.client as mqtt
import pytest
import sqlalchemy as sa

from connectors import inbox, sl651
from connectors.telemetry.gateway import Gateway
from connectors.telemetry.mqtt import Session
from core.county import County, Feed
from core.settings import Settings

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)


class Source(Protocol):
    """One way in."""

    settings: Settings
    queue: bool
    pulls: int

    def tell(self, told: Any) -> None: ...

    def close(self) -> None: ...


class Http:
    """Serves each request the first document whose key is part of the request's path and query; the key '' stands for all others. HOME becomes its address."""

    queue, pulls = False, 1

    def __init__(self, county: County, feed: Feed, settings: Settings) -> None:
        source, self.documents = self, dict[str, bytes]()

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = next((body for key, body in source.documents.items() if key in self.path), None)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.home = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.settings = settings.model_copy(update={"sandbox_url": self.home})

    def tell(self, told: Mapping[str, bytes]) -> None:
        self.documents = {key: body.replace(b"HOME", self.home.encode()) for key, body in sorted(told.items(), reverse=True)}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Tcp:
    """Stations that send frames to the gateway over TCP and wait for its answer; the gateway's spool is what the feed reads."""

    queue, pulls = True, 1

    def __init__(self, county: County, feed: Feed, settings: Settings) -> None:
        self.county, self.feed, self.settings = county, feed, settings

    def tell(self, told: list[bytes]) -> None:
        asyncio.run(self._send(told))

    async def _send(self, told: list[bytes]) -> None:
        gateway = Gateway(feed=self.feed, county=self.county, spool=sl651.spool_of(self.feed, self.settings), clock=lambda: NOW)
        server, writer = await gateway.serve("127.0.0.1", 0)
        try:
            for frame in told:
                answer, line = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
                line.write(frame)
                line.write_eof()
                await asyncio.wait_for(answer.read(-1), 5)
                line.close()
        finally:
            server.close()
            writer.cancel()

    def close(self) -> None:
        pass


class Mqtt:
    """A mosquitto of the test's own, with the feed's session made, and a publisher (QoS 1)."""

    queue, pulls = True, 1

    def __init__(self, county: County, feed: Feed, settings: Settings) -> None:
        self._broker = mosquitto(settings.home)
        port = next(self._broker)
        self.settings = settings.model_copy(update={"broker_port": port})
        Session(feed, self.settings).close()

    def tell(self, told: list[tuple[str, str]]) -> None:
        publish(self.settings.broker_port, told)

    def close(self) -> None:
        self._broker.close()


class Folder:
    """A department that writes files; a file is read at the second pull that finds it as long as the first."""

    queue, pulls = True, 2

    def __init__(self, county: County, feed: Feed, settings: Settings) -> None:
        self.settings, self.numbers = settings, count()
        self.folder = Path(settings.home) / "drop" / feed.feed
        self.folder.mkdir(parents=True)

    def tell(self, told: Mapping[str, bytes]) -> None:
        for ending, body in told.items():
            (self.folder / f"{next(self.numbers)}{ending}").write_bytes(body)

    def close(self) -> None:
        pass


class Spooled:
    """The receiver of officers' messages, which answers for one when it is in the spool."""

    queue, pulls = True, 1

    def __init__(self, county: County, feed: Feed, settings: Settings) -> None:
        self.settings, self.numbers = settings, count()
        self.spool = inbox.spool_of(feed, settings)

    def tell(self, told: list[dict[str, str]]) -> None:
        for message in told:
            self.spool.keep([message], NOW.replace(microsecond=next(self.numbers)))

    def close(self) -> None:
        pass


class Sqlite:
    """The demonstration's water database: a file. Told: statements."""

    queue, pulls = False, 1

    def __init__(self, county: County, feed: Feed, settings: Settings) -> None:
        self.settings, self.path = settings, Path(settings.home) / "sandbox" / "water.db"
        self.path.parent.mkdir()

    def tell(self, told: list[str]) -> None:
        with sqlite3.connect(self.path) as db:
            for statement in told:
                db.execute(statement)

    def close(self) -> None:
        pass


class Postgres:
    """A real PostgreSQL, pulled as a live feed is; FENGSUI_SECRET_WATER is set by the test. Told: statements."""

    queue, pulls = False, 1

    def __init__(self, county: County, feed: Feed, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"mode": "live"})
        self.engine = sa.create_engine(os.environ["FENGSUI_SECRET_WATER"].replace("://", "+psycopg://"))

    def tell(self, told: list[str]) -> None:
        with self.engine.begin() as tx:
            for statement in told:
                tx.exec_driver_sql(statement.replace("datetime", "timestamp"))

    def close(self) -> None:
        self.engine.dispose()


def publish(port: int, told: list[tuple[str, str]]) -> None:
    """(topic, text) each as a message that the broker has answered for."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for info in [client.publish(topic, text, qos=1) for topic, text in told]:
        info.wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mosquitto(folder: Path) -> Iterator[int]:
    """A broker on loopback whose files lie in `folder`; yields its port."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    port, config = free_port(), folder / "m.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(5)


@contextmanager
def postgresql() -> Iterator[str]:
    """An empty PostgreSQL on loopback; yields its address without the driver's name."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server under /usr/lib/postgresql")
    folder = Path("/tmp") / f"fengsui-water-{os.getpid()}"  # a socket path is at most 107 bytes
    folder.mkdir(mode=0o700)
    lower = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if lower:
        os.chown(folder, 65534, 65534)
    port = str(free_port())
    subprocess.run([*lower, found[-1], "-D", folder / "data", "-U", "water", "-A", "trust", "-N"], check=True, capture_output=True, cwd=folder)
    server = subprocess.Popen([*lower, found[-1].parent / "postgres", "-D", folder / "data", "-k", folder, "-h", "127.0.0.1", "-p", port, "-F"], cwd=folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"postgresql://water:PASSWORD@127.0.0.1:{port}/postgres"
    engine = sa.create_engine(url.replace("://", "+psycopg://"))
    try:
        for _ in range(200):
            try:
                engine.connect().close()
                break
            except sa.exc.OperationalError:
                time.sleep(0.05)
        yield url
    finally:
        engine.dispose()
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def dumps(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
