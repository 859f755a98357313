"""From risk to a proposal: one thread a hazard and event, one version a material change.

Material is what changes anybody's day: a town's level up or down (down only after the rules' hold, which the scores already
contain), the set of towns, or an expiry drawing near. Anything below an upgrade waits `min_update_s` after the last issue.
The step reads the newest scores, writes at most one version a hazard, and says the same again when asked again for the same `now`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, func, insert, select

from core.alerts.body import Change, compose
from core.alerts.states import ID_LETTERS, S, VersionRef, body_of, changing, close, in_force, move, threads, undecided, versions
from core.county import County
from core.errors import FengsuiError, LifeCycleError
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import Hazard, Level, MsgType, RiskScore, Status
from core.pii import mask
from core.signing import canonical, digest
from core.times import iso, parse_iso
from core.wording import refuse_links


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReport:
    """What waits since `at`: the versions drafted at that time and still untouched, and those that were withdrawn."""

    at: datetime
    versions: list[VersionRef] = field(default_factory=list)
    withdrawn: list[VersionRef] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What every hazard's drafting shares."""

    now: datetime
    county: County
    ledger: Ledger
    status: Status
    assessed: datetime
    reading: datetime | None


def draft(*, now: datetime, county: County, ledger: Ledger, status: Status) -> DraftReport:
    """Draft what the newest assessment makes material, per hazard, in one transaction; idempotent for the same `now` (aware)."""
    scores = ledger.scores(until=now)  # one made while the clock was wrong, hours ahead, must not silence all that follow
    if not scores:
        return DraftReport(at=now)
    assessed = scores[0].time
    step = Step(now=now, county=county, ledger=ledger, status=status, assessed=assessed, reading=ledger.newest_reading(assessed))
    withdrawn: list[VersionRef] = []
    with changing(ledger) as tx:
        for hazard in Hazard:
            of_hazard = {score.town: score for score in scores if score.hazard is hazard}
            if of_hazard:
                withdrawn += _draft_alone(tx, step, hazard, of_hazard)
        v = t.alert_version.c
        query = select(t.alert_version).join(t.alert, t.alert.c.alert_id == v.alert_id).where(
            v.drafted_at == iso(now), v.state == S.DRAFT, t.alert.c.status == str(status)).order_by(v.level.desc(), v.alert_id, v.version)
        return DraftReport(at=now, versions=[VersionRef.of(row) for row in tx.execute(query).mappings()], withdrawn=withdrawn)


def _draft_alone(tx: Connection, step: Step, hazard: Hazard, scores: dict[str, RiskScore]) -> list[VersionRef]:
    """Draft one hazard; what cannot be written for it (a text, a rule of policy) rings the desk and costs the other hazards nothing."""
    try:
        with tx.begin_nested():
            return _draft_hazard(tx, step, hazard, scores)
    except (FengsuiError, KeyError, ValueError) as error:
        text = f"{hazard.zh}预警拟稿失败，请人工处理：{type(error).__name__} {mask(str(error))} / could not be drafted"
        step.ledger.duty(tx, step.now, "draft", text, f"{hazard}/{digest(text)[:12]}/{step.now:%Y%m%d%H}")
        return []


def _draft_hazard(tx: Connection, step: Step, hazard: Hazard, scores: dict[str, RiskScore]) -> list[VersionRef]:
    """Bring one hazard's thread up to date; returns the versions that were withdrawn."""
    thread = next(iter(threads(tx, hazard=hazard, status=step.status)), None)
    rows = versions(tx, thread["alert_id"]) if thread else []
    waiting = undecided(rows)
    current = in_force(rows)
    before = {k: n for k, n in body_of(current)["levels"].items() if n} if current else {}
    levels = _levels(step, scores, before)
    if any(_by_hand(row, step, grown=_grown(levels, before)) for row in waiting):
        return []
    change = _change(step, levels, before, current)
    if change is None:
        gone = withdraw(tx, step, waiting)
        if thread and current is None and not levels:
            close(tx, thread["alert_id"], iso(step.now))
        return gone
    if any(_says(row, change) and parse_iso(row["expires"]) > step.now for row in waiting[-1:]):
        return []
    if refused(rows, change) or (thread is None and _silenced(tx, step, hazard, levels)):
        return withdraw(tx, step, waiting)
    gone = withdraw(tx, step, waiting)
    write(tx, step, hazard, thread, rows, change, scores)
    return gone


def _levels(step: Step, scores: dict[str, RiskScore], before: dict[str, int]) -> dict[str, int]:
    """Level by town, NONE left out. A town not assessed keeps what it has; an assessment older than `keep_for_s` lowers nothing."""
    stale = step.now - step.assessed > timedelta(seconds=step.county.policy.keep_for_s)
    found = {}
    for town in step.county.towns:
        kept, score = before.get(town.key, 0), scores.get(town.key)
        found[town.key] = kept if score is None else max(kept, int(score.level)) if stale else int(score.level)
    return {key: level for key, level in found.items() if level}


def _change(step: Step, levels: dict[str, int], before: dict[str, int], current: RowMapping | None) -> Change | None:
    """What has materially changed against the version in force, None when nothing has."""
    if current is None:
        return Change(MsgType.ALERT, levels, {}, ("open",)) if levels else None
    why = []
    if _grown(levels, before):
        why.append("up")
    if any(levels.get(k, 0) < n for k, n in before.items()):
        why.append("down")
    if levels.keys() != before.keys():
        why.append("towns")
    near = parse_iso(current["expires"]) - step.now <= timedelta(seconds=step.county.policy.renew_before_s)
    if near and levels:
        why.append("renew")
    early = step.now - parse_iso(current["issued_at"]) < timedelta(seconds=step.county.policy.min_update_s)
    if not why or (early and "up" not in why):
        return None
    if not levels:
        return Change(MsgType.CANCEL, {}, before, ("cancel",))
    return Change(MsgType.UPDATE, levels, before, tuple(why))


def _grown(levels: dict[str, int], before: dict[str, int]) -> bool:
    return any(n > before.get(k, 0) for k, n in levels.items())


def _by_hand(row: RowMapping, step: Step, *, grown: bool = False) -> bool:
    """Whether a person's Cancel is waiting: the machine does not talk across them. Not for ever: not when it has run out, nor, where the
    risk has `grown`, when nobody has signed it within its own deadline."""
    if "manual" not in body_of(row)["why"] or parse_iso(row["expires"]) <= step.now:
        return False
    signing = timedelta(seconds=step.county.policy.approvals[Level(row["level"])].deadline_s)
    return not grown or step.now < parse_iso(row["drafted_at"]) + signing


def _says(row: RowMapping, change: Change) -> bool:
    """Whether a version already says this change (levels, kind, and against the same former levels)."""
    body = body_of(row)
    said = {k: n for k, n in body["levels"].items() if n}
    same = (row["msg_type"], said, body["changed"]) == (change.msg_type, change.levels, change.changed)
    return same and ("renew" in body["why"]) == ("renew" in change.why)


def refused(rows: list[RowMapping], change: Change) -> bool:
    """Whether people refused this very change since the last issue: it is not put before them again unchanged."""
    last = max((row["version"] for row in rows if row["issued_at"]), default=0)
    return any(row["state"] == S.REFUSED and row["version"] > last and _says(row, change) for row in rows)


def _silenced(tx: Connection, step: Step, hazard: Hazard, levels: dict[str, int]) -> bool:
    """Whether a person cancelled this hazard by hand and it has neither grown nor been all clear since."""
    done = threads(tx, hazard=hazard, status=step.status, closed=True)
    last = max(done, key=lambda row: str(row["closed_at"]), default=None)
    if last is None:
        return False
    body = body_of(versions(tx, last["alert_id"])[-1])
    if "manual" not in body["why"] or any(n > body["changed"].get(k, [0])[0] for k, n in levels.items()):
        return False
    a = t.assessment.c
    calm = select(a.at).where(a.hazard == str(hazard), a.at > last["closed_at"]).group_by(a.at).having(func.max(a.level) == 0).limit(1)
    return tx.execute(calm).first() is None


def withdraw(tx: Connection, step: Step, waiting: list[RowMapping]) -> list[VersionRef]:
    """Supersede what still waits for people and no longer says what is so."""
    for row in waiting:
        move(tx, row, S.SUPERSEDED)
        step.ledger.audit(tx, step.now, "draft", "alert.withdraw", str(VersionRef.of(row)), {})
    return [VersionRef.of(row) for row in waiting]


def write(
    tx: Connection, step: Step, hazard: Hazard, thread: RowMapping | None, rows: list[RowMapping], change: Change,
    scores: dict[str, RiskScore], cause: str = "",
) -> VersionRef:
    """Store one new version, opening its thread if there is none."""
    alert_id = thread["alert_id"] if thread else _open(tx, step, hazard)
    version = 1 + max((row["version"] for row in rows), default=0)
    former = [row for row in rows if row["issued_at"]]
    body = compose(now=step.now, county=step.county, alert_id=alert_id, version=version, hazard=hazard, status=step.status, change=change,
                   scores=scores, former=former, cause=cause)
    text = canonical(body)
    row = {"alert_id": alert_id, "version": version, "msg_type": str(change.msg_type), "level": body["level"]}
    tx.execute(insert(t.alert_version).values(
        **row, state=str(S.DRAFT), body=text, body_hash=digest(text), audience="{}", expires=body["expires"], cap_path="",
        reading_at=iso(step.reading) if step.reading else None, assessed_at=iso(step.assessed), drafted_at=iso(step.now)))
    ref = VersionRef.of(row)
    step.ledger.audit(tx, step.now, "draft", "alert.draft", str(ref),
                      {"level": body["level"], "why": body["why"], "body_hash": digest(text)})
    if not body["towns"]:
        step.ledger.duty(tx, step.now, "no-area", f"{ref} 没有区域，不会发给任何人", str(ref))
    return ref


def _open(tx: Connection, step: Step, hazard: Hazard) -> str:
    """A new thread; its id is unique because a thread a hazard and second is told apart from the next by a number."""
    base = f"{step.county.code}{ID_LETTERS[step.status]}-{hazard}-{step.now:%Y%m%d%H%M%S}"
    taken = set(tx.execute(select(t.alert.c.alert_id).where(t.alert.c.alert_id.startswith(base))).scalars())
    alert_id = next(name for name in (base, *(f"{base}-{n}" for n in range(2, 1000))) if name not in taken)
    tx.execute(insert(t.alert).values(alert_id=alert_id, hazard=str(hazard), status=str(step.status), opened_at=iso(step.now)))
    return alert_id


def cancel(*, now: datetime, alert_id: str, reason: str, county: County, ledger: Ledger, officer: str = "", mistaken: bool = False) -> VersionRef:
    """Draft the Cancel of a thread by hand (R7), with `reason` in its text; it still needs its two signatures. `mistaken` tells people that the
    warning was wrong, not that it is over.

    A repeat returns the one that waits. LifeCycleError when nothing of that thread is in force, ConfigError when `reason` holds a link.
    What waited in the thread is superseded.
    """
    refuse_links(reason)
    with changing(ledger) as tx:
        thread = next((row for row in threads(tx) if row["alert_id"] == alert_id), None)
        rows = versions(tx, alert_id)
        current = in_force(rows)
        if thread is None or current is None:
            raise LifeCycleError(f"{alert_id}: 没有生效中的预警可解除 / nothing in force to cancel")
        waiting = undecided(rows)
        step = Step(now=now, county=county, ledger=ledger, status=Status(thread["status"]),
                    assessed=parse_iso(current["assessed_at"]), reading=parse_iso(current["reading_at"]) if current["reading_at"] else None)
        why = ("cancel", "manual", *(("mistake",) if mistaken else ()))
        for row in waiting:
            if _by_hand(row, step) and body_of(row)["why"] == list(why):
                return VersionRef.of(row)
        withdraw(tx, step, waiting)
        before = {k: n for k, n in body_of(current)["levels"].items() if n}
        change = Change(MsgType.CANCEL, {}, before, why)
        ref = write(tx, step, Hazard(thread["hazard"]), thread, rows, change, {}, cause=reason)
        ledger.audit(tx, now, officer or "officer", "alert.cancel", str(ref), {"reason": reason})
        return ref
