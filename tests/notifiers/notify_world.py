"""A small town for the tests of notifiers: real county, ledger, keys; an issued alert; a gateway process that outlives what we kill."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web
from new_ledger import ledger_in
from sqlalchemy import select

import notifiers
from console.context import Context
from console.sandbox import officers
from console.sandbox.clock import Clock
from console.sandbox.sms_gateway import Faults, SmsGateway
from core import alerts
from core.county import County, load_county
from core.keyring import Keyring
from core.lake import Lake
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import Evidence, Hazard, Level, RiskScore, Status
from core.settings import Settings
from notifiers.job import Parts
from notifiers.register import ensure_register

ROOT = Path(__file__).parents[2]
START = datetime(2021, 7, 25, 4, 0, tzinfo=UTC)
KEY = base64.b64encode(b"k" * 32).decode()


@dataclass
class Place:
    county: County
    ledger: Ledger
    keyring: Keyring
    settings: Settings
    now: datetime = START

    def context(self) -> Context:
        return Context(settings=self.settings, county=self.county, lake=Lake(self.settings.lake_root), ledger=self.ledger, keyring=self.keyring)

    def score(self, town: str, level: int) -> RiskScore:
        proof = Evidence(rule="flood.rainstorm", title="暴雨", pack="cn/rainstorm", pack_hash="ab" * 32, level=Level(level), ceiling=Level(level),
                         score=60.0, values={"rain_3h": 62.0}, units={"rain_3h": "mm"}, conditions={"orange": ("rain_3h >= 50 mm", True)})
        return RiskScore(town=town, hazard=Hazard.FLOOD, time=self.now, level=Level(level), ceiling=Level(level), proved=Level(level),
                         floor=Level(0), score=20.0 * level, evidence=(proof,), reason="3小时雨量62毫米" if level else "")

    def draft(self, **levels: int) -> alerts.VersionRef:
        with self.ledger.begin() as tx:
            self.ledger.save_scores(tx, self.now, [self.score(town.key, levels.get(town.key, 0)) for town in self.county.towns], self.now)
        (ref,) = alerts.draft(now=self.now, county=self.county, ledger=self.ledger, status=self.settings.status).versions
        return ref

    def address(self, ref: Any) -> Any:
        return notifiers.address(now=self.now, ref=ref, county=self.county, ledger=self.ledger, settings=self.settings)

    def issue(self, ref: Any) -> None:
        with self.ledger.read() as tx:
            area = alerts.whole_area(alerts.find(tx, ref), self.county)
        for officer, role in (("duty-1", "author"), ("chief-1", "approver")):
            officers.sign_as(officer, role, ref, now=self.now, county=self.county, ledger=self.ledger, keyring=self.keyring, settings=self.settings,
                             area=area)
        alerts.issue(now=self.now, ref=ref, county=self.county, ledger=self.ledger, settings=self.settings)

    def publish(self, **levels: int) -> Any:
        ref = self.draft(**levels)
        self.address(ref)
        self.issue(ref)
        return ref

    def dispatch(self, parts: Parts | None = None, deadline_s: float = 30.0, progress: Any = None) -> notifiers.DispatchReport:
        return notifiers.dispatch(now=self.now, county=self.county, ledger=self.ledger, settings=self.settings, keyring=self.keyring,
                                  deadline_s=deadline_s, parts=parts, progress=progress)

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def states(self, channel: str = "sms") -> Counter[str]:
        with self.ledger.read() as tx:
            return Counter(tx.execute(select(t.delivery.c.state).where(t.delivery.c.channel == channel)).scalars())

    def recipients(self, ref: Any) -> set[tuple[str, str, str]]:
        d = t.delivery.c
        with self.ledger.read() as tx:
            query = select(d.channel, d.recipient, d.town).where(d.alert_id == ref.alert_id, d.version == ref.version)
            return {tuple(row) for row in tx.execute(query)}


def make(home: Path, *, people: int = 400, speakers: bool = False, sms_url: str = "http://127.0.0.1:9", grace: float = 0.5, **more: Any) -> Place:
    county = load_county(ROOT / "county" / "haimen")
    if not speakers:
        county = replace(county, loudspeakers=())
    settings = Settings(home=home, county=ROOT / "county" / "haimen", status=Status.EXERCISE, seal_key=KEY, twilio_account="AC" + "0" * 32,
                        twilio_token="t" * 32, twilio_sender="FENGSUI", sms_url=sms_url, unknown_grace_s=grace, sms_in_flight=16,
                        http_deadline_s=3.0, ack_wait_s=1.0, **more)
    place = Place(county, Ledger.open(settings.ledger_url) if settings.ledger_url else ledger_in(home), Keyring(home / "keys"), settings)
    officers.prepare(county, place.keyring, settings)
    ensure_register(county, place.ledger, settings, size=people)
    return place


GATEWAY = """
import asyncio, json, os, sys
from pathlib import Path
from aiohttp import web
from console.sandbox.clock import Clock
from console.sandbox.sms_gateway import Faults, SmsGateway
from core.times import parse_iso
async def main(home, start, faults):
    app = web.Application()
    SmsGateway(clock=Clock(parse_iso(start)), log_path=Path(home) / "sms.jsonl", faults=Faults(**json.loads(faults))).mount(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main(*sys.argv[1:]))
"""


class Gateway:
    """The sandbox gateway in a thread of this process: it starts in an instant."""

    def __init__(self, home: Path, **faults: Any) -> None:
        self.log, self._faults, self._up = home / "sms.jsonl", faults, threading.Event()
        self.clock = Clock(START)
        self._loop, self.url = asyncio.new_event_loop(), ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._up.wait(30)

    def _run(self) -> None:
        self._loop.run_until_complete(self._open())
        self._up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self.runner.cleanup())
        self._loop.close()

    async def _open(self) -> None:
        app = web.Application()
        settings = Settings(twilio_account="AC" + "0" * 32, twilio_token="t" * 32)
        self.gateway = SmsGateway(clock=self.clock, log_path=self.log, settings=settings, faults=Faults(**self._faults))
        self.gateway.mount(app)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    def faults(self, **faults: Any) -> None:
        httpx.post(self.url + "/sandbox/faults", json=faults).raise_for_status()

    def messages(self) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()] if self.log.exists() else []
        return [row for row in rows if row["event"] == "message"]

    def verdict(self, wanted: int) -> tuple[int, int]:
        """(lost, twice) over (number, text)."""
        seen = Counter((row["to"], row["body"]) for row in self.messages())
        return wanted - len(seen), sum(n - 1 for n in seen.values())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class GatewayProcess(Gateway):
    """The same as a process of its own, for what must outlive a kill."""

    def __init__(self, home: Path, **faults: Any) -> None:
        self.log = home / "sms.jsonl"
        env = os.environ | {"FENGSUI_TWILIO_ACCOUNT": "AC" + "0" * 32, "FENGSUI_TWILIO_TOKEN": "t" * 32}
        command = [sys.executable, "-c", GATEWAY, str(home), START.isoformat(), json.dumps(faults)]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Launcher:
    """Dispatching processes over one home, to be killed with -9."""

    def __init__(self, home: Path, url: str, grace: float) -> None:
        command = [sys.executable, str(Path(__file__).with_name("dispatch_child.py")), str(home), url, str(grace)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def run(self, kill_after_s: float | None = None) -> int:
        """Dispatch once; kill it `kill_after_s` after it has begun to send (None: let it end). Its wait status."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        pid, word = int(self.process.stdout.readline().split()[1]), self.process.stdout.readline().split()
        if word[0] == "ready":
            if kill_after_s is not None:
                time.sleep(kill_after_s)
                os.kill(pid, signal.SIGKILL)
            word = self.process.stdout.readline().split()
        return int(word[1])

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)
