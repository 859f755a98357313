"""What a dispatch asks the ledger does not grow with the years."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core import alerts
from core.ledger import tables as t


def asked(place: nw.Place) -> list[str]:
    """The statements of one dispatch that has nothing to send."""
    told: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told.append(statement)

    event.listen(place.ledger.engine, "before_cursor_execute", note)
    place.dispatch(deadline_s=0.0)
    event.remove(place.ledger.engine, "before_cursor_execute", note)
    return told


def old(place: nw.Place, count: int) -> None:
    """So many alerts of months, delivered and over."""
    for _ in range(count):
        place.publish(haimen=3)
        with place.ledger.begin() as tx:
            tx.execute(update(t.delivery).values(state="delivered", handed_at="2021-07-25T05:00:00+00:00"))
        place.later(days=30)
        alerts.expire(now=place.now, ledger=place.ledger)


def test_a_dispatch_asks_no_more_after_many_alerts(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60)
    old(place, 1)
    first = asked(place)
    old(place, 5)
    assert len(asked(place)) == len(first)


def test_the_time_line_is_moved_until_two_days_after_the_end(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60)
    ref = place.publish(haimen=3)
    place.later(days=2)
    with place.ledger.begin() as tx:
        tx.execute(update(t.delivery).values(state="delivered", handed_at="2021-07-25T05:00:00+00:00", finished_at="2021-07-27T03:00:00+00:00"))
    place.dispatch(deadline_s=0.0)
    with place.ledger.begin() as tx:
        assert tx.execute(select(t.alert_version.c.acknowledged_at)).scalar_one() == "2021-07-27T03:00:00+00:00"
        tx.execute(update(t.delivery).values(finished_at="2021-07-29T03:00:00+00:00"))
    place.now += timedelta(days=3)
    place.dispatch(deadline_s=0.0)
    with place.ledger.read() as tx:
        assert alerts.find(tx, ref)["acknowledged_at"] == "2021-07-27T03:00:00+00:00"
