"""An installation with a canary: real mosquitto, the sandbox SMS gateway, the test phone's inbox, the test loudspeaker, and a village that must hear nothing."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

from console.canary import lane, walk, watch
from console.canary.log import Log, inbox
from console.context import Context
from console.receipts import PATH, Receiver, running
from console.sandbox.broker import start_broker
from console.sandbox.loudspeakers import Fleet
from console.sandbox.phone import Phones
from core.county import Canary
from core.ledger import tables as t
from core.settings import Settings
from notifiers.beats import heard

PHONE, SPEAKER = "test-phone-01", "spk-test-01"


class Receiving:
    """The receiver of a real installation, as `fengsui gateway receipts` runs it."""

    def __init__(self, place: nw.Place) -> None:
        self.receiver, self._up, self._loop = Receiver(place.ledger, place.settings), threading.Event(), asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)
        self._thread.start()
        assert self._up.wait(10)
        self.right = True

    async def _serve(self) -> None:
        async with running(self.receiver) as port:
            self.address = self.receiver.address = f"http://127.0.0.1:{port}{PATH}"
            self._up.set()
            await self._end.wait()

    def mistake(self, address: str) -> None:
        """Believe that it is called by another address than it is."""
        self.receiver.address, self.right = address, False

    def mend(self) -> None:
        self.receiver.address, self.right = self.address, True

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()


class Flock:
    """One installation; `plan` changes the county's numbers. stop() it."""

    def __init__(self, home: Path, *, people: int = 40, village: bool = False, **plan: int) -> None:
        self.home, self.broker = home, start_broker(home / "broker")
        self.gateway = nw.Gateway(home)
        self.place = nw.make(home, people=people, speakers=True, sms_url=self.gateway.url, broker_port=self.broker.port, broker_protocol=self.broker.protocol)
        self.receiving = Receiving(self.place)
        self.place.settings = self.place.settings.model_copy(update={"sms_callback_url": self.receiving.address})
        policy = self.place.county.policy
        assert policy.canary is not None
        self.plan: Canary = replace(policy.canary, **plan)
        self.place.county = replace(self.place.county, policy=replace(policy, canary=self.plan))
        self._settings = self.place.settings
        self.numbers = lane.numbers(self.plan, self.settings)
        self.plug_phone()
        test = lane.county_of(self.place.county, self.plan, self.place.now)
        self.fleet, self.village = self._fleet(test, home / "canary" / "keys"), self._fleet(self.place.county, home / "keys") if village else None
        self._former = 0
        self.watch()  # the broker keeps answers for the watch from its first look on

    @property
    def settings(self) -> Settings:
        return self.place.settings

    @property
    def ctx(self) -> Context:
        return self.place.context()

    def _fleet(self, county: Any, keys: Path) -> Fleet:
        fleet = Fleet(county=county, host=self.broker.host, port=self.broker.port, protocol=self.broker.protocol, keys=keys, clock=self.gateway.clock)
        fleet.start()
        return fleet

    def plug_phone(self) -> None:
        self.gateway.gateway.phones = Phones({number: inbox(self.settings, name) for name, number in self.numbers.items()})

    def next_day(self) -> None:
        """Everything mended, on the next day at the same time, with a watch that has seen nothing yet."""
        self.watch()
        shutil.rmtree(self.home / "canary" / "inbox")
        (self.home / "canary" / "seen.json").unlink(missing_ok=True)
        self._former += self.answered()
        self.gateway.faults(codes={})
        self.plug_phone()
        self.receiving.mend()
        self.place.settings = self._settings
        self.later(86_400 - (self.place.now - nw.START).total_seconds() % 86_400)

    def later(self, seconds: float) -> None:
        self.place.later(seconds=seconds)
        self.gateway.clock.set(self.place.now)

    def real(self, *, feed: bool = True, rule: bool = True) -> None:
        """The real chain has pulled a feed and assessed the towns just now."""
        p = self.place
        with p.ledger.begin() as tx:
            p.ledger.save_feed_run(tx, feed="weather", at=p.now, outcome="ok" if feed else "failed", records=1, set_aside=0, raw="", error="")
            if rule:
                p.ledger.save_scores(tx, p.now, [p.score("haimen", 0)], p.now)

    def beat(self, *, phone: bool = True, **real: bool) -> bool:
        """One pass behind the real chain; with `phone` it waits for what was handed over to come to the phone's inbox."""
        self.real(**real)
        sent, there = len(self.messages()), self.inboxed()
        through, until = walk.carry(self.place.now, self.ctx), time.monotonic() + 5
        while phone and self.inboxed() - there < len(self.messages()) - sent and time.monotonic() < until:
            time.sleep(0.02)
        while self.receiving.right and len(self.messages()) > sent and not self.back() and time.monotonic() < until:
            time.sleep(0.02)
        walk.hear(self.ctx, Log(self.home / "canary" / "stages.json"))  # as the next pass does
        return through

    def back(self) -> bool:
        """Whether a receipt of the running beat is in the real ledger."""
        with self.place.ledger.read() as tx:
            came = heard(tx)
        return came is not None and came[0] == self.plan.beat(self.place.now)

    def messages(self) -> list[dict[str, Any]]:
        return self.gateway.messages()

    def inboxed(self) -> int:
        return len(list(inbox(self.settings, PHONE).glob("*.txt")))

    def watch(self, after: float = 0.0) -> dict[str, watch.End]:
        """A look at the far end `after` seconds from now: what each end says."""
        at, until = self.place.now + timedelta(seconds=after), time.monotonic() + 5
        watch.look(at, self.place.county, self.settings)
        while self.seen() < self.answered() and time.monotonic() < until:  # what was answered is with the broker, and a busy machine takes its time
            watch.look(at, self.place.county, self.settings)
        return {end.end: end for end in watch.judge(at, self.plan, self.home / "canary")}

    def answered(self) -> int:
        """Beats that the test loudspeaker has answered since this day began."""
        return len(self.fleet.speakers[0].memory.played) - self._former

    def seen(self) -> int:
        """Beats that the watch has seen at the test loudspeaker."""
        return len(Log(self.home / "canary" / "seen.json").seen.get(SPEAKER, {}))

    def counts(self) -> dict[str, int]:
        """Rows of the real ledger."""
        with self.place.ledger.read() as tx:
            return {name: tx.execute(select(func.count()).select_from(table)).scalar_one() for name, table in t.metadata.tables.items()}

    def stop(self) -> None:
        for fleet in (self.fleet, self.village):
            if fleet:
                fleet.stop()
        self.gateway.stop()
        self.receiving.stop()
        self.broker.stop()
