"""A family's one telephone: told once a message, whoever of the family stands in the row, and told the end of what it was told."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw
from register_world import VAULT, csv, empty, load, number, row

from core.ledger import tables as t
from core.pii import e164
from notifiers.household import once
from notifiers.register import grant

FAMILY = [row(n, groups=groups, phone=number(1)) for n, groups in ((1, "居民"), (2, "elderly"), (3, "duty"))]


@pytest.fixture
def place(tmp_path: Path, gateway: nw.Gateway) -> nw.Place:
    made = empty(tmp_path, sms_url=gateway.url, grace=0.2)
    load(made, csv([*FAMILY, row(4, phone=number(4)), row(5, "常乐镇", phone=number(1))]))
    return made


def heard(gateway: nw.Gateway) -> Counter[int]:
    """Messages by the serial of the number."""
    serials = {gateway.gateway.who(f"+86{number(serial)}"): serial for serial in range(9)}
    return Counter(serials[message["to"]] for message in gateway.messages())


def wish(place: nw.Place, kind: Any, who: Any) -> Any:
    return grant(kind, who, by="duty-1", now=place.now, county=place.county, ledger=place.ledger, vault=VAULT)


def test_a_family_is_told_once_and_each_town_in_its_own_words(place: nw.Place, gateway: nw.Gateway) -> None:
    ref = place.publish(haimen=3, changle=3)
    assert {who for _, who, _ in place.recipients(ref)} == {"CANARY-00001", "CANARY-00004", "CANARY-00005"}
    assert place.dispatch().sent == 3 and heard(gateway) == {1: 2, 4: 1}
    assert len({message["body"] for message in gateway.messages()}) == 2
    with place.ledger.read() as tx:
        groups = dict(tx.execute(select(t.delivery.c.recipient, t.delivery.c.groups)).tuples().all())
    assert groups["CANARY-00001"] == '["duty","elderly","residents"]', "on duty, whoever of them is"
    assert place.dispatch().sent == 0


@pytest.mark.parametrize("leaves", ["opts out", "is forgotten", "is not in the list any more", "has another number"])
def test_who_stands_in_the_row_may_go_and_nobody_hears_it_again(place: nw.Place, gateway: nw.Gateway, leaves: str) -> None:
    place.publish(haimen=3)
    place.dispatch()
    before = heard(gateway)
    if leaves == "opts out":
        assert wish(place, "opt_out", "CANARY-00001").people == 1
    elif leaves == "is forgotten":
        assert wish(place, "forget", "CANARY-00001").waiting == 1, "sealed until the alert has ended"
    elif leaves == "has another number":
        load(place, csv([row(1, phone=number(4))]))
    else:
        load(place, csv([*FAMILY[1:], row(4), row(5, "常乐镇", phone=number(1))]), replace=True, removing=1)
    place.later(hours=1)
    place.publish(haimen=3, sanchang=3)
    place.dispatch()
    assert heard(gateway) == before, "the same level is not told to the same telephone again"
    place.later(hours=1)
    place.publish(haimen=4)
    place.dispatch()
    now = heard(gateway) - before
    assert now == {1: 1, 4: 1}, "more is told to everybody, once"


def test_the_telephone_hears_the_end_though_who_stood_in_the_row_opted_out(place: nw.Place, gateway: nw.Gateway) -> None:
    place.publish(haimen=3)
    place.dispatch()
    wish(place, "opt_out", "CANARY-00001")
    before = heard(gateway)
    place.later(hours=3)
    place.publish()
    place.dispatch()
    assert heard(gateway) - before == {1: 1, 4: 1}


def test_who_left_the_list_is_told_nothing_new(place: nw.Place, gateway: nw.Gateway) -> None:
    load(place, csv([*FAMILY, row(5, "常乐镇", phone=number(1))]), replace=True, removing=1)
    place.publish(haimen=3)
    assert place.dispatch().sent == 1 and heard(gateway) == {1: 1}


def test_a_number_that_opts_out_is_silent_for_all_of_the_family_and_stays_so(place: nw.Place, gateway: nw.Gateway) -> None:
    place.publish(haimen=3)
    assert wish(place, "opt_out", e164(number(1))).people == 4, "planned before, and not sent"
    assert place.dispatch().sent == 1 and heard(gateway) == {4: 1}
    load(place, csv([row(n, phone=number(1), groups="居民") + ",否" for n in (1, 2, 3, 5, 6, 7, 8)], "编号,镇街,人群,手机号,退订"))
    place.later(hours=1)
    place.publish(haimen=4)
    assert place.dispatch().sent == 1 and heard(gateway)[1] == 0, "no list undoes it"
    assert wish(place, "opt_in", e164(number(1))).people == 7
    place.later(hours=1)
    place.publish(haimen=4, sanchang=4)
    assert place.dispatch().sent == 1 and heard(gateway)[1] == 1


def test_two_who_come_to_one_number_after_they_were_planned_are_told_once(place: nw.Place, gateway: nw.Gateway) -> None:
    place.publish(haimen=3)
    load(place, csv([row(4, phone=number(1))]))
    assert place.dispatch().sent == 1 and heard(gateway) == {1: 1} and place.states() == {"accepted": 1, "cancelled": 1}


people = st.lists(st.builds(dict, channel=st.just("sms"), recipient=st.sampled_from("abcdef"), groups=st.sampled_from(['["x"]', '["x","y"]', "[]"]),
                            number=st.sampled_from(["1", "2", "3", None])), max_size=8, unique_by=lambda person: person["recipient"])


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(people, st.sets(st.sampled_from("abcdef")))
def test_one_row_a_number_and_nobody_is_left_out(given_people: list[dict[str, Any]], holding: set[str]) -> None:
    rows = once(given_people, {("sms", who) for who in holding})
    of = {person["recipient"]: person["number"] or person["recipient"] for person in given_people}
    assert Counter(of[r["recipient"]] for r in rows) == Counter(set(of.values()))
    for r in rows:
        mine = [who for who, key in of.items() if key == of[r["recipient"]]]
        assert (r["recipient"] in holding or not holding.intersection(mine)) and "number" not in r
        assert {g for p in given_people if p["recipient"] in mine for g in eval(p["groups"])} == set(eval(r["groups"]))
