"""Two machines on one PostgreSQL ledger, each with a disk of its own: one sender at a time, no row claimed twice, one thread a hazard, one register a reader."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, event, select, text

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
import notify_world as nw
from register_world import csv, load, number, row
from test_ledger_processes import postgres  # noqa: F401  (a fixture)
from test_order import EACH, flood_of_alerts

from core import alerts
from core.ledger import Ledger
from core.ledger import tables as t
from core.pii import Vault
from notifiers.lock import one_sender
from notifiers.outbox import Outbox, Ticker


def two(url: str, home: Path) -> list[nw.Place]:
    """Two machines with an empty ledger."""
    ledger = Ledger.open(url)
    with ledger.begin() as tx:
        for table in reversed(t.metadata.sorted_tables):
            tx.execute(delete(table))
    return [nw.make(home / name, people=20, ledger_url=url) for name in ("one", "two")]


def at_once(act: Callable[[int], None]) -> None:
    """Both machines do it at the same moment."""
    gate = threading.Barrier(2)

    def run(n: int) -> None:
        gate.wait()
        act(n)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_of_them_sends(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    one, other = two(postgres, tmp_path)
    with one_sender(one.ledger, one.settings.home, (0, 1), 0.0) as first, one_sender(other.ledger, other.settings.home, (0, 1), 0.2) as second:
        assert first and not second and other.dispatch(deadline_s=0.1).busy
        with one_sender(other.ledger, other.settings.home, (1, 2), 0.0) as shard:
            assert shard
    with one_sender(other.ledger, other.settings.home, (0, 1), 0.0) as again:
        assert again


def test_a_row_is_claimed_by_one_of_them(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    places = two(postgres, tmp_path)
    versions = flood_of_alerts(places[0], red=0)
    claimed: tuple[list[int], list[int]] = ([], [])

    def claim(n: int) -> None:
        box = Outbox(places[n].ledger, Ticker(places[n].now), "sms")
        while items := box.claim(versions, 400):
            claimed[n].extend(item.delivery_id for item in items)

    at_once(claim)
    assert not set(claimed[0]) & set(claimed[1]) and len(claimed[0]) + len(claimed[1]) == 52 * EACH


def test_two_that_issue_at_once_both_say_it_is_issued(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    places = two(postgres, tmp_path)
    places[0].publish(haimen=2)
    for place in places:
        place.later(minutes=31)
    ref = places[0].draft(haimen=3)
    places[0].address(ref)
    for officer, role in (("duty-1", "author"), ("chief-1", "approver")):
        nw.officers.sign_as(officer, role, ref, now=places[0].now, county=places[0].county, ledger=places[0].ledger, keyring=places[0].keyring,
                            settings=places[0].settings)
    issued: list[Path] = []
    one_home = places[0].settings  # keys and CAP files lie on a disk that they share
    at_once(lambda n: issued.append(alerts.issue(now=places[n].now, ref=ref, county=places[n].county, ledger=places[n].ledger, settings=one_home)))
    assert len(issued) == 2 and len(set(issued)) == 1


def test_two_that_draft_at_once_open_one_thread(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    for n in range(3):
        places = two(postgres, tmp_path / str(n))
        with places[0].ledger.begin() as tx:
            places[0].ledger.save_scores(tx, nw.START, [places[0].score("haimen", 3)], nw.START)
        at_once(lambda n: alerts.draft(now=nw.START + timedelta(seconds=n), county=places[n].county, ledger=places[n].ledger,  # noqa: B023
                                       status=places[n].settings.status) and None)  # noqa: B023
        with places[0].ledger.read() as tx:
            assert len(tx.execute(select(t.alert.c.alert_id)).all()) == 1


def meanwhile(place: nw.Place, town: str, act: Callable[[], object]) -> threading.Thread:
    """Another process does `act` just before `place` asks for the residents of a town: it goes on when that is done, or waits for us."""
    thread = threading.Thread(target=act)

    @event.listens_for(place.ledger.engine, "before_cursor_execute")
    def _before(_connection: Any, _cursor: Any, _statement: str, given: Any, *_more: Any) -> None:
        if thread.ident is None and isinstance(given, dict) and given.get("town_1") == town:
            thread.start()
            while thread.is_alive() and not waits_for_a_lock(place):
                time.sleep(0.005)

    return thread


def waits_for_a_lock(place: nw.Place) -> bool:
    ledger = Ledger.open(place.settings.ledger_url)
    with ledger.read() as tx:
        found = tx.execute(text("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")).scalar_one()
    ledger.close()
    return bool(found)


def test_a_list_that_comes_into_force_while_an_audience_is_written_down_loses_nobody(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    """Towns are asked one after the other: who moves from one that is still to be asked to one that was, is in neither."""
    one, other = two(postgres, tmp_path)
    load(one, csv([row(0, "海门街道"), row(1, "包场镇")]))
    ref = one.draft(haimen=4, baochang=4)
    moving = meanwhile(one, "haimen", lambda: load(other, csv([row(0, "包场镇"), row(1, "包场镇")])))
    one.address(ref)
    moving.join()
    assert {who for _, who, _ in one.recipients(ref)} == {"CANARY-00000", "CANARY-00001"}


def test_two_that_write_down_one_audience_at_once_both_say_the_same(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    """A draft without an audience is anybody's to address: the pass that wrote it, and the next one that finds it so."""
    places = two(postgres, tmp_path)
    ref, told = places[0].draft(haimen=4, baochang=4), list[Any]()
    second = meanwhile(places[0], "haimen", lambda: told.append(places[1].address(ref)))
    told.append(places[0].address(ref))
    second.join()
    assert len(told) == 2 and told[0] == told[1] and told[0].count == len(places[0].recipients(ref)) > 0


def test_the_number_that_is_kept_is_the_one_that_was_rung(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    """A list that gives a resident another number, just as his message is claimed: who holds the message is whoever is reached at the number it goes to."""
    one, other = two(postgres, tmp_path)
    load(one, csv([f"r0,海门街道,居民,{number(0)}"]))
    versions = flood_of_alerts(one, red=0)
    rung = Vault(nw.base64.b64decode(nw.KEY))
    changed = threading.Thread(target=lambda: load(other, csv([f"r0,海门街道,居民,{number(7)}"])))

    @event.listens_for(one.ledger.engine, "before_cursor_execute")
    def _before(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if changed.ident is None and statement.startswith("UPDATE delivery"):
            changed.start()
            while changed.is_alive() and not waits_for_a_lock(one):
                time.sleep(0.005)

    claimed = [item for item in Outbox(one.ledger, Ticker(one.now), "sms").claim(versions, 400) if item.phone is not None]
    changed.join()
    with one.ledger.read() as tx:
        kept = dict(tx.execute(select(t.delivery.c.delivery_id, t.delivery.c.number)).tuples().all())
    assert claimed and {kept[item.delivery_id] for item in claimed} == {rung.index(rung.open(item.phone, item.recipient).reveal()) for item in claimed if item.phone}
