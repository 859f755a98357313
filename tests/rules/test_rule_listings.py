"""Signals over many steps from receipts read once, against one read of the lake a step: the same signals at every step, whatever was pulled."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_world import RAW, World, make, signal
from sqlalchemy import delete

from core.lake import Lake
from core.ledger.tables import feed_run
from core.model import Batch, Level, MsgType, OfficialSignal
from rules import official
from rules.catalogue import load_catalogue
from rules.freshness import whole_lists, whole_times
from rules.listings import LOOK_BACK, Listing, in_force_over

T0 = datetime(2021, 7, 24, 22, tzinfo=UTC)
STEP = timedelta(hours=1)
FEEDS = ("warnings_nmc", "warnings_cap")
EVENTS = ("台风", "暴雨", "大风", "海浪")


@st.composite
def pulls(draw: st.DrawFn) -> list[tuple[str, int, str, tuple[OfficialSignal, ...]]]:
    """(feed, minute, outcome, what it listed): repeated, ended, taken back, forgotten, read in part."""
    out = []
    for minute in sorted(draw(st.lists(st.integers(0, 20 * 60), min_size=1, max_size=14))):
        feed, listed = draw(st.sampled_from(FEEDS)), []
        for name in draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=3)):
            kind = draw(st.sampled_from([MsgType.ALERT, MsgType.ALERT, MsgType.UPDATE, MsgType.CANCEL]))
            lasts = draw(st.sampled_from([None, None, 2, 9]))
            issued = T0 + timedelta(minutes=minute - draw(st.sampled_from([0, 30, 300, -90])))
            listed.append(signal(
                name, draw(st.sampled_from(EVENTS)), draw(st.sampled_from(list(Level)[1:])), issued, feed=feed, received=T0 + timedelta(minutes=minute),
                msg_type=kind, references=() if kind is MsgType.ALERT else (draw(st.sampled_from("abcd")),),
                expires=None if lasts is None else issued + timedelta(hours=lasts)))
        out.append((feed, minute, draw(st.sampled_from(["ok", "ok", "partial"])), tuple(listed)))
    return out


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make(tmp_path_factory.mktemp("signals"))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pulled=pulls(), days=st.integers(0, 11))
def test_every_step_knows_its_own_list(world: World, pulled: list[tuple[str, int, str, tuple[OfficialSignal, ...]]], days: int) -> None:
    """`days`: the steps reach past the day on which the oldest receipts are forgotten."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        with world.ledger.begin() as tx:
            tx.execute(delete(feed_run))
        for feed, minute, outcome, listed in pulled:
            lake.append(feed, Batch(signals=listed), T0 + timedelta(minutes=minute))
            with world.ledger.begin() as tx:
                world.ledger.save_feed_run(tx, feed=feed, at=T0 + timedelta(minutes=minute), outcome=outcome, records=len(listed), set_aside=0, raw=RAW, error="")
        where = {"county": world.county, "catalogue": load_catalogue()}
        ticks = [T0 - STEP + timedelta(days=days) * (n > 9) + STEP * n for n in range(18)]
        receipts, blanks = lake.listings(first=ticks[0] - LOOK_BACK, as_of=ticks[-1])
        got = in_force_over(Listing(receipts, blanks, whole_times(set(receipts["feed"]), ticks[-1], world.ledger)), ticks, **where)
        for tick, found in zip(ticks, got, strict=True):
            assert found == official.in_force(whole_lists(lake.signals(as_of=tick), tick, world.ledger), now=tick, **where), tick
