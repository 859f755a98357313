"""overrides.csv: a county's own numbers in place of a pack's, for one town or at one station. The file may be absent.

rule,level,parameter,town,station,value,unit,valid_from,source,verified,note
flood.ponding,blue,rain_1h,yuelai,,25,mm,,县防汛预案 2024 第三条,false,低洼    the threshold of rain_1h in blue, in one town
typhoon.wind,,near,baochang,,600,km,,自定,false,                             a named parameter of the pack, in one town
geological.points,blue,tilt_rate_24h,,DZ-01,0.08,deg,,监测单位 2024,false,     the threshold at one station, wherever it counts

What a rule, a parameter and a unit are is the rule engine's business (rules.overrides); here towns, stations, numbers and dates are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from core import yamlfile
from core.county.cells import NUMBER, Cells, read_csv
from core.county.problems import Problems, shown
from core.county.types import Station, Town
from core.errors import ConfigError

FILE = "overrides.csv"
COLUMNS = ("rule", "level", "parameter", "town", "station", "value", "unit", "valid_from", "source", "verified", "note")
LEVELS = ("blue", "yellow", "orange", "red")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One row. `value` in `unit` as written; `town` a key or `station` an id, the other ""; `level` "" for every level of the rule.

    `valid_from` None: always. `columns` says at which character (from 1) of line `line` each cell begins.
    """

    rule: str
    level: str
    parameter: str
    town: str
    station: str
    value: float
    unit: str
    valid_from: date | None
    source: str
    verified: bool
    note: str
    path: Path
    line: int
    columns: Mapping[str, int]

    @property
    def place(self) -> str:
        """Where it stands, for people: overrides.csv:3."""
        return f"{self.path.name}:{self.line}"

    def counts_on(self, day: date) -> bool:
        """Whether the row is in force on a day."""
        return self.valid_from is None or self.valid_from <= day


def read_overrides(problems: Problems, towns: Sequence[Town], stations: Mapping[str, Station]) -> tuple[Override, ...]:
    """The rows in the order of the file; every fault noted with file:line:column and the nearest known word."""
    path = problems.root / FILE
    if not path.is_file():
        return ()
    before = len(problems.errors)
    rows = read_csv(problems, FILE, COLUMNS)
    if len(problems.errors) > before:
        return ()
    lines = yamlfile.read_text(path).splitlines()
    header = next(line for line in lines if line and not line.startswith("#")).split(",")
    known = {town.key: town.key for town in towns} | {town.name: town.key for town in towns}
    reader = _Reader(problems, path, [name.strip() for name in header], lines, known, stations)
    return tuple(found for row in rows if (found := reader.row(row)) is not None)


class _Reader:
    def __init__(self, problems: Problems, path: Path, header: list[str], lines: list[str], towns: Mapping[str, str], stations: Mapping[str, Station]) -> None:
        self._problems, self._path, self._header, self._lines, self._towns, self._stations = problems, path, header, lines, towns, stations
        self._seen: dict[tuple[str, ...], int] = {}

    def row(self, row: Cells) -> Override | None:
        """One row; None when something in it is wrong."""
        before, at = len(self._problems.errors), dict(zip(self._header, _starts(self._lines[row.line - 1]), strict=False))

        def refuse(column: str, message: str, hint: str) -> None:
            """Note an error at a column of this row."""
            self._problems.errors.append(ConfigError(message, path=self._path, line=row.line, column=at.get(column), hint=hint))

        def word(column: str, known: Mapping[str, object] | tuple[str, ...], what: str) -> None:
            """Note an error where the column's word is not a `known` one; the hint is the nearest, else the first twelve."""
            if row[column] not in known:
                near = get_close_matches(row[column], list(known), 1, 0.5)
                hint = f"是不是 {near[0]}？/ did you mean {near[0]}?" if near else f"可用 / known: {', '.join(list(known)[:12])}"
                refuse(column, f"未知{what}“{shown(row[column]).strip(chr(39))}” / unknown {column}", hint)

        for column in ("rule", "parameter", "unit"):
            if not row[column]:
                refuse(column, f"{column} 是空的 / is empty", "没有单位的写 1 / write 1 for a number without unit" if column == "unit" else "填上 / fill it in")
        if not row["source"]:
            refuse("source", "没有写出处 / no source", "写文件与条款，自定的写“自定” / document and clause, or say that it is your own")
        if bool(row["town"]) == bool(row["station"]):
            refuse("town", "town 与 station 应恰填一个 / exactly one of town and station", "一行只改一个镇街或一个站 / one row for one of them")
        if row["town"]:
            word("town", self._towns, "镇街")
        if row["station"]:
            word("station", self._stations, "站")
        if row["level"]:
            word("level", LEVELS, "级别")
        if not NUMBER.fullmatch(row["value"]):
            refuse("value", f"应为数，写成了 {shown(row['value'])} / not a number", "只写数字，单位写在 unit / digits only, the unit stands in unit")
        if row["verified"] not in ("", "true", "false"):
            refuse("verified", f"verified 应为 true 或 false，写成了 {shown(row['verified'])} / true or false", "空即 false / empty means false")
        day = _day(row["valid_from"])
        if row["valid_from"] and day is None:
            refuse("valid_from", f"valid_from 应为 年-月-日，写成了 {shown(row['valid_from'])} / a date is expected", "例如 2026-05-01 / such as 2026-05-01")
        town = self._towns.get(row["town"], "")
        key = (row["rule"], row["level"], row["parameter"], town, row["station"], row["valid_from"])
        if key in self._seen:
            refuse("rule", f"与第 {self._seen[key]} 行重复 / the same as line {self._seen[key]}", "删去一行或写另一 valid_from / drop one or give another valid_from")
        self._seen.setdefault(key, row.line)
        if len(self._problems.errors) > before:
            return None
        return Override(rule=row["rule"], level=row["level"], parameter=row["parameter"], town=town, station=row["station"], value=float(row["value"]),
                        unit=row["unit"], valid_from=day, source=row["source"], verified=row["verified"] == "true", note=row["note"], path=self._path,
                        line=row.line, columns=at)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _starts(line: str) -> list[int]:
    """Where each cell of a CSV line begins, from 1; commas within quotes part nothing."""
    starts, quoted = [1], False
    for at, character in enumerate(line, start=1):
        quoted ^= character == '"'
        if character == "," and not quoted:
            starts.append(at + 1)
    return starts
