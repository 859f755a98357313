"""Run by test_hostile: every row of the registry against every hostile answer, in one process whose memory is measured.

Prints one JSON line a trial: connector, attack, outcome, layer, error, records; the last line holds the peak resident memory in MB.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from connectors import ingest
from connectors.inbox import spool_of
from connectors.push.door import Entry, Turned
from connectors.push.take import Taker
from connectors.registry import CONNECTORS
from core.county import County, load_county
from core.lake import Lake
from core.ledger import Ledger
from core.settings import Settings

NOW = datetime(2021, 7, 26, tzinfo=UTC)
DEEP = 200_000
ENTITY = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;&x;&x;&x;&x;&x;&x;">]><alert>&z;</alert>'
BODIES: dict[str, bytes] = {
    "empty": b"", "spaces": b" \n ", "null": b"null", "number": b"7", "list": b"[]", "object": b"{}", "text": b'"x"',
    "login": b"<!doctype html><html><form>login</form></html>", "half": b'{"code":0,"data":[{"a":', "twice": b'{"code":0,"code":1,"data":[]}',
    "nan": b'{"code":0,"data":[NaN]}', "inf": b'{"code":0,"data":[Infinity]}', "huge-number": b'{"code":0,"data":[1e999]}',
    "deep-list": b"[" * DEEP, "deep-object": b'{"a":' * DEEP, "deep-xml": b"<a>" * DEEP, "entities": ENTITY,
    "external": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "utf16": "<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16"),
    "garbage": bytes(range(256)) * 40, "nul": b"\x00" * 4096, "digits": b"[" + b"9" * 100_000 + b"]", "long-text": b'{"a":"' + b"x" * 2_000_000 + b'"}',
    "wide": b"[" + b"{}," * 200_000 + b"{}]", "csv": b"a,b\n1,2\n" * 50, "jsonp-deep": b"f((" + b"[" * DEEP + b"))",
    "open-text": b'{"a":"' + b'\\"' * 1_000_000, "spaces-after": b"f()" + b" " * 1_000_000 + b"x", "parentheses": b"f" + b"(" * DEEP + b")" * DEEP,
}
#: Attacks that are also served over HTTP to every connector that pulls that way; the others go straight into the parsers.
SERVED = ("login", "half", "twice", "deep-list", "deep-xml", "entities", "redirect", "bomb", "drip", "cut")
NOT_HTTP = ("sl323", "mqtt_sensors", "sl651")
BOMB = gzip.compress(b"0" * 60_000_000)


class Enemy(BaseHTTPRequestHandler):
    """Answers every GET with the attack that is on; set by the loop below."""

    attack = ""

    def do_GET(self) -> None:
        try:
            {"redirect": self.redirect, "bomb": self.bomb, "drip": self.drip, "cut": self.cut}.get(self.attack, self.plain)()
        except OSError:
            self.close_connection = True

    def plain(self, body: bytes | None = None, status: int = 200, **headers: str) -> None:
        body = BODIES[self.attack] if body is None else body
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def redirect(self) -> None:
        self.plain(b"", 302, Location="http://169.254.169.254/latest/meta-data")

    def bomb(self) -> None:
        self.plain(BOMB, Content_Encoding="gzip")

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"[")
            self.wfile.flush()
            time.sleep(0.05)

    def cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"{")
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


def main(home: Path, county_folder: Path) -> None:
    """One ingest for every (connector, attack) that can be served over HTTP; every body also goes straight into every parser."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Enemy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    base = load_county(county_folder)
    settings = Settings(home=home, sandbox_url=f"http://127.0.0.1:{server.server_address[1]}", broker_port=9, http_deadline_s=0.3, http_max_bytes=4_000_000)
    lake, ledger = Lake(home / "lake"), Ledger.open(f"sqlite:///{home / 'ledger.db'}")
    own = {feed.connector: feed for feed in base.feeds}
    template = base.feed("power")
    options = {"points": "M9001@31.8962,121.1727", "hours": 2, "sites": "1", "stations": "M9001", "station": "M9001", "bbox": "121,31,122,33"}
    for kind, connector in CONNECTORS.items():
        feed = own.get(kind, replace(template, feed=f"x-{kind.replace('_', '-')}", connector=kind, options=options, age_from="fetch"))
        feed = replace(feed, expected=1, sandbox="/x")
        county = replace(base, feeds=(*(f for f in base.feeds if f.feed != feed.feed), feed))
        for attack in SERVED if kind not in NOT_HTTP else ():
            Enemy.attack = attack
            report = ingest(feed.feed, now=NOW, county=county, lake=lake, ledger=ledger, settings=settings)
            tell(connector=kind, feed=feed.feed, attack=attack, how="ingest", outcome=report.outcome, error=report.error, records=report.records, state=str(report.state))
        for attack, body in BODIES.items():
            try:
                records, error = connector.parse(body, feed=feed, county=county, received=NOW, raw="").records, ""
            except Exception as caught:  # noqa: BLE001 - what it raises is what is being asked
                records, error = 0, f"{type(caught).__name__}: {caught}"
            tell(connector=kind, feed=feed.feed, attack=attack, how="parse", outcome="failed" if error else "read", error=error, records=records, state="")
    push(replace(base, departments=()), settings)
    far, peak = NOW.replace(year=2030), peak_mb()  # before we look at the lake ourselves
    tell(rows=len(lake.observations(start=NOW.replace(year=2000), end=far, as_of=far)), mb=peak)


def push(county: County, settings: Settings) -> None:
    """Every body as every kind through the push gateway's taker: what it says is the error, what waits in the spool afterwards the records."""
    taker, feed = Taker(county=county, settings=settings, clock=lambda: NOW), county.feed("reports")
    for kind in ("json", "csv", "cap"):
        for attack, body in BODIES.items():
            entry = Entry(sender="department-x", by="x", feed=feed, lists=("observations", "signals", "reports"), kind=kind, key=f"{kind}-{attack}")
            try:
                taker.take(entry, body)
                error = ""
            except Turned as turned:
                error = f"{turned.status} {turned}"
            tell(connector="inbox", feed=feed.feed, attack=attack, how="push", outcome=kind, error=error, records=len(spool_of(feed, settings).waiting()), state="")


def peak_mb() -> float:
    """The most memory this process ever held; getrusage would tell that of the process that started it, if that was more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def tell(**row: object) -> None:
    """One line of the report."""
    print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
