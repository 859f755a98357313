"""A list of residents as an office saves it: CSV from a spreadsheet, into lines of named cells. Nothing that is read here is ever shown: not a cell,
not a heading, because a list without headings begins with somebody's number."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError
from notifiers.register.headings import columns_of

#: Bytes of a file, characters of a line: a county of a million people has 100 MB.
MAX_BYTES, MAX_LINE = 256 * 1024 * 1024, 2000
Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line was not taken; `resident` is the id it speaks of where that could be read. Holds no cell but a town or group without digits."""

    line: int
    message: str
    resident: str = ""


def read_list(data: bytes, name: Path | str) -> Iterator[tuple[int, Cells | Fault]]:
    """(line number, its cells by column or what is wrong with it) of every line that is not empty; ConfigError where the file as a whole cannot be read."""
    lines = _text(data, name).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rows = ((number, line) for number, line in enumerate(lines, 1) if line.strip(", \t"))
    first, heading = next(rows, (1, ""))
    separator = "\t" if "\t" in heading and "," not in heading else ","
    columns = columns_of((_split(heading, separator) if len(heading) <= MAX_LINE else None) or [], name, first)
    return ((number, _cells(number, line, separator, columns)) for number, line in rows)


def _text(data: bytes, name: Path | str) -> str:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"文件超过 {MAX_BYTES >> 20} MB / the file is too large", path=name, hint="分成几份，用添加方式导入 / import it in parts, adding")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ConfigError("这是表格文件，不是 CSV / a spreadsheet, not CSV", path=name, hint="另存为 CSV UTF-8 / save as CSV UTF-8")
    if b"\0" in data:  # also what a spreadsheet calls Unicode text
        raise ConfigError("文件含空字节，或存成了 UTF-16 / holds NUL bytes, or is UTF-16", path=name, line=data.count(b"\n", 0, data.index(b"\0")) + 1,
                          hint="另存为 CSV UTF-8 / save as CSV UTF-8")
    marked, line = data.startswith(b"\xef\xbb\xbf"), 1
    for encoding in ("utf-8-sig",) if marked else ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            line = max(line, data.count(b"\n", 0, error.start) + 1)
    raise ConfigError("既不是 UTF-8 也不是 GB18030 / neither UTF-8 nor GB18030", path=name, line=line, hint="另存为 CSV UTF-8 / save as CSV UTF-8")


def _cells(number: int, line: str, separator: str, columns: list[str]) -> Cells | Fault:
    """One line is one person: a cell that holds a line break is an open quote to us, and costs its own lines only."""
    if len(line) > MAX_LINE:
        return Fault(number, f"这一行超过 {MAX_LINE} 字 / the line is too long")
    cells = _split(line, separator)
    if cells is None:
        return Fault(number, "引号没有闭合，或格内有换行 / an open quote, or a line break within a cell")
    if len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns):]):
        return Fault(number, f"有 {len(cells)} 格，表头有 {len(columns)} 格 / the number of cells differs from the header")
    return dict(zip(columns, map(str.strip, cells), strict=False))


def _split(line: str, separator: str) -> list[str] | None:
    try:
        (cells,) = csv.reader((line,), delimiter=separator, strict=True)
    except (csv.Error, ValueError):
        return None
    return cells
