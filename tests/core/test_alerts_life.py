"""The life cycle under any order of events: a state machine drives the real steps over a real ledger."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from core import alerts, cap
from core.alerts.states import UNDECIDED, move
from core.errors import AuthorityError, FengsuiError, LifeCycleError
from core.ledger import tables as t
from core.ledger import verify_audit
from core.model import AlertState, Level, MsgType

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import TOWNS

S = AlertState
ENDED = {S.REFUSED, S.SUPERSEDED, S.CANCELLED, S.EXPIRED}


def test_the_table_names_every_state_and_ends() -> None:
    table = alerts.TRANSITIONS
    assert set(table) == set(S)
    assert {state for state, to in table.items() if not to} == ENDED
    assert [state for state, to in table.items() if S.ISSUED in to] == [S.APPROVED]
    assert all(S.DRAFT not in to for to in table.values()), "nothing goes back to the beginning"


class Life(RuleBasedStateMachine):
    """Scores come and go, people sign, refuse, hesitate or cancel, time passes: the invariants hold after each step."""

    template: Path

    @initialize()
    def open(self) -> None:
        self.home = Path(tempfile.mkdtemp(dir=self.template.parent))
        shutil.rmtree(self.home)
        shutil.copytree(self.template, self.home)
        self.world = alerts_world.make(self.home)
        self.states: dict[tuple[str, int], AlertState] = {}
        self.bodies: dict[tuple[str, int], str] = {}

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.ledger.engine.dispose()
            shutil.rmtree(self.home)

    def rows(self) -> list:
        with self.world.ledger.begin() as tx:
            return list(tx.execute(select(t.alert_version).order_by(t.alert_version.c.alert_id, t.alert_version.c.version)).mappings())

    def some(self, pick: int, *states: AlertState) -> alerts.VersionRef | None:
        found = [row for row in self.rows() if row["state"] in states]
        return alerts.VersionRef.of(found[pick % len(found)]) if found else None

    @rule(levels=st.lists(st.integers(0, 4), min_size=3, max_size=3))
    def assess_and_draft(self, levels: list[int]) -> None:
        self.world.assess(**dict(zip(TOWNS, levels, strict=True)))
        for ref in self.world.draft():
            self.world.address(ref)

    @rule(minutes=st.sampled_from([1, 20, 60, 300, 1500]))
    def wait(self, minutes: int) -> None:
        self.world.later(minutes=minutes)

    @rule(pick=st.integers(0, 5), officer=st.sampled_from(["duty-1", "duty-2", "chief-1", "deputy-1"]),
          role=st.sampled_from(["author", "approver"]), decision=st.sampled_from(["approve", "approve", "approve", "refuse"]))
    def sign(self, pick: int, officer: str, role: str, decision: str) -> None:
        if ref := self.some(pick, *UNDECIDED):
            with suppress(FengsuiError):  # refused; the invariants say whether rightly
                self.world.sign(ref, officer, role, decision)

    @rule(pick=st.integers(0, 5))
    def sign_both(self, pick: int) -> None:
        if ref := self.some(pick, S.DRAFT):
            try:
                self.world.approve(ref)
            except LifeCycleError as error:
                assert "run out" in str(error)

    @rule(pick=st.integers(0, 9))
    def issue(self, pick: int) -> None:
        if ref := self.some(pick, *S):
            before = self.world.state(ref)
            try:
                path = self.world.issue(ref)
            except (LifeCycleError, AuthorityError):
                assert self.world.state(ref) is before
            else:
                cap.validate(path.read_bytes())

    @rule(pick=st.integers(0, 5))
    def cancel(self, pick: int) -> None:
        if ref := self.some(pick, S.ISSUED):
            try:
                made = alerts.cancel(now=self.world.now, alert_id=ref.alert_id, reason="误发", county=self.world.county,
                                     ledger=self.world.ledger)
            except LifeCycleError:
                return
            if self.world.state(made) is S.DRAFT:
                self.world.address(made)

    @rule(pick=st.integers(0, 5))
    def silence(self, pick: int) -> None:
        if ref := self.some(pick, S.DRAFT, S.REVIEW):
            with suppress(LifeCycleError):
                alerts.decide_silence(now=self.world.now, ref=ref, county=self.world.county, ledger=self.world.ledger,
                                      keyring=self.world.keyring)

    @rule()
    def expire(self) -> None:
        alerts.expire(now=self.world.now, ledger=self.world.ledger)
        for row in self.rows():
            assert row["state"] not in (*UNDECIDED, S.ISSUED) or row["expires"] > self.world.now.isoformat(timespec="seconds")

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def holds(self) -> None:
        rows = self.rows()
        seen = {(row["alert_id"], row["version"]): row for row in rows}
        for key, before in self.states.items():
            now = AlertState(seen[key]["state"])
            assert before not in ENDED or now is before, "what ended never comes back"
            assert seen[key]["body"] == self.bodies[key], "a body never changes"
        waiting = [row["alert_id"] for row in rows if row["state"] in UNDECIDED]
        assert len(waiting) == len(set(waiting)), "one version a thread waits for people"
        by_hazard: dict[str, int] = {}
        for row in rows:
            if row["state"] == S.ISSUED and row["msg_type"] != MsgType.CANCEL:
                hazard = row["alert_id"].split("-")[1]
                by_hazard[hazard] = by_hazard.get(hazard, 0) + 1
            if row["issued_at"]:
                with self.world.ledger.begin() as tx:
                    signed = alerts.approvals(tx, alerts.VersionRef.of(row))
                alerts.verify_authority(row, signed, self.world.county, self.world.keyring)
                assert len({entry["officer"] for entry in signed}) == 2 and Path(row["cap_path"]).is_file()
        assert all(count == 1 for count in by_hazard.values()), "one version in force per hazard"
        self.states = {key: AlertState(row["state"]) for key, row in seen.items()}
        self.bodies = {key: row["body"] for key, row in seen.items()}

    @precondition(lambda self: len(getattr(self, "states", {})) > 2)
    @rule()
    def everything_ends(self) -> None:
        self.world.later(days=8)
        alerts.expire(now=self.world.now, ledger=self.world.ledger)
        assert all(row["state"] in ENDED for row in self.rows())
        assert verify_audit(self.world.ledger).broken_at is None


def test_life_under_any_order_of_events(tmp_path: Path) -> None:
    template = tmp_path / "template"
    alerts_world.make(template).ledger.engine.dispose()
    machine = type("LifeHere", (Life,), {"template": template})
    config = settings(max_examples=30, stateful_step_count=25, suppress_health_check=list(HealthCheck))
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=config)


def test_of_two_processes_that_decide_at_once_one_wins(tmp_path: Path) -> None:
    world = alerts_world.make(tmp_path)
    world.assess(haimen=2)
    (ref,) = world.draft()
    world.address(ref)
    world.sign(ref, "duty-1", "author")
    outcomes: list[object] = []

    def go(officer: str, decision: str) -> None:
        try:
            outcomes.append(world.sign(ref, officer, "approver", decision))
        except LifeCycleError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=go, args=args) for args in (("chief-1", "approve"), ("deputy-1", "refuse"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(o, LifeCycleError) for o in outcomes) == [False, True]


def test_a_stale_reader_cannot_move_a_version(tmp_path: Path) -> None:
    world = alerts_world.make(tmp_path)
    world.assess(haimen=2)
    (ref,) = world.draft()
    with world.ledger.begin() as tx:
        stale = alerts.find(tx, ref)
        move(tx, stale, S.REFUSED)
        with pytest.raises(LifeCycleError, match="first"):
            move(tx, stale, S.REVIEW)
        with pytest.raises(LifeCycleError, match="not allowed"):
            move(tx, alerts.find(tx, ref), S.ISSUED)


def test_a_repeated_issue_changes_nothing(tmp_path: Path) -> None:
    world = alerts_world.make(tmp_path)
    ref = world.publish(haimen=2)
    path = world.issue(ref)
    stamp, data = path.stat().st_mtime_ns, path.read_bytes()
    world.later(minutes=5)
    assert world.issue(ref) == path and path.stat().st_mtime_ns == stamp and path.read_bytes() == data
    second = world.publish(haimen=3)
    assert world.issue(ref) == path and world.state(ref) is S.SUPERSEDED and world.state(second) is S.ISSUED


def test_an_update_whose_former_version_ran_out_may_still_be_issued_and_a_cancel_is_moot(tmp_path: Path) -> None:
    world = alerts_world.make(tmp_path)
    first = world.publish(haimen=2)
    policy = world.county.policy
    world.later(seconds=policy.validity_s[Level.YELLOW] - 300)
    world.assess(haimen=2)
    (renewal,) = world.draft()
    world.address(renewal)
    world.later(minutes=10)
    assert alerts.expire(now=world.now, ledger=world.ledger) == [first]
    world.approve(renewal)
    world.issue(renewal)
    cancel = alerts.cancel(now=world.now, alert_id=first.alert_id, reason="", county=world.county, ledger=world.ledger)
    world.later(seconds=policy.validity_s[Level.YELLOW] + 60)
    alerts.expire(now=world.now, ledger=world.ledger)
    assert (world.state(renewal), world.state(cancel)) == (S.EXPIRED, S.EXPIRED)
    with world.ledger.begin() as tx:
        assert tx.execute(select(t.alert.c.closed_at)).scalar_one() is not None


def test_a_version_older_than_the_one_in_force_is_never_issued(tmp_path: Path) -> None:
    world = alerts_world.make(tmp_path)
    world.publish(haimen=2)
    world.later(minutes=1)
    world.assess(haimen=3)
    (old,) = world.draft()
    world.approve(old)
    world.later(minutes=1)
    world.assess(haimen=4)
    (new,) = world.draft()
    world.approve(new)
    world.issue(new)
    with pytest.raises(LifeCycleError):
        world.issue(old)
    assert world.state(old) is S.SUPERSEDED
