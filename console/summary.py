"""The summary that ends a run: Chinese with English beside, from console.report; the same dictionary is its --json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from console import plain
from core.model import Level
from core.times import parse_iso, people

#: What writes an ISO time for people, a dash for none.
Clock = Callable[[str | None], str]
STATE_ZH = {"ok": "正常", "late": "迟到", "silent": "静默", "failed": "故障", "unknown": "不明"}
LAYER_ZH = {"schedule": "调度", "network": "网络", "source": "来源", "content": "内容", "freshness": "时效"}
STEP_ZH = {
    "reading_at": "读数", "assessed_at": "研判", "drafted_at": "拟稿", "decided_at": "签发", "issued_at": "发布",
    "first_handed_at": "首条交付", "last_handed_at": "末条交付", "acknowledged_at": "回执",
}
COLOURS = {0: "dim", 1: "blue", 2: "yellow", 3: "dark_orange", 4: "red"}
#: What became of the planned SMS: what waits does so for the morning or for its turn, what was replaced a newer version says instead.
SMS_COUNTS = {"planned": "计划 planned", "waiting": "等待 waiting", "handed": "交付 handed", "delivered": "送达 delivered", "undelivered": "未达 undelivered",
              "refused": "拒绝 refused", "unknown": "不明 unknown", "cancelled": "取代 replaced", "expired": "过期 expired"}


def paint(level: int) -> str:
    """A level as coloured Chinese word."""
    return f"[{COLOURS[level]}]{Level(level).zh}[/]"


def age(seconds: float | None) -> str:
    """An age in words."""
    if seconds is None:
        return "从未"
    if seconds >= 48 * 3600:
        return f"{seconds / 86400:.0f} 天"
    return f"{seconds / 3600:.1f} 小时" if seconds >= 5400 else f"{seconds / 60:.0f} 分钟"


def clock_of(zone: str) -> Clock:
    """What writes an ISO time on the clock of `zone`, or a dash."""
    return lambda text: people(parse_iso(text), ZoneInfo(zone)) if text else "-"


def print_summary(data: dict[str, Any], paths: dict[str, str], console: Console | None = None) -> None:
    """Print what console.report.collect returned, then where to look."""
    out, data, paths = console or Console(width=160), plain.each(data, plain.rich), plain.each(paths, plain.rich)
    drill = " [b]【演练 EXERCISE】[/]" if data["status"] != "Actual" else ""
    out.rule(f"{data['county']} {data['county_en']} · {clock_of(data['zone'])(data['now'])}{drill}")
    for part in (_feeds, _towns, _alerts, _audience, _sms, _broadcast, _lost, _canary):
        part(out, data)
    out.rule("去哪里看 / where to look")
    for name, path in paths.items():
        out.print(f"  {name}: {path}", soft_wrap=True, highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _feeds(out: Console, data: dict[str, Any]) -> None:
    table = _table("数据源 / feeds", "数据源 feed", "种类 kind", "记录 records", "搁置 set aside",
                   "最新读数 newest", "时龄 age", "状态 health", "说明 headline")
    local = clock_of(data["zone"])
    for row in data["feeds"]:
        table.add_row(f"{row['title']} {row['feed']}", f"{row['sector']}/{row['connector']}", str(row["records"]), str(row["set_aside"]),
                      local(row["newest"]), age(row["age_s"]), f"{STATE_ZH[row['state']]} {row['state']}", row["headline"])
    out.print(table)


def _towns(out: Console, data: dict[str, Any]) -> None:
    table = _table("镇街风险（七天内）/ towns by hazard and level, last 7 days", "镇街 town", "灾种 hazard", "最高 peak", "时间 at", "官方下限 floor",
                   "不能排除 ceiling", "现在 now", "理由 reason")
    local = clock_of(data["zone"])
    for row in data["towns"]:
        if row["peak"] or row["level"]:
            table.add_row(row["name"], f"{row['hazard_zh']} {row['hazard']}", paint(row["peak"]), local(row["peak_at"]), paint(row["peak_floor"]),
                          paint(row["peak_ceiling"]), paint(row["level"]), row["reason"])
    if table.row_count:
        out.print(table)
    else:
        out.print("镇街风险 / towns: 全部为无 / none above none")
    open_towns = [f"{r['name']}{r['hazard_zh']}≤{Level(r['ceiling']).zh}" for r in data["towns"] if r["ceiling"] > r["level"]]
    if open_towns:
        out.print(f"  数据缺失，不能排除更高级别 / not excluded for lack of data: {'、'.join(open_towns)}")
    for words in dict.fromkeys(r["outlook"] for r in data["towns"] if r["outlook"]):
        out.print(f"  展望 / outlook {'、'.join(r['name'] + r['hazard_zh'] for r in data['towns'] if r['outlook'] == words)}：{words}", highlight=False)


def _alerts(out: Console, data: dict[str, Any]) -> None:
    threads, local = {row["alert_id"] for row in data["alerts"]}, clock_of(data["zone"])
    out.print(f"[b]预警 / alerts: {len(threads)} 起，{len(data['alerts'])} 版[/]")
    for row in data["alerts"]:
        out.print(f"  {row['alert_id']}.v{row['version']} {row['msg_type']} {paint(row['level'])} {row['state']} · {row['headline']}", highlight=False)
        steps = " → ".join(f"{STEP_ZH[k]} {local(row[k])}" for k in STEP_ZH if row.get(k))
        people_ = "、".join(f"{a['officer']}({a['role']}:{a['decision']})" for a in row["approvals"])
        out.print(f"     {steps}｜{people_}｜对象 {row['audience'].get('count', 0)}", highlight=False)


def _audience(out: Console, data: dict[str, Any]) -> None:
    """How ready the register is. Why a colour reaches so many or so few: the groups that the policy addresses, counted in the register."""
    register = data["register"]
    out.print(f"[b]登记册 / register[/] {register['people']} 人，可达 reachable {register['reachable']}（{register['reachable_share']:.1%}）"
              + "".join(f"；[b]未就绪[/] {reason}" for reason in register["reasons"]), highlight=False)
    if any(row["count"] for row in data["audience"]):
        out.print("[b]各级受众（按政策，占登记册）/ audience by colour, of the register[/]；一人可在几组，合计只算一次 / a person in several groups counts once")
    for row in data["audience"] if any(row["count"] for row in data["audience"]) else ():
        groups = "、".join(f"{title} {n}" for title, n in row["by_group"].items())
        out.print(f"  {paint(row['level'])} {row['count']} 人（{row['share']:.1%}）：{groups}", highlight=False)


def _sms(out: Console, data: dict[str, Any]) -> None:
    sms = data["sms"]
    total = sms["total"]
    out.print("[b]短信 / SMS[/] " + "　".join(f"{title} {total.get(key, 0)}" for key, title in SMS_COUNTS.items()))
    for title, key in (("按镇街 / by town", "by_town"), ("按人群 / by group", "by_group")):
        if sms[key]:
            table = _table(title, "", *SMS_COUNTS.values())
            for name, n in sms[key].items():
                table.add_row(name, *(str(n.get(k, 0)) for k in SMS_COUNTS))
            out.print(table)


def _broadcast(out: Console, data: dict[str, Any]) -> None:
    speakers = data["broadcast"]
    out.print(f"[b]大喇叭 / loudspeakers[/] 到达 reached {len(speakers['reached'])} 未到达 not reached {len(speakers['not_reached'])}"
              + (f"：{'、'.join(speakers['not_reached'])}" if speakers["not_reached"] else ""))


def _lost(out: Console, data: dict[str, Any]) -> None:
    for row in data["lost"]:
        out.print(f"[b]{row['title']}不通 / channel lost[/] {row['version']}：{'、'.join(row['towns'])}，{row['people']} 人没有通知到", highlight=False)


def _canary(out: Console, data: dict[str, Any]) -> None:
    """The last test that got the whole way, and which ends miss it."""
    canary = data["canary"]
    if canary and not canary["ran"]:
        out.print("[b]链路自检 / canary[/] 没有在跑 not running")
    elif canary:
        out.print(f"[b]链路自检 / canary[/] 最近一次全程通过 last whole passage {clock_of(data['zone'])(canary['last'])}，时龄 age {age(canary['age_s'])}")
        for end in canary["ends"] if canary["ill"] else ():
            out.print(f"  {end['line']}", highlight=False)
