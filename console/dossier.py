"""One version as an officer has to see it before signing: facts, and the same as a page's Markdown and as a terminal's lines.

Whoever signs on a page and whoever signs at a terminal read the same facts: nobody signs what he was not shown.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from console import plain
from core import alerts
from core.alerts.authority import check_standing_order
from core.alerts.body import agreed
from core.alerts.states import in_force, versions
from core.county.cover import TITLES
from core.errors import AuthorityError, DeliveryError
from core.model import Level, Status
from core.times import SHANGHAI, iso, parse_iso, people
from notifiers import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.context import Context

#: A drill and the real thing never look alike.
BANNERS = {Status.ACTUAL: "████ 真实预警 ACTUAL ████", Status.EXERCISE: "---- 演练 EXERCISE ----", Status.TEST: "---- 测试 TEST ----"}
ALERT_ZH = {
    "draft": "草稿", "review": "待签发", "approved": "已签发", "issued": "生效中", "refused": "已退回", "superseded": "已更新",
    "cancelled": "已解除", "expired": "已到期",
}
#: What is asked of people in each state in which a version waits for them.
ACTS = {"draft": "复核送审", "review": "签发"}
WAITING = tuple(ACTS)
MSG_ZH = {"Alert": "首发", "Update": "更新", "Cancel": "解除"}
ROLE_ZH = {"author": "拟稿人", "approver": "签发人"}
DECISION_ZH = {"approve": "同意", "refuse": "退回", "put_off": "延后"}


def facts(ctx: Context, ref: alerts.VersionRef | str, now: datetime | None = None) -> dict[str, Any]:
    """Everything about one version, JSON-ready; with `now` (aware) also its decision clock. LifeCycleError for an unknown version."""
    with ctx.ledger.read() as tx:
        row = alerts.find(tx, ref)
        signed, former, delayed = alerts.approvals(tx, ref), in_force(versions(tx, row["alert_id"])), alerts.delayed(tx, ref)
        waits = alerts.waits(tx, row, now, ctx.county) if now is not None and row["state"] in WAITING else None
    body, told = json.loads(row["body"]), said(row)
    against = str(alerts.VersionRef.of(former)) if former is not None and former["version"] != row["version"] else ""
    return {
        **told, **{key: row[key] for key in ("state", "drafted_at", "body_hash")}, "zone": ctx.county.zone.key,
        "whole_area": alerts.whole_area(row, ctx.county), "against": against, **silence(ctx, row), "put_off": delayed,
        "towns": [town | _rendered(ctx, body, town["town"]) for town in told["towns"]], "not_excluded": _not_excluded(ctx, row, body),
        "signed": [{"officer": s["officer"], "role": s["role"], "decision": s["decision"], "at": s["at"], "note": s["note"]} for s in signed],
        "clock": clock(ctx, waits, now) if waits is not None and now is not None else None,
    }


def said(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What a version says, out of the columns that the approval hash covers and nothing else: no county and no store is asked."""
    body, audience = json.loads(row["body"]), json.loads(row["audience"])
    return {
        **{key: row[key] for key in ("alert_id", "version", "msg_type", "expires")},
        **{key: body[key] for key in ("status", "hazard", "event", "headline", "why", "cause", "channels")},
        "zone": body.get("zone", SHANGHAI.key), "ref": str(alerts.VersionRef.of(row)), "level": Level(row["level"]).en,
        "approval_hash": alerts.approval_hash(row), "audience": {k: v for k, v in audience.items() if k != "hash"},
        "corroborated": body["corroboration"]["holds"], "towns": [_town(body, audience, town) for town in body["towns"]],
    }


def _town(body: dict[str, Any], audience: dict[str, Any], town: dict[str, Any]) -> dict[str, Any]:
    """One town: level, what it was, how many people, why, and the signed words, without what a carrier takes out."""
    key, level = town["key"], body["levels"][town["key"]]
    return {"town": key, "name": town["name"], "level": level, "was": body["changed"].get(key, [level])[0], "people": audience.get("by_town", {}).get(key, 0),
            "reason": body["reasons"].get(key, ""), **{name: render.clean(body["texts"][key].get(name, "")) for name in ("sms", "broadcast")}}


def _rendered(ctx: Context, body: dict[str, Any], town: str) -> dict[str, Any]:
    """The very words as they go out, with the parts that an SMS takes."""
    words = body["texts"][town]
    try:
        sms = render.sms(words.get("sms", ""), signature=ctx.county.signature, status=Status(body["status"]), alert_id=body["alert_id"], version=body["version"],
                         words=ctx.county.words)
        broadcast = render.spoken(words.get("broadcast", ""), status=Status(body["status"]), words=ctx.county.words)
    except DeliveryError:
        sms = broadcast = ""
    return {"sms": sms, "segments": render.segments(sms) if sms else 0, "broadcast": broadcast}


def _not_excluded(ctx: Context, row: Any, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Towns for which the newest assessment of the draft cannot exclude more than the version says, its own towns and others."""
    scores, names = ctx.ledger.scores(at=parse_iso(row["assessed_at"])), {town.key: town.name for town in ctx.county.towns}
    return [{"town": s.town, "name": names.get(s.town, s.town), "level": int(body["levels"].get(s.town, 0)), "ceiling": int(s.ceiling)} for s in scores
            if s.hazard == body["hazard"] and s.ceiling > body["levels"].get(s.town, 0)]


def silence(ctx: Context, row: Any) -> dict[str, Any]:
    """What happens when nobody answers: `on_silence` is '' where the policy's standing order will issue a version, else why it holds; `part_on_silence`
    names the raised towns on which sources agree: where the whole is held, policy may issue these first."""
    body, held = json.loads(row["body"]), ""
    try:
        check_standing_order(row, ctx.county)
    except AuthorityError as reason:
        held = str(reason)
    agree = {key for key, found in body["corroboration"]["towns"].items() if agreed(found)}
    orders = ctx.county.policy.approvals[Level(body["level"])].on_silence == "issue"
    part = [town["name"] for town in body["towns"] if orders and town["key"] in agree and body["changed"].get(town["key"], [0, 0])[0] < body["levels"][town["key"]]]
    return {"on_silence": held, "part_on_silence": part}


def clock(ctx: Context, found: alerts.Waiting, now: datetime) -> dict[str, Any]:
    """A version's decision clock at `now` (aware): who is asked to do what until when, the deadline, the seconds left, and the whole time that policy gives."""
    asked = [officer for name in found.asked if (officer := ctx.county.policy.officer(name)) is not None]
    return {"asked": [{"officer": o.officer, "title": o.title} for o in asked], "act": ACTS[found.state], "until": iso(found.until), "deadline": iso(found.deadline),
            "left_s": (found.deadline - now).total_seconds(), "overdue": found.overdue, "gives_s": ctx.county.policy.approvals[found.ref.level].deadline_s}


def towns_word(facts: dict[str, Any]) -> tuple[str, str]:
    """The place in one word, Chinese and ASCII: the town, or the first of the highest and how many more."""
    rows = sorted(facts["towns"], key=lambda town: -max(town["level"], town["was"]))
    first, more = rows[0], len(rows) - 1
    return (f"{first['name']}等{more + 1}个镇街", f"{first['town']}+{more}") if more else (first["name"], first["town"])


def markdown(f: dict[str, Any]) -> str:
    """For the page: what, where, why, whom, by when and what if not, and the words of every level and change."""
    f = plain.each(f, plain.markdown)
    head = [f"**{BANNERS[Status(f['status'])]}**", f"**{f['headline']}**", *_whole(f), *_time(f, left=False), *_delay(f), *_may_delay(f),
            f"有效至 {people(parse_iso(f['expires']), ZoneInfo(f['zone']))}，对象 {f['audience'].get('count', 0)} 个"]
    towns = [f"| {town['name']} | {Level(town['level']).zh} | {town['people']} | {town['reason']} |" for town in f["towns"]]
    table = "\n".join(["| 镇街 | 级别 | 对象 | 理由 |", "|---|---|---|---|", *towns])
    return "\n\n".join([*head, table, *_excluded(f), *_words(f, every=False), *_reserve(f), f"正文哈希 {f['body_hash'][:16]}"])


def text(f: dict[str, Any], *, every: bool) -> str:
    """For the terminal; `every` town's words, or one town's of each level and change."""
    lines = [BANNERS[Status(f["status"])], f"{f['ref']}  {MSG_ZH[f['msg_type']]}  {ALERT_ZH[f['state']]}", f["headline"], *_whole(f), *_time(f), *_delay(f),
             f"有效至 {people(parse_iso(f['expires']), ZoneInfo(f['zone']))}；{_signed(f)}；哈希 {f['approval_hash'][:16]}",
             f"{_whom(f)}；短信至多 {max((t['segments'] for t in f['towns']), default=0)} 段", *_towns(f)]
    return "\n".join([*lines, *_against(f), *_reserve(f), *_excluded(f), *_words(f, every)])


def sheet(f: dict[str, Any], look: str, made: str) -> str:
    """For whoever signs elsewhere: above the line what is signed, wholly; below it how things stood when the paper was `made` (ISO), which no signature
    covers, and `look`, a message as it will go out. `f` as console.paper reads it."""
    until = people(parse_iso(f["expires"]), ZoneInfo(f["zone"]))
    signed = [BANNERS[Status(f["status"])], f"{f['ref']}  {MSG_ZH[f['msg_type']]}", f["headline"], *_whole(f), f"有效至 {until}；哈希 {f['approval_hash']}",
              _whom(f), *_towns(f), *_reserve(f), *_words(f, every=True)]
    around = [f"—— 以下是 {people(parse_iso(made), ZoneInfo(f['zone']))} 出单时的情况，不在签名之内 / as it stood, not under the signature ——",
              f"{ALERT_ZH[f['state']]}；{_signed(f)}", *_time(f, left=False), *_delay(f), *_against(f), *_excluded(f), f"发出的样子，前后加署名与版号：{look}"]
    return "\n".join([*signed, *around])


def _signed(f: dict[str, Any]) -> str:
    return "已签 " + ("；".join(f"{s['officer']} {s['role']} {s['decision']} {_at(s['at'], f)}" for s in f["signed"]) or "无")


def _whom(f: dict[str, Any]) -> str:
    audience = f["audience"]
    return (f"对象 {audience.get('count', 0)} 个 {_counts(audience.get('by_channel'))}；人群 {_counts(audience.get('by_group'))}；"
            f"渠道 {'、'.join(f['channels'])}")


def _towns(f: dict[str, Any]) -> list[str]:
    return [f"  {t['name']} {_change(t)}，{t['people']} 个对象  {t['reason']}".rstrip() for t in f["towns"]]


def _against(f: dict[str, Any]) -> list[str]:
    return [f"对照生效中的 {f['against']}：{sum(t['was'] != t['level'] for t in f['towns'])} 个镇街级别改变"] if f["against"] else []


def _whole(f: dict[str, Any]) -> list[str]:
    return [f"⚠ 全区预警：签字时须另写区划代码 {f['whole_area']} / the whole county: name its code"] if f["whole_area"] else []


def unanswered(f: dict[str, Any]) -> str:
    """What the policy does when the deadline passes, in words."""
    part = f"；{'、'.join(f['part_on_silence'])}来源一致，先行发布" if f["part_on_silence"] else ""
    return f"继续等，不会自动发布（{f['on_silence']}）{part}" if f["on_silence"] else "按预先授权自动发布"


def _time(f: dict[str, Any], *, left: bool = True) -> list[str]:
    """Who is asked, by when, and what then; `left` only where the words are read at once."""
    found = f["clock"]
    if found is None:
        return []
    asked = "、".join(f"{o['title']}（{o['officer']}）" for o in found["asked"])
    rest = "已逾时" if found["overdue"] else f"还剩 {int(found['left_s']) // 60} 分 {int(found['left_s']) % 60} 秒" if left else ""
    return [f"请 {asked}{found['act']}，至 {_at(found['until'], f)}；时限 {_at(found['deadline'], f)}{f'（{rest}）' if rest else ''}；逾时{unanswered(f)}"]


def _delay(f: dict[str, Any]) -> list[str]:
    """That it was put off, by whom and why."""
    put = f["put_off"]
    return [f"已延后一次，不能再延：{put['officer']} {_at(put['at'], f)}，{put['note']}"] if put else []


def _may_delay(f: dict[str, Any]) -> list[str]:
    """For the page, before the button is pressed: what putting off does."""
    if f["clock"] is None or f["put_off"]:
        return []
    return [f"按“延后”：须写理由；什么也不发，时钟从那时起重新走 {f['clock']['gives_s'] / 60:g} 分钟，只此一次，到时{unanswered(f)}。没写理由不算；算没算，看板上看。"]


def _reserve(f: dict[str, Any]) -> list[str]:
    told = "、".join(f"{TITLES[name]} {n} 个" for name, n in (f["audience"].get("reserve") or {}).items())
    return [f"备用（一并签发；哪个镇街的渠道不通，就在哪里自动启动）：{told}"] if told else []


def _excluded(f: dict[str, Any]) -> list[str]:
    return ["不能排除：" + "；".join(f"{t['name']} {Level(t['ceiling']).zh}" for t in f["not_excluded"])] if f["not_excluded"] else []


def _words(f: dict[str, Any], every: bool) -> list[str]:
    shown = f["towns"] if every else {(town["level"], town["was"]): town for town in reversed(f["towns"])}.values()
    out = []
    for town in sorted(shown, key=lambda town: -town["level"]):
        place = f"{Level(town['level']).zh if town['level'] else '解除'}，{town['name']}"
        parts = f"，{town['segments']} 段" if "segments" in town else ""
        out += [f"短信（{place}{parts}）：{town['sms']}", f"喇叭（{place}）：{town['broadcast']}"]
    return out


def _change(town: dict[str, Any]) -> str:
    now = Level(town["level"]).zh if town["level"] else "解除"
    return now if town["was"] == town["level"] or not town["was"] else f"{Level(town['was']).zh}→{now}"


def _counts(found: dict[str, int] | None) -> str:
    return "、".join(f"{name} {n}" for name, n in (found or {}).items()) or "无"


def _at(text: str, f: dict[str, Any]) -> str:
    """A time of today on the county's clock, to the second: shares of a decision clock are not whole minutes."""
    return parse_iso(text).astimezone(ZoneInfo(f["zone"])).strftime("%H:%M:%S")
