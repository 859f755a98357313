"""The whole chain against the running sandbox: feeds over loopback, production connectors, rules, drafts, signatures, delivery. Nothing of ours
is replaced. Two worlds play the storm (over either MQTT broker), one delivers it from a PostgreSQL ledger, one plays the plum rain."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from console.canary import watch
from console.canary.walk import carry
from console.context import Context
from console.replay import world
from console.sandbox.officers import demonstrate
from console.steps import BEFORE, TickReport, tick
from console.world import World
from core.ledger import tables as t
from core.ledger import verify_audit
from core.ledger.codec import unpacked
from core.model import Hazard, Level, RiskScore

COUNTY = Path(__file__).resolve().parents[2] / "county" / "haimen"
START = datetime(2021, 7, 24, 16, tzinfo=UTC)
STORM = [START, START + timedelta(hours=12), START + timedelta(hours=22), START + timedelta(hours=34)]
LATER = STORM[-1] + timedelta(hours=6)


@dataclass(frozen=True)
class Played:
    """Bodies of assessments and drafts of the storm's times; scores of each time, the last of them with feeds broken."""

    assessed: list[str]
    drafted: list[str]
    scores: list[list[RiskScore]]


def step(outside: World, ctx: Context, at: datetime) -> list[RiskScore]:
    """Everything before people decide, at one time."""
    outside.set_clock(at)
    report = TickReport(at=at)
    for stage in BEFORE:
        stage(at, ctx, report)
    return list(report.assessment.scores)


def play(outside: World, ctx: Context, broken: dict[str, str]) -> Played:
    """The storm's times, then one more with the feeds under the paths of `broken` failing in their ways, then everything to the people's phones."""
    scores = [step(outside, ctx, at) for at in STORM]
    with ctx.ledger.begin() as tx:
        assessed = list(unpacked(tx.execute(select(t.evidence.c.body).order_by(t.evidence.c.at, t.evidence.c.part)).scalars()))
        drafted = list(tx.execute(select(t.alert_version.c.body).order_by(t.alert_version.c.alert_id, t.alert_version.c.version)).scalars())
    for path, kind in broken.items():
        outside.fault(path, kind)
    return Played(assessed, drafted, [*scores, step(outside, ctx, LATER)])


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own on a socket; it refuses to run as root, so root runs it as nobody."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or (os.geteuid() == 0 and shutil.which("setpriv") is None):
        pytest.skip("no PostgreSQL server under /usr/lib/postgresql that could be run here")
    folder = Path("/tmp") / f"fengsui-chain-{os.getpid()}"  # a socket path is at most 107 bytes, pytest's folders are longer
    folder.mkdir(mode=0o700)
    lower = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if lower:
        os.chown(folder, 65534, 65534)
    subprocess.run([*lower, found[-1], "-D", folder / "data", "-U", "fengsui", "-A", "trust", "-N", "-E", "UTF8"], check=True, capture_output=True, cwd=folder)
    server = subprocess.Popen([*lower, found[-1].parent / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-F"],
                              cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"postgresql+psycopg://fengsui@/postgres?host={folder}"
    try:
        engine = sa.create_engine(url)
        for _ in range(200):
            try:
                engine.connect().close()
                break
            except sa.exc.OperationalError:
                time.sleep(0.05)
        engine.dispose()
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """SQLite and the broker that is installed; at the end the stations' login and the grid company's answer are broken."""
    with world(tmp_path_factory.mktemp("storm"), COUNTY, "in-fa-2021") as (outside, ctx):
        return play(outside, ctx, {"/music/api": "login", "/power/outages": "truncated"})


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The same storm over the embedded MQTT broker, which must not change a byte; at the end the stations and the official signals are gone."""
    with world(tmp_path_factory.mktemp("again"), COUNTY, "in-fa-2021", embedded_broker=True) as (outside, ctx):
        return play(outside, ctx, {"/music/api": "off", "/nmc/rest/findAlarm": "garbage"})


def peak(scores: list[RiskScore], hazard: Hazard) -> Level:
    return max(score.level for score in scores if score.hazard is hazard)


def test_the_storm_is_seen_and_the_official_floor_respected(storm: Played) -> None:
    calm, far, orange, rain, _ = storm.scores
    assert peak(calm, Hazard.TYPHOON) is Level.NONE
    assert peak(far, Hazard.TYPHOON) >= Level.BLUE
    assert {s.level for s in orange if s.hazard is Hazard.TYPHOON} == {Level.ORANGE}  # the signal of 07-25 21:08 concerns every town
    assert all(s.level >= s.floor for scores in storm.scores for s in scores)
    assert peak(rain, Hazard.FLOOD) >= Level.BLUE and storm.drafted


def test_two_runs_with_one_clock_are_equal_byte_for_byte(storm: Played, again: Played) -> None:
    assert again.assessed == storm.assessed
    assert again.drafted == storm.drafted


@pytest.mark.parametrize("name", ["storm", "again"])
def test_feeds_that_fall_silent_lower_nothing_and_are_named(name: str, request: pytest.FixtureRequest) -> None:
    played: Played = request.getfixturevalue(name)
    before = {(s.town, s.hazard): s.level for s in played.scores[-2]}
    for score in played.scores[-1]:
        assert score.level >= before[score.town, score.hazard], (score.town, score.hazard)
        assert score.ceiling >= score.level
    flood = [s for s in played.scores[-1] if s.hazard is Hazard.FLOOD]
    assert all("weather" in s.silent for s in flood)
    assert any(s.ceiling > s.level for s in flood)


def test_the_full_chain_on_postgresql_reaches_people_and_a_repeat_reaches_nobody(postgres: str, tmp_path: Path) -> None:
    with world(tmp_path, COUNTY, "in-fa-2021", postgres, embedded_broker=True) as (outside, ctx):
        assert ctx.settings.ledger_address == postgres
        at = STORM[1]
        outside.set_clock(at)
        report = tick(at, ctx, demonstrate)
        assert report.drafted and report.issued == report.drafted and not report.dispatch.refused
        assert report.dispatch.sent > 0
        sent = outside.sms_log.read_text(encoding="utf-8").count("\n")
        assert tick(at, ctx, demonstrate).dispatch.sent == 0
        assert outside.sms_log.read_text(encoding="utf-8").count("\n") == sent
        with ctx.ledger.begin() as tx:
            states = Counter(map(tuple, tx.execute(select(t.delivery.c.channel, t.delivery.c.state))))
        assert {state for channel, state in states if channel == "sms"} <= {"accepted", "sent", "delivered"}
        assert states["broadcast", "delivered"] > 0 and set(states) - {("broadcast", "undelivered"), ("broadcast", "pending")} < set(states)  # two are off
        assert verify_audit(ctx.ledger).broken_at is None and list((tmp_path / "cap" / "exercise").glob("*.xml"))
        assert not arrived(at, ctx), "the canary: nothing has been set off"
        assert carry(at, ctx)
        until = time.monotonic() + 10
        while not arrived(at, ctx) and time.monotonic() < until:
            time.sleep(0.1)
        assert arrived(at, ctx), "the sandbox's own test phone and test loudspeaker received it"


def arrived(at: datetime, ctx: Context) -> bool:
    """Whether the watch has seen the beat of `at` at every end."""
    watch.look(at, ctx.county, ctx.settings)
    found = watch.state(at, ctx.county, ctx.settings)
    return found is not None and found["last"] is not None and not found["ill"]


def test_the_plum_rain_raises_no_alert_for_haimen(tmp_path: Path) -> None:
    start = datetime(2023, 7, 6, 4, tzinfo=UTC)
    with world(tmp_path, COUNTY, "plum-rain-2023") as (outside, ctx):
        scores = [step(outside, ctx, start + timedelta(hours=h)) for h in (0, 9, 15, 22)]
        with ctx.ledger.begin() as tx:
            assert tx.execute(select(t.alert_version.c.body)).first() is None
    assert all(score.level is Level.NONE for moment in scores for score in moment)
