"""The headings of a list, Chinese or English: which column is which."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from core.errors import ConfigError

#: Column -> what its heading may be, without blanks and in small letters.
HEADINGS = {
    "resident_id": ("resident_id", "id", "编号", "人员编号", "居民编号"), "town": ("town", "镇街", "乡镇", "街道", "镇"),
    "groups": ("groups", "group", "人群", "分组"), "phone": ("phone", "mobile", "手机", "手机号", "手机号码", "联系电话", "电话"),
    "language": ("language", "语言"), "opted_out": ("opted_out", "退订"), "renewed": ("renewed", "更新日期", "核实日期"),
}
REQUIRED = ("resident_id", "town", "groups", "phone")
_BY_HEADING = {heading: column for column, headings in HEADINGS.items() for heading in headings}
_USE = "可用 / use: " + "、".join(f"{headings[-1] if len(headings) < 3 else headings[2]} {column}" for column, headings in HEADINGS.items())


def columns_of(cells: list[str], name: Path | str, number: int) -> list[str]:
    """The columns under the headings of line `number`; ConfigError, which shows no heading, for what is not the head of a list."""
    columns = [_BY_HEADING.get("".join(unicodedata.normalize("NFKC", cell).casefold().split()), "") for cell in cells]
    while columns and not columns[-1] and not cells[len(columns) - 1].strip():  # a spreadsheet leaves empty columns behind
        columns.pop()
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise ConfigError(f"表头缺少 {'、'.join(missing)} / columns are missing", path=name, line=number, hint=_USE)
    if "" in columns:
        raise ConfigError(f"第 {columns.index('') + 1} 列不认识 / an unknown column", path=name, line=number,
                          hint=f"姓名、证件号等用不到的个人信息请删去 / leave out personal data that is not needed. {_USE}")
    if len(set(columns)) < len(columns):
        raise ConfigError("有两列意思相同 / two columns mean the same", path=name, line=number, hint=_USE)
    return columns
