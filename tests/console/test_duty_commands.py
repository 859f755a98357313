"""The duty desk by the command line alone: one pass without Airflow, the feeds and stations after it, a try, a correction, the summary and the board."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, Call, one_line

from console.context import Context
from console.feedrows import feeds as rows_of
from console.report import collect, expectations
from console.summary import age
from core.county import load_county
from core.ledger import verify_audit
from core.model import Level
from core.settings import Settings
from core.times import iso

NOW = datetime(2021, 7, 26, 0, 10, tzinfo=UTC)
COUNTY = load_county(ROOT / "county" / "haimen")


def outages(time: str = "2021-07-26 08:00:00") -> bytes:
    rows = [{"town_code": town.code, "town": town.name, "customers_total": 1000, "customers_out": 20, "areas_total": 10, "areas_out": 1} for town in COUNTY.towns]
    return json.dumps({"code": 0, "time": time, "unit": "户", "data": rows}).encode()


class Grid:
    """The grid company's server: it answers with `body`, and knows no other page."""

    def __init__(self) -> None:
        self.body = outages()
        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path.startswith("/power/outages")
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(outer.body if found else b"")

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.env = {"FENGSUI_SANDBOX_URL": f"http://127.0.0.1:{self.server.server_address[1]}", "FENGSUI_BROKER_PORT": "9",
                    "FENGSUI_SEAL_KEY": base64.b64encode(b"k" * 32).decode()}


@pytest.fixture
def grid() -> Iterator[Grid]:
    made = Grid()
    yield made
    made.server.shutdown()
    made.server.server_close()


def world(home: Path) -> Context:
    return Context.load(Settings(home=home, county=ROOT / "county" / "haimen"))


def test_a_night_without_airflow(fengsui: Call, grid: Grid, tmp_path: Path) -> None:
    at = ("--now", iso(NOW))
    ticked = fengsui("tick", *at, home=tmp_path, **grid.env)
    assert ticked.returncode == 0 and "失败" in ticked.stdout and "weather" in ticked.stdout and "power" not in ticked.stdout, ticked

    told = fengsui("feeds", *at, "--json", home=tmp_path)
    rows = {row["feed"]: row for row in json.loads(told.stdout)}
    ctx = world(tmp_path)
    with ctx.ledger.read() as tx:
        assert list(rows.values()) == json.loads(json.dumps(rows_of(tx, ctx, NOW)))
    assert told.returncode == 1 and rows["power"]["state"] == "ok" and rows["power"]["today"] == 48 and rows["weather"]["state"] == "failed"
    table = fengsui("feeds", *at, home=tmp_path).stdout.splitlines()
    assert any("power" in line and "✓✓✓✓✓" in line for line in table) and any("weather" in line and "正常" not in line and "从未" in line for line in table)

    seen = fengsui("feeds", "stations", *at, "--json", home=tmp_path)
    stations = {row["station"]: row["state"] for row in json.loads(seen.stdout)}
    assert seen.returncode == 1 and {state for name, state in stations.items() if name.startswith("power-")} == {"ok"} and "never" in stations.values()
    assert "从未" in fengsui("feeds", "stations", *at, home=tmp_path).stdout

    data = json.loads(fengsui("summary", *at, "--json", home=tmp_path).stdout)
    assert data == json.loads(json.dumps(collect(ctx, NOW), default=str))
    text = fengsui("summary", *at, home=tmp_path).stdout
    assert "数据源 / feeds" in text and "power" in text and "不能排除更高级别" in text, "what is not known is not calm"
    page = tmp_path / "board.html"
    assert fengsui("board", *at, "--out", page, home=tmp_path).stdout.strip() == str(page) and "海门区" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("body", "code", "words"), [
    (outages(), 0, "正常"), (outages("2021-07-26 02:00:00"), 1, "停在旧时刻"), (b"<html>login</html>", 1, "HTML"), (outages()[:300], 1, "not JSON"),
])
def test_one_try_is_one_sentence_and_its_exit_code(fengsui: Call, grid: Grid, tmp_path: Path, body: bytes, code: int, words: str) -> None:
    grid.body = body
    tried = fengsui("feeds", "test", "power", "--now", iso(NOW), home=tmp_path, **grid.env)
    assert tried.returncode == code and words in tried.stdout and tried.stdout.strip().count("\n") == 0
    told = json.loads(fengsui("feeds", "test", "power", "--now", iso(NOW), "--json", home=tmp_path, **grid.env).stdout)
    assert told["sentence"] == tried.stdout.strip() and (told["layer"] == "") == (code == 0)
    assert world(tmp_path).lake.newest(as_of=NOW) == {}, "nothing is stored"


def test_a_correction_by_a_listed_person_with_a_reason_and_by_nobody_else(fengsui: Call, grid: Grid, tmp_path: Path) -> None:
    fengsui("tick", "--now", iso(NOW), home=tmp_path, **grid.env)
    good = {"--feed": "power", "--station": "power-haimen", "--property": "customers_out", "--time": "2021-07-26T08:00:00+08:00", "--value": "9", "--by": "duty-1",
            "--reason": "多写了一个零", "--now": iso(NOW + timedelta(minutes=5))}

    def correct(**change: str) -> Any:
        words = good | {f"--{name}": value for name, value in change.items()}
        return fengsui("feeds", "correct", *[part for pair in words.items() for part in pair], home=tmp_path)

    for change in ({"by": "nobody"}, {"reason": " "}, {"value": "nan"}, {"value": "inf"}, {"value": "nine"}, {"station": "power-x"}, {"time": "2021-07-26T08:00"}):
        refused = correct(**change)
        assert refused.returncode == 2 and "\n" not in one_line(refused), change
    ctx = world(tmp_path)

    def value() -> float:
        frame = ctx.lake.observations(start=NOW - timedelta(hours=1), end=NOW, as_of=NOW + timedelta(hours=1), properties=["customers_out"], stations=["power-haimen"])
        return float(frame["value"].iloc[0])

    assert value() == 20.0
    assert correct().returncode == 0 and value() == 9.0
    assert correct(value="none", now=iso(NOW + timedelta(minutes=6))).returncode == 0 and value() != value()
    assert verify_audit(ctx.ledger).broken_at is None and verify_audit(ctx.ledger).rows >= 2


@pytest.mark.parametrize(("expect", "holds"), [
    ({}, []), ({"alerts": 1}, [True]), ({"alerts": 2}, [False]), ({"min_peak": {"flood": "yellow"}}, [True]), ({"min_peak": {"flood": "orange"}}, [False]),
    ({"min_peak": {"typhoon": "blue"}}, [False]), ({"floor_respected": True}, [False]),
    ({"alerts": 1, "min_peak": {"flood": "blue"}, "floor_respected": True}, [True, True, False]),
])
def test_what_a_scenario_expects_is_held_against_what_happened(tmp_path: Path, expect: dict[str, Any], holds: list[bool]) -> None:
    town = {"hazard": "flood", "name": "包场镇", "peak": int(Level.YELLOW), "peak_floor": int(Level.ORANGE)}
    data = {"alerts": [{"alert_id": "A"}, {"alert_id": "A"}], "towns": [town]}
    held = expectations(world(tmp_path), expect, data)
    assert [ok for _, ok in held] == holds and all(sentence for sentence, _ in held)


@pytest.mark.parametrize(("seconds", "told"), [
    (None, "从未"), (0, "0 分钟"), (5399, "90 分钟"), (5400, "1.5 小时"), (172_799, "48.0 小时"), (172_800, "2 天"), (168_338_880, "1948 天"),
])
def test_an_age_is_told_in_the_unit_that_people_would_use(seconds: float | None, told: str) -> None:
    assert age(seconds) == told
