"""Authority, expiry, cancel, time line, receipts: what dispatch sends and, mostly, what it does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core import alerts
from core.ledger import tables as t
from core.times import iso
from notifiers.lock import one_sender
from notifiers.receipts import record

d = t.delivery.c


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[nw.Gateway]:
    running = nw.Gateway(tmp_path, send_delay=0.02, deliver_delay=0.02)
    yield running
    running.stop()


def test_everybody_once_then_nobody_then_the_end_to_the_same(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    ref = place.publish(haimen=3)
    wanted = len(place.recipients(ref))
    report = place.dispatch()
    assert report.sent == wanted and gateway.verdict(wanted) == (0, 0) and place.dispatch().sent == 0
    with place.ledger.begin() as tx:
        row = tx.execute(select(t.alert_version)).mappings().one()
        lost = tx.execute(select(d.delivery_id).limit(1)).scalar_one()
        tx.execute(update(t.delivery).where(d.delivery_id == lost).values(state="refused"))
    assert row["first_handed_at"] <= row["last_handed_at"]
    place.later(minutes=40)
    end = alerts.cancel(now=place.now, alert_id=ref.alert_id, reason="误报", county=place.county, ledger=place.ledger)
    assert place.address(end).count == wanted - 1
    place.issue(end)
    assert place.dispatch().sent == wanted - 1


TAMPER = {
    "audience": lambda tx: tx.execute(insert(t.delivery).values(alert_id=tx.execute(select(d.alert_id).limit(1)).scalar_one(), version=1, channel="sms",
                                                                recipient="sanxing-00001", town="sanxing", state="planned")),
    "approval": lambda tx: tx.execute(update(t.approval).values(signed_hash="0" * 64)),
    "one signature": lambda tx: tx.execute(t.approval.delete().where(t.approval.c.role == "approver")),
    "body": lambda tx: tx.execute(update(t.alert_version).values(body=tx.execute(select(t.alert_version.c.body)).scalar_one().replace("转移", "留下"))),
    "expires": lambda tx: tx.execute(update(t.alert_version).values(expires="2031-01-01T00:00:00+00:00")),
    "thread status": lambda tx: tx.execute(update(t.alert).values(status="Actual")),
}


@pytest.mark.parametrize("name", TAMPER)
def test_a_tampered_version_sends_nothing_and_rings(tmp_path: Path, gateway: nw.Gateway, name: str) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    place.publish(haimen=3)
    with place.ledger.begin() as tx:
        TAMPER[name](tx)
    report = place.dispatch()
    assert report.sent == 0 and len(report.refused) == 1 and not gateway.messages()
    with place.ledger.read() as tx:
        assert "authority" in tx.execute(select(t.duty_log.c.kind)).scalars().all()


def test_expired_is_never_sent(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    place.publish(haimen=3)
    place.later(hours=25)
    assert place.dispatch().sent == 0 and set(place.states()) == {"expired"} and not gateway.messages()


def test_a_superseded_version_is_not_sent_late(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    first = place.publish(haimen=2)
    place.later(minutes=31)
    second = place.publish(haimen=3)
    assert place.dispatch().sent == len(place.recipients(second))
    with place.ledger.read() as tx:
        assert set(tx.execute(select(d.state).where(d.version == first.version)).scalars()) == {"cancelled"}


def test_opted_out_after_signing_gets_nothing(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    ref = place.publish(haimen=3)
    with place.ledger.begin() as tx:
        tx.execute(update(t.resident_row).where(t.resident_row.c.resident_id == sorted(place.recipients(ref))[0][1]).values(opted_out=True))
    assert place.dispatch().sent == len(place.recipients(ref)) - 1 and place.states()["cancelled"] == 1


def test_no_gateway_leaves_everybody_waiting_and_nobody_unknown(tmp_path: Path) -> None:
    place = nw.make(tmp_path)
    place.publish(haimen=3)
    assert place.dispatch(deadline_s=1.0).sent == 0 and set(place.states()) == {"pending"}


def test_refusals_stay_refused(tmp_path: Path, gateway: nw.Gateway) -> None:
    gateway.faults(codes={"21610": 0.5})
    place = nw.make(tmp_path, sms_url=gateway.url)
    ref = place.publish(haimen=3)
    place.dispatch()
    states = place.states()
    assert states["refused"] and states["accepted"] and sum(states.values()) == len(place.recipients(ref))
    gateway.faults(codes={})
    assert place.dispatch().sent == 0


@pytest.mark.parametrize("code", ["20003", "20005", "21606"])
def test_a_fault_of_our_account_loses_nobody(tmp_path: Path, gateway: nw.Gateway, code: str) -> None:
    gateway.faults(codes={code: 1.0})
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    ref = place.publish(haimen=3)
    place.dispatch()
    assert set(place.states()) == {"pending"}
    with place.ledger.read() as tx:
        assert "sms" in tx.execute(select(t.duty_log.c.kind)).scalars().all()
    gateway.faults(codes={})
    place.later(minutes=1)
    assert place.dispatch().sent == len(place.recipients(ref))


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 40])
def test_a_number_that_does_not_open_costs_the_others_nothing(tmp_path: Path, gateway: nw.Gateway, sealed: bytes) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    ref = place.publish(haimen=3)
    who = min(row[1] for row in place.recipients(ref))
    with place.ledger.begin() as tx:
        tx.execute(update(t.resident_row).where(t.resident_row.c.resident_id == who).values(phone=sealed))
    assert place.dispatch().sent == len(place.recipients(ref)) - 1 and place.states()["refused"] == 1
    with place.ledger.read() as tx:
        row = tx.execute(select(t.delivery.c.delivery_id).where(t.delivery.c.recipient == who)).scalar()
        told = list(tx.execute(select(t.duty_log.c.text)).scalars())
    assert any(f"投递 {row} " in text for text in told), "the desk is told which message"
    assert not any(who in text for text in told), "and not who: the duty log is never erased"


def test_a_spoilt_version_costs_the_others_nothing(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    place.publish(haimen=2)
    place.later(minutes=31)
    ref = place.publish(haimen=3)
    with place.ledger.begin() as tx:
        tx.execute(update(t.alert_version).where(t.alert_version.c.version == 1).values(body="{not json"))
    assert place.dispatch().sent == len(place.recipients(ref))


def test_a_second_sender_waits_outside(tmp_path: Path) -> None:
    place = nw.make(tmp_path)
    with one_sender(place.ledger, tmp_path, (0, 1), 0.0) as held:
        assert held and place.dispatch(deadline_s=0.2).busy


def test_receipts_only_go_forward(tmp_path: Path) -> None:
    place = nw.make(tmp_path)
    place.publish(haimen=3)
    with place.ledger.begin() as tx:
        one = tx.execute(select(d.delivery_id).limit(1)).scalar_one()
        tx.execute(update(t.delivery).where(d.delivery_id == one).values(state="sending"))

    def state() -> tuple[str, str]:
        with place.ledger.read() as tx:
            return tuple(tx.execute(select(d.state, d.provider_id).where(d.delivery_id == one)).one())  # type: ignore[return-value]

    def say(status: str, sid: str = "SM1") -> int:
        return record(place.ledger, {"MessageSid": sid, "MessageStatus": status}, place.now + timedelta(seconds=1), one)

    assert say("sent") == 1 and state() == ("sent", "SM1")
    assert say("delivered") == 1 and say("delivered") == 0 and say("sent") == 0 and say("queued") == 1 and say("undelivered") == 1
    assert state() == ("delivered", "SM1")
    assert record(place.ledger, {"MessageSid": "SM9", "MessageStatus": "sent"}, place.now) == 0
    say("delivered", "SM2")
    with place.ledger.read() as tx:
        assert tx.execute(select(d.possible_duplicate).where(d.delivery_id == one)).scalar_one()
        assert "duplicate" in tx.execute(select(t.duty_log.c.kind)).scalars().all()
    assert iso(place.now)
