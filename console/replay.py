"""Run a recorded scenario through the same steps without Airflow, with the scenario's clock.

The outside world is the sandbox: a broker, the feed simulator, the SMS gateway, the loudspeakers and the receiver of
status callbacks, all on loopback ports that they pick, all stopped at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from console.context import Context
from console.sandbox.scenario import Scenario, load_scenario
from console.steps import Decide, TickReport, tick
from console.world import World
from core.errors import ConfigError
from core.times import SHANGHAI

Say = Callable[[str], None]


def find_scenario(county: Path, name: str) -> Scenario:
    """The scenario `name` of a county folder; ConfigError that lists the known ones."""
    folder = county / "scenarios" / name
    if not (folder / "scenario.yaml").is_file():
        known = ", ".join(sorted(p.parent.name for p in (county / "scenarios").glob("*/scenario.yaml"))) or "-"
        raise ConfigError(f"没有名为 {name} 的情景 / no such scenario", path=county / "scenarios", hint=f"现有 / known: {known}")
    return load_scenario(folder)


def instants(scenario: Scenario) -> list[datetime]:
    """The times of a replay: every step from start to end, the moments included, in order and once."""
    steps, at = {scenario.end}, scenario.start
    while at < scenario.end:
        steps.add(at)
        at += timedelta(seconds=scenario.step_s)
    return sorted(steps | {moment.at for moment in scenario.moments})


def open_sessions(ctx: Context, at: datetime) -> None:
    """Make the broker keep sensor messages for us from now on: a session must exist before the first message is published."""
    from connectors import ingest

    for feed in ctx.county.feeds:
        if feed.connector == "mqtt_sensors" and not ctx.settings.sandbox_recorded:
            ingest(feed.feed, now=at, county=ctx.county, lake=ctx.lake, ledger=ctx.ledger, settings=ctx.settings)


@contextmanager
def world(home: Path, county: Path, scenario: str, ledger_url: str = "", *, embedded_broker: bool = False) -> Iterator[tuple[World, Context]]:
    """Start the sandbox for `scenario` with its state under `home`; stop all of it on the way out."""
    outside = World(home=home, county=county, scenario=scenario, ledger_url=ledger_url, embedded_broker=embedded_broker)
    try:
        outside.start()
        ctx = Context.load(outside.settings())
        open_sessions(ctx, find_scenario(county, scenario).start - timedelta(hours=1))
        yield outside, ctx
    finally:
        outside.stop()


def run(outside: World, ctx: Context, times: list[datetime], decide: Decide | None, say: Say, speed: float = 0.0) -> list[TickReport]:
    """Tick through `times`; `speed` > 0 sleeps so that one scenario hour takes 3600 / speed seconds."""
    reports = []
    for index, at in enumerate(times):
        outside.set_clock(at)
        reports.append(tick(at, ctx, decide))
        say(f"{index + 1}/{len(times)} {line(reports[-1], ctx.county.zone)}")
        if speed > 0 and index + 1 < len(times):
            time.sleep((times[index + 1] - at).total_seconds() / speed)
    return reports


def line(report: TickReport, zone: tzinfo = SHANGHAI) -> str:
    """One progress line of a tick, Beijing clock."""
    from core.model import Level
    from core.times import people

    levels = [score.level for score in report.assessment.scores]
    peak = max(levels, default=Level.NONE)
    failed = [r.feed for r in report.ingests if r.outcome == "failed"]
    records = sum(r.records for r in report.ingests)
    return (
        f"{people(report.at, zone)} 记录 {records} 条" + (f"（失败 {', '.join(failed)}）" if failed else "")
        + f" 最高 {peak.zh} 新版 {len(report.drafted)} 发布 {len(report.issued)}"
    )
