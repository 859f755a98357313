"""An MQTT broker for demonstrations and tests: mosquitto where it is installed, else amqtt from its wheel (MQTT 3.1.1 only)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import StoreError

#: Measured defaults that lose messages: 1000 queued at most, saved every 30 minutes. Both are raised here.
CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 100000
max_inflight_messages 100
"""
#: amqtt keeps messages only for sessions of which somebody said who they are, so everybody is let in by name. It drops what it has acknowledged and not
#: yet handed on when the sender leaves, so a leave is noticed only when all of that is gone.
AMQTT = """
import asyncio
from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin
class Anyone(BaseAuthPlugin):
    async def authenticate(self, *, session):
        return True
class Patient(Broker):
    async def _client_message_loop(self, session, handler):
        leaves = handler.wait_disconnect
        async def wait():
            packet = await leaves()
            while session.delivered_message_queue.qsize():
                await asyncio.sleep(0.01)
            return packet
        handler.wait_disconnect = wait
        await super()._client_message_loop(session, handler)
async def main():
    broker = Patient({{"listeners": {{"default": {{"type": "tcp", "bind": "127.0.0.1:{port}"}}}},
                      "plugins": {{"__main__.Anyone": {{}}}}}})
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


@dataclass(slots=True)
class Broker:
    """A running broker on loopback; protocol 5 is MQTT 5, 4 is MQTT 3.1.1."""

    host: str
    port: int
    protocol: Literal[4, 5]
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it; safe to call twice."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            self.process.send_signal(sign)
            try:
                self.process.wait(5.0)
            except subprocess.TimeoutExpired:
                continue


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_broker(folder: Path, port: int = 0, *, embedded: bool = False, config: str = "") -> Broker:
    """Start a broker with its state in `folder` and wait until it listens; StoreError with its log when it does not.

    `config` is added to mosquitto's configuration (an access list, say); the embedded broker has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    program = None if embedded else shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program:
        conf = folder / "mosquitto.conf"
        user = "user root\n" if _is_root() else ""
        conf.write_text(user + CONFIG.format(port=port, folder=folder) + config, encoding="utf-8")
        command, protocol = [program, "-c", str(conf)], 5
    else:
        command, protocol = [sys.executable, "-c", AMQTT.format(port=port)], 4
    log = folder / "broker.log"
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    broker = Broker("127.0.0.1", port, 5 if protocol == 5 else 4, process)
    listens = False
    try:
        listens = _listens(port, process)
    finally:  # an interrupt while it comes up must not leave it behind
        if not listens:
            broker.stop()
    if listens:
        return broker
    raise StoreError(f"消息代理没有启动 / the broker did not start: {log.read_text(errors='replace')[-500:]}")


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 15.0
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def _is_root() -> bool:
    return os.geteuid() == 0
