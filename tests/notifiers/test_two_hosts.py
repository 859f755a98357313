"""Two machines on one PostgreSQL ledger, each with a disk of its own: one sender at a time, no row claimed twice, one thread a hazard."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
import notify_world as nw
from test_ledger_processes import postgres  # noqa: F401  (a fixture)
from test_order import EACH, flood_of_alerts

from core import alerts
from core.ledger import Ledger
from core.ledger import tables as t
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
