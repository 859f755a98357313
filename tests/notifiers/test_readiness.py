"""Ready or not: when the list was gone through, how many numbers are dead; told where officers look, and never in the way of an alert."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw
from register_world import HEAD, VAULT, csv, empty, load, number, row

import notifiers
from core.county import RegisterPolicy
from core.ledger import tables as t
from core.pii import e164
from notifiers.register import grant

DATED = HEAD + ",更新日期"


@pytest.fixture
def place(tmp_path: Path) -> nw.Place:
    made = empty(tmp_path)
    made.now = datetime(2026, 4, 20, 4, 0, tzinfo=UTC)
    return made


def found(place: nw.Place) -> notifiers.Readiness:
    with place.ledger.read() as tx:
        return notifiers.readiness(tx, place.county, place.now)


def people(place: nw.Place, days: list[str]) -> None:
    load(place, csv([row(n, "海门街道" if n % 2 else "常乐镇", "elderly", None, day) for n, day in enumerate(days)], DATED))


def test_a_list_must_be_gone_through_by_its_day_every_year(place: nw.Place) -> None:
    people(place, ["2025-11-01"] * 18 + ["2026-03-01"] * 2)
    assert found(place).reasons == () and found(place).renewed_since == "2025-01-01", "on the day itself last year's still holds"
    place.later(days=1)
    late = found(place)
    assert (late.overdue, late.oldest, late.renewed_since) == (18, "2025-11-01", "2026-01-01") and "18 人（90.0%）" in late.reasons[0]
    people(place, ["2026-02-01"] * 18)
    assert found(place).reasons == () and found(place).oldest == "2026-02-01"
    people(place, ["2025-11-01"] * 3)
    assert found(place).overdue == 3 and found(place).reasons, "more than the policy's share"


def test_dead_numbers_count_until_the_number_is_another_or_a_message_arrives(place: nw.Place) -> None:
    people(place, ["2026-03-01"] * 20)

    def outcome(resident: int, state: str, code: str = "", version: int = 1) -> None:
        with place.ledger.begin() as tx:
            tx.execute(insert(t.delivery).values(alert_id="A", version=version, channel="sms", recipient=f"CANARY-{resident:05d}", town="haimen", state=state,
                                                 code=code, finished_at=place.now.isoformat()))

    for resident, code in ((1, "21211"), (2, "21614"), (3, "30005")):
        outcome(resident, "refused" if code < "3" else "undelivered", code)
    for resident, code in ((4, "21610"), (5, "30003"), (6, "30008")):
        outcome(resident, "undelivered", code)
    seen = found(place)
    assert (seen.people, seen.dead, seen.reachable) == (20, 3, 17) and "3 人（15.0%）" in seen.reasons[0]
    assert seen.by_town == {"changle": {"people": 10, "reachable": 9}, "haimen": {"people": 10, "reachable": 8}} and seen.by_group["elderly"]["reachable"] == 17
    outcome(1, "delivered", version=2)
    assert found(place).dead == 2 and found(place).reasons == ()
    outcome(1, "undelivered", "30005", version=3)
    place.later(hours=1)
    load(place, csv([row(2, "常乐镇", "elderly", number(77), "2026-03-01")], DATED))
    assert found(place).dead == 2, "the dead number is not his any more"
    grant("opt_out", e164(number(3)), by="duty-1", now=place.now, county=place.county, ledger=place.ledger, vault=VAULT)
    assert (found(place).opted_out, found(place).reachable) == (1, 18)


def test_nobody_a_synthetic_list_and_a_policy_that_says_nothing(place: nw.Place, tmp_path: Path) -> None:
    assert "空的" in found(place).reasons[0]
    made_up = nw.make(tmp_path / "other", people=40)
    assert found(made_up).reasons == () and found(made_up).synthetic == 40, "a synthetic register is shown as such, not judged"
    people(place, ["2026-03-01"])
    place.county = replace(place.county, policy=replace(place.county.policy, register=None))
    assert "register" in found(place).reasons[0]
    assert "register section" in load(place, csv([row(2)]), replace=True).refusal


def test_a_register_that_is_not_ready_stops_nothing(place: nw.Place) -> None:
    people(place, ["2020-01-01"] * 5)
    assert found(place).reasons
    ref = place.publish(haimen=3)
    assert len(place.recipients(ref)) == 2
    with place.ledger.read() as tx:
        assert tx.execute(select(t.alert_version.c.state)).scalars().all() == ["issued"]


POLICY = RegisterPolicy(renew_by=(4, 20), overdue_share=0.1, dead_share=0.1, removed_share=0.1, departed_days=30, deliveries_days=1095, unknown_days=30)


@given(st.dates(date(2001, 1, 1), date(2100, 1, 1)))
def test_what_was_renewed_this_year_always_holds_and_what_is_two_years_old_never(today: date) -> None:
    since = POLICY.renewed_since(today)
    assert since <= date(today.year, 1, 1) and since.year >= today.year - 1
    assert (since.year == today.year) == (today > date(today.year, 4, 20))


def test_whoever_left_is_not_counted(place: nw.Place) -> None:
    people(place, ["2026-03-01"] * 20)
    with place.ledger.begin() as tx:
        tx.execute(update(t.resident_row).where(t.resident_row.c.resident_id == "CANARY-00001").values(erase_at="2026-05-20T00:00:00+00:00"))
    left: Any = found(place)
    assert (left.people, left.leaving) == (19, 1)
