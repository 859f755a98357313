"""A push gateway in this process and its clients: a county with a pushed feed, a department with a key, and the drain into the lake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

import connectors
from connectors import inbox
from connectors.push.door import Door
from connectors.push.server import PushServer
from connectors.push.take import Taker
from core.access import Access
from core.county import County, Department
from core.lake import Lake
from core.ledger import Ledger
from core.settings import Settings

NOW = datetime(2021, 7, 26, 7, 40, tzinfo=UTC)
FEED, NAME = "neighbours", "water-bureau"


def with_feed(county: County, **department: Any) -> County:
    """The county with an inbox feed of two gauges, and departments that may push."""
    feed = replace(county.feed("reports"), feed=FEED, title="邻近部门", sandbox="", options={}, expected=0)
    gauge = replace(county.stations[0], feed=FEED, synthetic=False, properties=("stage",), datum="废黄河")
    row = {"title": "水务局", "feeds": {FEED: ("observations", "signals", "reports")}, "rate_per_min": 6000, "burst": 6000} | department
    own = replace(county.stations[0], station="OTHER", properties=("stage",))
    return replace(
        county, feeds=(*county.feeds, feed), stations=(*county.stations, replace(gauge, station="D1"), replace(gauge, station="D2", synthetic=True), own),
        departments=(Department(department=NAME, **row), Department(department="rain-bureau", title="气象局", feeds={"reports": ("observations",)})),
    )


def reading(value: float = 1.0, minute: int = 0, **change: Any) -> dict[str, Any]:
    return {"station": "D1", "property": "stage", "value": value, "unit": "m", "time": (NOW - timedelta(minutes=minute)).isoformat()} | change


def signal(**change: Any) -> dict[str, Any]:
    return {"identifier": "s-1", "event": "暴雨", "level": "orange", "areas": ["320614"], "issued": "2021-07-26T15:00:00+08:00",
            "expires": "2021-07-26T21:00:00+08:00"} | change


def seen(**change: Any) -> dict[str, Any]:
    return {"reporter": "hm-bc-t1", "town": "包场镇", "kind": "积水", "value": 40, "unit": "厘米", "time": "2021-07-26T15:30:00+08:00"} | change


@dataclass(slots=True)
class Gateway:
    """Everything one test needs; `key` is the department's whole bearer token."""

    county: County
    settings: Settings
    lake: Lake
    ledger: Ledger
    key: str = ""
    now: datetime = NOW
    change: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = f"{NAME}.{Access(self.settings.home).issue('department', NAME, NOW)}"

    @property
    def taker(self) -> Taker:
        return Taker(county=self.county, settings=self.settings, clock=lambda: self.now)

    def talk(self, conversation: Callable[[Client], Any]) -> Any:
        """Run a conversation with a server of its own; what it returns."""

        async def both() -> Any:
            server = PushServer(door=Door(county=self.county, settings=self.settings), taker=self.taker, **self.change)
            runner, port = await server.serve("127.0.0.1", 0)
            try:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                    return await asyncio.wait_for(conversation(Client(session, port, self.key, server)), 30)
            finally:
                await runner.cleanup()

        return asyncio.run(both())

    def waiting(self, feed: str = FEED) -> list[Path]:
        return inbox.spool_of(self.county.feed(feed), self.settings).waiting()

    def drain(self, feed: str = FEED) -> Any:
        at = self.now + timedelta(minutes=1)
        return connectors.ingest(feed, now=at, county=self.county, lake=self.lake, ledger=self.ledger, settings=self.settings)

    def rows(self) -> Any:
        later = self.now + timedelta(hours=1)
        return self.lake.observations(start=NOW - timedelta(days=30), end=later, as_of=later, feeds=[FEED])

    def reports(self) -> Any:
        later = self.now + timedelta(hours=1)
        return self.lake.reports(start=NOW - timedelta(days=30), end=later, as_of=later)


@dataclass(slots=True)
class Client:
    """A department's client."""

    session: aiohttp.ClientSession
    port: int
    key: str
    server: PushServer

    async def push(self, document: Any, key: str = "k1", *, feed: str = FEED, kind: str = "application/json", **headers: str | None) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON, headers of one push; a header given as None is left out."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key, "Content-Type": kind}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(f"/push/{feed}", data=body, headers={n: v for n, v in sent.items() if v is not None},
                                     skip_auto_headers=["Content-Type"]) as answer:
            return answer.status, json.loads(await answer.text()), dict(answer.headers)
