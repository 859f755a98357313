"""A county's own storm again: what its feeds answered is recorded and goes through the same parsers to the same scores."""

from __future__ import annotations

import asyncio
import csv
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from command_line import caller
from sqlalchemy import select

import rules
from connectors import ingest
from console.recording import record
from console.replay import find_scenario, world
from console.sandbox.clock import Clock
from console.sandbox.recording import Recording
from console.sandbox.runs import RAW, RUNS
from console.steps import TickReport, ingest_all
from console.trials import span
from core.county import load_county
from core.errors import ConfigError, ConfigErrors
from core.lake import Lake
from core.ledger import Ledger, score_to_json
from core.ledger import tables as t
from core.settings import Settings
from core.times import iso

HAIMEN = Path(__file__).parents[2] / "county" / "haimen"
TIMES = [datetime(2021, 7, 25, 13, tzinfo=UTC) + timedelta(hours=hours) for hours in (0, 3, 6, 9)]
SILENT = TIMES[1]


@dataclass
class Seen:
    """What one pass left: pulls by feed and time, the rows of the lake, the scores at the end."""

    pulls: dict[tuple[str, str], tuple[str, str]]
    lake: list[str]
    scores: list[str]


def passed(home: Path, county: Path, name: str, *, broken: bool, then: object = None) -> Seen:
    with world(home, county, name) as (outside, ctx):
        for at in TIMES:
            if broken:
                outside.fault("/power/outages", "off" if at == SILENT else "none")
                outside.fault("/music/api", "garbage" if at == SILENT else "none")
            outside.set_clock(at)
            ingest_all(at, ctx, TickReport(at=at))
        report = rules.assess(now=TIMES[-1], county=ctx.county, lake=ctx.lake, ledger=ctx.ledger)
        if callable(then):
            then(ctx)
        with ctx.ledger.read() as tx:
            r = t.feed_run.c
            pulls = {(row.feed, row.at): (row.outcome, row.raw) for row in tx.execute(select(r.feed, r.at, r.outcome, r.raw).where(r.at >= iso(TIMES[0])))}
        far = timedelta(days=30)
        frames = (ctx.lake.observations(start=TIMES[0] - far, end=TIMES[-1] + far, as_of=TIMES[-1]), ctx.lake.signals(as_of=TIMES[-1]),
                  ctx.lake.tracks(start=TIMES[0] - far, end=TIMES[-1] + far, as_of=TIMES[-1]))
        rows = [frame.astype(str).to_csv(index=False) for frame in frames]
        return Seen(pulls, rows, [score_to_json(score) for score in report.scores])


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("county") / "haimen"
    shutil.copytree(HAIMEN, folder)
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, county: Path) -> Seen:
    """A night of the installation, one feed down and one answering with rubbish for a while; recorded before it ends."""
    def kept(ctx: object) -> None:
        record(ctx, "own-storm", start=TIMES[0], end=TIMES[-1], lead=span("24 h"), step=span("3 h"), title="", say=lambda _: None)  # type: ignore[arg-type]

    return passed(tmp_path_factory.mktemp("first"), county, "in-fa-2021", broken=True, then=kept)


def test_the_same_bytes_come_to_the_same_lake_and_the_same_scores(first: Seen, county: Path, tmp_path: Path) -> None:
    again = passed(tmp_path, county, "own-storm", broken=False)
    assert again.lake == first.lake and again.scores == first.scores
    assert {key: outcome for key, (outcome, _) in again.pulls.items()} == {key: outcome for key, (outcome, _) in first.pulls.items()}
    assert first.pulls["power", iso(SILENT)] == ("failed", "") and first.pulls["weather", iso(SILENT)][0] == "failed"


@contextmanager
def served(county: Path, at: datetime) -> Iterator[str]:
    """A recording of a county's folder on loopback, at one time; its address."""
    scenario, up, loop = find_scenario(county, "own-storm"), threading.Event(), asyncio.new_event_loop()
    address: list[str] = []

    async def run() -> web.AppRunner:
        app = web.Application()
        Recording(load_county(county), county / "scenarios" / "own-storm", scenario.runs, Clock(at)).routes(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        up.set()
        return runner

    def live() -> None:
        runner = loop.run_until_complete(run())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    assert up.wait(10)
    yield address[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def pulled(county: Path, home: Path, at: datetime) -> tuple[dict[str, str], Lake]:
    """Every feed pulled once from a recording at `at`: outcomes, and the lake."""
    home.mkdir()
    place, lake, ledger = load_county(county), Lake(home / "lake"), Ledger.open(f"sqlite:///{home}/ledger.db")
    with served(county, at) as address:
        settings = Settings(home=home, county=county, sandbox_url=address, sandbox_recorded=True)
        outcomes = {feed.feed: ingest(feed.feed, now=at, county=place, lake=lake, ledger=ledger, settings=settings).outcome for feed in place.feeds}
    return outcomes, lake


def test_nothing_is_passed_over_where_a_replay_takes_longer_steps(first: Seen, county: Path, tmp_path: Path) -> None:
    outcomes, lake = pulled(county, tmp_path / "home", TIMES[-1])
    assert set(outcomes.values()) == {"ok"}, "what failed for a while had been made good"
    found = lake.observations(start=TIMES[0] - timedelta(days=2), end=TIMES[-1], as_of=TIMES[-1])
    for feed in ("geology", "water"):
        times = found.loc[found["feed"].astype(str) == feed, "time"]
        assert times.min() < TIMES[1] and times.max() > TIMES[-2], feed


def test_before_the_first_pull_and_while_one_had_failed_a_feed_is_down(first: Seen, county: Path, tmp_path: Path) -> None:
    assert set(pulled(county, tmp_path / "before", TIMES[0] - timedelta(minutes=1))[0].values()) == {"failed"}
    outcomes, _ = pulled(county, tmp_path / "while", SILENT)
    assert {feed for feed, outcome in outcomes.items() if outcome == "failed"} == {"power", "weather"}


def test_a_recording_is_a_scenario_like_any_other(first: Seen, county: Path) -> None:
    scenario = find_scenario(county, "own-storm")
    assert scenario.recorded and (scenario.start, scenario.end, scenario.step_s) == (TIMES[0], TIMES[-1], 3 * 3600)
    assert {run.feed for run in scenario.runs} == {feed for feed, _ in first.pulls} and not any(scenario.rows.values())


def test_the_command_refuses_what_it_cannot_record(
    first: Seen, county: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    call = caller(monkeypatch, capfd)
    period = ["--from", iso(TIMES[0]), "--to", iso(TIMES[-1])]
    for words, told in ((["own-storm", *period], "已在"), (["Own Storm", *period], "小写"), (["empty", *period], "没有一次拉取"),
                        (["late", "--from", period[3], "--to", period[1]], "晚于")):
        done = call("record", *words, home=tmp_path, FENGSUI_COUNTY=str(county))
        assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
    assert not (county / "scenarios" / "empty").exists()


@pytest.fixture
def broken(first: Seen, county: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "haimen"
    shutil.copytree(county, folder)
    yield folder


@pytest.mark.parametrize(("change", "told"), [
    (lambda row: row | {"time": "2021-07-25"}, "time"), (lambda row: row | {"outcome": "good"}, "outcome"), (lambda row: row | {"raw": "../../x"}, "raw"),
    (lambda row: row | {"raw": "0" * 64}, "不在"), (lambda row: row | {"raw": "", "outcome": "ok"}, "空的"),
])
def test_a_spoilt_line_is_refused_with_its_number(broken: Path, change: object, told: str) -> None:
    path = broken / "scenarios" / "own-storm" / RUNS
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    rows[2] = change(rows[2])  # type: ignore[operator]
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises((ConfigError, ConfigErrors)) as said:
        find_scenario(broken, "own-storm")
    assert told in str(said.value) and f"{RUNS}:4" in str(said.value)


def test_a_damaged_document_fails_its_feed_and_no_other(broken: Path, tmp_path: Path) -> None:
    folder = broken / "scenarios" / "own-storm"
    shas = {run.raw for run in find_scenario(broken, "own-storm").runs if run.feed == "water"}
    for sha in shas:
        other = next(path for path in sorted((folder / RAW).iterdir()) if path.stem not in shas)
        (folder / RAW / f"{sha}.zst").write_bytes(other.read_bytes())
    outcomes, _ = pulled(broken, tmp_path / "home", TIMES[-1])
    assert outcomes.pop("water") == "failed" and "failed" not in outcomes.values(), outcomes
