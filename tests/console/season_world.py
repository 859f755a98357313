"""A loopback server that plays the recorded season at a clock that the test moves, and a county that reads it: Haimen, its feeds.yaml rewritten."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import season_wire as wire

from console.context import Context
from console.sandbox import officers
from console.steps import TickReport, assess, expire, ingest_all, issue
from core import alerts
from core.model import RiskScore
from core.settings import Settings
from rules.official import Signal

ROOT = Path(__file__).parents[2]
#: The hole of the snapshots; verify_202613.json keeps what the agencies said in it.
HOLE = (wire.moment("2026-08-04T23:58:40Z"), wire.moment("2026-08-07T16:45:00Z"))
PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

FEEDS = """
typhoon_zj: {title: 台风路径（浙江）, sector: weather, connector: zj_typhoon, sandbox: /zj/typhoon, cron: "*/10 * * * *", interval_s: 3600,
  max_age_s: 12600, expected: 0, age_from: fetch}
warnings_nmc: {title: 官方预警信号（中央气象台）, sector: official, connector: nmc_alarms, sandbox: /nmc/rest/findAlarm, cron: "*/5 * * * *",
  interval_s: 3600, max_age_s: 12600, expected: 0, age_from: fetch, options: {renamed: "320684=320614"}}
airfields: {title: 机场报（METAR）, sector: weather, connector: metar, sandbox: /metar, cron: "*/30 * * * *", interval_s: 10800, max_age_s: 21600,
  expected: 1, options: {stations: "ZSSS,ZSHC", hours: 6}}
airfields_table: {title: 机场风（按表接入）, sector: weather, connector: table, sandbox: /airfields.json, cron: "*/30 * * * *",
  interval_s: 10800, max_age_s: 21600, expected: 1, table: {form: json, station: i, time: t, time_format: iso, missing: ["VRB"], ignore: [la, lo, wx, first_seen],
  columns: {ws: {property: wind_speed, unit: kt}, wg: {property: wind_gust, unit: kt}, wd: {property: wind_direction, unit: deg}}}}
wind_grid: {title: 风预报格点（Open-Meteo）, sector: weather, connector: open_meteo, sandbox: /grid, cron: "5 * * * *", interval_s: 3600,
  max_age_s: 10800, expected: 1, age_from: fetch, options: {points: "GRID-W@31.5,121.0 GRID-E@31.5,122.5"}}
"""
#: The same warnings once more, as a CAP feed gives them.
CAP = """
warnings_cap: {title: 官方预警（CAP 1.2）, sector: official, connector: cap_feed, sandbox: /cap/feed, cron: "*/5 * * * *", interval_s: 3600,
  max_age_s: 12600, expected: 0, age_from: fetch, options: {renamed: "320684=320614", only: "/3206,/320000"}}
"""
STATIONS = (
    ("ZSSS", "虹桥", "airfields", 31.209, 121.337), ("ZSHC", "萧山", "airfields", 30.229, 120.434), ("ZSNJ", "禄口", "airfields_table", 31.739, 118.863),
    ("ZSNB", "栎社", "airfields_table", 29.827, 121.462), ("GRID-W", "格点西", "wind_grid", 31.5, 121.0), ("GRID-E", "格点东", "wind_grid", 31.5, 122.5),
)
#: The airfields that each feed asks for.
AIRFIELDS = {"/metar": ("ZSSS", "ZSHC"), "/airfields.json": ("ZSNJ", "ZSNB")}
PATHS = ("/zj/typhoon", "/nmc/rest/findAlarm", "/metar", "/airfields.json", "/grid")

#: What was written once, by path and by the record (which season_wire keeps); the same for every season that is played.
BODIES: dict[tuple[str, int], bytes] = {}


def county(folder: Path, more: str = "") -> Path:
    """Haimen's folder with the recorded feeds (and `more`) and their stations in place of its own, and the rules that those can answer."""
    shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios", "departments.yaml", "things.csv"))
    (folder / "feeds.yaml").write_text(FEEDS + more, encoding="utf-8")
    head = (folder / "stations.csv").read_text(encoding="utf-8").splitlines()[0]
    names = head.split(",")
    lines = [
        {"station": s, "name": name, "feed": feed, "lat": f"{lat}", "lon": f"{lon}", "town": "haimen", "properties": "wind_speed;wind_direction",
         "units": "m/s;deg", "levels_verified": "false", "path": feed, "source": "aviationweather.gov, open-meteo.com", "synthetic": "false"}
        for s, name, feed, lat, lon in STATIONS
    ]
    (folder / "stations.csv").write_text("\n".join([head, *(",".join(f'"{line[n]}"' if n in line else "" for n in names) for line in lines)]) + "\n", encoding="utf-8")
    (folder / "links.csv").unlink()
    text = (folder / "county.yaml").read_text(encoding="utf-8")
    packs = ("typhoon_circle", "typhoon_wind", "surge_flag")
    (folder / "county.yaml").write_text(text[: text.index("packs:")] + "packs:\n" + "".join(f"  - cn/{name}\n" for name in packs), encoding="utf-8")
    return folder


@dataclass
class Season:
    """What the server says at its clock. `stuck` maps a path to the time at which its answer stopped changing; `broken` to the way it fails."""

    folder: Path
    now: datetime
    stuck: dict[str, datetime] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    mended: bool = False
    asked: int = 0

    def __post_init__(self) -> None:
        self.storms, self.warnings = wire.storms(self.folder), wire.warnings(self.folder)
        self.airfields, self.grids = wire.airfields(self.folder), wire.grids(self.folder)

    def changes(self) -> list[datetime]:
        """Every time at which one of the feeds had something new, and five minutes before each new list of warnings."""
        return [at for feed in (self.storms, self.warnings, self.airfields, self.grids) for at, _ in feed] + [at - timedelta(minutes=5) for at, _ in self.warnings]

    def body(self, path: str) -> bytes:
        """The feed's document at the clock, or as it stood when it stuck."""
        now = min(self.now, self.stuck.get(path, self.now))
        if path in ("/metar", "/airfields.json"):
            found = [row for row in wire.newest(self.airfields, now, timedelta(hours=6)) if row["i"] in AIRFIELDS[path]]
            return wire.metars(found) if path == "/metar" else json.dumps(found).encode()
        if path.startswith("/cap/") and path != "/cap/feed":
            return wire.cap(*wire.cap_documents(self.folder)[path])
        if path == "/zj/typhoon" and self.mended and HOLE[0] < now < HOLE[1]:
            return wire.storm(wire.mended(self.folder, self.storms[-1][1], now))
        stamped, write = {"/zj/typhoon": (self.storms, wire.storm), "/nmc/rest/findAlarm": (self.warnings, wire.alarms), "/grid": (self.grids, wire.grid),
                          "/cap/feed": (self.warnings, wire.cap_index)}[path]
        value = wire.newest(stamped, now)
        if value is None:
            return b"[]"
        key = (path, id(value))
        if key not in BODIES:
            BODIES[key] = write(value)
        return BODIES[key]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One GET; the storm's document is conditional (ETag), the others are sent again as they are."""
        self.asked += 1
        path = request.path.partition("?")[0]
        how = self.broken.get(path, "")
        if how == "drop":
            request.close_connection = True
            return
        status, body = {"page": (200, PAGE), "gateway": (502, PAGE)}.get(how) or (200, self.body(path))
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if path == "/zj/typhoon" and not how else ""
        if tag and request.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        if tag:
            request.send_header("ETag", tag)
        request.end_headers()
        request.wfile.write(body)


@contextmanager
def serving(season: Season) -> Iterator[str]:
    """The server's address, while it runs."""
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            season.answer(self)

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class World:
    """The county's own stores under the season's clock; the steps are the production ones."""

    season: Season
    ctx: Context
    cut: bool = False
    #: The official signals in force at the step that was asked about last.
    in_force: tuple[datetime | None, tuple[Signal, ...]] = (None, ())

    def step(self, at: datetime, *, people: bool = False) -> TickReport:
        """Pull every feed and assess at `at`; with `people`, two officers sign every draft and it is issued. `cut`: nothing can be reached."""
        self.season.now = at
        settings = self.ctx.settings.model_copy(update={"sandbox_url": "http://127.0.0.1:9"}) if self.cut else self.ctx.settings
        report = TickReport(at=at)
        ingest_all(at, replace(self.ctx, settings=settings), report)
        assess(at, self.ctx, report)
        if people:
            report.drafted = alerts.draft(now=at, county=self.ctx.county, ledger=self.ctx.ledger, status=self.ctx.settings.status).versions
            for ref in report.drafted:
                with self.ctx.ledger.begin() as tx:
                    alerts.record_audience(tx, ref, {"hash": "11" * 32, "count": 3})
                if officers.demonstrate(at, ref, self.ctx):
                    issue(at, self.ctx, ref)
                    report.issued.append(ref)
            expire(at, self.ctx, report)
        return report


def scores(report: TickReport) -> dict[tuple[str, str], RiskScore]:
    """The report's scores by (town, hazard)."""
    return {(score.town, str(score.hazard)): score for score in report.assessment.scores}


@contextmanager
def world(home: Path, folder: Path, start: datetime, more: str = "") -> Iterator[World]:
    """A world of the recorded season that begins at `start`, its state under `home`; `more` rows of feeds."""
    season = Season(folder, start)
    with serving(season) as url:
        ctx = Context.load(Settings(home=home, county=county(home / "county", more), sandbox_url=url, http_deadline_s=5.0))
        officers.prepare(ctx.county, ctx.keyring, ctx.settings)
        yield World(season, ctx)
