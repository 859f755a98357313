"""Who may say yes; and that no byte can change after it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from core import alerts
from core.errors import AreaError, AuthorityError, ConfigError, LifeCycleError
from core.ledger import tables as t
from core.model import AlertState, Level, Status
from core.signing import canonical, digest
from core.times import iso, parse_iso

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import World, evidence


@pytest.fixture
def world(tmp_path: Path) -> World:
    return alerts_world.make(tmp_path)


@pytest.fixture
def drafted(world: World) -> alerts.VersionRef:
    world.assess(haimen=2)
    (ref,) = world.draft()
    world.address(ref)
    return ref


def stored(world: World, ref: alerts.VersionRef) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    with world.ledger.begin() as tx:
        return dict(alerts.find(tx, ref)), [dict(row) for row in alerts.approvals(tx, ref)]


def test_two_signatures_make_it_approved(world: World, drafted: alerts.VersionRef) -> None:
    assert world.sign(drafted, "duty-1", "author") is AlertState.REVIEW
    assert world.sign(drafted, "chief-1", "approver") is AlertState.APPROVED
    row, signed = stored(world, drafted)
    assert row["decided_at"] and len(signed) == 2
    alerts.verify_authority(row, signed, world.county, world.keyring)
    assert world.sign(drafted, "chief-1", "approver") is AlertState.APPROVED, "the same decision again changes nothing"
    assert len(stored(world, drafted)[1]) == 2


@pytest.mark.parametrize(("officer", "role"), [("duty-1", "approver"), ("chief-1", "author"), ("nobody", "author"), ("duty-1", "king")])
def test_roles_that_policy_does_not_give(world: World, drafted: alerts.VersionRef, officer: str, role: str) -> None:
    with pytest.raises((AuthorityError, LifeCycleError)):
        world.sign(drafted, officer, role)


def test_the_author_cannot_approve(tmp_path: Path) -> None:
    county = alerts_world.make(tmp_path / "plain").county
    both = {level: replace(rule, author_roles=("duty_officer",), approver_roles=("duty_officer",))
            for level, rule in county.policy.approvals.items()}
    world = alerts_world.make(tmp_path / "lax", approvals=both)
    world.assess(haimen=2)
    (ref,) = world.draft()
    world.address(ref)
    world.sign(ref, "duty-1", "author")
    with pytest.raises(AuthorityError, match="author cannot approve"):
        world.sign(ref, "duty-1", "approver")
    (world.keyring.folder / "duty-2.json").write_bytes((world.keyring.folder / "duty-1.json").read_bytes())
    with pytest.raises(AuthorityError, match="author cannot approve"):
        world.sign(ref, "duty-2", "approver")  # another name, the same key


def test_no_approval_before_the_author_or_without_an_audience(world: World) -> None:
    world.assess(haimen=2)
    (ref,) = world.draft()
    with pytest.raises(AuthorityError, match="audience"):
        world.sign(ref, "duty-1", "author")
    world.address(ref)
    with pytest.raises(LifeCycleError, match="draft"):
        world.sign(ref, "chief-1", "approver")


def test_the_audience_is_frozen_by_the_first_signature(world: World, drafted: alerts.VersionRef) -> None:
    world.address(drafted, "22")
    world.sign(drafted, "duty-1", "author")
    world.address(drafted, "22")
    with pytest.raises(LifeCycleError, match="frozen"):
        world.address(drafted, "33")


def test_a_signature_of_another_version_or_a_forged_one_is_void(world: World, drafted: alerts.VersionRef) -> None:
    row, _ = stored(world, drafted)
    hashed = alerts.approval_hash(row)
    call = {"now": world.now, "ref": drafted, "officer": "duty-1", "role": "author", "decision": "approve", "county": world.county,
            "ledger": world.ledger, "keyring": world.keyring}
    private = world.keyring.private("duty-1")
    for signature in (
        alerts.sign_decision(private, "duty-1", "author", "approve", digest("something else"), world.now),
        alerts.sign_decision(world.keyring.private("duty-2"), "duty-1", "author", "approve", hashed, world.now),
        alerts.sign_decision(private, "duty-1", "author", "refuse", hashed, world.now),
        alerts.sign_decision(private, "duty-1", "approver", "approve", hashed, world.now),
    ):
        with pytest.raises(AuthorityError):
            alerts.decide(signature=signature, **call)
    assert world.state(drafted) is AlertState.DRAFT


def test_too_late_is_refused(world: World, drafted: alerts.VersionRef) -> None:
    world.approve(drafted)
    world.later(days=2)
    with pytest.raises(LifeCycleError, match="run out"):
        world.issue(drafted)


def test_nothing_unapproved_is_issued(world: World, drafted: alerts.VersionRef) -> None:
    with pytest.raises(LifeCycleError, match="not approved"):
        world.issue(drafted)
    v = t.alert_version.c
    with world.ledger.begin() as tx:  # a hand in the database sets the state: still no signatures
        tx.execute(update(t.alert_version).where(v.alert_id == drafted.alert_id).values(state="approved"))
    with pytest.raises(AuthorityError, match="missing"):
        world.issue(drafted)
    assert not list(world.settings.home.rglob("*.xml"))


def _columns() -> st.SearchStrategy[str]:
    return st.sampled_from(["body", "body_hash", "audience", "expires", "alert_id", "msg_type"])


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, Any], list[dict[str, Any]]]:
    world = alerts_world.make(tmp_path_factory.mktemp("signed"))
    world.assess(haimen=2)
    (ref,) = world.draft()
    world.approve(ref)
    return world, *stored(world, ref)


@settings(max_examples=300)
@given(column=_columns(), where=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_version_ends_the_authority(signed: Any, column: str, where: int, bit: int) -> None:
    world, row, approved = signed
    raw = bytearray(row[column].encode())
    raw[where % len(raw)] ^= 1 << bit
    bent = row | {column: raw.decode("utf-8", "replace")}
    with pytest.raises((AuthorityError, ValueError, KeyError, TypeError)):
        alerts.verify_authority(bent, approved, world.county, world.keyring)


@settings(max_examples=200)
@given(which=st.integers(0, 1), column=st.sampled_from(["signature", "signed_hash", "at", "role", "officer", "decision"]),
       where=st.integers(min_value=0), bit=st.integers(0, 6))
def test_any_flipped_bit_of_an_approval_ends_the_authority(signed: Any, which: int, column: str, where: int, bit: int) -> None:
    world, row, approved = signed
    text = approved[which][column]
    place = where % (len(text) - 3 if column == "signature" else len(text))  # base64's padding carries no bits
    bent = [dict(entry) for entry in approved]
    bent[which][column] = text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1:]
    with pytest.raises(AuthorityError):
        alerts.verify_authority(row, bent, world.county, world.keyring)


@pytest.mark.parametrize("field", ["towns", "texts", "channels", "levels", "status", "expires", "audience_groups"])
def test_a_consistent_rewrite_still_does_not_pass(signed: Any, field: str) -> None:
    """Whoever can write the database can also mend body_hash and columns; the officers' hash remains."""
    world, row, approved = signed
    body = json.loads(row["body"])
    body[field] = {"towns": body["towns"] * 2, "expires": "2031-01-01T00:00:00+00:00", "status": "Actual"}.get(field, type(body[field])())
    text = canonical(body)
    with pytest.raises(AuthorityError):
        bent = row | {"body": text, "body_hash": digest(text), "expires": body["expires"]}
        alerts.verify_authority(bent, approved, world.county, world.keyring)


def test_one_signature_twice_or_a_refusal_is_no_authority(signed: Any) -> None:
    world, row, approved = signed
    for bent in ([], approved[:1], approved[1:], [approved[0], approved[0]]):
        with pytest.raises(AuthorityError):
            alerts.verify_authority(row, bent, world.county, world.keyring)


def test_dispatch_too_refuses_one_person_or_one_key_in_two_roles(tmp_path: Path, signed: Any) -> None:
    """Even if decide were bypassed and policy gave a person both roles."""
    world, row, _ = signed
    rules = {level: replace(rule, author_roles=("duty_officer",), approver_roles=("duty_officer", "chief"))
             for level, rule in world.county.policy.approvals.items()}
    lax = replace(world.county, policy=replace(world.county.policy, approvals=rules))
    hashed = alerts.approval_hash(row)

    def entry(officer: str, role: str) -> dict[str, Any]:
        s = alerts.sign_decision(world.keyring.private(officer), officer, role, "approve", hashed, world.now)
        return {"alert_id": row["alert_id"], "version": row["version"], "officer": officer, "role": role, "decision": "approve", "at": s.at,
                "signed_hash": s.hash, "signature": s.signature, "note": ""}

    alerts.verify_authority(row, [entry("duty-1", "author"), entry("duty-2", "approver")], lax, world.keyring)
    for pair in (("duty-1", "duty-1"), ("duty-system", "chief-1"), ("duty-1", "standing-order"), ("standing-order", "duty-system")):
        with pytest.raises(AuthorityError):
            alerts.verify_authority(row, [entry(pair[0], "author"), entry(pair[1], "approver")], lax, world.keyring)


def silence(world: World, ref: alerts.VersionRef) -> AlertState:
    return alerts.decide_silence(now=world.now, ref=ref, county=world.county, ledger=world.ledger, keyring=world.keyring)


TWO = (evidence("flood.rainstorm", Level.ORANGE), evidence("flood.stage", Level.ORANGE, indicator="stage"))
SAME = (evidence("flood.rainstorm", Level.ORANGE), evidence("flood.rain", Level.ORANGE))


@pytest.mark.parametrize(("levels", "kind", "state"), [
    ({"haimen": 3}, {"rules": TWO}, AlertState.APPROVED),
    ({"haimen": 3}, {"floor": 3}, AlertState.APPROVED),
    ({"haimen": 3}, {}, AlertState.DRAFT),                   # one rule alone
    ({"haimen": 3}, {"rules": SAME}, AlertState.DRAFT),      # two rules, one indicator
    ({"haimen": 2}, {"rules": TWO}, AlertState.DRAFT),       # policy holds on silence for yellow
])
def test_silence_issues_only_what_is_corroborated_and_allowed(world: World, levels: Any, kind: Any, state: AlertState) -> None:
    world.assess(**levels, **kind)
    (ref,) = world.draft()
    world.address(ref)
    with pytest.raises(LifeCycleError, match="deadline"):
        silence(world, ref)
    world.later(seconds=world.county.policy.approvals[ref.level].deadline_s)
    assert silence(world, ref) is state
    with world.ledger.begin() as tx:
        assert len(tx.execute(select(t.duty_log)).all()) == 1
    if state is AlertState.APPROVED:
        row, approved = stored(world, ref)
        alerts.verify_authority(row, approved, world.county, world.keyring)
        assert {entry["officer"] for entry in approved} == {"duty-system", "standing-order"} and "政策" in approved[0]["note"]
        world.issue(ref)


def test_silence_never_soothes(world: World) -> None:
    world.publish(haimen=4)
    world.later(hours=1)
    world.assess(haimen=3, floor=3)
    (ref,) = world.draft()
    world.address(ref)
    world.later(hours=1)
    assert silence(world, ref) is AlertState.DRAFT


def test_the_standing_order_beside_a_person_and_not_without_its_key(world: World) -> None:
    world.assess(haimen=3, floor=3)
    (ref,) = world.draft()
    world.address(ref)
    world.sign(ref, "duty-1", "author")
    world.later(minutes=30)
    key = world.keyring.folder / "standing-order.json"
    held = key.read_bytes()
    key.unlink()
    assert silence(world, ref) is AlertState.REVIEW, "nobody gave the order beforehand"
    key.write_bytes(held)
    key.chmod(0o600)
    assert silence(world, ref) is AlertState.APPROVED
    world.issue(ref)


def test_waiting_asks_the_deputy_after_a_share_of_the_deadline(world: World, drafted: alerts.VersionRef) -> None:
    world.sign(drafted, "duty-1", "author")
    rule = world.county.policy.approvals[Level.YELLOW]
    seen = []
    for share in (0, 0.5, 1):
        (wait,) = alerts.waiting(now=world.now + timedelta(seconds=rule.deadline_s * share), county=world.county, ledger=world.ledger)
        seen.append((wait.asked, wait.overdue))
    assert seen == [(("chief-1",), False), (("chief-1", "deputy-1"), False), (("chief-1", "deputy-1"), True)]


def test_worlds_stay_apart_and_demonstration_is_void_for_actual(tmp_path: Path, world: World, drafted: Any) -> None:
    world.approve(drafted)
    other = world.settings.model_copy(update={"status": Status.ACTUAL})
    with pytest.raises(LifeCycleError, match="another world"):
        alerts.issue(now=world.now, ref=drafted, county=world.county, ledger=world.ledger, settings=other)
    actual = alerts_world.make(tmp_path / "actual", Status.ACTUAL)
    actual.assess(haimen=2)
    (ref,) = actual.draft()
    assert ref.alert_id.startswith("320614FS-")
    actual.address(ref)
    with pytest.raises(AuthorityError):
        actual.sign(ref, "duty-1", "author")
    row, _ = stored(actual, ref)
    with pytest.raises(AuthorityError, match="demonstration"):
        alerts.verify_authority(row, [], actual.county, actual.keyring)
    assert (alerts.issuer_key(Status.ACTUAL), alerts.issuer_key("Exercise")) == ("issuer-actual", "issuer-exercise")


def test_a_reference_that_names_nothing(world: World) -> None:
    for text in ("", "x", "320614FSX-flood-1.v1", "a.v0", "a.v1; drop table alert"):
        with pytest.raises(LifeCycleError):
            world.state(text)  # type: ignore[arg-type]


def test_a_link_in_the_cause_is_refused(world: World) -> None:
    first = world.publish(haimen=2)
    with pytest.raises(ConfigError):
        alerts.cancel(now=world.now, alert_id=first.alert_id, reason="见 www.example.com", county=world.county, ledger=world.ledger)


def everywhere(world: World, level: int, **more: Any) -> alerts.VersionRef:
    world.assess(**dict.fromkeys((town.key for town in world.county.towns), level), **more)
    (ref,) = world.draft()
    world.address(ref)
    return ref


def test_a_warning_of_the_whole_county_needs_its_code_and_one_of_less_has_none(world: World) -> None:
    ref = everywhere(world, 2)
    call = {"now": world.now, "ref": ref, "officer": "duty-1", "role": "author", "decision": "approve", "county": world.county, "ledger": world.ledger,
            "keyring": world.keyring}
    hashed, private = alerts.approval_hash(stored(world, ref)[0]), world.keyring.private("duty-1")
    assert alerts.whole_area(stored(world, ref)[0], world.county) == world.county.code == "320614"
    for area in ("", "320601"):
        with pytest.raises(AreaError):
            alerts.decide(signature=alerts.sign_decision(private, "duty-1", "author", "approve", hashed, world.now, area), **call)
    bare = alerts.sign_decision(private, "duty-1", "author", "approve", hashed, world.now)
    with pytest.raises(AuthorityError, match="does not hold"):
        alerts.decide(signature=replace(bare, area="320614"), **call)  # the code is signed, not written beside it
    world.approve(ref)
    row, signed = stored(world, ref)
    alerts.verify_authority(row, signed, world.county, world.keyring)
    fewer = replace(world.county, towns=world.county.towns[:-1])
    alerts.verify_authority(row, signed, fewer, world.keyring)
    more = replace(world.county, towns=(*world.county.towns, replace(world.county.towns[0], key="new")))
    alerts.verify_authority(row, signed, more, world.keyring)  # more was confirmed than is needed now
    forged = [old | {"signature": alerts.sign_decision(world.keyring.private(old["officer"]), old["officer"], old["role"], "approve", hashed,
                                                       world.now).signature} for old in signed]
    with pytest.raises(AuthorityError, match="names no area"):
        alerts.verify_authority(row, forged, world.county, world.keyring)


def test_one_town_less_is_not_the_whole_county(world: World) -> None:
    world.assess(**dict.fromkeys((town.key for town in world.county.towns[:-1]), 3))
    (ref,) = world.draft()
    assert alerts.whole_area(stored(world, ref)[0], world.county) == ""


def test_the_standing_order_speaks_for_the_whole_county_too_and_its_end_needs_no_code(world: World) -> None:
    ref = everywhere(world, 3, floor=3)
    world.later(minutes=5)
    assert alerts.decide_silence(now=world.now, ref=ref, county=world.county, ledger=world.ledger, keyring=world.keyring) is AlertState.APPROVED
    world.issue(ref)
    end = alerts.cancel(now=world.now, alert_id=ref.alert_id, reason="误报", county=world.county, ledger=world.ledger, mistaken=True)
    assert alerts.whole_area(stored(world, end)[0], world.county) == ""
    body = json.loads(stored(world, end)[0]["body"])
    assert all("更正" in text and "有误" in text and "风险" not in text and text.startswith("【演练】") for town in body["texts"].values() for text in town.values())
    assert "撤回" in body["headline"] and "误报" in body["description"]
    again = alerts.cancel(now=world.now, alert_id=ref.alert_id, reason="误报", county=world.county, ledger=world.ledger)
    assert again != end and world.state(end) is AlertState.SUPERSEDED, "over is another thing than wrong"
    world.approve(again)
    world.issue(again)


@pytest.mark.parametrize(("officer", "role", "decision"), [("chief-1", "author", "put_off"), ("duty-1", "author", "refuse"), ("nobody", "author", "put_off")])
def test_the_clock_is_put_off_by_nobody_else(world: World, drafted: alerts.VersionRef, officer: str, role: str, decision: str) -> None:
    hashed = alerts.approval_hash(stored(world, drafted)[0])
    signature = alerts.sign_decision(world.keyring.private("duty-1"), officer, role, decision, hashed, world.now)
    with pytest.raises(AuthorityError):
        alerts.put_off(now=world.now, ref=drafted, officer=officer, role=role, signature=signature, county=world.county, ledger=world.ledger,
                       keyring=world.keyring, note="看一看")
    with pytest.raises(LifeCycleError):
        alerts.decide(now=world.now, ref=drafted, officer="duty-1", role="author", decision="put_off", county=world.county, ledger=world.ledger,
                      keyring=world.keyring, signature=alerts.sign_decision(world.keyring.private("duty-1"), "duty-1", "author", "put_off", hashed, world.now))


def test_nothing_is_put_off_without_a_reason_nor_past_its_end(world: World, drafted: alerts.VersionRef) -> None:
    row = stored(world, drafted)[0]
    gives = timedelta(seconds=world.county.policy.approvals[Level(row["level"])].deadline_s)

    def put_off(at: datetime, note: str = "看一看") -> datetime:
        signature = alerts.sign_decision(world.keyring.private("duty-1"), "duty-1", "author", "put_off", alerts.approval_hash(row), at)
        return alerts.put_off(now=at, ref=drafted, officer="duty-1", role="author", signature=signature, county=world.county, ledger=world.ledger,
                              keyring=world.keyring, note=note)

    end = parse_iso(row["expires"])
    for at, note, says in ((world.now, " ", "say why"), (end - gives, "看一看", "run out before"), (end, "看一看", "waits for nobody")):
        with pytest.raises(LifeCycleError, match=says):
            put_off(at, note)
    with world.ledger.read() as tx:
        assert alerts.delayed(tx, drafted) is None, "a refusal leaves nothing behind"
    last = end - gives - timedelta(seconds=1)
    assert put_off(last) == last + gives < end
    with world.ledger.read() as tx:
        assert alerts.delayed(tx, drafted) == {"officer": "duty-1", "at": iso(last), "note": "看一看"}
