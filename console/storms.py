"""Recorded storms as stores that the analyst's commands can read: the feeds of a scenario pulled once through the production connectors, then kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.county import County, load_county
from core.errors import ConfigError
from core.lake import Lake
from core.ledger import Ledger
from core.settings import Settings
from core.signing import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a back-test stands on: county, stores and period (aware)."""

    name: str
    county: County
    lake: Lake
    ledger: Ledger
    start: datetime
    end: datetime
    step: timedelta


def stored(settings: Settings, county: Path, start: datetime, end: datetime, step: timedelta) -> Ground:
    """The stores of an installation, over a period in which something was received; ConfigError otherwise: an empty store would show as calm."""
    if not settings.founded:
        raise ConfigError("这里没有台账与湖，不是状态文件夹 / no stores here", path=settings.home, hint="用 --home 或 FENGSUI_HOME 指出，如 .run/state / name it")
    lake = Lake(settings.lake_root)
    days = lake.days()
    if not any(start.date() <= day <= end.date() for day in days):
        raise ConfigError("这一时段没有收到任何读数，回测不出平安 / nothing was received in this period, which says nothing", path=settings.lake_root,
                          hint=f"收到读数的日子 / days with readings: {days[0]} 至 {days[-1]}" if days else "湖是空的 / the lake is empty")
    return _ground(str(settings.home), county, lake, Ledger.open(settings.ledger_address), start, end, step)


def _ground(name: str, county: Path, lake: Lake, ledger: Ledger, start: datetime, end: datetime, step: timedelta) -> Ground:
    return Ground(name=name, county=load_county(county), lake=lake, ledger=ledger, start=start, end=end, step=step)


def storm(county: Path, name: str, root: Path, step: timedelta | None, say: Callable[[str], None]) -> Ground:
    """The stores of scenario `name`, kept under `root` and filled at the first call (about a minute: a broker and a feed simulator are started)."""
    from console.replay import find_scenario

    scenario = find_scenario(county, name)
    home = root / f"{name}-{_fingerprint(county, name)}"
    if not (home / "whole").is_file():
        shutil.rmtree(home, ignore_errors=True)
        _fill(home, county, name, say)
    ledger = Ledger.open(f"sqlite:///{home}/ledger.db")
    return _ground(str(home), county, Lake(home / "lake"), ledger, scenario.start, scenario.end, step or timedelta(seconds=scenario.step_s))


def names(county: Path) -> list[str]:
    """The recorded storms of a county folder; ConfigError where it is none."""
    if not (county / "county.yaml").is_file():
        raise ConfigError("这不是县域文件夹：缺 county.yaml / not a county folder", path=county, hint="用 --county 或 FENGSUI_COUNTY 指出 / name it")
    return sorted(p.parent.name for p in (county / "scenarios").glob("*/scenario.yaml"))


def _fingerprint(county: Path, name: str) -> str:
    """Changes with the scenario's files and with the county's; packs are no part of it, for they read the store and do not make it."""
    files = sorted((county / "scenarios" / name).iterdir())
    return digest("\n".join([load_county(county).version, *(digest(p.read_bytes()) for p in files if p.is_file())]))[:12]


def _fill(home: Path, county: Path, name: str, say: Callable[[str], None]) -> None:
    from console.replay import find_scenario, instants, world
    from console.steps import TickReport, ingest_all

    with world(home, county, name) as (outside, ctx):
        times = instants(find_scenario(county, name))
        for number, at in enumerate(times, start=1):
            outside.set_clock(at)
            ingest_all(at, ctx, TickReport(at=at))
            say(f"取数 {number}/{len(times)} {at:%m-%d %H:%M}Z")
    (home / "whole").write_text("", encoding="utf-8")
