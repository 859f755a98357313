"""Decisions that come to nothing: too late, of an unknown kind, on what is settled already, of people or versions that do not belong."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import alerts
from core.alerts.authority import DUTY_SYSTEM
from core.errors import AuthorityError, LifeCycleError
from core.ledger import tables as t
from core.model import AlertState, Level
from core.signing import canonical, sign

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import World, evidence

TWO = (evidence("flood.rainstorm", Level.ORANGE), evidence("flood.stage", Level.ORANGE, indicator="stage"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return alerts_world.make(tmp_path)


@pytest.fixture
def drafted(world: World) -> alerts.VersionRef:
    world.assess(haimen=3, rules=TWO)
    (ref,) = world.draft()
    world.address(ref)
    return ref


def silence(world: World, ref: alerts.VersionRef) -> AlertState:
    return alerts.decide_silence(now=world.now, ref=ref, county=world.county, ledger=world.ledger, keyring=world.keyring)


def kept(world: World) -> list[Any]:
    """Everything the ledger holds of versions, signatures and duty."""
    with world.ledger.read() as tx:
        return [list(map(tuple, tx.execute(select(table)))) for table in (t.alert_version, t.approval, t.duty_log, t.audit)]


def own(world: World, ref: alerts.VersionRef, officer: str, role: str, decision: str) -> alerts.Signature:
    """What an officer signs with the own key, whatever it says."""
    with world.ledger.read() as tx:
        hashed = alerts.approval_hash(dict(alerts.find(tx, ref)))
    said = {"officer": officer, "role": role, "decision": decision, "hash": hashed, "at": world.now.isoformat()}
    return alerts.Signature(**said, signature=sign(world.keyring.private(officer), canonical(said)))


@pytest.mark.parametrize(("role", "decision"), [("approver", "abstain"), ("witness", "approve"), ("author", "withdraw")])
def test_a_decision_of_no_known_kind_changes_nothing_however_well_signed(world: World, drafted: alerts.VersionRef, role: str, decision: str) -> None:
    officer = "duty-1" if role == "author" else "chief-1"
    before = kept(world)
    with pytest.raises(LifeCycleError, match="no such decision"):
        alerts.decide(now=world.now, ref=drafted, officer=officer, role=role, decision=decision, signature=own(world, drafted, officer, role, decision),
                      county=world.county, ledger=world.ledger, keyring=world.keyring)
    assert kept(world) == before


def test_an_approval_after_its_time_is_refused_and_so_is_a_default(world: World, drafted: alerts.VersionRef) -> None:
    world.sign(drafted, "duty-1", "author")
    world.later(days=3)
    before = kept(world)
    for late in (lambda: world.sign(drafted, "chief-1", "approver"), lambda: silence(world, drafted)):
        with pytest.raises(LifeCycleError, match="run out"):
            late()
    assert kept(world) == before


def test_the_default_for_a_draft_nobody_touched_is_refused_after_its_time_too(world: World, drafted: alerts.VersionRef) -> None:
    world.later(days=3)
    before = kept(world)
    with pytest.raises(LifeCycleError, match="run out"):
        silence(world, drafted)
    assert kept(world) == before


@pytest.mark.parametrize("settled", ["approved", "issued", "refused"])
def test_silence_does_not_touch_what_people_have_settled(world: World, drafted: alerts.VersionRef, settled: str) -> None:
    if settled == "refused":
        world.sign(drafted, "duty-1", "author", "refuse")
    else:
        world.approve(drafted)
    if settled == "issued":
        world.issue(drafted)
    world.later(hours=2)
    before = kept(world)
    assert silence(world, drafted) == settled and kept(world) == before


def test_one_version_waits_as_the_list_says_and_then_for_nobody(world: World, drafted: alerts.VersionRef) -> None:
    def one() -> alerts.Waiting | None:
        return alerts.waiting_for(now=world.now, ref=drafted, county=world.county, ledger=world.ledger)

    def listed() -> list[alerts.Waiting]:
        return alerts.waiting(now=world.now, county=world.county, ledger=world.ledger)

    assert [one()] == listed() and listed()[0].state is AlertState.DRAFT
    world.sign(drafted, "duty-1", "author")
    assert [one()] == listed() and listed()[0].state is AlertState.REVIEW
    world.sign(drafted, "chief-1", "approver")
    assert one() is None and listed() == []


def test_an_audience_without_its_hash_is_no_audience(world: World) -> None:
    world.assess(haimen=3)
    (ref,) = world.draft()
    before = kept(world)
    with world.ledger.begin() as tx, pytest.raises(LifeCycleError, match="no hash"):
        alerts.record_audience(tx, ref, {"count": 3})
    assert kept(world) == before


def test_an_approved_version_loses_its_authority_with_the_officer_the_rule_or_another_versions_paper(world: World, drafted: alerts.VersionRef) -> None:
    world.approve(drafted)
    with world.ledger.read() as tx:
        row, signed = dict(alerts.find(tx, drafted)), [dict(entry) for entry in alerts.approvals(tx, drafted)]
    alerts.verify_authority(row, signed, world.county, world.keyring)
    policy = world.county.policy
    gone = replace(policy, officers=tuple(o for o in policy.officers if o.officer != "chief-1"))
    unruled = replace(policy, approvals={level: rule for level, rule in policy.approvals.items() if level is not Level.ORANGE})
    for changed in (gone, unruled):
        with pytest.raises(AuthorityError, match="officer of this county"):
            alerts.verify_authority(row, signed, replace(world.county, policy=changed), world.keyring)
    for paper in ({"version": 2}, {"alert_id": "another"}):
        with pytest.raises(AuthorityError, match="another version"):
            alerts.verify_authority(row, [signed[0], signed[1] | paper], world.county, world.keyring)


def test_the_machine_is_an_author_for_the_standing_order_only(world: World, drafted: alerts.VersionRef) -> None:
    """A draft that no person signed as its author is not approved by a person either."""
    with world.ledger.read() as tx:
        row = dict(alerts.find(tx, drafted))

    def paper(officer: str, role: str) -> dict[str, Any]:
        s = own(world, drafted, officer, role, "approve")
        return {"alert_id": row["alert_id"], "version": row["version"], "officer": officer, "role": role, "decision": "approve", "at": s.at,
                "signed_hash": s.hash, "signature": s.signature, "note": ""}

    alerts.verify_authority(row, [paper(DUTY_SYSTEM, "author"), paper("standing-order", "approver")], world.county, world.keyring)
    with pytest.raises(AuthorityError, match="a person must sign"):
        alerts.verify_authority(row, [paper(DUTY_SYSTEM, "author"), paper("chief-1", "approver")], world.county, world.keyring)
