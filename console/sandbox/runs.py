"""The files of a recording: runs.csv (time on the Beijing clock, feed, what the pull came to, SHA-256 of its bytes) and raw/<sha256>.zst."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import ConfigError
from core.times import parse_local

RUNS, RAW = "runs.csv", "raw"
COLUMNS = ("time", "feed", "outcome", "raw")
OUTCOMES = ("ok", "partial", "unchanged", "failed")
PATTERN = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pull: `raw` is the hash of its bytes, "" where none came."""

    at: datetime
    feed: str
    outcome: str
    raw: str


def load_runs(folder: Path, errors: list[ConfigError]) -> tuple[Run, ...]:
    """The pulls of a recording, oldest first; what is wrong goes to `errors` with its line."""
    path = folder / RUNS
    if not path.is_file():
        errors.append(ConfigError("文件不存在 / missing file", path=path, hint="fengsui record"))
        return ()
    with path.open(encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            errors.append(ConfigError(f"表头应为 {','.join(COLUMNS)} / wrong header", path=path, line=1))
            return ()
        found = []
        for row in reader:
            wrong = [ConfigError(words, path=path, line=reader.line_num) for words in _wrong(row, folder)]
            errors += wrong
            if not wrong:
                found.append(Run(at=parse_local(row["time"], PATTERN), feed=row["feed"], outcome=row["outcome"], raw=row["raw"]))
    return tuple(sorted(found, key=lambda run: (run.at, run.feed)))


def _wrong(row: dict[str, str], folder: Path) -> Iterator[str]:
    if None in row or None in row.values():
        yield f"应有 {len(COLUMNS)} 列 / wrong number of columns"
        return
    try:
        parse_local(row["time"], PATTERN)
    except ValueError:
        yield f"time：应写作 2021-07-25 06:00:00（北京时间）/ bad time: {row['time'][:30]!r}"
    if row["outcome"] not in OUTCOMES:
        yield f"outcome：应为 {'、'.join(OUTCOMES)} 之一 / bad outcome: {row['outcome'][:30]!r}"
    if row["raw"] and not re.fullmatch(r"[0-9a-f]{64}", row["raw"]):
        yield f"raw：应为 SHA-256 / not a hash: {row['raw'][:30]!r}"
    elif row["raw"] and not raw_file(folder, row["raw"]).is_file():
        yield f"原始文件 {RAW}/{row['raw'][:12]}….zst 不在 / its bytes are not there"
    elif not row["raw"] and row["outcome"] != "failed":
        yield "raw 是空的，只有失败的拉取可以没有 / only a failed pull may have no bytes"


def raw_file(folder: Path, sha: str) -> Path:
    """Where a pull's bytes lie."""
    return folder / RAW / f"{sha}.zst"
