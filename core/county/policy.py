"""Read policy.yaml, groups.yaml and templates.yaml of a county folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from core import yamlfile
from core.county.types import ApprovalRule, Group, Officer, Policy
from core.model import Hazard, Level

if TYPE_CHECKING:
    from core.county.loader import Problems

COLOURS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
CHANNELS = ("sms", "broadcast")
#: Template sets and the slots that each text may use.
SLOTS = {"issuer", "time", "town", "towns", "hazard", "level", "until", "what", "advice", "action"}
TEMPLATE_KEYS = ("headline", "description", "sms", "broadcast", "sms_cancel", "broadcast_cancel")


def _load(problems: Problems, name: str) -> tuple[dict[str, Any], yamlfile.Where]:
    empty: tuple[dict[str, Any], yamlfile.Where] = ({}, lambda *_: 1)
    loaded: tuple[dict[str, Any], yamlfile.Where] = problems.guard(lambda: yamlfile.load(problems.root / name), empty)
    return loaded


def read_groups(problems: Problems) -> tuple[Group, ...]:
    """groups.yaml: each group with its share (0..1) and exposure."""
    data, where = _load(problems, "groups.yaml")
    groups = []
    for name, raw in data.items():
        exposure = raw.get("exposure", "all") if isinstance(raw, dict) else None
        share = raw.get("share") if isinstance(raw, dict) else None
        if exposure not in ("all", "river_front", "sea_front", "low_ground") or not isinstance(share, int | float) or not 0 <= share <= 1:
            problems.add("groups.yaml", where(name), f"{name}: share 应在 0 到 1 之间，exposure 应为 all、river_front、sea_front 或 low_ground / bad share or exposure")
            continue
        groups.append(Group(group=name, title=raw["title"], title_en=raw["title_en"], share=float(share), exposure=exposure))
    return tuple(groups)


def read_policy(problems: Problems, groups: set[str]) -> Policy:
    """policy.yaml; a colour, group, role or channel that nothing else knows is an error with its line."""
    data, where = _load(problems, "policy.yaml")
    known = {"signing", "officers", "levels", "renew_before_s", "min_update_s", "keep_for_s"}
    for key in sorted(set(data) ^ known):
        problems.add("policy.yaml", where(key), f"{'不认识的' if key in data else '缺少'} {key} / {'unknown' if key in data else 'missing'} key")
    officers = tuple(Officer(officer=name, title=raw["title"], role=raw["role"]) for name, raw in dict(data.get("officers", {})).items())
    roles = {o.role for o in officers}
    levels = dict(data.get("levels", {}))
    policy = Policy(signing=data.get("signing", "officer"), officers=officers, approvals={}, validity_s={}, channels={}, audience={},
                    renew_before_s=int(data.get("renew_before_s", 0)), min_update_s=int(data.get("min_update_s", 0)), keep_for_s=int(data.get("keep_for_s", 0)))
    if policy.signing not in ("demonstration", "officer"):
        problems.add("policy.yaml", where("signing"), "signing 应为 demonstration 或 officer / unknown signing")
    for level in COLOURS:
        raw = levels.get(level.en)
        if not isinstance(raw, dict):
            problems.add("policy.yaml", where("levels"), f"缺少 {level.zh} {level.en} 的规定 / missing colour")
            continue
        at = where("levels", level.en)
        for key, allowed in (("author_roles", roles), ("approver_roles", roles), ("channels", set(CHANNELS)), ("audience", groups)):
            for word in raw.get(key) or [""]:
                if word not in allowed:
                    problems.add("policy.yaml", where("levels", level.en, key), f"{level.en}.{key}: 不认识 {word!r} / unknown",
                                 f"可用 / use: {', '.join(sorted(allowed))}")
        if raw.get("on_silence") not in ("hold", "issue"):
            problems.add("policy.yaml", where("levels", level.en, "on_silence"), f"{level.en}.on_silence 应为 hold 或 issue / must be hold or issue")
        policy.approvals[level] = ApprovalRule(
            author_roles=tuple(raw.get("author_roles", ())), approver_roles=tuple(raw.get("approver_roles", ())),
            deadline_s=int(raw.get("deadline_s", 0)), on_silence=raw.get("on_silence", "hold"))
        policy.validity_s[level] = int(raw.get("validity_s", 0))
        policy.channels[level] = tuple(raw.get("channels", ()))
        policy.audience[level] = tuple(raw.get("audience", ()))
        if policy.validity_s[level] <= 0 or policy.approvals[level].deadline_s <= 0:
            problems.add("policy.yaml", at, f"{level.en}: deadline_s 与 validity_s 应为正数 / must be positive")
    return policy


def read_templates(problems: Problems) -> dict[str, dict[str, str]]:
    """templates.yaml: per hazard its texts, plus `advice` and `action` per hazard and colour; an unknown slot is an error."""
    data, where = _load(problems, "templates.yaml")
    for word in data:
        if word not in list(Hazard):
            problems.add("templates.yaml", where(word), f"不认识的灾种 {word} / unknown hazard", f"可用 / use: {', '.join(Hazard)}")
    if not set(data) & set(Hazard):
        problems.add("templates.yaml", 1, "没有任何灾种的文案 / no hazard has texts")
    for hazard in Hazard:
        texts = data.get(hazard)
        if texts is None:
            continue
        if not isinstance(texts, dict):
            problems.add("templates.yaml", where(hazard), f"{hazard.zh} {hazard} 的文案应为映射 / a mapping is expected")
            continue
        wanted = {*TEMPLATE_KEYS, *(f"advice_{level.en}" for level in COLOURS)}
        for key in sorted(wanted ^ set(texts)):
            word = "不认识的" if key in texts else "缺少"
            problems.add("templates.yaml", where(hazard, key), f"{hazard}: {word} {key} / {'unknown' if key in texts else 'missing'} text")
        for key, text in texts.items():
            for slot in re.findall(r"\{(\w*)\}", str(text)):
                if slot not in SLOTS:
                    problems.add("templates.yaml", where(hazard, key), f"{hazard}.{key}: 不认识的空位 {{{slot}}} / unknown slot",
                                 f"可用 / use: {', '.join(sorted(SLOTS))}")
    return {hazard: {k: str(v) for k, v in dict(texts).items()} for hazard, texts in data.items() if isinstance(texts, dict)}
