"""Nobody answers, and the version that waits says more than the standing order may: the towns on which sources agree are warned, the rest waits for people."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import World, score
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import alerts
from core.alerts.states import body_of
from core.ledger import tables as t
from core.model import AlertState, Hazard, Level

DEADLINE = 5


@pytest.fixture
def world(tmp_path: Path) -> World:
    return alerts_world.make(tmp_path)


def assess(world: World, sure: dict[str, int], alone: dict[str, int]) -> None:
    """`sure` towns stand under an official signal, of the others one rule speaks."""
    levels = sure | alone
    scores = [score(town, Hazard.FLOOD, levels.get(town, 0), world.now, floor=sure.get(town, 0)) for town in alerts_world.TOWNS]
    with world.ledger.begin() as tx:
        world.ledger.save_scores(tx, world.now, scores, world.now)


def overdue(world: World, sure: dict[str, int], alone: dict[str, int]) -> alerts.VersionRef:
    """A version of that assessment that nobody has answered in time."""
    assess(world, sure, alone)
    (ref,) = world.draft()
    world.address(ref)
    world.later(minutes=DEADLINE)
    assert silence(world, ref) in (AlertState.DRAFT, AlertState.REVIEW), "the whole is not the standing order's to issue"
    return ref


def silence(world: World, ref: alerts.VersionRef) -> AlertState:
    return alerts.decide_silence(now=world.now, ref=ref, county=world.county, ledger=world.ledger, keyring=world.keyring)


def narrow(world: World, ref: alerts.VersionRef) -> alerts.VersionRef | None:
    return alerts.narrow(now=world.now, ref=ref, county=world.county, ledger=world.ledger, keyring=world.keyring)


def body(world: World, ref: alerts.VersionRef) -> dict:
    with world.ledger.read() as tx:
        return body_of(alerts.find(tx, ref))


def kept(world: World) -> list[object]:
    with world.ledger.read() as tx:
        return [list(map(tuple, tx.execute(select(table)))) for table in (t.alert_version, t.approval, t.audit, t.delivery)]


def test_a_doubtful_blue_town_does_not_keep_red_from_the_others(world: World) -> None:
    ref = overdue(world, {"haimen": 4, "linjiang": 3}, {"baochang": 1})
    part = narrow(world, ref)
    assert part is not None and world.state(ref) is AlertState.SUPERSEDED
    world.address(part)
    assert silence(world, part) is AlertState.APPROVED
    text = world.issue(part).read_text(encoding="utf-8")
    assert body(world, part)["levels"] == {"haimen": 4, "linjiang": 3} and "包场" not in text
    assess(world, {"haimen": 4, "linjiang": 3}, {"baochang": 1})
    (rest,) = world.draft()
    assert body(world, rest)["changed"] == {"baochang": [0, 1]}, "the doubtful town is put before people again"
    world.address(rest)
    world.later(minutes=DEADLINE)
    assert silence(world, rest) is AlertState.DRAFT and narrow(world, rest) is None
    with world.ledger.read() as tx:
        (said,) = tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.ref == f"{ref}/part")).scalars()
    assert str(part) in said and "包场镇仍等人决定" in said


def test_a_town_that_leaves_does_not_keep_the_warning_from_the_next_and_is_not_told_that_it_is_over(world: World) -> None:
    assess(world, {"haimen": 3}, {})
    (first,) = world.draft()
    world.approve(first)
    world.issue(first)
    world.later(minutes=31)
    ref = overdue(world, {"linjiang": 3}, {})
    assert body(world, ref)["levels"] == {"haimen": 0, "linjiang": 3}
    part = narrow(world, ref)
    assert part is not None and body(world, part)["levels"] == {"haimen": 3, "linjiang": 3}
    world.address(part)
    assert silence(world, part) is AlertState.APPROVED
    world.issue(part)


@pytest.mark.parametrize(("sure", "alone"), [
    ({}, {"haimen": 4, "linjiang": 3}),           # no source agrees with another anywhere
    ({"haimen": 2}, {"linjiang": 4}),             # policy holds yellow on silence
])
def test_where_there_is_no_such_part_nothing_changes(world: World, sure: dict[str, int], alone: dict[str, int]) -> None:
    ref = overdue(world, sure, alone)
    before = kept(world)
    assert narrow(world, ref) is None and kept(world) == before


def test_without_the_standing_orders_key_the_version_stays_as_it_is(world: World) -> None:
    ref = overdue(world, {"haimen": 4}, {"baochang": 4})
    (world.keyring.folder / "standing-order.json").unlink()
    before = kept(world)
    assert narrow(world, ref) is None and kept(world) == before


def test_before_the_deadline_and_once_decided_nothing_is_taken_out(world: World) -> None:
    assess(world, {"haimen": 4}, {"baochang": 4})
    (ref,) = world.draft()
    world.address(ref)
    before = kept(world)
    assert narrow(world, ref) is None and kept(world) == before
    world.approve(ref)
    world.later(minutes=DEADLINE)
    before = kept(world)
    assert narrow(world, ref) is None and kept(world) == before


def test_a_part_that_people_refused_is_not_issued_over_their_heads(world: World) -> None:
    assess(world, {"haimen": 4}, {})
    (ref,) = world.draft()
    world.address(ref)
    world.sign(ref, "duty-1", "author", "refuse")
    world.later(minutes=1)
    again = overdue(world, {"haimen": 4}, {"baochang": 4})
    assert narrow(world, again) is None and world.state(again) is AlertState.DRAFT


def test_a_recall_by_hand_is_never_narrowed(world: World) -> None:
    first = world.publish(haimen=3)
    ref = alerts.cancel(now=world.now, alert_id=first.alert_id, reason="误报", county=world.county, ledger=world.ledger)
    world.later(minutes=DEADLINE)
    assert narrow(world, ref) is None and world.state(ref) is AlertState.DRAFT


LEVELS = st.dictionaries(st.sampled_from(alerts_world.TOWNS), st.integers(1, 4))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=LEVELS, then=LEVELS, sure=st.sets(st.sampled_from(alerts_world.TOWNS)))
def test_a_part_never_lowers_anything_and_raises_only_where_sources_agree(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, int], then: dict[str, int], sure: set[str],
) -> None:
    world = alerts_world.make(tmp_path_factory.mktemp("world"))
    if first:
        world.publish(**first)
        world.later(minutes=31)
    assess(world, {k: n for k, n in then.items() if k in sure}, {k: n for k, n in then.items() if k not in sure})
    for ref in world.draft():
        world.address(ref)
        world.later(minutes=30)
        if silence(world, ref) is AlertState.APPROVED:
            continue
        part = narrow(world, ref)
        with world.ledger.read() as tx:
            waiting = tx.execute(select(func.count()).select_from(t.alert_version).where(t.alert_version.c.state == "draft")).scalar_one()
        assert waiting == 1, "exactly one version waits, the whole or its part"
        if part is not None:
            levels = {k: n for k, n in body(world, part)["levels"].items() if n}
            assert all(levels.get(k, 0) >= n for k, n in first.items())
            raised = {k for k, n in levels.items() if n > first.get(k, 0)}
            assert raised == {k for k in sure if then.get(k, 0) > first.get(k, 0)} and all(levels[k] == then[k] for k in raised)
            assert max(levels[k] for k in levels) >= Level.ORANGE
            world.address(part)
            assert silence(world, part) is AlertState.APPROVED


