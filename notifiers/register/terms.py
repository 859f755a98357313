"""How a list is taken, what came of it, and when it is not taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from core.county import County
from notifiers.register.changes import Changes
from notifiers.register.listfile import Fault

#: What is told on the way: a stage (read, compared, written) and how many rows of it.
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a list is taken: `replace` removes who is not in it, up to the policy's share or exactly `removing` people; `accept_good` takes what is right of
    a list that is wrong elsewhere; `renewed` is the day (Beijing) on which the list was gone through; `trial` writes nothing."""

    replace: bool = False
    accept_good: bool = False
    trial: bool = False
    removing: int | None = None
    renewed: date | None = None


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What a list did or would do; `synthetic` residents made way for it, `sharing` people of it have a number that another one has too, `refusal` says why
    nothing was written."""

    sha256: str
    faults: list[Fault]
    trial: bool
    changes: Changes = field(default_factory=Changes)
    synthetic: int = 0
    sharing: int = 0
    refusal: str = ""


def refusal(report: ImportReport, terms: Terms, county: County, people: int) -> str:
    """Why the list is not taken, '' where it is."""
    removed, policy = report.changes.counts["removed"], county.policy.register
    if report.faults and not terms.accept_good:
        return "名单有误，什么都没有改 / the list is wrong, nothing was changed"
    if not people:
        return "名单里没有一个人，什么都没有改 / nobody is in the list"
    if terms.replace and any(not fault.resident for fault in report.faults):
        return "有一行读不出编号，不知道它是谁，不能整份替换 / a line without a readable id: a whole list cannot be replaced"
    if terms.replace and policy is None:
        return "policy.yaml 没有 register 一节，不能整份替换 / policy.yaml has no register section"
    if policy is not None and removed > policy.removed_share * report.changes.current and removed != terms.removing:
        return (f"将移除 {removed} 人，占 {removed / report.changes.current:.1%}，超过政策的 {policy.removed_share:.0%}，什么都没有改；确实如此就写明人数 / "
                f"too many would be removed; confirm with --removing {removed}")
    return ""
