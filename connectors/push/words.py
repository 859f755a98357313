"""The readers' reasons in Chinese, for senders: first match wins, and the English stays beside it. Nothing here may show a telephone number."""

from __future__ import annotations

import re

from connectors.reading.records import NOTES
from core.model import Rejected
from core.pii import mask

_MOST = 300
_CHINESE = re.compile("[\u4e00-\u9fff]")
#: A pattern of an English reason, and what it says in Chinese; \1 are its words.
WORDS: tuple[tuple[str, str], ...] = (
    (r"field (\w+) is missing", r"缺少字段 \1"),
    (r"field (\w+) is no text", r"字段 \1 应为文字"),
    (r"field (\w+) is no number", r"字段 \1 应为数字"),
    (r"field (\w+) is not finite", r"字段 \1 不是有限的数"),
    (r"field (\w+): .*time without a zone", r"字段 \1 没有时区，须写成 2021-07-26T15:30:00+08:00"),
    (r"field (\w+): .*(?:not an ISO 8601 time|no calendar)", r"字段 \1 不是 ISO 8601 时间"),
    (r"field (\w+) is no time", r"字段 \1 不是时间"),
    (r"field station: station .* is not in the county's table", "字段 station：站号没有登记在这个数据源名下"),
    (r"field property: station", "字段 property：该站不测这个要素"),
    (r"field unit:", "字段 unit：单位不认识，或与要素不符"),
    (r"field interval_s", "字段 interval_s 应为 31 天以内的整秒数"),
    (r"field level", "字段 level 应为 blue、yellow、orange、red 之一"),
    (r"field areas must be", "字段 areas 应为代码的数组，msg_type 应为 Alert、Update、Cancel 之一"),
    (r"field areas:", "字段 areas：代码应为 6 位或 12 位数字"),
    (r"field references", "字段 references 应为编号的数组"),
    (r"field title, event", "字段 title、event、identifier 或 references 过长"),
    (r"field expires must be later", "字段 expires 应晚于 issued"),
    (r"field lat", "字段 lat 与 lon 须同时写，单位为度"),
    (r"field reporter", "字段 reporter：报告人没有登记"),
    (r"field town is unknown", "字段 town：没有这个镇街"),
    (r"field town:", "字段 town：不是该报告人所在的镇街"),
    (r"field time: seen .*over (\d+) days", r"字段 time：早于 \1 天前，不再接收"),
    (r"field kind is unknown", "字段 kind：不认识的灾情"),
    (r"field value:", "字段 value：数值不合该灾情"),
    (r"dated .*later than its receipt", "时间晚于收到的时刻"),
    (r"a record must be an object", "一条记录应为对象"),
    (r"a second, different report", "同一时刻有两条不同的记录，以后一条为准"),
    (r"fields not known to the connector", "有不认识的字段，已略过"),
    (r"no administrative code", "区域没有行政区划代码，不发给任何镇街"),
    (r"header must be out of", "CSV 表头不对"),
    (r"status .* is not for the public", "CAP 的 status 不是 Actual"),
    (r"msgType .* is no warning", "CAP 的 msgType 不是预警"),
    (r"identifier or sent is missing", "CAP 缺少 identifier 或 sent"),
    (r"no info block", "CAP 缺少 info"),
    (r"no colour and no severity", "CAP 没有颜色，也没有 severity"),
    (r"not a CAP alert", "不是 CAP 的 alert"),
    (r"(?:sent|effective|expires): ", "CAP 的时间没有时区或不是时间"),
    (r".*signature", "签名缺失或不符"),
    (r".*not UTF-8", "不是 UTF-8 编码"),
    (r".*not JSON", "不是 JSON"),
    (r".*not XML", "不是 XML"),
    (r".*XML carries", "XML 不得带 DOCTYPE、实体或 NUL"),
    (r".*surrogate pair", "文字里有半个字符"),
    (r".*nested deeper", "嵌套过深"),
    (r".*stands twice in one object", "同一对象里有重复的键"),
    (r".*(?:is no number|is not finite|integer of)", "数字无法使用"),
    (r".*the answer is empty", "正文是空的"),
    (r".*HTML page", "发来的是网页，不是数据"),
)


def both(reason: str) -> str:
    """A reason in Chinese and English, numbers of people masked; one that already speaks Chinese stays as it is."""
    text = mask(reason)[:_MOST]
    if _CHINESE.match(text):
        return text
    for pattern, chinese in WORDS:
        if match := re.match(pattern, text, re.DOTALL):
            return f"{match.expand(chinese)} / {text}"
    return f"这里无法使用 / {text}"


def is_note(rejected: Rejected) -> bool:
    """Whether the record was kept, or is none: what is told is only worth knowing."""
    return rejected.reason.startswith((*NOTES, "a second, different report"))


def told(rejected: tuple[Rejected, ...], most: int = 10_000) -> dict[str, list[dict[str, str]]]:
    """`refused` and `notes`, each entry a pointer and a reason; at most `most` of each."""
    found: dict[str, list[dict[str, str]]] = {"refused": [], "notes": []}
    for one in rejected:
        found["notes" if is_note(one) else "refused"].append({"pointer": mask(one.where)[:200], "reason": both(one.reason)})
    return {name: rows[:most] for name, rows in found.items()}
