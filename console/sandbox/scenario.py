"""A scenario: one folder of data that another county can write too.

scenario.yaml says what it is, when, its moments, what is fact and from where, and what must come of it; the CSV files hold
what each feed would have said and when. Times in the files are on the Beijing clock without a zone, as the feeds give them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core import yamlfile
from core.errors import ConfigError, ConfigErrors
from core.times import parse_local

FILES: dict[str, tuple[str, ...]] = {
    "track": ("time", "lat", "lon", "pressure", "wind", "r7", "r10", "r12", "move_speed", "move_direction", "landfall", "synthetic"),
    "signals": ("identifier", "adcode", "event", "level", "issuer", "title", "issued", "lifted", "synthetic"),
    "weather": ("time", "station", "rain_1h", "wind", "gust", "direction", "pressure", "synthetic"),
    "water": ("time", "station", "property", "value", "synthetic"),
    "power": ("time", "town", "customers_out", "customers_total", "areas_out", "areas_total", "synthetic"),
    "sensors": ("time", "station", "property", "value", "unit", "synthetic"),
}
PATTERN = "%Y-%m-%d %H:%M"
Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time at which people decide."""

    moment: str
    title: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a scenario folder says; `rows` by file name, each row with its own time under `at`."""

    name: str
    title: str
    title_en: str
    start: datetime
    end: datetime
    step_s: int
    moments: tuple[Moment, ...]
    storm: dict[str, str]
    sources: dict[str, str]
    expect: dict[str, Any]
    rows: dict[str, tuple[tuple[datetime, Row], ...]]

    def until(self, name: str, at: datetime) -> list[tuple[datetime, Row]]:
        """Rows of file `name` up to and including `at`."""
        return [(when, row) for when, row in self.rows[name] if when <= at]


def load_scenario(folder: Path) -> Scenario:
    """Read a scenario folder; ConfigErrors with file:line when it is wrong."""
    data, where = yamlfile.load(folder / "scenario.yaml")
    wanted = ("name", "title", "title_en", "start", "end", "step_s", "moments", "sources", "expect")
    errors = [ConfigError(f"缺少 {key} / missing key", path=folder / "scenario.yaml", line=1) for key in wanted if key not in data]
    rows = {name: _rows(folder / f"{name}.csv", columns, errors) for name, columns in FILES.items()}
    if errors:
        raise ConfigErrors(errors)

    def moment_of(text: str, *keys: str | int) -> datetime:
        try:
            return parse_local(str(text), PATTERN)
        except ValueError as error:
            raise ConfigError(f"时间应写作 2021-07-25 06:00（北京时间）/ bad time: {text!r}", path=folder / "scenario.yaml", line=where(*keys)) from error

    return Scenario(
        name=data["name"], title=data["title"], title_en=data["title_en"], start=moment_of(data["start"], "start"), end=moment_of(data["end"], "end"),
        step_s=int(data["step_s"]), storm={k: str(v) for k, v in dict(data.get("storm") or {}).items()}, sources=dict(data["sources"]),
        expect=dict(data["expect"]), rows=rows,
        moments=tuple(Moment(moment=m["id"], title=m["title"], at=moment_of(m["at"], "moments", i)) for i, m in enumerate(data["moments"] or ())),
    )


def _rows(path: Path, columns: tuple[str, ...], errors: list[ConfigError]) -> tuple[tuple[datetime, Row], ...]:
    """Rows of one file in time order; signals are placed by their issue time."""
    if not path.is_file():
        errors.append(ConfigError("文件不存在 / missing file", path=path))
        return ()
    rows = []
    with path.open(encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text)
        if tuple(reader.fieldnames or ()) != columns:
            errors.append(ConfigError(f"表头应为 {','.join(columns)} / wrong header", path=path, line=1))
            return ()
        for row in reader:
            try:
                rows.append((parse_local(row["issued"] if "issued" in row else row["time"], PATTERN), row))
            except (ValueError, AttributeError):
                errors.append(ConfigError("时间应写作 2021-07-25 06:00 / bad time", path=path, line=reader.line_num))
    return tuple(sorted(rows, key=lambda pair: pair[0]))
