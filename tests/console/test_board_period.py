"""A ledger that is a year old: the board is of tonight."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

from console import board
from console.context import PERIOD, Context
from console.report import collect
from core.lake import Lake
from core.ledger import tables as t


@pytest.fixture
def place(tmp_path: Path) -> nw.Place:
    """Last year's red storm: issued, planned for everybody, over."""
    place = nw.make(tmp_path, people=60)
    place.publish(haimen=4)
    with place.ledger.begin() as tx:
        tx.execute(update(t.delivery).values(state="delivered"))
        tx.execute(update(t.alert_version).values(state="expired"))
    return place


def shown(place: nw.Place) -> dict:
    return collect(context(place), place.now)


def context(place: nw.Place) -> Context:
    return Context(settings=place.settings, county=place.county, lake=Lake(place.settings.lake_root), ledger=place.ledger, keyring=place.keyring)


def assess(place: nw.Place, **levels: int) -> None:
    with place.ledger.begin() as tx:
        place.ledger.save_scores(tx, place.now, [place.score(town.key, levels.get(town.key, 0)) for town in place.county.towns], place.now)


def peaks(data: dict) -> dict[str, int]:
    return {row["town"]: row["peak"] for row in data["towns"] if row["peak"]}


def test_last_years_storm_is_not_tonights(place: nw.Place) -> None:
    tonight = shown(place)
    assert peaks(tonight) == {"haimen": 4} and tonight["alerts"] and tonight["sms"]["total"]["delivered"]
    assert "七天内更新、解除或到期" in board.render(context(place), place.now)
    place.now += timedelta(days=365)
    assess(place, linjiang=2)
    later = shown(place)
    assert peaks(later) == {"linjiang": 2} and later["alerts"] == [] and later["sms"]["total"] == {} and later["sms"]["by_town"] == {}
    assert "曾达" not in board.render(context(place), place.now)


def test_what_is_in_force_is_shown_however_old_it_is(place: nw.Place) -> None:
    with place.ledger.begin() as tx:
        tx.execute(update(t.alert_version).values(state="issued"))
    place.now += PERIOD + timedelta(days=1)
    assess(place)
    data = shown(place)
    assert len(data["alerts"]) == 1 and data["alerts"][0]["approvals"] and data["sms"]["total"]["delivered"]


def test_an_assessment_older_than_the_period_is_still_the_last_one(place: nw.Place) -> None:
    place.now += PERIOD + timedelta(days=1)
    data = shown(place)
    assert {row["level"] for row in data["towns"] if row["town"] == "haimen"} == {4}, "what stopped a week ago is told as such, not as nothing"
