"""From an installation's own lake and ledger to a scenario: what its feeds answered over a period, to be rehearsed and back-tested again.

Nothing is read anew: the bytes of every pull were kept, and the pulls are in the ledger. What people sent in that looks like a telephone number stays out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connectors.registry import CONNECTORS
from console.context import Context
from console.sandbox import scenario
from console.sandbox.runs import COLUMNS, PATTERN, RAW, RUNS, Run, raw_file
from core.errors import ConfigError, StoreError
from core.ledger import tables as t
from core.pii import mask
from core.times import SHANGHAI, iso, parse_iso

#: What people write, and numbers may stand in.
WRITTEN = ("inbox", "file_drop")
MAX_MOMENTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was written: pulls, documents, and what had to stay out, by feed."""

    folder: Path
    pulls: int
    documents: int
    left_out: dict[str, int]


def record(ctx: Context, name: str, *, start: datetime, end: datetime, lead: timedelta, step: timedelta, title: str, say: Callable[[str], None]) -> Recorded:
    """Write scenarios/<name> of the county: the pulls from `start` - `lead` to `end` (aware), a replay in steps of `step`, moments where versions were
    drafted. ConfigError where there is such a scenario, or nothing was pulled."""
    folder = ctx.county.root / "scenarios" / name
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ConfigError(f"情景名 {name!r} 只用小写字母、数字、连字符 / lower-case letters, digits and hyphens")
    if folder.exists():
        raise ConfigError("这个情景已在 / there is such a scenario", path=folder, hint="换个名字，或先移走 / another name, or move it away")
    if end <= start:
        raise ConfigError("--to 应晚于 --from / the end is not after the start")
    pulls = sorted({*_pulled(ctx, start - lead, end), *_queued(ctx, start - lead, end)}, key=lambda run: (run.at, run.feed, run.raw))
    if not pulls:
        raise ConfigError("这段时间没有一次拉取 / nothing was pulled in this period", path=ctx.settings.home)
    (folder / RAW).mkdir(parents=True)
    left_out: dict[str, int] = {}
    kept = []
    for number, run in enumerate(pulls, start=1):
        if run.raw and not raw_file(folder, run.raw).exists() and not _copied(ctx, folder, run):
            left_out[run.feed] = left_out.get(run.feed, 0) + 1
            continue
        kept.append(run)
        if number % 500 == 0 or number == len(pulls):
            say(f"{number}/{len(pulls)} 次拉取 / pulls")
    rows = [",".join((run.at.astimezone(SHANGHAI).strftime(PATTERN), run.feed, run.outcome, run.raw)) for run in kept]
    (folder / RUNS).write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    _describe(ctx, folder, start, end, step, title, len(kept))
    return Recorded(folder=folder, pulls=len(kept), documents=len({run.raw for run in kept if run.raw}), left_out=left_out)


def _pulled(ctx: Context, first: datetime, end: datetime) -> Iterator[Run]:
    r = t.feed_run.c
    feeds = [feed.feed for feed in ctx.county.feeds]
    with ctx.ledger.read() as tx:
        for row in tx.execute(select(r.feed, r.at, r.outcome, r.raw).where(r.at >= iso(first), r.at <= iso(end), r.feed.in_(feeds))):
            if row.raw or row.outcome == "failed":
                yield Run(at=parse_iso(row.at), feed=row.feed, outcome=row.outcome, raw=row.raw)


def _queued(ctx: Context, first: datetime, end: datetime) -> Iterator[Run]:
    """A queue is emptied in rounds, of which the ledger names the last; the others are known by the readings that came with them."""
    queues = [feed.feed for feed in ctx.county.feeds if CONNECTORS[feed.connector].queue]
    found = ctx.lake.observations(start=first - timedelta(days=10), end=end, as_of=end)
    mine = found[found["feed"].astype(str).isin(queues) & (found["received"] >= first)]
    rows: Any = mine[["feed", "received", "raw"]].astype({"feed": str, "raw": str}).drop_duplicates().itertuples(index=False)
    for row in rows:
        if row.raw:
            yield Run(at=row.received.to_pydatetime(), feed=row.feed, outcome="ok", raw=row.raw)


def _copied(ctx: Context, folder: Path, run: Run) -> bool:
    """The bytes of a pull from the lake into the folder; False where they are gone, or hold what may be somebody's number."""
    import pyarrow as pa

    try:
        body = ctx.lake.raw(run.raw)
    except StoreError:
        return False
    if ctx.county.feed(run.feed).connector in WRITTEN and mask(text := body.decode("utf-8", "replace")) != text:
        return False
    raw_file(folder, run.raw).write_bytes(bytes(pa.compress(body, codec="zstd", asbytes=True)))
    return True


def _describe(ctx: Context, folder: Path, start: datetime, end: datetime, step: timedelta, title: str, pulls: int) -> None:
    from ruamel.yaml import YAML

    def local(at: datetime) -> str:
        """As scenario.yaml writes a time."""
        return at.astimezone(SHANGHAI).strftime(scenario.PATTERN)

    v = t.alert_version.c
    with ctx.ledger.read() as tx:
        query = select(v.drafted_at).where(v.drafted_at >= iso(start), v.drafted_at <= iso(end)).distinct().order_by(v.drafted_at)
        drafted = list(dict.fromkeys(local(parse_iso(at)) for at in tx.execute(query).scalars()))
    moments = [{"id": f"m{n}", "title": f"拟稿 {n}", "at": at} for n, at in enumerate(drafted[:MAX_MOMENTS], start=1)]
    yaml = YAML()
    yaml.width = 160
    with (folder / "scenario.yaml").open("w", encoding="utf-8") as out:
        yaml.dump({
            "name": folder.name, "title": title or f"{ctx.county.name}实录 {local(start)} 至 {local(end)}", "title_en": f"Recording of {ctx.county.name_en}",
            "recorded": True, "start": local(start), "end": local(end), "step_s": int(step.total_seconds()), "moments": moments,
            "sources": {"recording": f"{ctx.county.name}各数据源当时的应答，逐字节，{pulls} 次拉取"}, "expect": {},
        }, out)
