"""What officers decide at a terminal, for the night on which Airflow stands still: the steps that the pages take, with the officer's own key in hand.

Who sits at the keyboard is not believed; the key is. Its private half opens only by the passphrase that the officer types, lives as long as
the command, and signs what was shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from console.context import Context
from console.dossier import facts
from core import alerts
from core.alerts.authority import ROLES, check_role
from core.alerts.states import in_force, threads, versions
from core.errors import AuthorityError, LifeCycleError
from core.keyring import Keyring
from core.ledger import tables as t
from core.model import AlertState, Level
from core.times import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """An officer whose key is open."""

    officer: str
    private: str = field(repr=False)


def overview(ctx: Context, now: datetime) -> dict[str, Any]:
    """What waits for people (the highest colour first), what is approved and not yet out, and what is in force; JSON-ready."""
    waiting = [str(found.ref) for found in alerts.waiting(now=now, county=ctx.county, ledger=ctx.ledger)]
    pending = [str(ref) for ref in alerts.pending(ledger=ctx.ledger)]
    with ctx.ledger.read() as tx:
        current = [row for thread in threads(tx) if (row := in_force(versions(tx, thread["alert_id"]))) is not None and row["expires"] > iso(now)]
    return {"waiting": [facts(ctx, ref, now) for ref in waiting], "approved": [ref for ref in pending if ref not in waiting],
            "in_force": [facts(ctx, alerts.VersionRef.of(row)) for row in current]}


def role_of(ctx: Context, officer: str, seen: dict[str, Any], decision: str) -> str:
    """The role in which an officer takes this decision on what was seen: 'author' of a draft, else 'approver'; AuthorityError where policy gives it not.

    Who may only approve may refuse a draft too.
    """
    level = Level[seen["level"].upper()]
    author = seen["state"] == AlertState.DRAFT
    if author and decision == "refuse":
        try:
            check_role(ctx.county, officer, "author", level)
        except AuthorityError:
            author = False
    role = "author" if author else "approver"
    check_role(ctx.county, officer, role, level)
    return role


def open_key(ctx: Context, officer: str, passphrase: Callable[[str], str]) -> Hand:
    """The officer's own key, opened by the passphrase; a demonstration county has keys that need none. AuthorityError for a stranger, a key that is
    not there, was taken back or is kept by no passphrase, and for a wrong passphrase."""
    if ctx.county.policy.officer(officer) is None:
        raise AuthorityError(f"{officer}: 不在值班名单 / not an officer of this county")
    if ctx.county.policy.signing == "demonstration":
        from console.sandbox.officers import key_of

        return Hand(officer=officer, private=key_of(officer, ctx.county, ctx.keyring, ctx.settings))
    if ctx.keyring.elsewhere(officer):
        raise AuthorityError(f"{officer} 的私钥在本人的机器上：fengsui alerts paper 写出签批单，在那里 alerts sign --paper，再 alerts hand-in / "
                             "the private key is on the officer's own machine")
    return own_key(ctx.keyring, officer, passphrase)


def own_key(keyring: Keyring, officer: str, passphrase: Callable[[str], str]) -> Hand:
    """The key of a person, opened where it lies; errors as Keyring.unlock."""
    keyring.public(officer)
    return Hand(officer=officer, private=keyring.unlock(officer, passphrase(officer)))


def in_this_world(ctx: Context, seen: dict[str, Any], *states: AlertState) -> None:
    """Return if a version is of this installation's world and in one of the states; LifeCycleError otherwise."""
    if seen["status"] != ctx.settings.status:
        raise LifeCycleError(f"{seen['ref']}: {seen['status']} 的预警不能在 {ctx.settings.status} 的系统里签 / of another world")
    if seen["state"] not in states:
        raise LifeCycleError(f"{seen['ref']}: {seen['state']}，不在等这一步 / does not wait for this")


def signature(now: datetime, hand: Hand, seen: dict[str, Any], role: str, decision: str, area: str = "") -> alerts.Signature:
    """The officer's signature over what was seen, not over what may stand there by now."""
    return alerts.sign_decision(hand.private, hand.officer, role, decision, seen["approval_hash"], now, area)


def sign(now: datetime, ctx: Context, hand: Hand, seen: dict[str, Any], role: str, decision: str, *, area: str = "", note: str = "") -> AlertState:
    """Sign a decision on what was seen and hand it in; the state after it. Errors as alerts.decide."""
    return hand_in(now, ctx, seen, signature(now, hand, seen, role, decision, area), note)


def hand_in(now: datetime, ctx: Context, seen: dict[str, Any], given: alerts.Signature, note: str) -> AlertState:
    """Take a decision that was signed here or elsewhere; the state after it. Errors as alerts.decide."""
    return alerts.decide(now=now, ref=seen["ref"], officer=given.officer, role=given.role, decision=given.decision, signature=given, county=ctx.county,
                         ledger=ctx.ledger, keyring=ctx.keyring, note=note)


def put_off(now: datetime, ctx: Context, seen: dict[str, Any], given: alerts.Signature, note: str) -> datetime:
    """Let the decision clock start anew, once, by a signature from here or elsewhere; its new deadline. Errors as alerts.put_off."""
    return alerts.put_off(now=now, ref=seen["ref"], officer=given.officer, role=given.role, signature=given, county=ctx.county, ledger=ctx.ledger,
                          keyring=ctx.keyring, note=note)


def standing(ctx: Context, alert_id: str) -> dict[str, Any]:
    """The facts of what is in force in a thread; LifeCycleError when nothing is, or when it belongs to another world."""
    with ctx.ledger.read() as tx:
        row = in_force(versions(tx, alert_id))
    if row is None:
        raise LifeCycleError(f"{alert_id}: 没有生效中的预警可解除 / nothing in force to cancel")
    seen = facts(ctx, alerts.VersionRef.of(row))
    in_this_world(ctx, seen, AlertState.ISSUED)
    return seen


def pair(ctx: Context, seen: dict[str, Any], officer: str, second: str) -> list[str]:
    """Author and approver of a recall out of those who are there, in this order; AuthorityError where policy does not let them be."""
    level, names = Level[seen["level"].upper()], [name for name in (officer, second) if name]
    if len(names) != len(set(names)):
        raise AuthorityError("拟稿与签发必须是两个人 / it takes two people")
    wrong: AuthorityError | None = None
    for order in (names, names[::-1]):
        try:
            for name, role in zip(order, ROLES, strict=False):
                check_role(ctx.county, name, role, level)
            return order
        except AuthorityError as error:
            wrong = wrong or error
    raise wrong or AuthorityError("没有人 / nobody")


def recall(now: datetime, ctx: Context, alert_id: str, officer: str, reason: str, *, mistaken: bool) -> dict[str, Any]:
    """Draft the end of a thread with its pre-made text, to all who hold it or may (R7); its facts. Errors as alerts.cancel."""
    import notifiers

    ref = alerts.cancel(now=now, alert_id=alert_id, reason=reason, county=ctx.county, ledger=ctx.ledger, officer=officer, mistaken=mistaken)
    notifiers.address(now=now, ref=ref, county=ctx.county, ledger=ctx.ledger, settings=ctx.settings)
    return facts(ctx, ref, now)


def rows_of(ctx: Context, seen: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The messages of a version by channel and state."""
    d, out = t.delivery.c, dict[str, dict[str, int]]()
    query = select(d.channel, d.state, func.count()).where(d.alert_id == seen["alert_id"], d.version == seen["version"])
    with ctx.ledger.read() as tx:
        for channel, state, n in tx.execute(query.group_by(d.channel, d.state).order_by(d.channel, d.state)):
            out.setdefault(channel, {})[state] = n
    return out
