"""Demonstration officers: they sign with keys that lie on this machine, so that a storm can be shown without people.

Only where the county's policy says `signing: demonstration`, never in live mode and never for Actual: core.alerts holds the
same line again when it verifies, so a mistake here still sends nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from core import alerts
from core.alerts.authority import DUTY_SYSTEM, STANDING_ORDER
from core.county import County
from core.errors import AuthorityError
from core.keyring import Keyring
from core.ledger import Ledger
from core.model import AlertState, Level, Status
from core.settings import Settings

if TYPE_CHECKING:
    from console.context import Context
    from core.alerts import VersionRef


def prepare(county: County, keyring: Keyring, settings: Settings) -> None:
    """Make the demonstration officers' keys, and those of the standing order; AuthorityError where demonstration is not allowed."""
    _allowed(county, settings)
    for name in (*(officer.officer for officer in county.policy.officers), STANDING_ORDER, DUTY_SYSTEM):
        keyring.ensure(name)


def sign_as(
    officer: str, role: str, ref: VersionRef | str, *, now: datetime, county: County, ledger: Ledger, keyring: Keyring, settings: Settings,
    decision: str = "approve", note: str = "", area: str = "",
) -> AlertState:
    """Sign and hand in one decision as a demonstration officer; returns the state after it. `now` is aware, `area` as alerts.whole_area wants it."""
    private = key_of(officer, county, keyring, settings)
    with ledger.begin() as tx:
        hashed = alerts.approval_hash(alerts.find(tx, ref))
    signature = alerts.sign_decision(private, officer, role, decision, hashed, now, area)
    return alerts.decide(now=now, ref=ref, officer=officer, role=role, decision=decision, signature=signature, county=county, ledger=ledger,
                         keyring=keyring, note=note)


def key_of(officer: str, county: County, keyring: Keyring, settings: Settings) -> str:
    """The private key of a demonstration officer; AuthorityError for a stranger, and where demonstration is not allowed."""
    _allowed(county, settings)
    if county.policy.officer(officer) is None:
        raise AuthorityError(f"{officer}: 不在值班名单 / not an officer of this county")
    keyring.ensure(officer)
    return keyring.private(officer)


def pair(county: County, level: Level) -> tuple[str, str]:
    """An author and a different approver whom policy allows for a colour; AuthorityError when the list has no such two."""
    rule = county.policy.approvals[level]
    for author in county.policy.officers:
        for approver in county.policy.officers:
            if author.role in rule.author_roles and approver.role in rule.approver_roles and author.officer != approver.officer:
                return author.officer, approver.officer
    raise AuthorityError(f"{level.zh}：名单上没有两个人可以拟稿和签发 / no author and approver for {level.en}")


def demonstrate(now: datetime, ref: VersionRef, ctx: Context) -> bool:
    """The demonstration policy: two officers approve; True when the version may be issued (fits console.steps.Decide)."""
    state = AlertState.DRAFT
    with ctx.ledger.read() as tx:
        area = alerts.whole_area(alerts.find(tx, ref), ctx.county)
    for officer, role in zip(pair(ctx.county, ref.level), ("author", "approver"), strict=True):
        state = sign_as(officer, role, ref, now=now, county=ctx.county, ledger=ctx.ledger, keyring=ctx.keyring, settings=ctx.settings, area=area)
    return state is AlertState.APPROVED


def _allowed(county: County, settings: Settings) -> None:
    if settings.mode != "sandbox" or settings.status is Status.ACTUAL:
        raise AuthorityError("演示人员不得在正式系统签名 / demonstration officers never sign in a live system")
    if county.policy.signing != "demonstration":
        raise AuthorityError("本县政策要求真人签名 / this county's policy wants real officers (signing: officer)")
