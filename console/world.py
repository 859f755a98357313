"""The outside world of a demonstration, a replay or a test: broker, feed simulator, SMS gateway, loudspeakers and the
receiver of status callbacks, each a process on a loopback port that it picked itself, stopped together."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from console.sandbox.broker import Broker, start_broker
from console.undisturbed import undisturbed
from core.errors import StoreError
from core.settings import TWILIO, Settings
from core.times import iso

START_WITHIN_S = 90.0


class World:
    """Start with start(), move time with set_clock(), read the environment for other processes with env(), end with stop()."""

    def __init__(self, *, home: Path, county: Path, scenario: str, ledger_url: str = "", embedded_broker: bool = False) -> None:
        self._ledger_url, self._embedded = ledger_url, embedded_broker
        self.home, self.county, self.scenario = home.resolve(), county.resolve(), scenario
        self.sms_log = self.home / "sandbox" / "sms.jsonl"
        self._broker: Broker | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._env: dict[str, str] = {}
        self._http = httpx.Client(timeout=30.0)

    def start(self) -> None:
        """Start everything and wait until each is ready; StoreError with the last log lines when one is not."""
        (self.home / "sandbox").mkdir(parents=True, exist_ok=True)
        with undisturbed():
            self._broker = start_broker(self.home / "sandbox" / "broker", embedded=self._embedded)
        self._env = self._base_env(self._broker)
        sandbox = self._spawn(
            "sandbox", "console.sandbox.serve", "--county", str(self.county), "--scenario", self.scenario, "--home", str(self.home),
            "--port", "0", "--broker", f"{self._broker.host}:{self._broker.port}", "--protocol", str(self._broker.protocol), "--speakers", "--sms",
        )
        address = f"http://127.0.0.1:{sandbox['port']}"
        self._env |= {"FENGSUI_SANDBOX_URL": address, "FENGSUI_SMS_URL": address, "FENGSUI_SANDBOX_RECORDED": str(sandbox["recorded"]).lower()}
        receipts = self._spawn("receipts", "console.receipts", "--port", "0")
        self._env["FENGSUI_SMS_CALLBACK_URL"] = f"http://127.0.0.1:{receipts['port']}/receipts/twilio"

    def _base_env(self, broker: Broker) -> dict[str, str]:
        """Every way out that an installation's own environment may name is replaced or emptied."""
        return {
            "FENGSUI_LEDGER_URL": self._ledger_url, "FENGSUI_LAKE_URL": "", "FENGSUI_BROKER_USER": "", "FENGSUI_BROKER_PASSWORD": "",
            "FENGSUI_SMS_CALLBACK_URL": "", "FENGSUI_SANDBOX_URL": "", "FENGSUI_SMS_URL": TWILIO,
            "FENGSUI_HOME": str(self.home), "FENGSUI_COUNTY": str(self.county), "FENGSUI_MODE": "sandbox", "FENGSUI_STATUS": "Exercise",
            "FENGSUI_BROKER_HOST": broker.host, "FENGSUI_BROKER_PORT": str(broker.port), "FENGSUI_BROKER_PROTOCOL": str(broker.protocol),
            "FENGSUI_TWILIO_ACCOUNT": "AC" + secrets.token_hex(16), "FENGSUI_TWILIO_TOKEN": secrets.token_hex(16),
            "FENGSUI_TWILIO_SENDER": "FENGSUI", "FENGSUI_SEAL_KEY": _seal_key(), "FENGSUI_UNKNOWN_GRACE_S": "3", "FENGSUI_ACK_WAIT_S": "1",
        }

    def _spawn(self, name: str, module: str, *args: str) -> dict[str, Any]:
        ready, log = self.home / "sandbox" / f"{name}.ready", self.home / "sandbox" / f"{name}.log"
        ready.unlink(missing_ok=True)
        with log.open("ab") as out, undisturbed():
            process = subprocess.Popen(
                [sys.executable, "-m", module, *args, "--ready-file", str(ready)],
                env=os.environ | self._env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )
            self._processes.append(process)
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline and process.poll() is None:
            if ready.is_file() and (text := ready.read_text(encoding="utf-8").strip()):
                return dict(json.loads(text))
            time.sleep(0.05)
        tail = log.read_text(encoding="utf-8", errors="replace")[-800:]
        raise StoreError(f"{module} did not start within {START_WITHIN_S:.0f} s: {tail}")

    def env(self) -> dict[str, str]:
        """The FENGSUI_* environment under which every process of this run works."""
        return dict(self._env)

    def settings(self) -> Settings:
        """The settings of that environment."""
        before = dict(os.environ)
        os.environ.update(self._env)
        try:
            return Settings.load()
        finally:  # this process's own environment stays as it was: another world may follow in it
            os.environ.clear()
            os.environ.update(before)

    def pids(self) -> list[int]:
        """Process ids of all that was started (each leads its own group)."""
        broker = [self._broker.process.pid] if self._broker and self._broker.process else []
        return [*(p.pid for p in self._processes), *broker]

    def set_clock(self, at: datetime) -> None:
        """Move the sandbox to `at` (aware); returns when everything up to it is written and published."""
        self.call("POST", "/clock", {"now": iso(at)})

    def fault(self, path: str, kind: str) -> None:
        """Let the feed under `path` fail in the way `kind` until told otherwise ('none' ends it)."""
        self.call("POST", "/fault", {"feed": path, "kind": kind, "until": None})

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One control request to the sandbox; its JSON answer."""
        answer = self._http.request(method, self._env["FENGSUI_SANDBOX_URL"] + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def stop(self) -> None:
        """End everything that start() began, by its process group; safe to call twice."""
        for process in reversed(self._processes):
            _end(process)
        self._processes.clear()
        if self._broker is not None:
            self._broker.stop()
            self._broker = None
        self._http.close()


def _seal_key() -> str:
    import base64

    return base64.b64encode(secrets.token_bytes(32)).decode()


def _end(process: subprocess.Popen[bytes], patience_s: float = 5.0) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, sign)
            process.wait(patience_s)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
