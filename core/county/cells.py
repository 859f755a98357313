"""Strict reading of the county's CSV files: every cell typed and bounded, every refusal with its line."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections.abc import Collection
from io import StringIO

from core import yamlfile
from core.county.problems import Problems, shown
from core.errors import ConfigError

NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
#: A title that a spreadsheet has merged over the header is looked for within so many rows.
HEADER_WITHIN = 6
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def read_csv(problems: Problems, name: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> list[Cells]:
    """The rows of a CSV file; another header, a short row, an open quote, no row at all or a formula-like cell is an error with its line. A column of
    `optional` that is not there reads as empty cells."""
    nothing: list[tuple[int, list[str]]] = []
    table = problems.guard(name, lambda: _table(problems, name), nothing)
    if not table:
        return []
    header = [plain(cell) for cell in table[0][1]]
    known = (*columns, *(column for column in optional if column in header))
    if sorted(header) != sorted(known):
        missing, extra = [c for c in columns if c not in header], [c for c in header if c not in known or header.count(c) > 1]
        what = [f"缺少列 {'、'.join(missing)} / missing column"] if missing else []
        what += [f"多余或重复的列 {'、'.join(map(shown, extra))} / unknown or repeated column"] if extra else []
        if under := next((line for line, cells in table[1:HEADER_WITHIN] if set(columns) <= set(map(plain, cells))), None):
            problems.add(name, table[0][0], f"表头在第 {under} 行，它上面有标题行 / the header is in line {under}, below a title",
                         "删去它上面的各行，或行首加 # / drop the rows above it, or begin them with #")
            problems.broken.add(name)
            return []
        problems.add(name, table[0][0], "；".join(what), f"表头应为 / the header is: {','.join(columns)}{''.join(f'[,{column}]' for column in optional)}")
        problems.broken.add(name)
        return []
    if len(table) == 1:
        problems.add(name, table[0][0], "只有表头，没有一行数据 / a header and no row", "至少写一行 / write at least one row")
        problems.broken.add(name)
    rows = []
    for line, cells in table[1:]:
        bad = next((h for h, cell in zip(header, cells, strict=False) if cell.strip()[:1] in ("=", "@", "+") or "\n" in cell), None)
        if len(cells) != len(header):
            problems.add(name, line, f"有 {len(cells)} 格，表头有 {len(header)} 格 / the number of cells differs from the header",
                         "检查逗号和引号 / check commas and quotes")
            problems.broken.add(name)
        elif bad:
            problems.add(name, line, f"{bad} 像公式或含换行 / looks like a formula or holds a line break", "填数值或文字 / give a value")
            problems.broken.add(name)
        else:
            rows.append(Cells(problems, name, line, dict.fromkeys(optional, "") | {h: _cell(cell) for h, cell in zip(header, cells, strict=True)}))
    return rows


def _table(problems: Problems, name: str) -> list[tuple[int, list[str]]]:
    """Non-empty rows, each with the line on which it begins. A line that begins with # is a remark."""
    reader = csv.reader(StringIO(yamlfile.read_text(problems.root / name)), strict=True)
    rows, begin = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].startswith("#"):  # a spreadsheet leaves rows of commas behind
                rows.append((begin, cells))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(f"CSV 有误 / broken CSV: {error}", path=problems.root / name, line=begin, hint="检查引号 / check the quotes") from None
    return rows


def plain(text: str) -> str:
    """Full-width letters, digits and signs as plain ones, without blanks around."""
    return unicodedata.normalize("NFKC", text).strip()


def _cell(text: str) -> str:
    """A cell without blanks around it; a number, date or word that an input method wrote full-width is the plain one, a name stays as it is."""
    text, same = text.strip(), plain(text)
    return same if same.isascii() else text


def _advice(column: str, text: str) -> str:
    """What to do with a cell that is no number within its range."""
    if column == "lat" and NUMBER.fullmatch(text):
        return "经纬度是否颠倒？lat 是纬度 / lat and lon swapped?"
    if NUMBER.fullmatch(text):
        return "核对数值、单位和小数点 / check value, unit and decimal point"
    return "只写数字：不带单位、千位号、百分号、度分秒，22% 写成 0.22 / digits only: no unit, thousands separator, percent or minutes of arc"


class Cells:
    """Reads the cells of one row; what does not fit is noted with its line and replaced by a harmless value."""

    def __init__(self, problems: Problems, name: str, line: int, row: dict[str, str]) -> None:
        self.problems, self.name, self.line, self.row = problems, name, line, row

    def __getitem__(self, column: str) -> str:
        return self.row[column]

    def refuse(self, message: str, hint: str) -> None:
        """Note an error of this row."""
        self.problems.add(self.name, self.line, message, hint)

    def number(self, column: str, low: float, high: float) -> float:
        """A plain decimal number within [low, high]."""
        text = self.row[column]
        value = float(text) if NUMBER.fullmatch(text) else math.nan
        if not low <= value <= high:
            self.refuse(f"{column} 应为 {low:.12g} 到 {high:.12g} 之间的数，写成了 {shown(text)} / not a number in this range", _advice(column, text))
            return low
        return value

    def maybe(self, column: str, low: float, high: float) -> float | None:
        """A number, or None for an empty cell."""
        return self.number(column, low, high) if self.row[column] else None

    def whole(self, column: str, low: int, high: int) -> int:
        """A whole number within [low, high]."""
        value = self.number(column, low, high)
        if value != int(value):
            self.refuse(f"{column} 应为整数，写成了 {shown(self.row[column])} / a whole number is expected", "去掉小数 / drop the decimals")
        return int(value)

    def yes(self, column: str) -> bool:
        """true or false; a spreadsheet makes TRUE and FALSE of them by itself."""
        self.row[column] = self.row[column].lower()
        return self.one_of(column, ("true", "false")) == "true"

    def one_of(self, column: str, known: Collection[str]) -> str:
        """A word out of `known`."""
        if self.row[column] not in known:
            self.refuse(f"{column} 不认识 {shown(self.row[column])} / unknown", f"可用 / use: {', '.join(sorted(word or '（空）' for word in known))}")
        return self.row[column]

    def refer(self, column: str, known: Collection[str], home: str) -> str:
        """A word that file `home` declares, or the name by which people call it."""
        self.row[column] = self.problems.names.get(home, {}).get(self.row[column], self.row[column])
        self.problems.refer(self.name, self.line, column, self.row[column], known, home)
        return self.row[column]

    def words(self, column: str, known: Collection[str]) -> tuple[str, ...]:
        """Words joined by ';', each known and there once; empty for none."""
        words = tuple(filter(None, self.row[column].split(";")))
        for word in dict.fromkeys(words):
            if word not in known or words.count(word) > 1:
                self.refuse(f"{column} 不认识或重复 {shown(word)} / unknown or twice", f"可用 / use: {', '.join(known)}")
        return words

    def text(self, column: str) -> str:
        """A text that is not empty."""
        if not self.row[column]:
            self.refuse(f"{column} 是空的 / is empty", "填上名称 / fill it in")
        return self.row[column]

    def key(self, column: str, taken: Collection[str]) -> str:
        """An identifier (letters, digits, - and _) that no row before has."""
        if not KEY.fullmatch(self.row[column]):
            self.refuse(f"{column} {shown(self.row[column])} 只能用字母、数字、- 和 _ / letters, digits, - and _ only", "换一个编号 / choose another id")
        elif self.row[column] in taken:
            self.refuse(f"{column} {self.row[column]} 重复 / there twice", "删去一行或换一个编号 / drop a row or choose another id")
        return self.row[column]
