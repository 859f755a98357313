"""Retention: what nobody needs any more is gone from the very files, the proof stands, and nobody is told twice because of it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import func, select, update

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
import notify_world as nw
from register_world import VAULT, audits, csv, empty, load, number, residents, row
from test_ledger_processes import postgres  # noqa: F401  (a fixture)

import notifiers
from console.report import sms
from core import alerts
from core.ledger import Ledger, verify_audit
from core.ledger import tables as t
from core.pii import e164
from notifiers.receipts import record
from notifiers.register import grant

d = t.delivery.c
DAYS = 1096


@pytest.fixture
def place(tmp_path: Path, gateway: nw.Gateway) -> nw.Place:
    made = empty(tmp_path, sms_url=gateway.url, grace=0.2)
    load(made, csv([row(n, town) for n, town in enumerate(("海门街道", "海门街道", "常乐镇", "包场镇"), 1)]))
    return made


def storm(place: nw.Place, *, ended: bool = True) -> Any:
    """One alert, told and ended."""
    ref = place.publish(haimen=3, changle=3)
    place.dispatch()
    if ended:
        place.later(hours=3)
        place.publish()
        place.dispatch()
    return ref


def erase(place: nw.Place, **later: float) -> notifiers.ErasureReport:
    place.later(**later)
    alerts.expire(now=place.now, ledger=place.ledger)
    return notifiers.erase(now=place.now, county=place.county, ledger=place.ledger)


def wish(place: nw.Place, kind: Any, who: Any) -> Any:
    return grant(kind, who, by="duty-1", now=place.now, county=place.county, ledger=place.ledger, vault=VAULT)


def counts(place: nw.Place) -> Counter[tuple[Any, ...]]:
    with place.ledger.read() as tx:
        return Counter(map(tuple, tx.execute(select(d.alert_id, d.version, d.channel, d.town, d.groups, d.state, d.code, d.handed_at)).all()))


def people(place: nw.Place) -> set[str]:
    with place.ledger.read() as tx:
        return set(tx.execute(select(d.recipient).where(d.channel == "sms")).scalars())


def traces(home: Path) -> dict[str, int]:
    """How often a number or an id of a canary stands in any file of the home but the gateway's own."""
    found = Counter[str]()
    for path in home.rglob("*"):
        if path.is_file() and path.name != "sms.jsonl":
            raw = path.read_bytes()
            found["id"] += raw.count(b"CANARY-")
            found["number"] += sum(raw.count(number(n).encode()) for n in range(1, 9))
    return dict(found)


def test_beyond_the_policys_days_nothing_of_anybody_is_left_in_the_files(place: nw.Place, tmp_path: Path) -> None:
    storm(place)
    at = place.now
    before, shown = counts(place), _shown(place, at)
    assert traces(tmp_path)["id"] > 0 and traces(tmp_path)["number"] == 0, "ids are there, numbers never were"
    assert erase(place, days=DAYS - 3) == notifiers.ErasureReport() and len(people(place)) == 3, "not before the days have passed"
    done = erase(place, days=4)
    assert (done.recipients, done.alerts, done.residents) == (6, 1, 0)
    load(place, csv([row(9)]), replace=True, removing=4)
    erase(place, days=29)
    assert set(residents(place, leaving=True)) == {f"CANARY-0000{n}" for n in range(1, 5)}, "who left is kept for the policy's days"
    assert erase(place, days=2).residents == 4
    wish(place, "forget", "CANARY-00009")
    assert traces(tmp_path) == {"id": 0, "number": 0}, "before anybody vacuums"
    with place.ledger.engine.connect() as connection:
        connection.connection.dbapi_connection.execute("VACUUM")  # type: ignore[union-attr]
    assert traces(tmp_path) == {"id": 0, "number": 0}
    assert counts(place) == before and _shown(place, at) == shown, "every count stays what it was"
    assert verify_audit(place.ledger).broken_at is None and erase(place, days=1) == notifiers.ErasureReport(), "a repeat finds nothing"


def _shown(place: nw.Place, at: datetime) -> dict[str, Any]:
    with place.ledger.read() as tx:
        return sms(tx, place, at)  # type: ignore[arg-type]


def test_the_proof_stands(place: nw.Place) -> None:
    ref = storm(place)
    with place.ledger.read() as tx:
        signed = json.loads(alerts.find(tx, ref)["audience"])
    erase(place, days=DAYS)
    with place.ledger.read() as tx:
        version = alerts.find(tx, ref)
        alerts.verify_authority(version, alerts.approvals(tx, str(ref)), place.county, place.keyring)
        kept = Counter(tx.execute(select(d.town).where(d.alert_id == ref.alert_id, d.version == ref.version)).scalars())
    (proof,) = [json.loads(payload) for _, action, subject, payload in audits(place) if (action, subject) == ("register.erase", ref.alert_id)]
    assert proof[str(ref.version)] == {"erased": 3, "of": 3, "audience": signed["hash"], "recipients": "held"} and kept == signed["by_town"]


def test_recipients_that_were_not_those_signed_are_said_to_differ(place: nw.Place) -> None:
    ref = storm(place)
    with place.ledger.begin() as tx:
        tx.execute(update(t.delivery).where(d.recipient == "CANARY-00001", d.version == ref.version).values(recipient="somebody"))
    erase(place, days=DAYS)
    found = [json.loads(payload) for _, action, _, payload in audits(place) if action == "register.erase"]
    assert {part[str(ref.version)]["recipients"] for part in found if str(ref.version) in part} == {"differ"}


def test_what_is_open_waits_or_is_not_known_is_never_touched(place: nw.Place, gateway: nw.Gateway) -> None:
    ref = storm(place, ended=False)
    sent = len(gateway.messages())
    assert wish(place, "forget", "CANARY-00001").waiting == 1 and load(place, csv([row(n, "海门街道") for n in (2, 4)]), replace=True, removing=1).refusal == ""
    assert erase(place, hours=1) == notifiers.ErasureReport(postponed=True) and people(place) == {f"CANARY-0000{n}" for n in (1, 2, 3)}
    place.dispatch()
    assert len(gateway.messages()) == sent, "the recipients are still those that officers signed, and nobody is told twice"
    with place.ledger.read() as tx:
        assert not tx.execute(select(func.count()).select_from(t.duty_log).where(t.duty_log.c.kind == "authority")).scalar_one()
    place.publish()
    place.dispatch()
    assert len(gateway.messages()) == sent + 3, "also who leaves hears the end of what he was told"
    with place.ledger.begin() as tx:
        tx.execute(update(t.delivery).where(d.recipient == "CANARY-00002", d.version == ref.version).values(state="unknown"))
    place.later(days=2)
    assert erase(place) == notifiers.ErasureReport(residents=1, recipients=2, alerts=1), "who asked to be forgotten, at the end of the alert"
    assert not any("CANARY-00001" in who for who in people(place))
    assert erase(place, days=DAYS).residents == 1
    assert not any(who.startswith("CANARY") for who in people(place))


def test_an_outcome_that_nobody_ever_learns_is_final_when_the_policy_says_and_keeps_no_resident_for_ever(place: nw.Place) -> None:
    ref = storm(place)
    with place.ledger.begin() as tx:
        mine = (d.version == ref.version, d.alert_id == ref.alert_id, d.channel == "sms")
        tx.execute(update(t.delivery).where(*mine, d.recipient != "CANARY-00003").values(state="unknown"))
        one, other = tx.execute(select(d.delivery_id).where(*mine, d.state == "unknown").order_by(d.recipient)).scalars()
    before = counts(place)
    erase(place, days=2)
    wish(place, "forget", "CANARY-00001")
    assert erase(place, days=27) == notifiers.ErasureReport() and "CANARY-00001" in people(place), "he may have been told, and a receipt may still come"
    assert erase(place, days=2) == notifiers.ErasureReport(recipients=1, alerts=1)
    assert {who for who in people(place) if not who.startswith("~")} == {"CANARY-00002", "CANARY-00003"}
    late = {"MessageSid": "SM" + "9" * 32, "MessageStatus": "delivered"}
    record(place.ledger, late, place.now, one)
    with place.ledger.read() as tx:
        assert tx.execute(select(d.state, d.provider_id).where(d.delivery_id == one)).one() == ("unknown", ""), "nothing leads back to him"
    erase(place, days=DAYS)
    assert all(who.startswith("~") for who in people(place)) and counts(place) == before, "not known stays what became of it"
    proofs = [json.loads(payload)[str(ref.version)] for _, action, subject, payload in audits(place)
              if (action, subject) == ("register.erase", ref.alert_id) and str(ref.version) in json.loads(payload)]
    assert [(p["erased"], p.get("unknown", 0), p["recipients"]) for p in proofs] == [(1, 1, "held"), (2, 1, "partly_erased")]
    assert verify_audit(place.ledger).broken_at is None and other != one


def test_an_alert_that_nobody_closed_yet_and_a_message_on_its_way_keep_their_people(place: nw.Place) -> None:
    storm(place, ended=False)
    with place.ledger.begin() as tx:
        tx.execute(update(t.resident_row).values(erase_at=place.now.isoformat()))
    place.later(days=3)
    assert notifiers.erase(now=place.now, county=place.county, ledger=place.ledger).residents == 1, "who was told nothing; the thread is still open"
    place.later(days=DAYS)
    assert notifiers.erase(now=place.now, county=place.county, ledger=place.ledger) == notifiers.ErasureReport() and len(people(place)) == 3
    with place.ledger.begin() as tx:
        tx.execute(update(t.delivery).where(d.recipient == "CANARY-00001").values(state="sending"))
    assert erase(place) == notifiers.ErasureReport(residents=2, recipients=2, alerts=1)
    assert set(residents(place, leaving=True)) == {"CANARY-00001"}, "his number is needed to look the message up"


def test_one_forgotten_by_number_is_gone_at_once_where_nothing_is_open(place: nw.Place, tmp_path: Path) -> None:
    storm(place)
    place.later(days=2)
    alerts.expire(now=place.now, ledger=place.ledger)
    assert wish(place, "forget", e164(number(1))) == wish(place, "forget", "CANARY-00002") and traces(tmp_path)["number"] == 0
    raw = (tmp_path / "ledger.db").read_bytes()
    assert b"CANARY-00001" not in raw and b"CANARY-00002" not in raw and b"CANARY-00003" in raw
    assert all(("CANARY" not in payload and subject in ("register", "")) or subject.startswith("320614") for _, _, subject, payload in audits(place))


def test_postgresql_keeps_nothing_either(postgres: str, tmp_path: Path, gateway: nw.Gateway) -> None:  # noqa: F811
    place = empty(tmp_path, sms_url=gateway.url, grace=0.2, ledger_url=postgres)
    load(place, csv([row(n) for n in range(1, 5)]))
    place.publish(haimen=3)
    place.dispatch()
    data = Path(sa.make_url(postgres).query["host"]) / "data" / "base"  # type: ignore[arg-type]
    _checkpoint(place.ledger)
    assert traces(data)["id"] > 0 and traces(data)["number"] == 0
    erase(place, days=DAYS)
    load(place, csv([row(9)]), replace=True, removing=4)
    assert erase(place, days=31).residents == 4
    wish(place, "forget", "CANARY-00009")
    _checkpoint(place.ledger)
    assert traces(data) == {"id": 0, "number": 0} and verify_audit(place.ledger).broken_at is None


def _checkpoint(ledger: Ledger) -> None:
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CHECKPOINT")


def test_what_a_process_that_died_left_is_done_by_the_next(place: nw.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storm(place)
    place.later(days=2)
    alerts.expire(now=place.now, ledger=place.ledger)
    storm(place)
    load(place, csv([row(9)]), replace=True, removing=4)
    place.later(days=DAYS)
    step, real, done = notifiers.erase.__globals__, notifiers.erase.__globals__["erase_recipients"], list[int]()

    def dies(*args: Any) -> int:
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return int(real(*args))

    monkeypatch.setitem(step, "erase_recipients", dies)
    with pytest.raises(KeyboardInterrupt):
        erase(place)
    assert {who[0] for who in people(place)} == {"~", "C"}, "one alert a transaction"
    monkeypatch.setitem(step, "erase_recipients", real)
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(Ledger, "scour", dies)
        erase(place)

    def first() -> int:
        return sum(path.read_bytes().count(b"CANARY-00001") for path in tmp_path.glob("ledger.db*"))

    assert {who[0] for who in people(place)} == {"~"} and first() > 0, "erased, and still in the log"
    assert erase(place) == notifiers.ErasureReport() and first() == 0
