"""Fifty-two alerts at once with one red among them: the red one goes first. And two shards share the work without a row twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sqlalchemy import insert, select, text, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.ledger import tables as t
from core.model import Level, Status
from core.signing import canonical
from core.times import iso
from notifiers.outbox import Outbox, Ticker
from notifiers.versions import Ref, Version, seal_of

EACH = 40


def flood_of_alerts(place: nw.Place, red: int) -> dict[Ref, Version]:
    """52 issued versions with EACH rows a version; number `red` is red, the others blue to orange."""
    expires = place.now.replace(hour=23)
    versions = {}
    with place.ledger.begin() as tx:
        for n in range(52):
            level = 4 if n == red else 1 + n % 3
            ref = (f"A{n:02d}", 1)
            body = canonical({"levels": {"haimen": level}, "why": ["open"], "msg_type": "Alert"})
            row = {"alert_id": ref[0], "version": 1, "msg_type": "Alert", "state": "issued", "level": level, "body": body, "body_hash": "", "audience": "{}",
                   "assessed_at": "", "drafted_at": "", "issued_at": iso(place.now), "expires": iso(expires), "cap_path": ""}
            tx.execute(insert(t.alert).values(alert_id=ref[0], hazard="flood", status="Exercise", opened_at=""))
            tx.execute(insert(t.alert_version).values(**row))
            tx.execute(insert(t.delivery), [
                {"alert_id": ref[0], "version": 1, "channel": "sms", "recipient": f"r{k}", "town": "haimen", "groups": "[]", "state": "pending",
                 "attempt": 0, "priority": level} for k in range(EACH)])
            versions[ref] = Version(ref=ref, body={}, seal=seal_of(row, 1), status=Status.EXERCISE, level=Level(level), expires=expires)  # type: ignore[arg-type]
    return versions


def test_the_red_one_goes_first(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=20)
    versions = flood_of_alerts(place, red=37)
    outbox = Outbox(place.ledger, Ticker(place.now), "sms")
    first = outbox.claim(versions, EACH)
    assert {item.ref for item in first} == {("A37", 1)} and len(first) == EACH
    order = [versions[item.ref].level for _ in range(60) for item in outbox.claim(versions, EACH)]
    assert len(order) == 51 * EACH and order == sorted(order, reverse=True)
    assert outbox.claim(versions, EACH) == [] and not outbox.waiting(versions)


def test_shards_share_every_row_and_none_twice(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=20)
    versions = flood_of_alerts(place, red=0)
    boxes = [Outbox(place.ledger, Ticker(place.now), "sms", (n, 3)) for n in range(3)]
    claimed = [{item.delivery_id for item in box.claim(versions, 5000)} for box in boxes]
    assert sum(map(len, claimed)) == len(set().union(*claimed)) == 52 * EACH and all(claimed)


def test_what_another_shard_has_on_the_way_is_waited_for(tmp_path: Path) -> None:
    place, d = nw.make(tmp_path, people=20), t.delivery.c
    first = place.publish(haimen=3)
    place.later(minutes=31)
    second = place.publish(haimen=4)
    with place.ledger.begin() as tx:
        who, before, after = tx.execute(text("select a.recipient, a.delivery_id, b.delivery_id from delivery a join delivery b using (recipient) "
                                             "where a.version = 1 and b.version = 2 limit 1")).one()
        tx.execute(update(t.delivery).where(d.version == second.version).values(state="pending"))
        row = tx.execute(select(t.alert_version).where(t.alert_version.c.version == second.version)).mappings().one()
    version = Version(ref=(first.alert_id, 2), body=json.loads(row["body"]), seal=seal_of(row, 2), status=Status.EXERCISE, level=Level(4), expires=place.now)
    shards = after - before + 1  # so many that the two messages to one person are not in one shard
    for state, waits in (("sending", True), ("cancelled", False)):
        with place.ledger.begin() as tx:
            tx.execute(update(t.delivery).where(d.delivery_id == before).values(state=state))
        claimed = Outbox(place.ledger, Ticker(place.now), "sms", (after % shards, shards)).claim({version.ref: version}, 500)
        assert (who not in {item.recipient for item in claimed}) is waits


def test_a_version_that_changed_since_it_was_verified_is_not_claimed(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=20)
    versions = flood_of_alerts(place, red=1)
    v = t.alert_version.c
    with place.ledger.begin() as tx:
        tx.execute(t.alert_version.update().where(v.alert_id == "A01").values(body=canonical({"levels": {"haimen": 3}})))
        tx.execute(t.alert_version.update().where(v.alert_id == "A02").values(state="superseded"))
        tx.execute(t.alert_version.update().where(v.alert_id == "A03").values(audience='{"hash":"0"}'))
        tx.execute(t.alert_version.update().where(v.alert_id == "A04").values(expires=iso(place.now)))
    claimed = {item.ref[0] for item in Outbox(place.ledger, Ticker(place.now), "sms").claim(versions, 5000)}
    assert claimed == {f"A{n:02d}" for n in range(52)} - {"A01", "A02", "A03", "A04"}
