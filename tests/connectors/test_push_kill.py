"""kill -9 of the real gateway while many clients push: every body that was answered is in the lake once, and a repeated request changes nothing."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pyarrow.parquet
import pytest

from core.access import Access
from core.lake import Lake

ROOT = Path(__file__).parents[2]
BODIES, EACH, CLIENTS, KILLS = 120, 5, 16, 2
STATIONS = 10


@pytest.fixture
def county_folder(tmp_path: Path) -> Path:
    """The county's folder with a pushed feed, ten gauges of it and a fast department."""
    folder = tmp_path / "county"
    shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios"))
    with (folder / "feeds.yaml").open("a", encoding="utf-8") as out:
        out.write('neighbours:\n  title: 邻近部门\n  sector: water\n  connector: inbox\n  address: ""\n  cron: "*/5 * * * *"\n'
                  "  interval_s: 300\n  max_age_s: 900\n  expected: 0\n")
    with (folder / "departments.yaml").open("a", encoding="utf-8") as out:
        out.write("water-bureau:\n  title: 水务局\n  feeds: {neighbours: [observations]}\n  rate_per_min: 60000\n  burst: 6000\n")
    with (folder / "stations.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    model = next(row for row in rows if row["properties"] == "stage")
    rows += [model | {"station": f"N{n}", "name": f"邻站 {n}", "feed": "neighbours"} for n in range(STATIONS)]
    with (folder / "stations.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(model))
        writer.writeheader()
        writer.writerows(rows)
    return folder


class Senders:
    """Clients that send each body until it is answered 202, and remember what they were told."""

    def __init__(self, port: int, key: str, now: datetime) -> None:
        self.port, self.key = port, key
        self.told: dict[int, str] = {}
        self.tries = 0
        self.left = [(n, json.dumps({"observations": [self._reading(n * EACH + i, now) for i in range(EACH)]}).encode()) for n in range(BODIES)]
        self.bodies = dict(self.left)

    @staticmethod
    def _reading(k: int, now: datetime) -> dict[str, object]:
        return {"station": f"N{k % STATIONS}", "property": "stage", "value": k / 1000, "unit": "m", "time": (now - timedelta(minutes=1 + k // STATIONS)).isoformat()}

    async def one(self, session: aiohttp.ClientSession, n: int) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"body-{n}", "Content-Type": "application/json"}
        async with session.post(f"http://127.0.0.1:{self.port}/push/neighbours", data=self.bodies[n], headers=headers) as answer:
            return answer.status, await answer.text()

    async def client(self, session: aiohttp.ClientSession) -> None:
        while self.left:
            n, _ = self.left.pop()
            while n not in self.told:
                self.tries += 1
                try:
                    status, text = await self.one(session, n)
                except (aiohttp.ClientError, ConnectionError):  # nobody answered: the same request again
                    await asyncio.sleep(0.05)
                    continue
                assert status == 202, text
                self.told[n] = text

    async def run(self) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
            await asyncio.gather(*(self.client(session) for _ in range(CLIENTS)))

    async def again(self) -> list[tuple[int, str]]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
            return list(await asyncio.gather(*(self.one(session, n) for n in range(BODIES))))


@pytest.mark.slow
def test_kill_9_while_many_push_loses_none_and_doubles_none(county_folder: Path, tmp_path: Path) -> None:
    now, home = datetime.now(UTC).replace(microsecond=0), tmp_path / "home"
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"FENGSUI_HOME": str(home), "FENGSUI_COUNTY": str(county_folder), "FENGSUI_MODE": "sandbox"}
    command = [sys.executable, "-c", "from console.cli import main; main()", "gateway", "push", "--port", str(port), "--every", "0.5"]
    senders = Senders(port, f"water-bureau.{Access(home).issue('department', 'water-bureau', now)}", now)

    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(process := subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT))
        assert process.stdout is not None and b"listening" in process.stdout.readline()
        return process

    async def storm() -> list[int]:
        at_death, process = [], await asyncio.to_thread(start)
        sending = asyncio.create_task(senders.run())
        for kill in range(1, KILLS + 1):
            enough = BODIES * kill // (KILLS + 1) + rng.randrange(10)
            while len(senders.told) < enough and not sending.done():  # noqa: ASYNC110 - a count, not an event
                await asyncio.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
            at_death.append(len(senders.told))
            process = await asyncio.to_thread(start)
        await asyncio.wait_for(sending, 60)
        again = await senders.again()
        assert [status for status, _ in again] == [202] * BODIES and [text for _, text in again] == [senders.told[n] for n in range(BODIES)]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
        return at_death

    try:
        at_death = asyncio.run(storm())
    finally:
        for process in started:
            process.kill()
    assert 0 < at_death[0] < at_death[-1] < BODIES and senders.tries > BODIES
    lake = Lake(home / "lake")
    frame = lake.observations(start=now - timedelta(days=1), end=now, as_of=now + timedelta(hours=1), feeds=["neighbours"])
    stored = sum(pyarrow.parquet.read_metadata(path).num_rows for path in (home / "lake" / "observations").rglob("[!.]*.parquet"))
    print(f"kills={KILLS} bodies={BODIES} answered_at_death={at_death} tries={senders.tries} records={len(frame)} stored={stored} lost=0 duplicated=0 seed={seed}")
    assert sorted(round(v * 1000) for v in frame["value"]) == list(range(BODIES * EACH)) and stored == BODIES * EACH
    assert list((home / "inbox" / "neighbours").iterdir()) == []
