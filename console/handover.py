"""The shift handover: what happened in the last hours, what is open, and what nobody knows. One dictionary for the page, the terminal and `--json`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select, tuple_

from console.board import CHANNEL_ZH, WAITING, ago, draw, overview
from console.dossier import ALERT_ZH, MSG_ZH, unanswered
from console.reach import KIND, MISSED, missed, words
from console.report import collect
from console.summary import STATE_ZH, Clock, age, clock_of
from core import alerts
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.model import Level
from core.times import iso, parse_iso

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from console.context import Context

#: A shift.
HOURS = 12.0
#: What every question writes into the duty log: its answer, or that there was none, is what counts.
ROUTINE = ("ask",)
#: What an empty part says where "nothing" would say too much.
NOTHING = {"levels": "没有镇街证明达到预警级别；不知道的见下", "not reached": "没有失败回执"}


def handover(ctx: Context, now: datetime, hours: float = HOURS) -> dict[str, Any]:
    """Everything that the next officer must know at `now` (aware), of the last `hours`; times are ISO UTC. ValueError for no hours."""
    if not hours > 0:
        raise ValueError("小时数须大于零 / hours must be more than nought")
    since, data = iso(now - timedelta(hours=hours)), collect(ctx, now)
    seen = overview(data)
    touched = [alert for alert in data["alerts"] if _touched(alert, since, iso(now))]
    with ctx.ledger.read() as tx:
        return {
            **{key: data[key] for key in ("county", "county_en", "zone", "status", "now", "reading_at", "reading_age_s", "stopped", "lost", "register", "canary")},
            "since": since, "hours": hours, "stale_s": seen["stale_s"], "assessed": seen["level"] is not None,
            "towns": [row for row in data["towns"] if row["level"] or row["ceiling"]],
            "waiting": seen["waiting"], "in_force": seen["in_force"], "ended": [alert for alert in touched if alert["state"] not in (*WAITING, "issued")],
            "put_off": _put_off(tx, data["alerts"], since, iso(now)), "feeds": seen["ill"], "pulls": _pulls(tx, ctx, since, iso(now)),
            "unreached": _unreached(tx, ctx, [(alert["alert_id"], alert["version"]) for alert in [*touched, *seen["in_force"]] if alert["issued_at"]]),
            "log": _log(tx, since, iso(now)),
        }


def _touched(alert: dict[str, Any], since: str, now: str) -> bool:
    """Whether anything happened to a version in the shift: it was drafted, signed, issued, or ran out."""
    times = [alert["drafted_at"], alert["decided_at"], alert["issued_at"], alert["expires"], *(signed["at"] for signed in alert["approvals"])]
    return any(since <= at <= now for at in times if at)


def _put_off(tx: Connection, versions: list[dict[str, Any]], since: str, now: str) -> list[dict[str, Any]]:
    """What was put off in the shift: by whom, when and why, until when, and what became of it."""
    log, by_ref = t.duty_log.c, {row["ref"]: row for row in versions}
    refs = tx.execute(select(log.ref).where(log.kind == "put_off", log.at >= since, log.at <= now).order_by(log.at)).scalars().all()
    rows = []
    for ref in refs:
        row, found = by_ref.get(ref), alerts.delayed(tx, ref)
        if found is not None:
            waits = row["waits"] if row else None
            rows.append({"ref": ref, "headline": row["headline"] if row else "", "state": row["state"] if row else "", **found,
                         "until": waits["clock"]["deadline"] if waits else None, "overdue": bool(waits and waits["clock"]["overdue"])})
    return rows


def _pulls(tx: Connection, ctx: Context, since: str, now: str) -> list[dict[str, Any]]:
    """Feeds whose pulls failed in the shift, also those that are well again."""
    c = t.feed_run.c
    bad = func.sum(case((c.outcome == "failed", 1), else_=0))
    query = select(c.feed, func.count(), bad, func.max(case((c.outcome == "failed", c.at)))).where(c.at >= since, c.at <= now).group_by(c.feed).having(bad > 0)
    return [{"feed": feed, "title": ctx.county.titled(feed), "pulls": n, "failed": int(failed), "last_failed": last}
            for feed, n, failed, last in tx.execute(query.order_by(c.feed)).tuples()]


def _unreached(tx: Connection, ctx: Context, versions: list[tuple[str, int]]) -> dict[str, Any]:
    """Of these versions: people by town whom no SMS is known to have reached, the most first, and the loudspeakers that did not answer. Each counts once, by
    what became of the last version of an alert that spoke to him."""
    from notifiers.history import NOTHING, RESERVE

    d, names, speakers = t.delivery.c, {town.key: town.name for town in ctx.county.towns}, {s.speaker: s.name for s in ctx.county.loudspeakers}
    newest = func.row_number().over(partition_by=(d.alert_id, d.channel, d.recipient), order_by=d.version.desc()).label("newest")
    spoke = tuple_(d.alert_id, d.version).in_(versions), d.code.not_in((NOTHING, RESERVE))
    last = select(d.channel, d.town, d.recipient, d.state, newest).where(*spoke).subquery().c
    open_states = [state for state, kind in KIND.items() if kind in (*MISSED, "waiting")]
    people, mute = dict[str, dict[str, set[str]]](), set[str]()
    for channel, town, who, state in tx.execute(select(last.channel, last.town, last.recipient, last.state).where(last.newest == 1, last.state.in_(open_states))):
        if channel == "sms":
            people.setdefault(names.get(town, town), {}).setdefault(KIND[D(state)], set()).add(who)
        elif KIND[D(state)] in MISSED:
            mute.add(speakers.get(who, who))
    counts = {name: {kind: len(found) for kind, found in kinds.items()} for name, kinds in people.items()}
    return {"people": dict(sorted(counts.items(), key=lambda item: -missed(item[1]))), "speakers": sorted(mute)}


def _log(tx: Connection, since: str, now: str) -> list[dict[str, Any]]:
    """The duty log of the shift, newest first."""
    log = t.duty_log.c
    query = select(log.at, log.kind, log.text).where(log.at >= since, log.at <= now, log.kind.not_in(ROUTINE)).order_by(log.entry.desc())
    return [dict(row) for row in tx.execute(query).mappings()]


def unknown(d: dict[str, Any]) -> list[str]:
    """What is not known, in sentences: silence is never calm."""
    local = clock_of(d["zone"])
    said = [] if d["assessed"] else ["尚未研判；没有研判不等于平安"]
    if d["stale_s"]:
        said.append(f"研判停在 {age(d['stale_s'])}前，此后的情况不明")
    for row in d["towns"]:
        if row["ceiling"] > row["level"]:
            proved = f"已证明{Level(row['level']).zh}" if row["level"] else "没有读数证明"
            silent = f"（静默：{'、'.join(row['silent_zh'])}）" if row["silent_zh"] else ""
            said.append(f"{row['name']}{row['hazard_zh']}：{proved}，不能排除{Level(row['ceiling']).zh}{silent}")
    said += [f"{feed['title']} {STATE_ZH[feed['state']]}，最近一次 {age(feed['age_s'])}{'前' if feed['age_s'] is not None else ''}" for feed in d["feeds"]]
    if d["canary"] and (d["canary"]["ill"] or not d["canary"]["ran"]):
        said.append("链路自检" + (f"不正常，最近一次全程通过 {local(d['canary']['last'])}" if d["canary"]["ran"] else "没有在跑") + "，短信与喇叭此刻通不通不知道")
    return said + [f"登记册未就绪：{reason}" for reason in d["register"]["reasons"]]


def parts(d: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """(heading, English, lines) in the order in which they are told: what must be done, what holds, what is not known, what was."""
    now, local = parse_iso(d["now"]), clock_of(d["zone"])
    stops = [f"{s['version']} {s['title']}停发，等人核对（fengsui resume）" for s in d["stopped"]]
    return [
        ("等人做的", "open", [line(a, now, local) for a in d["waiting"]] + stops), ("此刻级别", "levels", levels(d)),
        ("生效中", "in force", [line(a, now, local) for a in d["in_force"]]),
        ("延后过的", "put off", [delayed(p, local) for p in d["put_off"]]), ("没有通知到", "not reached", unreached(d)), ("不知道的", "not known", unknown(d)),
        ("本班取数失败过的", "failed pulls", [failed(row, local) for row in d["pulls"]]), ("本班结束的", "ended", [line(a, now, local) for a in d["ended"]]),
        ("值班记录", "duty log", [f"{local(e['at'])} {e['text']}" for e in d["log"]]),
    ]


def text(d: dict[str, Any]) -> str:
    """The same for a terminal."""
    local = clock_of(d["zone"])
    out = [f"{'【演练】' if d['status'] != 'Actual' else ''}{d['county']} 交接班 {local(d['since'])} 至 {local(d['now'])}（{d['hours']:g} 小时）/ shift handover"]
    for title, english, lines in parts(d):
        out += ["", f"■ {title} {english}", *(f"  {one}" for one in lines or [NOTHING.get(english, "没有")])]
    return "\n".join(out)


def page(ctx: Context, now: datetime, hours: float = HOURS) -> str:
    """The same as a page to read, to print and to sign."""
    found = handover(ctx, now, hours)
    return draw("handover.html.j2", ctx, found, True, parts=parts(found), nothing=NOTHING)


def levels(d: dict[str, Any]) -> list[str]:
    """The towns by hazard and level as assessed last, the highest first."""
    towns: dict[tuple[int, str], list[str]] = {}
    for row in d["towns"]:
        if row["level"]:
            towns.setdefault((row["level"], row["hazard_zh"]), []).append(row["name"])
    return [f"{Level(level).zh} {hazard}：{'、'.join(names)}" for (level, hazard), names in sorted(towns.items(), reverse=True)]


def line(alert: dict[str, Any], now: datetime, local: Clock) -> str:
    """One version in one line: where it stands, who is asked by when and what then, whom it reached, who signed."""
    said = [f"{Level(alert['level']).zh} {ALERT_ZH.get(alert['state'], alert['state'])}（{MSG_ZH.get(alert['msg_type'], alert['msg_type'])}）{alert['headline']}"]
    if waits := alert["waits"]:
        asked = "、".join(one["title"] for one in waits["clock"]["asked"])
        said.append(f"请 {asked}{waits['clock']['act']}，时限 {ago(now, local, waits['clock']['deadline'])}，逾时{unanswered(waits)}")
    if alert["state"] == "issued":
        said.append(f"有效至 {ago(now, local, alert['expires'])}")
    if alert["issued_at"]:
        said += [f"{CHANNEL_ZH[channel]} {words(n)}" for channel, n in alert["reach"].items()]
    if alert["approvals"]:
        said.append("、".join(f"{s['officer']}{ {'approve': '同意', 'refuse': '退回'}.get(s['decision'], s['decision'])}" for s in alert["approvals"]))
    return f"{'；'.join(said)}　{alert['ref']}"


def delayed(put: dict[str, Any], local: Clock) -> str:
    """What was put off, in one line."""
    then = f"到 {local(put['until'])}{'，已逾时' if put['overdue'] else ''}" if put["until"] else f"现在：{ALERT_ZH.get(put['state'], put['state'] or '已结束')}"
    return f"{put['headline']}　{put['officer']} {local(put['at'])} 延后：{put['note']}；{then}　{put['ref']}"


def failed(row: dict[str, Any], local: Clock) -> str:
    """A feed whose pulls failed, in one line."""
    return f"{row['title']}：{row['pulls']} 次里失败 {row['failed']} 次，最近 {local(row['last_failed'])}"


def unreached(d: dict[str, Any]) -> list[str]:
    """Who was not reached, in lines: by town, the silent loudspeakers, lost channels."""
    rows = [f"{name} 短信：{words(n)}" for name, n in d["unreached"]["people"].items()]
    rows += [f"大喇叭没有应答：{'、'.join(d['unreached']['speakers'])}"] if d["unreached"]["speakers"] else []
    return rows + [f"{row['title']}不通（{row['version']}）：{'、'.join(row['towns'])}，{row['people']} 人没有通知到" for row in d["lost"]]
