"""A scenario: one folder of data that another county can write too.

scenario.yaml says what it is, when, its moments, what is fact and from where, and what must come of it; the CSV files hold
what each feed would have said and when; a recording (`recorded: true`) holds what they did say.
Times in the files are on the Beijing clock without a zone, as the feeds give them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from console.sandbox.runs import RUNS, Run, load_runs
from core import yamlfile
from core.errors import ConfigError, ConfigErrors
from core.model import Level
from core.times import parse_local

FILES: dict[str, tuple[str, ...]] = {
    "track": ("time", "lat", "lon", "pressure", "wind", "r7", "r10", "r12", "move_speed", "move_direction", "landfall", "synthetic"),
    "signals": ("identifier", "adcode", "event", "level", "issuer", "title", "issued", "lifted", "synthetic"),
    "weather": ("time", "station", "rain_1h", "wind", "gust", "direction", "pressure", "synthetic"),
    "water": ("time", "station", "property", "value", "synthetic"),
    "power": ("time", "town", "customers_out", "customers_total", "areas_out", "areas_total", "synthetic"),
    "sensors": ("time", "station", "property", "value", "unit", "synthetic"),
    "reports": ("time", "reporter", "town", "village", "kind", "value", "unit", "note", "synthetic"),
}
#: Files that a scenario may do without.
MAY_BE_ABSENT = ("reports",)
#: What makes a row of each file one of its kind; the same key twice is an error.
KEYS: dict[str, tuple[str, ...]] = {
    "track": ("time",), "signals": ("identifier",), "weather": ("time", "station"), "water": ("time", "station", "property"),
    "power": ("time", "town"), "sensors": ("time", "station", "property"),
    "reports": ("time", "reporter", "kind"),
}
#: Names of the sixteen directions as the Zhejiang site writes them, clockwise from north.
DIRECTIONS = ("北", "北北东", "东北", "东东北", "东", "东东南", "东南", "南南东", "南", "南南西", "西南", "西西南", "西", "西西北", "西北", "北北西")
WANTED = ("name", "title", "title_en", "start", "end", "step_s", "moments", "sources", "expect")
ALLOWED = (*WANTED, "storm", "assumptions", "recipe", "recorded")
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
    """What a scenario folder says; `rows` by file name, each row with its own time under `at`; `runs`: the pulls of a recording."""

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
    runs: tuple[Run, ...] = ()

    @property
    def recorded(self) -> bool:
        """Whether the feeds' own documents are served (console.sandbox.recording), instead of the files being spoken in the feeds' formats."""
        return bool(self.runs)

    def until(self, name: str, at: datetime) -> list[tuple[datetime, Row]]:
        """Rows of file `name` up to and including `at`."""
        return [(when, row) for when, row in self.rows[name] if when <= at]


def load_scenario(folder: Path) -> Scenario:
    """Read a scenario folder; ConfigErrors that tell everything wrong with it at once, each with file:line."""
    path = folder / "scenario.yaml"
    data, where = yamlfile.load(path)
    errors = [ConfigError(f"缺少 {key} / missing key", path=path, line=1) for key in WANTED if key not in data]
    errors += [ConfigError(f"不认识的键 {key} / unknown key", path=path, line=where(key), hint=f"可用 / known: {', '.join(ALLOWED)}")
               for key in data if key not in ALLOWED]
    runs: tuple[Run, ...] = ()
    rows = dict[str, tuple[tuple[datetime, Row], ...]](dict.fromkeys(FILES, ()))
    if data.get("recorded"):
        runs = load_runs(folder, errors)
        if not runs and not errors:
            errors.append(ConfigError("录制里没有一次拉取 / a recording without a pull", path=folder / RUNS))
    else:
        rows = {name: tuple(sorted(_rows(folder / f"{name}.csv", name, errors), key=lambda pair: pair[0])) for name in FILES}
    if errors:
        raise ConfigErrors(errors)
    times = {}
    for key in ("start", "end"):
        times[key] = _moment_time(data[key], path, where(key), errors)
    moments = tuple(_moments(data["moments"], path, where, errors))
    if not isinstance(data["step_s"], int) or data["step_s"] <= 0:
        errors.append(ConfigError("step_s 应为正整数秒 / whole seconds above zero", path=path, line=where("step_s")))
    storm = {k: str(v) for k, v in dict(data.get("storm") or {}).items()}
    if rows["track"] and not {"id", "name", "en", "nmc"} <= set(storm):
        errors.append(ConfigError("有路径须写 storm: {id, name, en, nmc} / a track needs its storm", path=path, line=where("storm")))
    start, end = times["start"], times["end"]
    if start and end:
        if start >= end:
            errors.append(ConfigError("end 应晚于 start / the end is not after the start", path=path, line=where("end")))
        errors += [ConfigError(f"时刻 {m.moment} 不在起止之间 / moment outside start..end", path=path, line=where("moments", i))
                   for i, m in enumerate(moments) if not start <= m.at <= end]
    if errors or start is None or end is None:
        raise ConfigErrors(errors)
    return Scenario(
        name=data["name"], title=data["title"], title_en=data["title_en"], start=start, end=end, step_s=data["step_s"], storm=storm,
        sources=dict(data["sources"]), expect=dict(data["expect"]), rows=rows, moments=moments, runs=runs,
    )


def _moment_time(text: object, path: Path, line: int, errors: list[ConfigError]) -> datetime | None:
    try:
        return parse_local(str(text), PATTERN)
    except ValueError:
        errors.append(ConfigError(f"时间应写作 2021-07-25 06:00（北京时间）/ bad time: {text!r}", path=path, line=line))
        return None


def _moments(wanted: Any, path: Path, where: yamlfile.Where, errors: list[ConfigError]) -> Iterator[Moment]:
    known: set[str] = set()
    for index, item in enumerate(wanted or ()):
        line = where("moments", index)
        if not isinstance(item, dict) or {"id", "title", "at"} != set(item) or item["id"] in known:
            errors.append(ConfigError("时刻应为 {id, title, at}，id 不重复 / a moment is {id, title, at} with an id of its own", path=path, line=line))
            continue
        known.add(item["id"])
        at = _moment_time(item["at"], path, line, errors)
        if at:
            yield Moment(moment=item["id"], title=item["title"], at=at)


def _rows(path: Path, name: str, errors: list[ConfigError]) -> Iterator[tuple[datetime, Row]]:
    """The sound rows of one file; signals are placed by their issue time. What is wrong goes to `errors` with its line."""
    if not path.is_file():
        if name in MAY_BE_ABSENT:
            return
        errors.append(ConfigError("文件不存在 / missing file", path=path))
        return
    seen: set[tuple[str, ...]] = set()
    with path.open(encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text)
        if tuple(reader.fieldnames or ()) != FILES[name]:
            errors.append(ConfigError(f"表头应为 {','.join(FILES[name])} / wrong header", path=path, line=1))
            return
        for row in reader:
            wrong = list(_wrong(name, row))
            key = tuple(row[column] for column in KEYS[name])
            if not wrong and key in seen:
                wrong.append(f"重复 / twice: {' '.join(key)}")
            seen.add(key)
            errors += [ConfigError(reason, path=path, line=reader.line_num) for reason in wrong]
            if not wrong:
                yield parse_local(row["issued"] if "issued" in row else row["time"], PATTERN), row


def _wrong(name: str, row: Row) -> Iterator[str]:
    """What is wrong with one row, in words; nothing for a sound one."""
    if None in row or None in row.values():
        yield f"应有 {len(FILES[name])} 列 / wrong number of columns"
        return
    for column, text in row.items():
        if column in COLUMNS and not (row.get("landfall") and text == "") and not (name == "reports" and text == "") and not COLUMNS[column][0](text):
            yield f"{column}：{COLUMNS[column][1]} / bad {column}: {text[:30]!r}"
    for out, total in (("customers_out", "customers_total"), ("areas_out", "areas_total")) if name == "power" else ():
        if _whole(row[out]) and _whole(row[total]) and int(row[out]) > int(row[total]):
            yield f"{out} 超过 {total} / more out than there are"
    if name == "signals" and _time(row["issued"]) and _time(row["lifted"]) and row["lifted"] <= row["issued"]:
        yield "解除应晚于发布 / lifted before it was issued"


def _number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _whole(text: str) -> bool:
    return text.isdecimal()


def _time(text: str) -> bool:
    try:
        parse_local(text, PATTERN)
    except ValueError:
        return False
    return True


def _radii(text: str) -> bool:
    return text == "" or (text.count("|") == 3 and all(_whole(part) for part in text.split("|")))


_NUMBER = (_number, "应为数字")
_COUNT = (_whole, "应为非负整数")
_CLOCK = (_time, "应写作 2021-07-25 06:00")
#: What each column's text must be.
COLUMNS: dict[str, tuple[Callable[[str], bool], str]] = {
    **dict.fromkeys(("lat", "lon", "wind", "pressure", "move_speed", "rain_1h", "gust", "direction", "value"), _NUMBER),
    **dict.fromkeys(("customers_out", "customers_total", "areas_out", "areas_total"), _COUNT),
    **dict.fromkeys(("time", "issued", "lifted"), _CLOCK),
    **dict.fromkeys(("r7", "r10", "r12"), (_radii, "应为 NE|SE|SW|NW 四个公里数或空")),
    "move_direction": (lambda text: text in ("", *DIRECTIONS), "应为十六方位之一或空"),
    "level": (lambda text: text.upper() in Level.__members__ and text.upper() != "NONE", "应为 blue、yellow、orange 或 red"),
    "adcode": (lambda text: len(text) == 6 and _whole(text), "应为六位行政区划代码"),
    "synthetic": (lambda text: text in ("true", "false"), "应为 true 或 false"),
}
