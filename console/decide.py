"""What the issue DAG's tasks do, callable without Airflow: show a draft, carry out what people answered, tell what stays silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from console import desk
from console.context import STALE_S, Context
from console.dossier import ACTS, facts, markdown
from console.steps import TickReport, dispatch, expire, issue
from core import alerts
from core.errors import AreaError, AuthorityError, FengsuiError, LifeCycleError, StaleError
from core.ledger import tables as t
from core.model import AlertState
from core.times import iso, parse_iso, people

#: The button that lets the clock start anew, and what the others mean: (role, decision).
PUT_OFF = "延后"
ANSWERS = {"送审": ("author", "approve"), "退回": ("author", "refuse"), "签发": ("approver", "approve"), "驳回": ("approver", "refuse")}
#: The state in which a version waits for a role, and the task that asks it (dags/issue.py).
WAITS_FOR = {"author": AlertState.DRAFT, "approver": AlertState.REVIEW}
TASKS = {"author": "review", "approver": "approve"}


def split(partition_key: str) -> tuple[str, datetime]:
    """'alert.v3@time' -> (reference, time at which it was drafted)."""
    ref, _, at = partition_key.rpartition("@")
    return ref, parse_iso(at)


def describe(partition_key: str) -> str:
    """The draft as Markdown for the officer: what, where, why, whom, and the very words that would go out."""
    return markdown(facts(Context.load(), split(partition_key)[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One turn of a question: (officer, title) of those who may answer, for how many seconds, and the words."""

    people: tuple[tuple[str, str], ...]
    wait_s: float
    subject: str
    body: str


def ask(partition_key: str, role: str, turn: int) -> Asked | None:
    """Whom to ask in a role ('author' or 'approver') now; None when the version does not wait for that role.

    Policy order, one more officer each turn. Past the deadline the policy's default acts first (`by_default`); where it holds,
    everybody of the role is asked until the version runs out.
    """
    ref, drafted = split(partition_key)
    ctx = Context.load()
    now = _asked_at(ctx, ref, drafted, turn)
    found = alerts.waiting_for(now=now, ref=ref, county=ctx.county, ledger=ctx.ledger)
    if found is not None and found.overdue:
        if part := by_default(now, ctx, ref):
            issue(now, ctx, part)  # this run has no question left, and its last task sends what is issued
        found = alerts.waiting_for(now=now, ref=ref, county=ctx.county, ledger=ctx.ledger)
    if found is None or found.state is not WAITS_FOR[role]:
        return None
    seen = facts(ctx, ref, now)
    if now >= parse_iso(seen["expires"]):
        return None
    rule = ctx.county.policy.approvals[found.ref.level]
    everyone = ctx.county.policy.asked(rule.author_roles if role == "author" else rule.approver_roles)
    last = found.overdue or turn >= len(everyone)  # the clock may have been put off: whoever is asked last is asked until it runs out
    officers = [officer for n, officer in enumerate(everyone) if last or n <= turn or officer.officer in found.asked]
    until = parse_iso(seen["expires"]) if found.overdue else found.deadline if last else found.until
    with ctx.ledger.begin() as tx:
        titles = "、".join(officer.title for officer in officers)
        ctx.ledger.duty(tx, now, "ask", f"{ref} 请{titles}{ACTS[found.state]}，至 {people(until, ctx.county.zone)}", ref=f"{ref}/{role}/{turn}")
    late = "（已逾时，等待补签）" if found.overdue else ""
    return Asked(people=tuple((officer.officer, officer.title) for officer in officers), wait_s=max(1.0, (until - now).total_seconds()),
                 subject=f"{ACTS[found.state]}{late}：{seen['headline']}", body=markdown(seen))


def take(partition_key: str, role: str, turn: int, answer: dict[str, Any]) -> bool:
    """Sign one answer into the ledger; False when it decides nothing yet: silence, a putting off, a yes to a warning of the whole county without
    its area code, or a signature whose time does not fit.

    An answer to a version that waits no more (replaced, run out, decided elsewhere) changes nothing and is written into the duty log.
    AuthorityError for a signature that does not hold.
    """
    chosen = (answer.get("chosen_options") or [""])[0]
    if chosen == PUT_OFF:
        _put_off(partition_key, role, turn, answer)
        return False
    if chosen not in ANSWERS:
        return answer.get("responded_by_user") is not None
    if ANSWERS[chosen][0] != role:
        raise AuthorityError(f"{chosen}: 不是这一步的答复 / not an answer to this question")
    ref, drafted = split(partition_key)
    ctx = Context.load()
    now = _answered_at(ctx, ref, drafted, turn, answer)
    try:
        _sign(ctx, ref, now, answer)
    except (LifeCycleError, AreaError, StaleError) as reason:
        kind = "area" if isinstance(reason, AreaError) else "stale" if isinstance(reason, StaleError) else "too_late"
        with ctx.ledger.begin() as tx:
            ctx.ledger.duty(tx, now, kind, f"{ref} 的答复“{chosen}”未生效：{reason}", ref=f"{ref}/{role}/{turn}/late")
        return kind == "too_late"
    return True


def _put_off(partition_key: str, role: str, turn: int, answer: dict[str, Any]) -> None:
    """Let the clock start anew as `fengsui alerts delay` does; where that may not be, the desk is told why and the question stays as it is."""
    ref, drafted = split(partition_key)
    ctx, officer, given = Context.load(), _officer(answer), answer.get("params_input") or {}
    now = _answered_at(ctx, ref, drafted, turn, answer)
    try:
        signature = _given(given) or desk.signature(now, _demonstration(ctx, officer), facts(ctx, ref), role, "put_off")
        alerts.put_off(now=now, ref=ref, officer=officer, role=role, signature=signature, county=ctx.county, ledger=ctx.ledger, keyring=ctx.keyring,
                       note=(given.get("reason") or "").strip())
    except (LifeCycleError, AuthorityError) as reason:
        with ctx.ledger.begin() as tx:
            ctx.ledger.duty(tx, now, "not_put_off", f"{ref} 没有延后：{reason}", ref=f"{ref}/{role}/{iso(now)}")


def waits(partition_key: str, role: str) -> bool:
    """Whether a version still waits for a role: it may have been decided at a terminal, or replaced, while the page asks."""
    return alerts.state(ref=split(partition_key)[0], ledger=Context.load().ledger) is WAITS_FOR[role]


def onward(partition_key: str, role: str, turn: int) -> str:
    """Where a turn leads by the ledger's state: the same role's next turn, the approver's first, or the end ('')."""
    state = alerts.state(ref=split(partition_key)[0], ledger=Context.load().ledger)
    if state is WAITS_FOR[role]:
        return f"{TASKS[role]}_{turn + 2}"
    return f"{TASKS['approver']}_1" if state is AlertState.REVIEW else ""


def carry_out(partition_key: str) -> dict[str, Any]:
    """Issue what is approved, and dispatch; a repeat changes nothing and sends nothing twice.

    LifeCycleError when the version still waits for people and could be decided: then a question was never put, which must not look well.
    """
    ref, drafted = split(partition_key)
    ctx = Context.load()
    with ctx.ledger.begin() as tx:
        row = alerts.find(tx, ref)
    now = _clock(ctx, parse_iso(row["decided_at"] or iso(drafted)))
    if row["state"] in WAITS_FOR.values() and now < parse_iso(row["expires"]):
        raise LifeCycleError(f"{ref}: 仍在等人，但没有问出去 / waits for people, but nobody is asked; 清除失败的一步 / clear the failed task")
    return {"ref": ref, "state": finish(now, ctx, ref).state}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What became of a version: its state, and the dispatch that followed."""

    state: str
    dispatch: Any


def finish(now: datetime, ctx: Context, ref: alerts.VersionRef | str) -> Finished:
    """Issue a version if it is approved, and dispatch; a repeat, or another process that does the same, issues nothing and sends nothing twice."""
    with ctx.ledger.read() as tx:
        row = alerts.find(tx, ref)
    if row["state"] == AlertState.APPROVED:
        issue(now, ctx, alerts.VersionRef.of(row))
    report = TickReport(at=now)
    dispatch(now, ctx, report)
    return Finished(state=str(alerts.state(ref=ref, ledger=ctx.ledger)), dispatch=report.dispatch)


def net(now: datetime, ctx: Context) -> TickReport:
    """What has run out is ended, what stands still is carried on, what is issued is handed over: the last also where something before it fails."""
    report = TickReport(at=now)
    expire(now, ctx, report)
    try:
        carry_on(now, ctx)
    finally:
        dispatch(now, ctx, report)
    return report


def carry_on(now: datetime, ctx: Context) -> list[str]:
    """The net under the issue runs, for when a bell was lost, a task failed or Airflow is down: past its deadline the policy's default acts, and
    what is approved is issued. One version that cannot go on costs the others nothing. The versions issued."""
    for waiting in alerts.waiting(now=now, county=ctx.county, ledger=ctx.ledger):
        if waiting.overdue:
            _try(ctx, now, waiting.ref, lambda ref: by_default(now, ctx, ref))
    approved = [ref for ref in alerts.pending(ledger=ctx.ledger, status=ctx.settings.status) if alerts.state(ref=ref, ledger=ctx.ledger) is AlertState.APPROVED]
    return [str(ref) for ref in approved if _try(ctx, now, ref, lambda ref: issue(now, ctx, ref))]


def by_default(now: datetime, ctx: Context, ref: alerts.VersionRef | str) -> alerts.VersionRef | None:
    """Past the deadline: the standing order decides the version, or where it may not the part on which sources agree, with an audience of its own;
    that part where it was approved."""
    import notifiers

    def silence(of: alerts.VersionRef | str) -> AlertState:
        """The standing order on one version."""
        return alerts.decide_silence(now=now, ref=of, county=ctx.county, ledger=ctx.ledger, keyring=ctx.keyring)

    if silence(ref) in WAITS_FOR.values() and (part := alerts.narrow(now=now, ref=ref, county=ctx.county, ledger=ctx.ledger, keyring=ctx.keyring)):
        notifiers.address(now=now, ref=part, county=ctx.county, ledger=ctx.ledger, settings=ctx.settings)
        return part if silence(part) is AlertState.APPROVED else None
    return None


def _try(ctx: Context, now: datetime, ref: alerts.VersionRef, act: Callable[[alerts.VersionRef], object]) -> bool:
    """Do it; where it cannot be done the desk is told, once an hour."""
    try:
        act(ref)
    except (FengsuiError, OSError, ValueError, KeyError, TypeError) as error:  # also a folder that takes no CAP file, and a body spoilt in the ledger
        with ctx.ledger.begin() as tx:
            ctx.ledger.duty(tx, now, "stuck", f"{ref} 停在半路，请处理：{type(error).__name__} {error}", ref=f"{ref}/{iso(now)[:13]}")
        return False
    return True


def _clock(ctx: Context, scenario: datetime) -> datetime:
    """The wall clock, in whole seconds; in a sandbox, whose clock is the scenario's, the time given."""
    return scenario if ctx.settings.mode == "sandbox" else datetime.now(UTC).replace(microsecond=0)


def _asked_at(ctx: Context, ref: str, drafted: datetime, turn: int) -> datetime:
    """When a turn begins. In a sandbox the turns before it were silent to their end, and nobody is asked before the last signature."""
    at = drafted
    for _ in range(turn):
        found = alerts.waiting_for(now=at, ref=ref, county=ctx.county, ledger=ctx.ledger)
        at = max(at, found.until) if found is not None else at
    with ctx.ledger.begin() as tx:
        signed = [parse_iso(row["at"]) for row in alerts.approvals(tx, ref)]
    return _clock(ctx, max([at, *signed]))


def _answered_at(ctx: Context, ref: str, drafted: datetime, turn: int, answer: dict[str, Any]) -> datetime:
    """When people answered; in a sandbox at once."""
    at = answer.get("responded_at")
    if ctx.settings.mode == "sandbox" or not at:
        return _asked_at(ctx, ref, drafted, turn)
    return (at if isinstance(at, datetime) else datetime.fromisoformat(str(at))).astimezone(UTC)


def _sign(ctx: Context, ref: str, now: datetime, answer: dict[str, Any]) -> AlertState:
    """An answer as a signed decision: by the officer's own signature, or by the demonstration key where policy allows."""
    role, decision = ANSWERS[answer["chosen_options"][0]]
    officer, given = _officer(answer), answer.get("params_input") or {}
    signature = _given(given)
    if signature is None:
        with ctx.ledger.read() as tx:  # whoever writes the code where none is needed has confirmed no more than there is
            area = given.get("area") or "" if alerts.whole_area(alerts.find(tx, ref), ctx.county) else ""
        signature = desk.signature(now, _demonstration(ctx, officer), facts(ctx, ref), role, decision, area)
    return alerts.decide(now=now, ref=ref, officer=officer, role=role, decision=decision, signature=signature, county=ctx.county, ledger=ctx.ledger,
                         keyring=ctx.keyring, note=(given.get("reason") or "").strip())


def _officer(answer: dict[str, Any]) -> str:
    return str((answer.get("responded_by_user") or {}).get("id", ""))


def _given(given: dict[str, Any]) -> alerts.Signature | None:
    """The signature that was pasted into the page, if any; AuthorityError for anything else that stands there."""
    return alerts.Signature.read(given["signature"]) if given.get("signature") else None


def _demonstration(ctx: Context, officer: str) -> desk.Hand:
    """The officer's demonstration key; AuthorityError where policy wants the officer's own."""
    if ctx.county.policy.signing != "demonstration":
        raise AuthorityError("正式系统须附本人签名 / a live system needs the officer's own signature")
    return desk.open_key(ctx, officer, str)


def tell_silence(now: datetime, ctx: Context) -> list[str]:
    """Tell the duty desk, once each, what is silent: feeds without fresh readings, drafts past their deadline, and the assessment itself where it
    has stopped; and once a day why the register is not ready. What was told now or before."""
    from connectors import health
    from notifiers import readiness

    told, a = [], t.assessment.c
    with_feeds = health(now=now, county=ctx.county, ledger=ctx.ledger)
    overdue = [w for w in alerts.waiting(now=now, county=ctx.county, ledger=ctx.ledger) if w.overdue]
    with ctx.ledger.read() as tx:
        reasons = readiness(tx, ctx.county, now).reasons
    with ctx.ledger.begin() as tx:
        assessed = tx.execute(select(func.max(a.at)).where(a.at <= iso(now))).scalar()
        if assessed is None or (now - parse_iso(assessed)).total_seconds() > STALE_S:
            told.append("assess")
            since = people(parse_iso(assessed), ctx.county.zone) if assessed else "从未有过"
            ctx.ledger.duty(tx, now, "assess", f"研判停了（最近一次 {since}），级别不是此刻的 / no assessment", ref=f"assess/{assessed}")
        for row in with_feeds:
            if row.state != "ok":
                told.append(row.feed)
                ctx.ledger.duty(tx, now, "feed", row.headline, ref=f"{row.feed}/{row.state}/{row.success_at}")
        for waiting in overdue:
            told.append(str(waiting.ref))
            ctx.ledger.duty(tx, now, "overdue", f"{waiting.ref} 逾时未签发 / past its deadline", ref=f"{waiting.ref}/overdue")
        if reasons:
            told.append("register")
            day = now.astimezone(ctx.county.zone).date()
            ctx.ledger.duty(tx, now, "register", f"登记册未就绪，不妨碍发布：{'；'.join(reasons)}", ref=f"register/{day}")
    return told
