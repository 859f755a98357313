"""Nobody answers: what the county's standing order may do by itself, and no more (R10, R21).

It warns and never soothes. Where a version also lowers a town, or raises one on a single source, the order takes the part on which sources agree
as a version of its own and leaves the rest to people: one doubtful town must not keep the warning from the others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from core.alerts import authority
from core.alerts.authority import DUTY_SYSTEM, STANDING_ORDER, Signature
from core.alerts.body import Change, agreed
from core.alerts.deciding import keep_signature, leads_to, waits
from core.alerts.drafting import Step, refused, withdraw, write
from core.alerts.states import UNDECIDED, S, VersionRef, body_of, changing, find, in_force, move, threads, versions
from core.county import County
from core.errors import AuthorityError, LifeCycleError
from core.keyring import Keyring
from core.ledger import Ledger
from core.model import AlertState, Hazard, MsgType, Status
from core.times import iso, parse_iso


def decide_silence(*, now: datetime, ref: VersionRef | str, county: County, ledger: Ledger, keyring: Keyring) -> AlertState:
    """Nobody answered by the deadline: apply the policy's default (R10) and record it as such; returns the state after it.

    `hold` leaves the version waiting and rings the duty desk. `issue` approves it under the standing order's key, but only what raises
    a level and rests on two independent rules or an official signal (R21); else it holds as well. LifeCycleError before the deadline.
    """
    with changing(ledger) as tx:
        row = find(tx, ref)
        if row["state"] not in UNDECIDED or row["state"] == S.APPROVED:
            return AlertState(row["state"])
        if not waits(tx, row, now, county).overdue:
            raise LifeCycleError(f"{ref}: 时限未到 / the deadline has not passed")
        try:
            authority.check_frozen(row, county)
            authority.check_standing_order(row, county)
            signatures = _standing(row, county, keyring, now)
        except AuthorityError as reason:
            ledger.duty(tx, now, "silence", f"{ref} 逾时无人签发，继续等待：{reason}", str(ref))
            return AlertState(row["state"])
        state = leads_to(row, now, "approver", "approve") if row["state"] == S.REVIEW else S.APPROVED
        if parse_iso(row["expires"]) <= now:
            raise LifeCycleError(f"{ref}: 已过有效期 / has run out")
        for signature in signatures:
            keep_signature(tx, row, signature, "逾时无人应答，按预先授权的政策默认值签发 / pre-authorised default, nobody answered in time")
        move(tx, row, state, decided_at=iso(now))
        ledger.duty(tx, now, "silence", f"{ref} 逾时无人签发，已按预先授权签发", str(ref))
        ledger.audit(tx, now, STANDING_ORDER, "alert.approve", str(ref),
                     {"role": "approver", "state": str(state), "hash": signatures[0].hash, "note": "on_silence"})
        return state


def _standing(row: RowMapping, county: County, keyring: Keyring, now: datetime) -> list[Signature]:
    """The machines' signatures that a version lacks. Who gave the standing order wanted it for the whole county too, where sources agree on every town."""
    hashed, area = authority.approval_hash(row), authority.whole_area(row, county)
    who = [(STANDING_ORDER, "approver")] if row["state"] == S.REVIEW else [(DUTY_SYSTEM, "author"), (STANDING_ORDER, "approver")]
    return [authority.sign_decision(keyring.private(name), name, role, "approve", hashed, now, area) for name, role in who]


def narrow(*, now: datetime, ref: VersionRef | str, county: County, ledger: Ledger, keyring: Keyring) -> VersionRef | None:
    """Put in the place of a version that waits past its deadline the part of it that the standing order may issue: the towns that are raised and on
    which sources agree, all others as they are in force. It is a draft and needs its audience and `decide_silence`; the next pass drafts the rest
    anew. None, and nothing changed, where there is no such part or policy would hold it too.
    """
    with changing(ledger) as tx:
        row = find(tx, ref)
        body, rows = body_of(row), versions(tx, row["alert_id"])
        current = in_force(rows)
        before = {k: n for k, n in body_of(current)["levels"].items() if n} if current else {}
        sure = [k for k, n in body["levels"].items() if n > before.get(k, 0) and k in body["corroboration"]["towns"] and agreed(body["corroboration"]["towns"][k])]
        levels = before | {k: body["levels"][k] for k in sure}
        change = Change(MsgType.UPDATE, levels, before, ("up", "towns") if levels.keys() != before.keys() else ("up",))
        if current is None:
            change = change._replace(msg_type=MsgType.ALERT, why=("open",))
        if row["state"] not in (S.DRAFT, S.REVIEW) or not sure or levels == _said(body) or refused(rows, change):
            return None
        thread = next(one for one in threads(tx) if one["alert_id"] == row["alert_id"])
        assessed = parse_iso(row["assessed_at"])
        step = Step(now=now, county=county, ledger=ledger, status=Status(thread["status"]), assessed=assessed, reading=ledger.newest_reading(assessed))
        scores = {s.town: s for s in ledger.scores(assessed) if str(s.hazard) == thread["hazard"] and s.town in sure}
        attempt = tx.begin_nested()
        withdraw(tx, step, [row])
        part = find(tx, write(tx, step, Hazard(thread["hazard"]), thread, rows, change, scores))
        try:
            authority.check_standing_order(part, county)
            _standing(part, county, keyring, now)
            if not waits(tx, part, now, county).overdue:
                raise AuthorityError("时限未到 / the deadline has not passed")
        except AuthorityError:
            attempt.rollback()
            return None
        left = "、".join(town["name"] for town in body["towns"] if body["levels"][town["key"]] != levels.get(town["key"], 0))
        ledger.duty(tx, now, "silence", f"{ref} 逾时无人签发：来源一致的镇街先按预先授权发布（{VersionRef.of(part)}），{left}仍等人决定", f"{ref}/part")
        return VersionRef.of(part)


def _said(body: dict[str, Any]) -> dict[str, int]:
    """Levels of a body, towns without one left out."""
    return {town: level for town, level in body["levels"].items() if level}
