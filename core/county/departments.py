"""Read departments.yaml, which may be absent: the neighbouring departments that push to us, what each may say and how fast. Never a key."""

from __future__ import annotations

from dataclasses import dataclass

from core.county.problems import Problems
from core.county.tree import ABSENT, Node
from core.county.types import Feed

#: What a pushed document may hold; a department is trusted with each of them by name.
LISTS = ("observations", "signals", "reports")
#: Requests a minute, and how many at once after a pause, that a department may be given; what it gets when its row is silent.
MAX_RATE, MAX_BURST = 60_000, 6_000
RATE, BURST = 60, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """One department: `feeds` maps the inbox feeds that it may push to onto the lists it may put there; `rate_per_min` and `burst` bound its requests."""

    department: str
    title: str
    feeds: dict[str, tuple[str, ...]]
    rate_per_min: int = RATE
    burst: int = BURST


def read_departments(problems: Problems, feeds: tuple[Feed, ...]) -> tuple[Department, ...]:
    """The departments; a feed that is not there, or that is no inbox, is an error of its line."""
    name = "departments.yaml"
    if not (problems.root / name).exists():
        return ()
    return tuple(_department(key, node, feeds) for key, node in Node.read(problems, name).items())


def _department(name: str, node: Node, feeds: tuple[Feed, ...]) -> Department:
    row = node.fields(("title", "feeds"), ("rate_per_min", "burst"))
    connectors = {feed.feed: feed.connector for feed in feeds}
    may: dict[str, tuple[str, ...]] = {}
    for feed, child in row["feeds"].items():
        node.problems.refer(node.name, child.where(*child.keys), child.label, feed, connectors, "feeds.yaml")
        if connectors.get(feed, "inbox") != "inbox":
            child.refuse("不是接收推送的数据源 / this feed takes no pushes", "连接器应为 inbox / its connector must be inbox")
        may[feed] = child.words(LISTS)
    rate, burst = row["rate_per_min"], row["burst"]
    return Department(
        department=name, title=row["title"].text(), feeds=may,
        rate_per_min=RATE if rate.value is ABSENT else rate.whole(1, MAX_RATE, " 次/分"), burst=BURST if burst.value is ABSENT else burst.whole(1, MAX_BURST, " 次"),
    )
