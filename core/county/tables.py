"""Read the `table` of a feed row: a JSON or CSV source described without code. Every word is checked here, with its line and the nearest known one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from difflib import get_close_matches
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from core.county.problems import shown
from core.county.tree import ABSENT, Node
from core.county.types import Column, Table
from core.units import PROPERTIES, accepted

REQUIRED = ("form", "station", "time_format", "columns")
OPTIONAL = ("time", "records", "zone", "missing", "ignore", "encoding", "delimiter", "issued", "secret_header", "quantity", "value")
ENCODINGS = ("utf-8", "gbk", "gb18030")
DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "bar": "|"}
#: In place of a format: the records carry no time and are as of their receipt.
RECEIPT = "receipt"
#: Formats of a time beside strptime patterns: ISO 8601, whole seconds or milliseconds since 1970 UTC.
FORMATS = ("iso", "epoch_s", "epoch_ms", RECEIPT)
#: Sums: they mean nothing without their interval.
SUMS = frozenset({"rain", "snowfall"})
_PATH = r"[^\s.]+(\.[^\s.]+){0,5}"
_PATH_HINT = "字段名，嵌套时用点隔开 / a field's name, dots for nesting"


def read_table(node: Node) -> Table | None:
    """The table described at `node`; None where there is none. Errors are noted."""
    if node.value is ABSENT:
        return None
    row = node.fields(REQUIRED, OPTIONAL)
    form: Literal["json", "csv"] = "csv" if word(row["form"], ("json", "csv")) == "csv" else "json"
    time_format = _format(row["time_format"])
    zone = word(row["zone"], sorted(available_timezones()), brief="Asia/Shanghai, UTC") if row["zone"].value is not ABSENT else ""
    if row["zone"].value is ABSENT and time_format and time_format not in FORMATS and "%z" not in time_format:
        row["time_format"].refuse("没有时区 / has no zone", "加一行 zone: Asia/Shanghai，或格式里写 %z / add zone: or %z")
    time = row["time"].text(_PATH, _PATH_HINT)
    if time_format and bool(time) == (time_format == RECEIPT):
        row["time_format"].refuse("time 与 receipt 只写其一 / one of time and receipt", "写 time: 字段名；记录不带时刻才写 receipt / receipt: no time")
    quantity, value = (row[name].text(_PATH, _PATH_HINT) for name in ("quantity", "value"))
    if bool(quantity) != bool(value):
        row["quantity" if quantity else "value"].refuse("quantity 与 value 要同时写 / belong together", "quantity: 要素名字段; value: 数值字段 / of name, of value")
    columns = {name: column for name, child in _entries(row["columns"]) if (column := _column(child)) is not None}
    return Table(
        form=form, records=row["records"].text(_PATH, _PATH_HINT), station=row["station"].text(_PATH, _PATH_HINT), time=time,
        time_format=time_format, zone=zone, columns=columns, missing=_scalars(row["missing"]), ignore=_scalars(row["ignore"]),
        encoding=word(row["encoding"], ENCODINGS, "utf-8"), delimiter=DELIMITERS.get(word(row["delimiter"], tuple(DELIMITERS), "comma"), ","),
        issued=row["issued"].text(_PATH, _PATH_HINT), secret_header=row["secret_header"].text(r"[A-Za-z][A-Za-z0-9-]{1,40}", "HTTP 头的名字 / the name of a header"),
        quantity=quantity, value=value,
    )


def word(node: Node, known: Collection[str], default: str = "", brief: str = "") -> str:
    """A word out of `known`; the nearest one is told where there is one."""
    if node.value is ABSENT:
        return default
    if isinstance(node.value, str) and node.value in known:
        return node.value
    near = [] if brief else get_close_matches(str(node.value), list(known), 1, 0.6)  # the zone nearest in spelling is another country's
    use = brief or ", ".join(known)
    short = f"（可用 / use: {use}）" if len(known) <= 12 else ""  # of short words such as units the nearest may be the wrong one
    node.refuse(f"不认识 {shown(node.value)} / unknown", f"是否 / did you mean: {near[0]}{short}" if near else f"可用 / use: {use}")
    return default


def _entries(node: Node) -> list[tuple[str, Node]]:
    """Columns by the source's own names, which may be in any script."""
    if node.value is ABSENT:
        return []
    if not isinstance(node.value, dict) or not node.value:
        node.refuse("应为 字段名: {property, unit} / must map field names", "例如 / for example: {drp: {property: rain, unit: mm, interval_s: 3600}}")
        return []
    return [(str(name), node.child(name, value)) for name, value in node.value.items()]


def _column(node: Node) -> Column | None:
    row = node.fields(("property", "unit"), ("interval_s",))
    name = word(row["property"], tuple(PROPERTIES))
    if not name:
        return None
    unit = word(row["unit"], accepted(name))
    interval = row["interval_s"].whole(1, 31 * 86_400, " 秒") if row["interval_s"].value is not ABSENT else 0
    if name in SUMS and not interval:
        node.refuse(f"{name} 没有 interval_s / a sum without its interval", "加 interval_s: 3600（一小时累计）/ add the seconds that it sums over")
    return Column(observed_property=name, unit=unit, interval_s=interval)


def _format(node: Node) -> str:
    """A strptime pattern that keeps year, month, day and hour, or one of FORMATS."""
    text = node.text(hint="例如 / for example: \"%Y-%m-%d %H:%M:%S\", iso, epoch_ms")
    if not text or text in FORMATS:
        return text
    there = datetime(2021, 7, 26, 23, 0, tzinfo=ZoneInfo("UTC"))
    try:
        back = datetime.strptime(there.strftime(text), text)  # noqa: DTZ007 - only the pattern is tried
    except ValueError:
        back = None
    if back is None or back.replace(tzinfo=None) != there.replace(tzinfo=None):
        near = get_close_matches(text, FORMATS, 1, 0.6)
        node.refuse(f"{shown(text)} 不能完整表示年月日时 / does not keep year, month, day and hour",
                    f"是否 / did you mean: {near[0]}" if near else "例如 / for example: \"%Y-%m-%d %H:%M:%S\"")
    return text


def _scalars(node: Node) -> tuple[str, ...]:
    """A list of words or numbers, as text."""
    if node.value is ABSENT:
        return ()
    if not isinstance(node.value, list) or not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in node.value):
        node.refuse(f"应为一串值，写成了 {shown(node.value)} / must be a list", "写成 [9999, \"--\"] / write [9999, \"--\"]")
        return ()
    return tuple(str(one) for one in node.value)
