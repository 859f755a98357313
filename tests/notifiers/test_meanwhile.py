"""What is decided while a dispatch is running: a recall and a red alert do not wait until the orange one is out, and time runs on for whoever waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core import alerts
from core.ledger import tables as t
from core.model import Hazard
from core.times import parse_iso
from notifiers.lock import one_sender

d = t.delivery.c


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[nw.Gateway]:
    running = nw.Gateway(tmp_path, send_delay=0.0, deliver_delay=0.0, accept_delay=0.05)
    yield running
    running.stop()


@contextmanager
def sending(place: nw.Place, gateway: nw.Gateway) -> Iterator[list[float]]:
    """A dispatch with a long deadline in another thread, as soon as it has handed something over; at the end how long it took."""
    took, start = list[float](), time.monotonic()

    def run() -> None:
        place.dispatch(deadline_s=30.0)
        took.append(time.monotonic() - start)

    thread = threading.Thread(target=run)
    thread.start()
    while not gateway.messages():
        time.sleep(0.01)
    yield took
    thread.join()


def test_a_recall_stops_what_is_being_sent_and_goes_out_at_once(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=3000)
    first = place.publish(haimen=3, baochang=3, sanxing=3)
    with sending(place, gateway) as took:
        end = alerts.cancel(now=place.now, alert_id=first.alert_id, reason="误报", county=place.county, ledger=place.ledger)
        place.address(end)
        place.issue(end)
    with place.ledger.read() as tx:
        told = [set(tx.execute(select(d.recipient).where(d.version == n, d.state == "accepted")).scalars()) for n in (1, 2)]
    assert took[0] < 15.0, "it does not wait for rows that will never go"
    assert told[1] == told[0] and len(told[0]) < len(place.recipients(first)), "whoever heard the warning hears its end, by the dispatch that was running"


def test_a_red_alert_does_not_wait_for_the_orange_one(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=3000)
    orange = place.publish(haimen=3)
    with place.ledger.begin() as tx:  # the other one stands ready, signed
        place.ledger.save_scores(tx, place.now, [nw.replace(place.score("yuelai", 4), hazard=Hazard.TYPHOON)], place.now)
    (red,) = alerts.draft(now=place.now, county=place.county, ledger=place.ledger, status=place.settings.status).versions
    place.address(red)
    with sending(place, gateway):
        place.issue(red)
    order = [row["body"] for row in gateway.messages()]
    assert set(place.states()) == {"accepted"} and len(set(order)) == 2 and len(order) == len(place.recipients(red)) + len(place.recipients(orange))
    last_red = max(n for n, text in enumerate(order) if text != order[0])
    assert last_red < len(order) - 32, "all red ones are out while orange ones are still waiting"


def test_what_runs_out_while_a_dispatch_waits_for_its_turn_is_not_sent(tmp_path: Path, gateway: nw.Gateway) -> None:
    place = nw.make(tmp_path, sms_url=gateway.url, people=60)
    place.publish(haimen=3)
    with place.ledger.read() as tx:
        place.now = parse_iso(tx.execute(select(t.alert_version.c.expires)).scalar_one()) - timedelta(seconds=1)
    with one_sender(place.ledger, tmp_path, (0, 1), 0.0):
        late = threading.Thread(target=place.dispatch)
        late.start()
        time.sleep(1.2)
    late.join()
    assert set(place.states()) == {"expired"} and not gateway.messages()
