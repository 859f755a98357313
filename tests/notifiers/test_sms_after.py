"""After the hand-over: what came back is tried again or not, what fell silent is asked for, what differs is stopped, a sandbox stays at home."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

import notifiers
from core.errors import LifeCycleError
from core.ledger import tables as t
from notifiers.job import Parts
from notifiers.outbox import Item, Outcome
from notifiers.receipts import record
from notifiers.sms.codes import AGAIN, AT_HANDOVER, OUR_CODES, outcome
from notifiers.sms.polling import LIMIT
from notifiers.sms.twilio import TwilioSms

d = t.delivery.c


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[nw.Gateway]:
    running = nw.Gateway(tmp_path, send_delay=0.0, deliver_delay=0.0)
    yield running
    running.stop()


def duty(place: nw.Place, kind: str) -> list[str]:
    with place.ledger.read() as tx:
        return list(tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == kind)).scalars())


def fail(place: nw.Place, code: str, n: int) -> list[int]:
    """The provider says of `n` accepted messages that they did not arrive."""
    with place.ledger.read() as tx:
        rows = tx.execute(select(d.delivery_id, d.provider_id, d.attempt).where(d.state == "accepted").order_by(d.delivery_id).limit(n)).all()
    for i, sid, attempt in rows:
        assert record(place.ledger, {"MessageSid": sid, "MessageStatus": "undelivered", "ErrorCode": code}, place.now, i, attempt) == 1
    return [i for i, _, _ in rows]


@pytest.mark.parametrize("code", ["30003", "30008", "30001"])
def test_what_may_yet_arrive_is_tried_again_later_and_not_for_ever(tmp_path: Path, gateway: nw.Gateway, code: str) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    wanted = len(place.recipients(place.publish(haimen=3)))
    place.dispatch()
    (one,) = fail(place, code, 1)
    assert place.dispatch().sent == 0, "not before its wait is over"
    tries = 0
    while tries < 6:
        place.later(minutes=4)
        if not place.dispatch().sent:
            break
        tries += 1
        with place.ledger.read() as tx:
            sid, attempt = tx.execute(select(d.provider_id, d.attempt).where(d.delivery_id == one)).one()
        record(place.ledger, {"MessageSid": sid, "MessageStatus": "failed", "ErrorCode": code}, place.now, one, attempt)
    assert tries == (AGAIN[code].times or 6) and len(gateway.messages()) == wanted + tries
    assert not duty(place, "duplicate")


@pytest.mark.parametrize("code", ["30005", "30006", "21610", "30004", ""])
def test_what_will_not_arrive_is_never_sent_again(tmp_path: Path, gateway: nw.Gateway, code: str) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    place.publish(haimen=3)
    place.dispatch()
    fail(place, code, 3)
    place.later(hours=2)
    assert place.dispatch().sent == 0 and place.states()["undelivered"] == 3


def test_late_words_about_a_message_that_was_replaced_change_nothing(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    place.publish(haimen=3)
    place.dispatch()
    with place.ledger.read() as tx:
        old = tx.execute(select(d.provider_id).where(d.state == "accepted").order_by(d.delivery_id)).scalars().first()
    (one,) = fail(place, "30008", 1)
    place.later(minutes=4)
    assert place.dispatch().sent == 1
    with place.ledger.read() as tx:
        before = tx.execute(select(d.state, d.provider_id).where(d.delivery_id == one)).one()
    assert before.provider_id not in ("", old)
    for status in ("sent", "delivered", "failed"):
        record(place.ledger, {"MessageSid": str(old), "MessageStatus": status}, place.now, one, 1)
    with place.ledger.read() as tx:
        assert tx.execute(select(d.state, d.provider_id).where(d.delivery_id == one)).one() == before
    record(place.ledger, {"MessageSid": before.provider_id, "MessageStatus": "delivered"}, place.now, one, 2)
    with place.ledger.read() as tx:
        assert tx.execute(select(d.state).where(d.delivery_id == one)).scalar() == "delivered"
    assert not duty(place, "duplicate")


def test_a_filtered_text_stops_its_version_and_a_person_lifts_it(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    ref = place.publish(haimen=3)
    with place.ledger.begin() as tx:
        half = tx.execute(select(d.delivery_id).order_by(d.delivery_id).limit(4)).scalars().all()
        tx.execute(update(t.delivery).where(d.delivery_id.in_(half)).values(not_before="2021-07-25T04:10:00.000000+00:00"))
    place.dispatch()
    fail(place, "30007", 1)
    place.later(minutes=20)
    assert place.dispatch().sent == 0 and place.states()["pending"] == len(half) and len(duty(place, "stop")) == 1
    with pytest.raises(LifeCycleError):
        notifiers.resume(now=place.now, version=str(ref), channel="broadcast", officer="chief-1", ledger=place.ledger)
    notifiers.resume(now=place.now, version=str(ref), channel="sms", officer="chief-1", ledger=place.ledger)
    assert place.dispatch().sent == len(half) and len(duty(place, "resume")) == 1
    with pytest.raises(LifeCycleError):
        notifiers.resume(now=place.now, version=str(ref), channel="sms", officer="chief-1", ledger=place.ledger)


def test_silent_messages_are_asked_for_within_bounds_and_less_and_less(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=1400)
    wanted = len(place.recipients(place.publish(haimen=3, baochang=3)))
    assert wanted > LIMIT
    place.dispatch()
    place.dispatch()
    assert place.states() == {"accepted": wanted}, "too fresh to be asked for"
    place.later(minutes=2)
    place.dispatch()
    assert place.states() == {"delivered": LIMIT, "accepted": wanted - LIMIT}
    while place.states()["accepted"]:
        left = place.states()["accepted"]
        place.dispatch()
        assert place.states()["accepted"] == max(0, left - LIMIT)


def test_a_provider_that_does_not_know_is_not_asked_at_once_again(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    place.publish(haimen=3)
    place.dispatch()
    with place.ledger.begin() as tx:
        tx.execute(update(t.delivery).values(provider_id="SM" + "f" * 32))
    place.later(minutes=10)
    place.dispatch()
    with place.ledger.read() as tx:
        later = set(tx.execute(select(d.not_before)).scalars())
    assert later and min(str(x) for x in later) > (place.now + timedelta(minutes=4)).isoformat() and set(place.states()) == {"accepted"}


class Wrong(TwilioSms):
    """A provider's client that says something else than it was told."""

    async def send(self, item: Item, number: object, text: str, sender: str, valid_s: float) -> Outcome:
        return await super().send(item, number, text.replace("转移", "留下") + "。", sender, valid_s)  # type: ignore[arg-type]


def test_what_the_provider_holds_is_compared_with_what_was_signed(tmp_path: Path, gateway: nw.Gateway) -> None:
    gateway.faults(rate=100.0)
    place = nw.make(tmp_path, sms_url=gateway.url, people=2400)
    wanted = len(place.recipients(place.publish(haimen=3)))
    report = place.dispatch(Parts(sms=Wrong))
    assert 0 < report.sent < wanted, "it stops on the way"
    assert len(duty(place, "stop")) == 1 and "text" in duty(place, "stop")[0]
    assert place.states()["pending"] == wanted - report.sent
    assert place.dispatch(Parts(sms=Wrong)).sent == 0 and place.dispatch().sent == 0


def test_what_is_right_is_not_stopped_and_a_deaf_provider_is_named(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)

    class Deaf(TwilioSms):
        async def fetch(self, sid: str) -> object:  # type: ignore[override]
            return await super().fetch("SM" + "e" * 32)

    wanted = len(place.recipients(place.publish(haimen=3, baochang=3)))
    assert place.dispatch(Parts(sms=Deaf)).sent == wanted
    assert duty(place, "stop") == [] and len(duty(place, "read_back")) == 1


@pytest.mark.parametrize("url", ["https://api.twilio.com", "http://10.0.0.1:8080"])
def test_a_sandbox_never_speaks_to_the_outside(tmp_path: Path, url: str) -> None:
    place = nw.make(tmp_path, people=60)
    place.settings = place.settings.model_copy(update={"sms_url": url})
    place.publish(haimen=3)
    assert place.dispatch().sent == 0 and set(place.states()) == {"pending"}
    (text,) = duty(place, "sms")
    assert "sandbox" in text


def test_refused_credentials_wait_and_ring_once(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    place.settings = place.settings.model_copy(update={"twilio_account": "AC" + "9" * 32})
    place.publish(haimen=3)
    place.dispatch()
    assert set(place.states()) == {"pending"} and len(duty(place, "sms")) == 1 and not gateway.messages()


def test_codes_mean_what_the_protocol_says() -> None:
    item = Item(delivery_id=1, ref=("A", 1), recipient="r", town="haimen", attempt=1, claimed_at="")
    got = {code: str(outcome(item, 400, code).state) for code in AT_HANDOVER}
    assert Counter(got.values()) == {"pending": 2, "refused": 4}
    assert not {str(c) for c in (21211, 21614, 30005, 30006, 21610, 30007)} & AGAIN.keys()
    for status, state in ((500, "sending"), (503, "sending"), (408, "sending"), (302, "sending"), (429, "pending"), (400, "refused"), (410, "refused"),
                          (401, "pending"), (403, "pending"), (404, "pending")):
        assert outcome(item, status, 0).state == state, status
    assert all(outcome(item, 400, code).state == "pending" and outcome(item, 400, code).alarm for code in OUR_CODES)
    assert outcome(item, 400, 99999).alarm and not outcome(item, 400, 21610).alarm


def test_no_number_in_any_log_or_table_that_people_read(tmp_path: Path, gateway: nw.Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    gateway.faults(error_500=0.2, drop=0.2, too_many=0.2, codes={"21610": 0.1, "21211": 0.1, "30034": 0.1})
    place = nw.make(tmp_path, sms_url=gateway.url, people=400)
    place.publish(haimen=3, baochang=3)
    report = place.dispatch()
    fail(place, "30003", 5)
    place.later(minutes=5)
    second = place.dispatch()
    with place.ledger.read() as tx:
        tables = {name: [list(row) for row in tx.execute(select(table))] for name, table in t.metadata.tables.items() if name != "resident"}
    for where, text in (("log", caplog.text), ("report", f"{report}{second}"), ("ledger", json.dumps(tables, default=str)), ("gateway", gateway.log.read_text())):
        assert "8610000" not in text and "+86" not in text, where
    assert report.sent and caplog.records
