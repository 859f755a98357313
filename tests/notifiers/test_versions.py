"""From one version to the next nobody is lost and nobody hears the same twice, whatever was still on its way when the next one came."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from console.sandbox.clock import Clock
from console.sandbox.loudspeakers import Speaker
from core import alerts
from core.ledger import tables as t
from core.times import iso
from notifiers.broadcast.compose import compose
from notifiers.job import Job, Parts
from notifiers.outbox import Ticker
from notifiers.stages import authorise

d = t.delivery.c


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[nw.Gateway]:
    running = nw.Gateway(tmp_path, send_delay=0.02, deliver_delay=0.02)
    yield running
    running.stop()


def hold_back(place: nw.Place, share: int = 2) -> set[str]:
    """Keep every `share`-th SMS row from being claimed for a day, as a slow provider would; the recipients."""
    with place.ledger.begin() as tx:
        ids = tx.execute(select(d.delivery_id, d.recipient).where(d.state == "planned").order_by(d.delivery_id)).all()[::share]
        tx.execute(update(t.delivery).where(d.delivery_id.in_([i for i, _ in ids])).values(not_before=iso(place.now.replace(year=2022))))
    return {who for _, who in ids}


def heard(gateway: nw.Gateway) -> Counter[str]:
    """Messages by keyed number."""
    return Counter(row["to"] for row in gateway.messages())


def sent(place: nw.Place, version: int) -> set[str]:
    with place.ledger.read() as tx:
        return set(tx.execute(select(d.recipient).where(d.version == version, d.state == "accepted")).scalars())


def codes(place: nw.Place, version: int) -> Counter[str]:
    with place.ledger.read() as tx:
        return Counter(tx.execute(select(d.code).where(d.version == version)).scalars())


def test_whom_the_first_version_did_not_reach_the_second_does(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    first = place.publish(haimen=3)
    late = hold_back(place)
    place.dispatch()
    people = {who for _, who, _ in place.recipients(first)}
    assert late and sent(place, 1) == people - late
    place.later(minutes=31)
    second = place.draft(haimen=3, baochang=3)
    place.address(second)
    new = {who for _, who, town in place.recipients(second) if town == "baochang"}
    place.issue(second)
    assert place.dispatch().sent == len(new | late)
    assert sent(place, 2) == new | late and set(heard(gateway).values()) == {1}
    assert place.dispatch().sent == 0


def test_a_renewal_is_heard_by_those_only_who_never_were_reached(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    first = place.publish(haimen=3)
    gateway.faults(codes={"21610": 0.1})
    place.dispatch()
    missed = {who for _, who, _ in place.recipients(first)} - sent(place, 1)
    gateway.faults(codes={})
    place.later(hours=23, minutes=10)
    renewed = place.draft(haimen=3)
    report = place.address(renewed)
    assert missed and report.count == len(missed) and report.concerned == len(place.recipients(first))
    place.issue(renewed)
    assert place.dispatch().sent == len(missed) and sent(place, 2) == missed and set(heard(gateway).values()) == {1}
    with place.ledger.read() as tx:
        paths = tx.execute(select(t.alert_version.c.cap_path).order_by(t.alert_version.c.version)).scalars().all()
    assert len({Path(p).read_bytes() for p in paths}) == 2, "the CAP file carries the new expiry"


def test_what_arrives_while_people_sign_is_not_said_again(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    first = place.publish(haimen=3)
    place.later(minutes=31)
    second = place.draft(haimen=3, baochang=3)
    place.address(second)
    place.dispatch()  # the first one goes out while the second waits for its signatures
    place.issue(second)
    place.dispatch()
    assert codes(place, 2)["told"] == len(place.recipients(first)) and set(heard(gateway).values()) == {1}


def test_a_message_on_its_way_is_waited_for(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=120)
    place.publish(haimen=3)
    late = sorted(hold_back(place, 3))
    place.dispatch()
    with place.ledger.begin() as tx:  # a crash left these: the first of each kind was taken by the provider, the others were not
        taken = tx.execute(select(d.delivery_id, d.recipient).where(d.state == "accepted").limit(5)).all()
        gone = tx.execute(select(d.delivery_id).where(d.recipient.in_(late))).scalars().all()
        tx.execute(update(t.delivery).where(d.delivery_id.in_([i for i, _ in taken] + gone)).values(state="sending", claimed_at=iso(place.now)))
    place.later(minutes=31)
    place.publish(haimen=3, baochang=3)
    place.dispatch()
    assert set(late) <= sent(place, 2) and not {who for _, who in taken} & sent(place, 2)
    assert {who for _, who in taken} <= sent(place, 1) and set(heard(gateway).values()) == {1}


def test_the_end_reaches_those_who_were_reached_while_it_was_being_signed(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    first = place.publish(haimen=3)
    never = hold_back(place, 4)
    end = alerts.cancel(now=place.now, alert_id=first.alert_id, reason="误报", county=place.county, ledger=place.ledger)
    place.address(end)
    place.dispatch()
    reached = sent(place, 1)
    with place.ledger.begin() as tx:  # an outcome that nobody can tell any more counts as reached
        odd = sorted(reached)[0]
        tx.execute(update(t.delivery).where(d.recipient == odd).where(d.version == 1).values(state="unknown"))
    place.issue(end)
    place.dispatch()
    assert sent(place, 2) == reached and not reached & never and codes(place, 2)["never_told"] == len(never)


def test_an_end_is_not_withdrawn_by_a_later_version_that_is_silent_on_the_town(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    place.publish(haimen=3, baochang=3)
    place.dispatch()
    place.later(minutes=31)
    place.publish(baochang=3)  # haimen ends, and nothing of it is sent before the next version
    place.later(minutes=1)
    third = place.publish(baochang=4)
    assert not any(town == "haimen" for _, _, town in place.recipients(third))
    place.dispatch()
    with place.ledger.read() as tx:
        ends = tx.execute(select(d.state, d.town).where(d.version == 2)).all()
    assert {state for state, town in ends if town == "haimen"} == {"accepted"}
    assert place.dispatch().sent == 0 and set(heard(gateway).values()) == {2}


def test_an_end_is_withdrawn_where_the_warning_is_back(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url)
    place.publish(haimen=3, baochang=3)
    place.dispatch()
    before = len(gateway.messages())
    place.later(minutes=31)
    place.publish(baochang=3)
    place.later(minutes=1)
    place.publish(baochang=3, haimen=3)
    assert place.dispatch().sent == 0 and len(gateway.messages()) == before, "they hold exactly this"


def test_what_ran_out_unsent_is_told_to_the_desk(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60)
    place.publish(haimen=3)
    place.later(hours=25)
    place.dispatch()
    with place.ledger.read() as tx:
        (text,) = tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == "expired")).scalars()
    assert str(place.states()["expired"]) in text


def speakers_of(place: nw.Place, ref: Any) -> set[str]:
    return {who for channel, who, _ in place.recipients(ref) if channel == "broadcast"}


def test_a_renewal_speaks_again_through_loudspeakers(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60, speakers=True)
    first = place.publish(haimen=3)
    with place.ledger.begin() as tx:
        tx.execute(update(t.delivery).values(state="delivered"))
    place.later(hours=23, minutes=10)
    ref = place.draft(haimen=3)
    assert place.address(ref).by_channel == {"broadcast": len(speakers_of(place, first))} and speakers_of(place, ref) == speakers_of(place, first)


def test_who_was_reached_at_a_later_try_while_the_end_was_being_signed_hears_the_end(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=120)
    first = place.publish(haimen=3)
    place.dispatch()
    with place.ledger.begin() as tx:
        late, never = tx.execute(select(d.delivery_id, d.recipient).order_by(d.delivery_id).limit(2)).all()
        for row, code in ((late, "30003"), (never, "30006")):
            tx.execute(update(t.delivery).where(d.delivery_id == row.delivery_id).values(state="undelivered", code=code, finished_at=iso(place.now)))
    place.later(minutes=10)
    end = alerts.cancel(now=place.now, alert_id=first.alert_id, reason="误报", county=place.county, ledger=place.ledger)
    place.address(end)
    place.dispatch()
    place.issue(end)
    place.dispatch()
    assert late.recipient in sent(place, 1) & sent(place, 2) and never.recipient not in sent(place, 2)


def framed(place: nw.Place, *towns: str) -> list[tuple[dict[str, Any], bytes]]:
    """What the loudspeakers of these towns would be sent of the one version in force."""
    job = Job(county=place.county, ledger=place.ledger, settings=place.settings, keyring=place.keyring, ticker=Ticker(place.now), deadline_s=1.0,
              shard=(0, 1), parts=Parts())
    authorise(job)
    (version,) = job.versions.values()
    return [compose(job, version, town) for town in towns]


def test_a_frame_says_the_level_of_its_town(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=20, speakers=True)
    place.publish(haimen=2, yuelai=4)
    assert [fields["level"] for fields, _ in framed(place, "haimen", "yuelai")] == [2, 4], "the loudspeaker itself keeps the quiet hours by it"


def test_loudspeakers_still_listen_after_an_older_ledger_was_restored(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=20, speakers=True)
    place.publish(haimen=3)
    (spec, *_) = (s for s in place.county.loudspeakers if s.town == "haimen")
    place.keyring.ensure(spec.speaker)
    device = Speaker(spec, place.keyring, {"exercise": place.keyring.ensure("issuer-exercise")}, Clock(place.now), tmp_path / "spk.json")
    for _ in range(50):
        ((_, payload),) = framed(place, "haimen")
        device.handle("exercise/broadcast/haimen", payload)
    with place.ledger.begin() as tx:  # the backup knows nothing of what was said since
        for table in (t.sequence, t.audit, t.delivery, t.approval, t.alert_version, t.alert):
            tx.execute(delete(table))
    place.later(hours=1)
    device.clock.set(place.now)  # type: ignore[attr-defined]
    place.publish(haimen=4)
    ((_, payload),) = framed(place, "haimen")
    assert device.handle("exercise/broadcast/haimen", payload) and device.plays == 2 and not device.refusals
