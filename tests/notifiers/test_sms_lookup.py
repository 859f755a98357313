"""What is not known and cannot be looked up: red and orange are said again and marked, the others are reported; nothing is decided before its time."""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.ledger import tables as t
from core.pii import Number
from core.times import iso
from notifiers.job import Parts
from notifiers.outbox import Item
from notifiers.sms.lookup import GIVE_UP_GRACES
from notifiers.sms.twilio import TwilioSms

d = t.delivery.c
GRACE = 0.02


class Locked(TwilioSms):
    """Sends as ever, but asks for the list with an account that the provider does not know."""

    async def find(self, item: Item, number: Number, text: str) -> str | None:
        from twilio.rest import Client

        stranger = copy.copy(self)
        stranger._client = Client("AC" + "9" * 32, "x" * 32, http_client=self._http)
        return await TwilioSms.find(stranger, item, number, text)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[nw.Gateway]:
    running = nw.Gateway(tmp_path, send_delay=0.0, deliver_delay=0.0)
    yield running
    running.stop()


def left_open(tmp_path: Path, gateway: nw.Gateway, level: int) -> tuple[nw.Place, int]:
    """Everything handed over, taken by the provider and cut off before it said so."""
    place = nw.make(tmp_path, sms_url=gateway.url, people=240, grace=GRACE)
    gateway.faults(drop=1.0)
    wanted = sum(1 for channel, *_ in place.recipients(place.publish(haimen=level)) if channel == "sms")
    place.settings = place.settings.model_copy(update={"unknown_grace_s": 60.0})
    while place.states() != {"sending": wanted}:  # a slow machine may need more than one go
        place.dispatch(deadline_s=0.3)
    place.settings = place.settings.model_copy(update={"unknown_grace_s": GRACE})
    gateway.faults(drop=0.0)
    assert len(gateway.messages()) == wanted > 1
    return place, wanted


def duty(place: nw.Place, kind: str) -> list[str]:
    with place.ledger.read() as tx:
        return list(tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == kind)).scalars())


def test_an_orange_that_nobody_can_tell_of_is_said_again_and_marked(tmp_path: Path, gateway: nw.Gateway) -> None:
    place, wanted = left_open(tmp_path, gateway, 3)
    report = place.dispatch(Parts(sms=Locked))
    assert report.sent == wanted and set(place.states()) <= {"accepted", "sent", "delivered"}
    assert gateway.verdict(wanted) == (0, wanted) and report.possible_duplicates == wanted and len(duty(place, "unknown")) == wanted


def test_a_provider_that_never_says_what_it_took_gets_an_orange_twice_and_no_more(tmp_path: Path, gateway: nw.Gateway) -> None:
    place, wanted = left_open(tmp_path, gateway, 3)
    gateway.faults(drop=1.0)
    while place.states() != {"unknown": wanted}:  # ends: nobody is left on the way
        place.dispatch(Parts(sms=Locked), deadline_s=1.0)
    said = Counter(message["to"] for message in gateway.messages())
    assert set(said.values()) == {2} and place.dispatch().sent == 0


def test_a_yellow_that_nobody_can_tell_of_is_reported_and_not_said_again(tmp_path: Path, gateway: nw.Gateway) -> None:
    place, wanted = left_open(tmp_path, gateway, 2)
    assert place.dispatch(Parts(sms=Locked)).sent == 0 and place.states() == {"unknown": wanted}
    assert gateway.verdict(wanted) == (0, 0) and len(duty(place, "unknown")) == wanted and not any("+86" in text for text in duty(place, "unknown"))
    assert place.dispatch().sent == 0 and gateway.verdict(wanted) == (0, 0), "it is not taken up again"


def test_nothing_is_given_up_before_its_time_and_a_list_that_answers_again_settles_it(tmp_path: Path, gateway: nw.Gateway) -> None:
    place, wanted = left_open(tmp_path, gateway, 3)
    place.settings = place.settings.model_copy(update={"unknown_grace_s": 0.2})
    place.dispatch(Parts(sms=Locked), deadline_s=0.2 * GIVE_UP_GRACES / 3)
    assert place.states() == {"sending": wanted} and duty(place, "unknown") == [] and gateway.verdict(wanted) == (0, 0)
    place.settings = place.settings.model_copy(update={"unknown_grace_s": GRACE})
    assert place.dispatch().possible_duplicates == 0 and set(place.states()) <= {"accepted", "sent", "delivered"} and gateway.verdict(wanted) == (0, 0)


@pytest.mark.parametrize("taken", [True, False])
def test_what_was_replaced_meanwhile_is_not_said_again(tmp_path: Path, gateway: nw.Gateway, taken: bool) -> None:
    """Whether the provider has it cannot be told: reported. It never had it: replaced, and the newer version says what is true now."""
    if taken:
        place, wanted = left_open(tmp_path, gateway, 3)
    else:  # we died between the claim and the call
        place = nw.make(tmp_path, sms_url=gateway.url, people=240, grace=GRACE)
        wanted = len(place.recipients(place.publish(haimen=3)))
        with place.ledger.begin() as tx:
            tx.execute(update(t.delivery).values(state="sending", claimed_at=iso(place.now), attempt=1))
    place.later(minutes=31)
    second = place.publish(haimen=4)
    place.dispatch(Parts(sms=Locked) if taken else None)
    with place.ledger.read() as tx:
        first = list(tx.execute(select(d.state, d.code).where(d.version < second.version, d.channel == "sms")).tuples())
    assert len(first) == wanted and set(first) == {("unknown", "unknown") if taken else ("cancelled", "superseded")}


def test_whose_number_cannot_be_opened_is_refused_and_rung_for_alone(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    ref = place.publish(haimen=3)
    wanted = {recipient for channel, recipient, _ in place.recipients(ref) if channel == "sms"}
    spoiled, opted = sorted(wanted)[:2]
    r = t.resident_row.c
    with place.ledger.begin() as tx:
        sealed = tx.execute(select(r.phone).where(r.resident_id == opted)).scalar_one()
        tx.execute(update(t.resident_row).where(r.resident_id == spoiled).values(phone=sealed))  # another's number under this name
        tx.execute(update(t.resident_row).where(r.resident_id == opted).values(opted_out=True))
    assert place.dispatch().sent == len(wanted) - 2
    with place.ledger.read() as tx:
        found = tx.execute(select(t.delivery).where(d.recipient.in_([spoiled, opted]), d.channel == "sms")).all()
    rows, ids = {row.recipient: (row.state, row.code) for row in found}, {row.recipient: row.delivery_id for row in found}
    assert rows == {spoiled: ("refused", "unsealed"), opted: ("cancelled", "opted_out")}
    assert len([text for text in duty(place, "sms") if f"投递 {ids[spoiled]} " in text]) == 1 and not any(spoiled in text for text in duty(place, "sms"))
