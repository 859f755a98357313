"""At night: what may wait waits until six and then goes once; whoever is on duty, and what is orange or red, goes at once."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from sqlalchemy import select

from core.county import QuietHours
from core.ledger import tables as t
from core.model import Level
from core.times import iso

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

NIGHT = datetime(2021, 7, 25, 15, 30, tzinfo=UTC)  # 23:30 in Haimen
SIX = iso(datetime(2021, 7, 25, 22, tzinfo=UTC))
ON_DUTY = {"duty", "informers"}


def place_at_night(tmp_path: Path, gateway: nw.Gateway) -> nw.Place:
    place = nw.make(tmp_path, people=300, sms_url=gateway.url)
    place.now = NIGHT
    return place


def rows(place: nw.Place) -> list[tuple[str, set[str], str | None]]:
    """(state, groups, not before) of every SMS."""
    d = t.delivery.c
    with place.ledger.read() as tx:
        return [(state, set(json.loads(groups)), until) for state, groups, until in tx.execute(select(d.state, d.groups, d.not_before)).tuples()]


def test_yellow_waits_until_six_but_the_desk_is_told_at_once(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = place_at_night(tmp_path, gateway)
    place.publish(haimen=2, binjiang=2, yuelai=2)
    place.dispatch()
    told = {frozenset(groups & ON_DUTY) for state, groups, _ in rows(place) if state == "accepted"}
    waiting = [(groups, until) for state, groups, until in rows(place) if state == "pending"]
    assert told and frozenset() not in told
    assert waiting and not any(groups & ON_DUTY for groups, _ in waiting) and {until for _, until in waiting} == {SIX}
    with place.ledger.read() as tx:
        notes = tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == "quiet_hours")).scalars().all()
    assert len(notes) == 1 and f"{len(waiting)} 个对象" in notes[0] and "07-26 06:00" in notes[0]
    before = len(gateway.messages())
    assert place.dispatch().outcomes == {} and len(gateway.messages()) == before
    place.later(hours=6, minutes=35)
    place.dispatch()
    assert {state for state, _, _ in rows(place)} <= {"accepted", "sent", "delivered"} and gateway.verdict(len(rows(place))) == (0, 0)


def test_orange_wakes_everybody(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = place_at_night(tmp_path, gateway)
    place.publish(haimen=3)
    place.dispatch()
    assert {state for state, _, _ in rows(place)} == {"accepted"}


def test_what_was_put_off_never_hides_the_worse_news(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = place_at_night(tmp_path, gateway)
    place.publish(haimen=2)
    place.dispatch()
    place.later(hours=2)
    worse = place.publish(haimen=3)
    place.dispatch()
    wanted = {who for _, who, _ in place.recipients(worse)}
    with place.ledger.read() as tx:
        d = t.delivery.c
        got = set(tx.execute(select(d.recipient).where(d.version == worse.version, d.state == "accepted")).scalars())
    assert got == wanted
    place.later(hours=6)
    count = len(gateway.messages())
    place.dispatch()
    assert len(gateway.messages()) == count  # the put-off version was replaced, nobody hears it in the morning


def test_a_real_gateway_gets_no_drill_at_night(tmp_path: Path, gateway: nw.Gateway) -> None:
    """To an address that is not this machine, nothing that is not Actual goes, not even to those on duty; it is never tried."""
    place = place_at_night(tmp_path, gateway)
    place.publish(haimen=3)
    place.settings = place.settings.model_copy(update={"sms_url": "https://sms.example.invalid"})
    place.dispatch()
    assert {(state, until) for state, _, until in rows(place)} == {("pending", SIX)}


@pytest.mark.parametrize(("clock", "ends"), [
    ("15:30", "22:00"), ("14:00", "22:00"), ("21:59", "22:00"), ("16:00", "22:00"),
])
def test_the_night_ends_at_six_in_the_morning(clock: str, ends: str) -> None:
    quiet = QuietHours(start=time(22), end=time(6), below=Level.ORANGE, source="", verified=False)
    at = datetime.combine(NIGHT.date(), time.fromisoformat(clock), tzinfo=UTC)
    end = quiet.ends(at)
    assert quiet.covers(at) and not quiet.covers(end) and end.strftime("%H:%M") == ends and 0 < (end - at).total_seconds() <= 8 * 3600
    noon = replace(quiet, start=time(12), end=time(13))
    assert noon.ends(datetime(2021, 7, 25, 4, 30, tzinfo=UTC)) == datetime(2021, 7, 25, 5, 0, tzinfo=UTC)
