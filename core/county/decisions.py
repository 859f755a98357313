"""Read policy.yaml and groups.yaml."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import time, tzinfo
from itertools import pairwise

from core.county.canary import read_canary
from core.county.needs import read_needs
from core.county.policy import ApprovalRule, Officer, Policy, QuietHours
from core.county.problems import Problems
from core.county.register import read_register
from core.county.tree import Node
from core.county.types import Group
from core.model import Level

COLOURS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
CHANNELS = ("sms", "broadcast")
EXPOSURES = ("all", "river_front", "sea_front", "low_ground")
DAY, WEEK = 86_400, 604_800
_LEVEL = ("author_roles", "approver_roles", "deadline_s", "on_silence", "validity_s", "channels", "audience")


def read_groups(problems: Problems) -> tuple[Group, ...]:
    """groups.yaml: each group with its share (0..1) and exposure."""
    groups = []
    for name, node in Node.read(problems, "groups.yaml").items():
        row = node.fields(("title", "title_en", "share"), ("exposure", "on_duty"))
        exposure = row["exposure"].word(EXPOSURES, "all")
        groups.append(Group(group=name, title=row["title"].text(), title_en=row["title_en"].text(), share=row["share"].number(0, 1),
                            on_duty=row["on_duty"].yes(),
                            exposure=exposure))  # type: ignore[arg-type]
        if any(groups[-1].title == other.title for other in groups[:-1]):
            row["title"].refuse("与另一人群同名 / the title of another group", "加以区别 / tell them apart")
    if groups and not any(_everybody(group) for group in groups):
        next(iter(Node.read(problems, "groups.yaml").items()))[1].refuse(
            "没有一个人群是 exposure: all、share: 1.0，有人永远收不到 / no group holds everybody", "加一组居民：share: 1.0 / add the residents")
    return tuple(groups)


def _everybody(group: Group) -> bool:
    return group.exposure == "all" and group.share == 1.0


def read_policy(problems: Problems, groups: Collection[Group], speakers: Collection[str], crons: Collection[str], zone: tzinfo) -> Policy:
    """policy.yaml; a colour, group, role, officer or channel that nothing else knows is an error with its line.

    `speakers`: the village loudspeakers; `crons`: of the enabled feeds; `zone`: the clock of the quiet hours.
    """
    top = Node.read(problems, "policy.yaml").fields(
        ("signing", "officers", "asking_order", "quiet_hours", "renew_before_s", "min_update_s", "keep_for_s", "levels"), ("canary", "needs", "register"))
    officers = [_officer(name, node) for name, node in top["officers"].items()]
    roles = tuple(dict.fromkeys(o.role for o in officers if o.role))
    order = _asking_order(top["asking_order"], officers, roles)
    policy = Policy(
        signing="demonstration" if top["signing"].word(("demonstration", "officer")) == "demonstration" else "officer",
        officers=tuple(sorted(officers, key=lambda o: order.get(o.officer, 0))), approvals={}, validity_s={}, channels={}, audience={},
        renew_before_s=top["renew_before_s"].whole(0, DAY, " 秒"), min_update_s=top["min_update_s"].whole(0, DAY, " 秒"),
        keep_for_s=top["keep_for_s"].whole(0, DAY, " 秒"), quiet=_quiet(top["quiet_hours"], zone),
        canary=read_canary(top["canary"], speakers, crons), needs=read_needs(top["needs"], CHANNELS), register=read_register(top["register"]),
    )
    colours = top["levels"].fields([level.en for level in COLOURS])
    for level in COLOURS:
        _level(colours[level.en], level, policy, roles, [group.group for group in groups])
    if groups and not problems.wrong("policy.yaml") and not problems.wrong("groups.yaml"):
        _rising(colours, policy, groups)
    return policy


def _rising(colours: Mapping[str, Node], policy: Policy, groups: Collection[Group]) -> None:
    """The worse the colour, the more are told, by as many channels, and no later; and nothing has to be renewed as soon as it is issued."""
    everybody = {group.group for group in groups if _everybody(group)}
    for low, level in pairwise(COLOURS):
        node = colours[level.en]
        for name, held in (("audience", policy.audience), ("channels", policy.channels)):
            left = [word for word in held.get(low, ()) if word not in held.get(level, ())]
            if left and held.get(level) and not (name == "audience" and everybody & set(held[level])):
                node.child(name, None).refuse(f"漏了 {low.zh}有的 {'、'.join(left)} / leaves out what {low.en} has",
                                              "级别更高不应少告诉人 / the worse colour tells no fewer")
        if policy.approvals[level].deadline_s > policy.approvals[low].deadline_s:
            node.child("deadline_s", None).refuse(f"比{low.zh}的 {policy.approvals[low].deadline_s} 秒还长 / longer than that of {low.en}",
                                                  "级别更高不应更慢 / the worse colour is no slower")
    for level in COLOURS:
        if policy.renew_before_s >= policy.validity_s[level]:
            colours[level.en].child("validity_s", None).refuse(f"不长于 renew_before_s 的 {policy.renew_before_s} 秒，一发布就要续 / no longer than renew_before_s",
                                                               "放长有效期，或缩短 renew_before_s / one or the other")


def _officer(name: str, node: Node) -> Officer:
    row = node.fields(("title", "role"))
    return Officer(officer=name, title=row["title"].text(), role=row["role"].text(r"[a-z][a-z_]*", "例如 duty_officer、chief / such as duty_officer, chief"))


def _asking_order(node: Node, officers: list[Officer], roles: Collection[str]) -> dict[str, int]:
    """Each role's officers in the order in which they are asked: everybody once, nobody else. Returns the rank of each officer."""
    rank: dict[str, int] = {}
    if not roles:
        return rank
    for role, row in node.fields(roles).items():
        people = [o.officer for o in officers if o.role == role]
        named = row.words(people)
        for name in people:
            if named and name not in named:
                row.refuse(f"漏了 {name} / leaves out {name}", "每人列一次，先问的在前 / everybody once, first asked first")
        rank |= {name: n for n, name in enumerate(named)}
    return rank


def _quiet(node: Node, zone: tzinfo) -> QuietHours:
    row = node.fields(("from", "to", "below", "source", "verified"))
    start, end = _clock(row["from"]), _clock(row["to"])
    if start == end and isinstance(row["from"].value, str):
        row["to"].refuse("与 from 相同 / the same as from", "写静默时段的终点，例如 \"06:00\" / when the quiet hours end")
    below = row["below"].word([level.en for level in COLOURS], "orange") or "orange"
    return QuietHours(start=start, end=end, below=Level[below.upper()], source=row["source"].text(), verified=row["verified"].yes(), zone=zone)


def _clock(node: Node) -> time:
    text = node.text(r"([01][0-9]|2[0-3]):[0-5][0-9]", "写 \"22:00\" 这样的本地时间 / local clock such as \"22:00\"", default="00:00")
    return time.fromisoformat(text or "00:00")


def _level(node: Node, level: Level, policy: Policy, roles: Collection[str], groups: Collection[str]) -> None:
    """One colour: who writes, who signs, how long, through what, to whom."""
    row = node.fields(_LEVEL, ("reserve",))
    rule = ApprovalRule(
        author_roles=row["author_roles"].words(roles), approver_roles=row["approver_roles"].words(roles), deadline_s=row["deadline_s"].whole(30, DAY, " 秒"),
        on_silence="issue" if row["on_silence"].word(("hold", "issue")) == "issue" else "hold")
    policy.approvals[level] = rule
    policy.validity_s[level] = row["validity_s"].whole(600, WEEK, " 秒")
    policy.channels[level] = row["channels"].words(CHANNELS)
    if reserve := row["reserve"].words(CHANNELS):
        policy.reserve[level] = reserve
        if set(reserve) & set(policy.channels[level]):
            row["reserve"].refuse("备用的已在 channels 里 / is in channels already", "写另一个渠道 / name another channel")
    policy.audience[level] = row["audience"].words(groups, "groups.yaml")
    authors, approvers = ({o.officer for o in policy.asked(names)} for names in (rule.author_roles, rule.approver_roles))
    if authors and approvers and len(authors | approvers) < 2:
        row["approver_roles"].refuse("只有拟稿人自己能签发 / only the author could approve", "至少两人 / it takes two people")
