"""A ledger after a year: what a duty officer's page, a draft and a look around cost beside the same on a ledger of one week; all synthetic.

    .venv/bin/python tests/bench/old_ledger.py [days, default 366]

Every ten minutes an assessment of Haimen's towns and hazards and nine feeds' runs; every week an orange alert for 20,000 residents. Each figure is the median of five.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, update

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

from console import board
from console.context import Context
from console.decide import tell_silence
from core import alerts
from core.lake import Lake
from core.ledger import tables as t
from core.ledger.codec import packed, score_to_json
from core.times import iso

STEP = timedelta(minutes=10)


def fill(place: nw.Place, days: int) -> None:
    """A calm year with a storm a week."""
    scores = [replace(place.score(town.key, 0), hazard=hazard) for town in place.county.towns for hazard in place.county.hazards]
    scores.sort(key=lambda s: (s.town, s.hazard))
    (body,) = packed([score_to_json(s) for s in scores])
    for day in range(days):
        if day % 7 == 0:
            place.publish(haimen=3, baochang=3)
            with place.ledger.begin() as tx:
                tx.execute(update(t.delivery).values(state="delivered").where(t.delivery.c.state != "delivered"))
        times = [iso(place.now + STEP * n) for n in range(1, 144)]
        with place.ledger.begin() as tx:
            tx.execute(insert(t.assessment), [
                {"at": at, "town": s.town, "hazard": str(s.hazard), "level": 0, "ceiling": 0, "proved": 0, "floor": 0, "score": 0.0, "silent": "[]", "newest_reading": at}
                for at in times for s in scores])
            tx.execute(insert(t.evidence), [{"at": at, "part": 0, "body": body} for at in times])
            for feed in place.county.feeds:
                tx.execute(insert(t.feed_run), [{"feed": feed.feed, "at": at, "outcome": "ok", "records": 9, "set_aside": 0, "raw": "", "error": ""} for at in times])
        place.now += timedelta(days=1)
        alerts.expire(now=place.now, ledger=place.ledger)
        alerts.draft(now=place.now, county=place.county, ledger=place.ledger, status=place.settings.status)


def cost(what: Callable[[], object]) -> float:
    """Median milliseconds of five."""
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        what()
        spent.append((time.perf_counter() - began) * 1000)
    return sorted(spent)[2]


def measured(days: int) -> dict[str, float]:
    """Milliseconds by act after so many days, and the ledger's size in MB."""
    with tempfile.TemporaryDirectory(prefix="fengsui-old-") as folder:
        place = nw.make(Path(folder), people=20_000)
        began = time.monotonic()
        fill(place, days)
        made = time.monotonic() - began
        ctx = Context(settings=place.settings, county=place.county, lake=Lake(place.settings.lake_root), ledger=place.ledger, keyring=place.keyring)

        def at(shift: int) -> datetime:
            return place.now + timedelta(seconds=shift)

        place.publish(haimen=4)
        return {
            "看板 board": cost(lambda: board.render(ctx, at(1))),
            "拟稿 draft": cost(lambda: alerts.draft(now=at(2), county=ctx.county, ledger=ctx.ledger, status=ctx.settings.status)),
            "巡视 look around": cost(lambda: tell_silence(at(3), ctx)), "到期 expire": cost(lambda: alerts.expire(now=at(4), ledger=ctx.ledger)),
            "待签 waiting": cost(lambda: alerts.waiting(now=at(5), county=ctx.county, ledger=ctx.ledger)),
            "发布检查 dispatch, nothing to send": cost(lambda: place.dispatch(deadline_s=0.0)),
            "台账 MB": sum(p.stat().st_size for p in Path(folder).glob("ledger.db*")) / 1e6, "造数 s": made,
        }


def main(days: int) -> None:
    """Print both and the ratio."""
    week, year = measured(7), measured(days)
    for name, value in year.items():
        print(f"{name:40} 一周 a week {week[name]:10.1f}    {days} 天 days {value:10.1f}    {value / max(week[name], 1e-9):6.1f} x", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 366)
