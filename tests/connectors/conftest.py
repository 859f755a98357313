"""What the connectors' tests share: the county as it stands, a fresh lake and ledger, a server, and recorded feeds where there are any."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from new_ledger import ledger_in

from core.county import County, Feed, load_county
from core.lake import Lake
from core.ledger import Ledger
from core.settings import Settings

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)

Handler = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(scope="session")
def county() -> County:
    return load_county(ROOT / "county" / "haimen")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, sandbox_url="http://127.0.0.1:9", http_deadline_s=2.0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return ledger_in(tmp_path)


@pytest.fixture
def recorded() -> Path:
    folder = Path(os.environ.get("FENGSUI_RECORDED", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("recorded feeds are not here; set FENGSUI_RECORDED")
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], str]]:
    """Start a real server on loopback whose every GET is answered by the function given; returns its address."""
    servers = []

    def start(handle: Handler) -> str:
        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                try:
                    handle(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def reply() -> Callable[..., None]:
    """Answer one request with a body."""

    def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return send


@pytest.fixture
def with_options() -> Callable[..., Feed]:
    return lambda feed, **options: replace(feed, options=feed.options | options)


@pytest.fixture
def elsewhere(county: County) -> Callable[..., tuple[County, Feed]]:
    """A county with one feed of the connector named and these stations ({'station', 'lat', 'lon', 'properties', 'datum'}); returns (county, feed)."""

    def build(connector: str, *stations: dict[str, object], **options: str | int | float | bool) -> tuple[County, Feed]:
        feed = replace(county.feed("power"), feed="elsewhere", connector=connector, sandbox="/it", options=options, expected=0)
        rows = tuple(replace(county.stations[0], feed="elsewhere", **({"properties": (), "datum": "", "synthetic": False} | row)) for row in stations)
        return replace(county, feeds=(*county.feeds, feed), stations=(*county.stations, *rows)), feed

    return build


@pytest.fixture
def over_http(elsewhere, lake, ledger, settings, serve, reply) -> Callable[..., list[object]]:
    """Serve bodies one after the other (the last for ever) and let the whole step pull each; returns the reports, the county and a reader of the lake."""
    from datetime import timedelta

    import connectors

    def run(place: tuple[County, Feed], now: datetime, *bodies: bytes) -> tuple[list[object], Callable[[], object]]:
        county, feed = place
        left = list(bodies)
        here = settings.model_copy(update={"sandbox_url": serve(lambda request: reply(request, left.pop(0) if len(left) > 1 else left[0]))})
        reports = [
            connectors.ingest(feed.feed, now=now + timedelta(minutes=i), county=county, lake=lake, ledger=ledger, settings=here) for i in range(len(bodies))
        ]
        later = now + timedelta(hours=1)
        return reports, lambda: lake.observations(start=now - timedelta(days=3), end=later, as_of=later, feeds=[feed.feed])

    return run
