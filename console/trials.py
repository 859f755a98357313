"""What the analyst's commands share: packs of a folder or of a git revision, and one back-test of them over some ground."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.times import parse_iso

if TYPE_CHECKING:
    from console.storms import Ground
    from core.county import County
    from rules.backtest import Run

Say = Callable[[str], None]
SHIPPED = Path("rules/packs")
#: From so many steps on, other processes help; each needs some hundred MiB for its block.
MANY_STEPS, MAX_WORKERS = 200, 8
#: A longer period is read in blocks, unless told otherwise: step by step a year takes hours.
LONG, BLOCK, SHORTEST = timedelta(days=7), timedelta(days=28), timedelta(days=1)
#: Steps x (towns + stations) of one block: some hundred MiB a process. A small county's 28 days are less, a province's day is more.
CELLS = 400_000


def span(text: str) -> timedelta:
    """'30 min', '1 h' or '7 d' as a time span; ConfigError otherwise."""
    from rules.testworld import hours

    return timedelta(hours=hours(text))


def grounds(*, storms: list[str], start: str, end: str, step: str, home: Path | None, county: Path | None, cache: Path, say: Say) -> list[Ground]:
    """The recorded storms named ("all" for every one), or one period of an installation; ConfigError for a call that says neither."""
    from console import storms as s
    from core.settings import Settings

    folder = county or Path(Settings.load().county)
    wanted = s.names(folder) if storms == ["all"] else storms
    if wanted:
        return [s.storm(folder, name, cache, span(step) if step else None, say) for name in wanted]
    if not start or not end:
        raise ConfigError("请给出 --storm 或 --from 与 --to / give --storm, or --from and --to", hint=f"现有情景 / storms: {', '.join(s.names(folder))}")
    return [s.stored(home or Settings.load().home, folder, parse_iso(start), parse_iso(end), span(step or "30 min"))]


def reading(county: County, step: timedelta) -> timedelta:
    """How much of a long period is read at once: BLOCK, and less in a county of many towns and stations."""
    return max(SHORTEST, min(BLOCK, CELLS // max(1, len(county.towns) + len(county.stations)) * step))


def play(ground: Ground, packs: Path | None, say: Say, block: timedelta | None = None) -> Run:
    """Back-test the county's packs (those in folder `packs` first) over the ground: one step at a time, a period over LONG in blocks (`reading`), or as given."""
    from rules import backtest
    from rules.assess import rules_of
    from rules.packs import FOLDER

    rules = rules_of(ground.county, ground.start, packs or FOLDER)
    ticks = backtest.steps(ground.start, ground.end, ground.step)
    source = backtest.stored(ground.county, ground.lake, ground.ledger, rules)
    if block is None and ground.end - ground.start > LONG:
        block = reading(ground.county, ground.step)
        say(f"时段较长，一次读入 {block / timedelta(days=1):.1f} 天（--block 可改）/ a long period, read that many days at once")
    workers = min(MAX_WORKERS, os.cpu_count() or 1) if len(ticks) >= MANY_STEPS else 1
    if workers > 1:
        ground.ledger.close()  # no connection goes through a fork; each process opens its own
    return backtest.run(ticks=ticks, county=ground.county, rules=rules, source=source, block=max(1, (block or ground.step) // ground.step), say=say, workers=workers)


@contextmanager
def packs_of(side: str) -> Iterator[Path | None]:
    """A folder of packs: a path, "" for the shipped ones, or a git revision, whose packs are unpacked for as long as they are used."""
    if not side or Path(side).is_dir():
        yield Path(side) if side else None
        return
    with TemporaryDirectory(prefix="fengsui-packs-") as folder:
        yield _unpack(side, Path(folder))


def _unpack(revision: str, folder: Path) -> Path:
    if revision.startswith("-"):
        raise ConfigError(f"不是文件夹也不是版本：{revision} / neither a folder nor a revision")
    wrong = f"不是文件夹，也不是 git 版本：{revision} / neither a folder nor a git revision"
    try:
        done = subprocess.run(["git", "archive", "--format=tar", revision, str(SHIPPED)], capture_output=True, check=False)
    except OSError as error:
        raise ConfigError(wrong, hint="没有 git / git is not installed") from error
    if done.returncode:
        raise ConfigError(wrong, hint=done.stderr.decode(errors="replace").strip()[:200])
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / SHIPPED
