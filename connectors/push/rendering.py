"""The gateway's pages: no script, no foreign host, Chinese first; small enough for a telephone on a bad night."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from connectors.push.door import KINDS, MAX_BYTES
from connectors.push.pushed import MAX_RECORDS
from connectors.push.receipts import REMEMBERED
from core.county import County
from core.settings import Settings

#: Status, content type, text or what becomes JSON, more headers.
Reply: TypeAlias = tuple[int, str, str | dict[str, Any], dict[str, str]]
FOLDER = Path(__file__).with_name("pages")
#: What an answer means and what the sender does: shown on the page and in the README, held to one another by a test.
STATUSES: tuple[tuple[int, str, str], ...] = (
    (202, "已落盘，refused 列出用不了的记录", "kept on the disk; `refused` lists what could not be used"),
    (400, "整份读不懂，或缺 Idempotency-Key", "the document cannot be read, or the key of the request is missing"),
    (401, "缺密钥或密钥不对", "no key or a wrong one"),
    (403, "不是这个部门的数据源或内容", "not this department's feed or list"),
    (404, "没有这个网址", "no such address"),
    (405, "方法不对", "method not allowed"),
    (408, "正文来得太慢", "the body came too slowly"),
    (409, "同一个键、另一份内容", "the same key with another body"),
    (413, "正文太大，分成几份", "too large, send it in parts"),
    (415, "格式、字符集不对，或被压缩", "another format or charset, or packed"),
    (422, "没有一条可用，什么也没保存", "not one record can be used, nothing was kept"),
    (429, "太快，按 Retry-After 再试", "too fast, try again after Retry-After"),
    (503, "磁盘不可写，按 Retry-After 用同一个键再试", "our disk refuses, try again with the same key"),
)


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def draw(name: str, county: County, settings: Settings, **words: Any) -> str:
    """Page `name` as HTML."""
    return _environment().get_template(name).render(county=county, simulated=settings.mode == "sandbox", **words)


def home(county: County, settings: Settings) -> str:
    """How a department pushes and drops files."""
    feeds = [feed for feed in county.feeds if feed.connector == "inbox"]
    drops = [feed for feed in county.feeds if feed.connector == "file_drop"]
    return draw("home.html.j2", county, settings, feeds=feeds, drops=drops, statuses=STATUSES, kinds=KINDS, most=MAX_BYTES // 2**20, records=MAX_RECORDS,
                days=REMEMBERED.days, page=any(feed.options.get("page") for feed in feeds))


def style() -> str:
    """The style sheet."""
    return (FOLDER / "style.css").read_text(encoding="utf-8")
