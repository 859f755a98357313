"""Demonstration officers sign where demonstration is allowed, and nowhere else."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from console.sandbox import officers
from core.errors import AuthorityError
from core.model import AlertState, Level, Status

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world
from alerts_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return alerts_world.make(tmp_path)


def context(world: World) -> SimpleNamespace:
    return SimpleNamespace(county=world.county, ledger=world.ledger, keyring=world.keyring, settings=world.settings)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_two_officers_decide_every_colour(world: World, level: int) -> None:
    author, approver = officers.pair(world.county, Level(level))
    assert author != approver
    world.assess(haimen=level)
    (ref,) = world.draft()
    world.address(ref)
    assert officers.demonstrate(world.now, ref, context(world)) is True
    assert world.state(ref) is AlertState.APPROVED
    assert officers.demonstrate(world.now, ref, context(world)) is True, "asked again at the same time: the same answer"


def test_keys_are_readable_by_the_owner_only(world: World) -> None:
    for path in world.keyring.folder.glob("*.json"):
        assert path.stat().st_mode & 0o077 == 0


def test_never_in_live_mode_never_for_actual_never_against_policy(world: World) -> None:
    world.assess(haimen=2)
    (ref,) = world.draft()
    world.address(ref)
    real = replace(world.county, policy=replace(world.county.policy, signing="officer"))
    live = world.settings.model_copy(update={"mode": "live"})
    actual = world.settings.model_copy(update={"status": Status.ACTUAL})
    for county, settings in ((world.county, live), (world.county, actual), (real, world.settings)):
        with pytest.raises(AuthorityError):
            officers.sign_as("duty-1", "author", ref, now=world.now, county=county, ledger=world.ledger, keyring=world.keyring,
                             settings=settings)
        with pytest.raises(AuthorityError):
            officers.prepare(county, world.keyring, settings)
    assert world.state(ref) is AlertState.DRAFT


def test_a_stranger_and_a_county_without_two_people(world: World) -> None:
    world.assess(haimen=2)
    (ref,) = world.draft()
    with pytest.raises(AuthorityError):
        world.sign(ref, "stranger", "author")
    assert "stranger" not in world.keyring.names()
    alone = replace(world.county, policy=replace(world.county.policy, officers=world.county.policy.officers[:1]))
    with pytest.raises(AuthorityError, match="author and approver"):
        officers.pair(alone, Level.RED)
