"""People decide: the audience is written down, an author signs, another officer approves or refuses. Where nobody answers: core.alerts.standing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from core.alerts import authority
from core.alerts.authority import Signature
from core.alerts.states import S, VersionRef, body_of, changing, find, move, versions
from core.county import County
from core.errors import AuthorityError, LifeCycleError, StaleError
from core.keyring import Keyring
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import AlertState, Level, MsgType
from core.signing import canonical
from core.times import iso, parse_iso

#: (role, decision) -> (state it needs, state it leads to).
STEPS = {
    ("author", "approve"): ((S.DRAFT,), S.REVIEW),
    ("approver", "approve"): ((S.REVIEW,), S.APPROVED),
    ("author", "refuse"): ((S.DRAFT,), S.REFUSED),
    ("approver", "refuse"): ((S.DRAFT, S.REVIEW), S.REFUSED),
}
#: How far the clock of an officer's own machine may run ahead of the house's, s (own choice): one that runs farther hides what came before a putting off.
AHEAD_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A version that waits for people: who is asked by now (the first, then the deputies), until when they alone, by when the policy's
    default acts, and whether that has passed."""

    ref: VersionRef
    state: AlertState
    asked: tuple[str, ...]
    until: datetime
    deadline: datetime
    overdue: bool


def record_audience(tx: Connection, ref: VersionRef | str, snapshot: Mapping[str, Any]) -> None:
    """Write the audience snapshot (with its 'hash') into a draft; once somebody has signed, only the same snapshot is accepted."""
    row = find(tx, ref)
    text = canonical(dict(snapshot))
    if "hash" not in snapshot:
        raise LifeCycleError("受众快照没有 hash / the snapshot has no hash")
    if row["audience"] == text:
        return
    if row["state"] != S.DRAFT:
        raise LifeCycleError(f"{ref}: 已有人签字，受众不能再变 / signed already, the audience is frozen")
    v = t.alert_version.c
    tx.execute(update(t.alert_version).where(v.alert_id == row["alert_id"], v.version == row["version"]).values(audience=text))


def approvals(tx: Connection, ref: VersionRef | str) -> list[RowMapping]:
    """The signatures under a version, in the order of their times."""
    row = find(tx, ref)
    a = t.approval.c
    query = select(t.approval).where(a.alert_id == row["alert_id"], a.version == row["version"]).order_by(a.at, a.role.desc())
    return list(tx.execute(query).mappings())


def decide(
    *, now: datetime, ref: VersionRef | str, officer: str, role: str, decision: str, signature: Signature,
    county: County, ledger: Ledger, keyring: Keyring, note: str = "",
) -> AlertState:
    """Take one officer's signed decision; returns the state after it. The same decision twice changes nothing.

    AuthorityError when the signature, the role or the person does not fit, StaleError when its time does not; LifeCycleError when the version
    cannot take it (wrong state, run out, no audience snapshot yet).
    """
    with changing(ledger) as tx:
        row = find(tx, ref)
        signed = approvals(tx, ref)
        if any(_same(old, signature) for old in signed):
            return AlertState(row["state"])
        if (signature.officer, signature.role, signature.decision) != (officer, role, decision):
            raise AuthorityError("签名与所称的人、角色或决定不符 / the signature says something else")
        authority.check_frozen(row, county)
        authority.check_role(county, officer, role, Level(row["level"]))
        authority.check_area(signature, row, county)
        authority.check_signature(signature, keyring)
        if signature.hash != authority.approval_hash(row):
            raise AuthorityError(f"{officer} 签的不是这份内容 / signed something else")
        _check_time(signature, now, _put_off_at(tx, ref) or "")
        _check_author(signed, officer, keyring)
        state = leads_to(row, now, role, decision)
        keep_signature(tx, row, signature, note)
        move(tx, row, state, **({} if state is S.REVIEW else {"decided_at": iso(now)}))
        ledger.audit(tx, now, officer, f"alert.{decision}", str(ref),
                     {"role": role, "state": str(state), "hash": signature.hash, "note": note, **_where(officer, keyring)})
        return state


def _check_time(signature: Signature, now: datetime, put_off_at: str) -> None:
    """Return if a signature is of the time after a putting off; StaleError otherwise, and where the clock that it was made by runs too far ahead to tell."""
    if signature.at < put_off_at:
        raise StaleError(f"{signature.officer} 签于 {signature.at}，在 {put_off_at} 延后之前：看过再签一次 / signed before it was put off: look, sign again")
    if parse_iso(signature.at) > now + timedelta(seconds=AHEAD_S):
        raise StaleError(f"{signature.officer} 签于 {signature.at}，还没有到：校准那台机器的时钟再签 / from the future: set that machine's clock, sign again")


def _where(officer: str, keyring: Keyring) -> dict[str, str]:
    """For the audit: that a decision was signed on the officer's own machine, where the house has no private half of the key."""
    return {"signed": "elsewhere"} if keyring.elsewhere(officer) else {}


def leads_to(row: RowMapping, now: datetime, role: str, decision: str) -> AlertState:
    """The state that a decision leads a version to; LifeCycleError where it cannot be taken now."""
    if (role, decision) not in STEPS:
        raise LifeCycleError(f"没有这样的决定 / no such decision: {role} {decision}")
    needs, to = STEPS[role, decision]
    if row["state"] not in needs:
        raise LifeCycleError(f"{VersionRef.of(row)}: {row['state']} 状态下不能 {role} {decision} / not in this state")
    if parse_iso(row["expires"]) <= now:
        raise LifeCycleError(f"{VersionRef.of(row)}: 已过有效期 / has run out")
    return to


def _same(old: RowMapping, new: Signature) -> bool:
    return (old["officer"], old["role"], old["decision"], old["signed_hash"], old["signature"]) == (
        new.officer, new.role, new.decision, new.hash, new.signature)


def _check_author(signed: list[RowMapping], officer: str, keyring: Keyring) -> None:
    for old in signed:
        if old["officer"] == officer or keyring.public(old["officer"]) == keyring.public(officer):
            raise AuthorityError("拟稿人不能审批自己的稿 / the author cannot approve, nobody signs twice")


def keep_signature(tx: Connection, row: RowMapping, signature: Signature, note: str) -> None:
    """Store a signature under a version."""
    tx.execute(insert(t.approval).values(
        alert_id=row["alert_id"], version=row["version"], officer=signature.officer, role=signature.role, decision=signature.decision,
        at=signature.at, signed_hash=signature.hash, signature=signature.signature, note=note))


def waiting(*, now: datetime, county: County, ledger: Ledger) -> list[Waiting]:
    """Everything that waits for people, the highest colour first; deputies are asked in policy order, at equal shares of the deadline."""
    with ledger.begin() as tx:
        v = t.alert_version.c
        query = select(t.alert_version).where(v.state.in_([S.DRAFT, S.REVIEW]))
        query = query.order_by(v.level.desc(), v.drafted_at, v.alert_id, v.version)
        return [waits(tx, row, now, county) for row in tx.execute(query).mappings()]


def waiting_for(*, now: datetime, ref: VersionRef | str, county: County, ledger: Ledger) -> Waiting | None:
    """The same of one version; None when it waits for nobody."""
    with ledger.begin() as tx:
        row = find(tx, ref)
        return waits(tx, row, now, county) if row["state"] in (S.DRAFT, S.REVIEW) else None


def waits(tx: Connection, row: RowMapping, now: datetime, county: County) -> Waiting:
    """Who is asked about a version by now, and until when."""
    rule = county.policy.approvals[Level(row["level"])]
    start = parse_iso(_asked_since(tx, row))
    roles = rule.author_roles if row["state"] == S.DRAFT else rule.approver_roles
    people = [o.officer for o in county.policy.asked(roles)]
    share = rule.deadline_s / max(1, len(people))
    steps = 1 + int(max(0.0, (now - start).total_seconds()) // share)
    deadline = start + timedelta(seconds=rule.deadline_s)
    return Waiting(ref=VersionRef.of(row), state=AlertState(row["state"]), asked=tuple(people[:steps]),
                   until=min(deadline, start + timedelta(seconds=share * steps)), deadline=deadline, overdue=now >= deadline)


def _asked_since(tx: Connection, row: RowMapping) -> str:
    """When people were first asked for what this version asks, ISO UTC: a storm that spreads replaces an unsigned draft by a larger one again
    and again, and that must not start the clock anew (R10). It reaches back while some town that is raised here has stood at this colour."""
    a, start = t.assessment.c, str(row["drafted_at"])
    try:
        body = body_of(row)
        hazard, raised = str(body["hazard"]), [town for town, (_, new) in body["changed"].items() if new >= row["level"]]
    except (ValueError, KeyError, TypeError, AttributeError):  # spoilt in the ledger: nobody can sign it, and what waits beside it has its own clock
        hazard, raised = "", []
    stood = a.hazard == hazard, a.town.in_(raised), a.at <= start
    fell = tx.execute(select(a.at).where(*stood).group_by(a.at).having(func.max(a.level) < row["level"]).order_by(a.at.desc()).limit(1)).scalar() or ""
    for former in reversed([old for old in versions(tx, row["alert_id"]) if old["version"] < row["version"]]):
        unsigned = former["state"] == S.SUPERSEDED and not former["issued_at"] and former["msg_type"] != MsgType.CANCEL
        if not (raised and unsigned and former["level"] >= row["level"] and former["drafted_at"] > fell):
            break
        start = former["drafted_at"]
    return max(start, _put_off_at(tx, VersionRef.of(row)) or "")


def _put_off_at(tx: Connection, ref: VersionRef | str) -> str | None:
    log = t.duty_log.c
    return tx.execute(select(log.at).where(log.kind == "put_off", log.ref == str(ref))).scalar()


def delayed(tx: Connection, ref: VersionRef | str) -> dict[str, str] | None:
    """Who put a version off, when (ISO UTC) and why; None where nobody did."""
    if _put_off_at(tx, ref) is None:
        return None
    log = t.audit.c
    row = tx.execute(select(log.actor, log.at, log.payload).where(log.action == "alert.put_off", log.subject == str(ref))).one()
    return {"officer": row.actor, "at": row.at, "note": json.loads(row.payload)["note"]}


def put_off(
    *, now: datetime, ref: VersionRef | str, officer: str, role: str, signature: Signature, county: County, ledger: Ledger, keyring: Keyring, note: str,
) -> datetime:
    """One officer who is awake wants to look closer: the clock of this version starts anew, once, so that it cannot stall (R10); its new deadline.

    A later version that replaces this one unsigned counts from the first again. AuthorityError for a signature, role or person that does not
    fit, LifeCycleError when the version waits for nobody, was put off before, would run out first, or no reason is given.
    """
    with changing(ledger) as tx:
        row = find(tx, ref)
        if (signature.officer, signature.role, signature.decision, signature.hash) != (officer, role, "put_off", authority.approval_hash(row)):
            raise AuthorityError("签名与所称的人、角色、决定或内容不符 / the signature says something else")
        authority.check_role(county, officer, role, Level(row["level"]))
        authority.check_signature(signature, keyring)
        if row["state"] not in (S.DRAFT, S.REVIEW) or parse_iso(row["expires"]) <= now:
            raise LifeCycleError(f"{ref}: {row['state']}，不在等人 / waits for nobody")
        if not note.strip():
            raise LifeCycleError(f"{ref}: 延后须写理由 / say why it is put off")
        if not ledger.duty(tx, now, "put_off", f"{ref} 由 {officer} 延后一次：{note}", str(ref)):
            raise LifeCycleError(f"{ref}: 已延后过一次，不能再延 / was put off once, no more")
        ledger.audit(tx, now, officer, "alert.put_off", str(ref), {"role": role, "hash": signature.hash, "signature": signature.signature, "note": note,
                                                              **_where(officer, keyring)})
        deadline = waits(tx, row, now, county).deadline
        if deadline >= parse_iso(row["expires"]):
            raise LifeCycleError(f"{ref}: 延后会越过有效期，不能延 / would run out before its new deadline")
        return deadline
