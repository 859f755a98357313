"""What the analyst's commands share: packs of a folder or of a git revision, and one back-test of them over some ground."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
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


def grounds(
    *, storms: list[str], start: str, end: str, step: str, home: Path | None, county: Path | None, cache: Path | None, say: Say, usual: list[str] | None = None,
) -> list[Ground]:
    """The recorded storms named ("all" for every one), or one period of an installation; `usual` where neither is named. ConfigError for a call that
    says neither, or both: one of them would be passed over in silence."""
    from console import storms as s
    from core.settings import Settings

    settings = Settings.load()
    folder, known = county or Path(settings.county), s.names(county or Path(settings.county))
    if storms and (start or end):
        raise ConfigError("--storm 与 --from、--to 只能写一种 / give --storm, or --from and --to, not both")
    named = storms or ([] if start or end else usual or [])
    if wanted := known if named == ["all"] else named:
        return [s.storm(folder, name, cache or settings.home / "storms", span(step) if step else None, say) for name in wanted]
    if not start or not end:
        raise ConfigError("请给出 --storm 或 --from 与 --to / give --storm, or --from and --to", hint=f"现有情景 / storms: {', '.join(known) or '-'}")
    first, last = parse_iso(start), parse_iso(end)
    if last < first:
        raise ConfigError(f"--to {end} 早于 --from {start} / the period ends before it begins")
    here = settings.model_copy(update={"home": home, "lake_url": "", "ledger_url": ""}) if home else settings
    return [s.stored(here, folder, first, last, span(step or "30 min"))]


def reading(county: County, step: timedelta) -> timedelta:
    """How much of a long period is read at once: BLOCK, and less in a county of many towns and stations."""
    return max(SHORTEST, min(BLOCK, CELLS // max(1, len(county.towns) + len(county.stations)) * step))


def play(ground: Ground, packs: Path | None, say: Say, block: timedelta | None = None, add: Sequence[str] = ()) -> Run:
    """Back-test the county's packs (those in folder `packs` first) over the ground: one step at a time, a period over LONG in blocks (`reading`), or as given.

    `add`: packs that the county does not select yet, at work besides.
    """
    from rules import backtest
    from rules.assess import rules_of
    from rules.packs import FOLDER, find, load_packs

    ground = replace(ground, county=replace(ground.county, packs=tuple(dict.fromkeys((*ground.county.packs, *add)))))
    if packs is not None:
        tried(packs, ground.county, say)
    rules = rules_of(ground.county, ground.start, packs or FOLDER)
    ticks = backtest.steps(ground.start, ground.end, ground.step)
    day = ground.start.astimezone(ground.county.zone).date()
    idle = [p.pack for p in load_packs(find(ground.county.packs, ground.county.root, packs or FOLDER)) if not p.valid_on(day)]
    if idle:
        say(f"在这一时段之初不在有效期，没有用 / not in force when the period begins, not used: {'、'.join(idle)}")
    source = backtest.stored(ground.county, ground.lake, ground.ledger, rules)
    if block is None and ground.end - ground.start > LONG:
        block = reading(ground.county, ground.step)
        say(f"时段较长，一次读入 {block / timedelta(days=1):.1f} 天（--block 可改）/ a long period, read that many days at once")
    workers = min(MAX_WORKERS, os.cpu_count() or 1) if len(ticks) >= MANY_STEPS else 1
    if workers > 1:
        ground.ledger.close()  # no connection goes through a fork; each process opens its own
    return backtest.run(ticks=ticks, county=ground.county, rules=rules, source=source, block=max(1, (block or ground.step) // ground.step), say=say, workers=workers)


def tried(packs: Path, county: County, say: Say) -> None:
    """Tell which packs of a folder are on trial; ConfigError where the county selects none of them, for then the shipped ones would be tried."""
    from rules.packs import FOLDER

    chosen = [name for name in county.packs if (packs / f"{name}.yaml").is_file()]
    if not chosen:
        above = next((str(folder) for folder in packs.resolve().parents if any((folder / f"{name}.yaml").is_file() for name in county.packs)), "")
        raise ConfigError("文件夹里没有本县选用的规则包，试了等于没试 / none of the county's packs is in this folder", path=packs,
                          hint=f"是不是 {above}？/ did you mean {above}?" if above else f"应有 / expected: {', '.join(f'{name}.yaml' for name in county.packs)}")
    others = [path.relative_to(packs) for path in sorted(packs.rglob("*.yaml")) if not path.name.endswith(".test.yaml")]
    unused = [str(path.with_suffix("")) for path in others if str(path.with_suffix("")) not in chosen and not _same(packs / path, FOLDER / path)]
    if unused:
        say(f"本县 county.yaml 没有选用，没有试（--add 可加）/ not selected by the county, not tried (--add): {'、'.join(unused)}")


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and path.read_bytes() == other.read_bytes()


@contextmanager
def packs_of(side: str) -> Iterator[Path | None]:
    """A folder of packs: a path, "" for the shipped ones, or a git revision, whose packs are unpacked for as long as they are used."""
    if not side or Path(side).is_dir():
        yield Path(side) if side else None
        return
    with TemporaryDirectory(prefix="fengsui-packs-") as folder:
        yield _unpack(side, Path(folder))


def _unpack(revision: str, folder: Path) -> Path:
    """The packs of a revision of the checkout one stands in, else of the one that the shipped packs come from."""
    from rules.packs import FOLDER

    if revision.startswith("-"):
        raise ConfigError(f"不是文件夹也不是版本：{revision} / neither a folder nor a revision")
    wrong = f"不是文件夹，也不是 git 版本：{revision} / neither a folder nor a git revision"
    try:
        done = subprocess.run(["git", "archive", "--format=tar", revision], cwd=SHIPPED if SHIPPED.is_dir() else FOLDER, capture_output=True, check=False)
    except OSError as error:
        raise ConfigError(wrong, hint="没有 git / git is not installed") from error
    if done.returncode:
        raise ConfigError(wrong, hint=done.stderr.decode(errors="replace").strip()[:200])
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder
