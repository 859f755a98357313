"""What the issue DAG's tasks do, callable without Airflow: show a draft, carry out what people answered, tell what stays silent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from console.context import Context
from console.steps import TickReport, dispatch, issue
from core import alerts
from core.errors import AuthorityError, LifeCycleError
from core.model import AlertState, Level
from core.times import parse_iso, people

#: How long the question waits in Airflow before silence is the answer (dags/issue.py).
SILENCE = timedelta(minutes=30)
#: What the buttons mean: (role, decision).
ANSWERS = {"送审": ("author", "approve"), "退回": ("author", "refuse"), "签发": ("approver", "approve"), "驳回": ("approver", "refuse")}


def split(partition_key: str) -> tuple[str, datetime]:
    """'alert.v3@time' -> (reference, time at which it was drafted)."""
    ref, _, at = partition_key.rpartition("@")
    return ref, parse_iso(at)


def describe(partition_key: str) -> str:
    """The draft as Markdown for the officer: what, where, why, whom, and the very words that would go out."""
    ctx = Context.load()
    with ctx.ledger.begin() as tx:
        row = alerts.find(tx, split(partition_key)[0])
    body, audience = json.loads(row["body"]), json.loads(row["audience"])
    names = {town["key"]: town["name"] for town in body["towns"]}
    first = next(iter(body["texts"].values()), {"sms": ""})
    lines = [f"**{body['headline']}**", "", f"有效至 {people(parse_iso(row['expires']))}，对象 {audience.get('count', 0)} 个", "",
             "| 镇街 | 级别 | 对象 | 理由 |", "|---|---|---|---|"]
    lines += [f"| {names[key]} | {Level(level).zh} | {audience.get('by_town', {}).get(key, 0)} | {body['reasons'].get(key, '')} |"
              for key, level in body["levels"].items()]
    return "\n".join([*lines, "", f"短信：{first['sms']}", "", f"正文哈希 {row['body_hash'][:16]}"])


def carry_out(partition_key: str, review: dict[str, Any] | None, approval: dict[str, Any] | None) -> dict[str, Any]:
    """Record the officers' signatures, issue if both said yes, and dispatch; a repeat changes nothing and sends nothing twice."""
    ref, drafted = split(partition_key)
    ctx, now = Context.load(), drafted
    for answer in (review, approval):
        now = max(now, answered_at(ctx, drafted, answer))
        _record(ctx, ref, now, answer)
    if alerts.state(ref=ref, ledger=ctx.ledger) is AlertState.APPROVED:
        with ctx.ledger.begin() as tx:
            row = alerts.find(tx, ref)
        issue(now, ctx, alerts.VersionRef.of(row))
    report = TickReport(at=now)
    dispatch(now, ctx, report)
    return {"ref": ref, "state": str(alerts.state(ref=ref, ledger=ctx.ledger))}


def answered_at(ctx: Context, drafted: datetime, answer: dict[str, Any] | None) -> datetime:
    """When people answered. In a sandbox, whose clock is the scenario's, an answer comes at the draft's time, and silence at its deadline."""
    chosen = (answer or {}).get("chosen_options") or []
    silent = bool(chosen) and chosen[0] not in ANSWERS
    if ctx.settings.mode == "sandbox":
        return drafted + SILENCE if silent else drafted
    at = str((answer or {}).get("responded_at") or "")
    return datetime.fromisoformat(at).astimezone(UTC) if at else datetime.now(UTC)


def _record(ctx: Context, ref: str, now: datetime, answer: dict[str, Any] | None) -> AlertState | None:
    """One answer from the human-in-the-loop task: signed by the officer, or by the demonstration key where policy allows; silence falls to the policy."""
    chosen = (answer or {}).get("chosen_options") or []
    if not answer or not chosen:
        return None
    if chosen[0] not in ANSWERS:
        try:
            return alerts.decide_silence(now=now, ref=ref, county=ctx.county, ledger=ctx.ledger, keyring=ctx.keyring)
        except LifeCycleError:
            return None
    role, decision = ANSWERS[chosen[0]]
    officer = (answer.get("responded_by_user") or {}).get("id", "")
    given = (answer.get("params_input") or {}).get("signature") or ""
    if given:
        signature = alerts.Signature(**json.loads(given))
        return alerts.decide(now=now, ref=ref, officer=officer, role=role, decision=decision, signature=signature, county=ctx.county,
                             ledger=ctx.ledger, keyring=ctx.keyring)
    if ctx.county.policy.signing != "demonstration":
        raise AuthorityError("正式系统须附本人签名 / a live system needs the officer's own signature")
    from console.sandbox.officers import sign_as

    return sign_as(officer, role, ref, now=now, county=ctx.county, ledger=ctx.ledger, keyring=ctx.keyring, settings=ctx.settings, decision=decision)


def tell_silence(now: datetime, ctx: Context) -> list[str]:
    """Tell the duty desk, once each, what is silent: feeds without fresh readings and drafts past their deadline. What was told now or before."""
    from connectors import health

    told = []
    with_feeds = health(now=now, county=ctx.county, ledger=ctx.ledger)
    overdue = [w for w in alerts.waiting(now=now, county=ctx.county, ledger=ctx.ledger) if w.overdue]
    with ctx.ledger.begin() as tx:
        for row in with_feeds:
            if row.state != "ok":
                told.append(row.feed)
                ctx.ledger.duty(tx, now, "feed", f"{ctx.county.feed(row.feed).title}：{row.headline}", ref=f"{row.feed}/{row.state}/{row.success_at}")
        for waiting in overdue:
            told.append(str(waiting.ref))
            ctx.ledger.duty(tx, now, "overdue", f"{waiting.ref} 逾时未签发 / past its deadline", ref=f"{waiting.ref}/overdue")
    return told
