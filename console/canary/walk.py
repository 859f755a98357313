"""The way of a beat as a list of stages, and how far each pass of the net takes it.

A beat goes no further than the real steps have gone since it began: it waits for a real feed to be pulled, a real assessment to be made and the
real dispatch to be idle, and only then walks through the same code. So whatever stops the real chain stops the beat, and the beat holds up nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, func, select

from console.canary.lane import FEED, LOUD, PROPERTIES, QUIET, STATION, open_lane
from console.canary.log import Log, folder
from console.context import Context
from console.steps import TickReport, assess, draft_and_address
from core.county import Canary
from core.ledger import tables as t
from core.model import DeliveryState as D
from core.times import iso
from core.units import PROPERTIES as UNITS
from notifiers.beats import heard

#: Seconds in which a beat is handed over or left to the next pass.
HAND_OVER_S = 5.0
GOOD = ("ok", "partial", "unchanged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One beat at one pass: the real installation, the beat's own lane, and what was seen where."""

    beat: datetime
    now: datetime
    plan: Canary
    real: Context
    lane: Context
    log: Log

    def passed(self, stage: str) -> None:
        """Note that the beat has got through a stage."""
        self.log.note(stage, self.beat, self.now)

    def since(self, column: Column[str], *where: ColumnElement[bool]) -> bool:
        """Whether the real ledger holds something at or after the beat's begin, and not later than now."""
        with self.real.ledger.read() as tx:
            newest = tx.execute(select(func.max(column)).where(column <= iso(self.now), *where)).scalar()
        return newest is not None and newest >= iso(self.beat)


def beat(flight: Flight) -> bool:
    """A reading lies at the feed's door."""
    number = float(LOUD if flight.plan.by_sms(flight.beat) else QUIET)
    drop = flight.lane.settings.home / "drop" / FEED
    drop.mkdir(parents=True, exist_ok=True)
    rows = [f"{STATION},{name},{iso(flight.beat)},{number},{UNITS[name]}" for name in PROPERTIES]
    part = drop / "beat.csv.part"
    part.write_text("\n".join(["station,property,time,value,unit", *rows, ""]), encoding="utf-8")
    part.replace(drop / "beat.csv")
    return True


def feed(flight: Flight) -> bool:
    """A real feed has been pulled since, and the beat's reading is in its lake."""
    from connectors import ingest

    run = t.feed_run.c
    if not flight.since(run.at, run.outcome.in_(GOOD)):
        return False
    lane = flight.lane
    for _ in range(2):  # a file is taken when a pull finds it as long as the pull before did
        report = ingest(FEED, now=flight.now, county=lane.county, lake=lane.lake, ledger=lane.ledger, settings=lane.settings)
    return report.newest_reading == flight.beat


def rule(flight: Flight) -> bool:
    """The real towns have been assessed since, and the beat is scored, drafted, signed and issued."""
    from console.decide import carry_on

    if not flight.since(t.assessment.c.at):
        return False
    lane, later = flight.lane, flight.now + timedelta(seconds=1)  # nobody answers within the second that the lane's policy gives them
    assess(flight.now, lane, TickReport(at=flight.now))
    draft_and_address(flight.now, lane)
    carry_on(later, lane)
    with lane.ledger.read() as tx:
        issued = tx.execute(select(func.count()).where(t.alert_version.c.issued_at.is_not(None))).scalar_one()
    return bool(issued)


def hand_over(flight: Flight) -> bool:
    """The real dispatch is not at work, and the beat's outbox has been served; done when gateway and broker have taken it."""
    import notifiers
    from notifiers.lock import one_sender

    real, lane, later = flight.real, flight.lane, flight.now + timedelta(seconds=1)
    with one_sender(real.ledger, real.settings.home, (0, 1), 0.0) as idle:
        if not idle:
            return False
    notifiers.dispatch(now=later, county=lane.county, ledger=lane.ledger, settings=lane.settings, keyring=lane.keyring, deadline_s=HAND_OVER_S)
    flight.passed("dispatch")
    d = t.delivery.c
    with lane.ledger.read() as tx:
        rows = list(tx.execute(select(d.channel, d.state, d.code)))
    open_channels = {row.channel for row in rows if row.state not in (D.ACCEPTED, D.SENT, D.DELIVERED) and row.code != "quiet_hours"}
    for channel in {row.channel for row in rows} - open_channels:
        flight.passed(channel)
        if channel == "sms" and lane.settings.sms_callback_url:
            flight.passed("callback")
    return not open_channels


#: The stages; a pass goes on where the last one stopped.
STAGES: tuple[tuple[str, Callable[[Flight], bool]], ...] = (("beat", beat), ("feed", feed), ("rule", rule), ("handed", hand_over))


def hear(ctx: Context, log: Log) -> None:
    """Note the beat whose receipt came back last: the pass after it, or the next one, sees it before the next by SMS."""
    with ctx.ledger.read() as tx:
        came = heard(tx)
    if came is not None:
        log.note("receipt", *came)


def carry(now: datetime, ctx: Context) -> bool:
    """Take the beat that runs at `now` (aware) as far as it goes; whether it is through. Nothing happens where policy names no canary, and a beat
    that has not got through when the next begins is lost."""
    plan = ctx.county.policy.canary
    if plan is None:
        return True
    log, running = Log(folder(ctx.settings) / "stages.json"), plan.beat(now)
    hear(ctx, log)
    if log.has("handed", running):
        return True
    lane = open_lane(ctx, plan, running)
    try:
        flight = Flight(beat=running, now=now, plan=plan, real=ctx, lane=lane, log=log)
        for name, stage in STAGES:
            if not log.has(name, running):
                if not stage(flight):
                    return False
                flight.passed(name)
        return True
    finally:
        lane.ledger.close()
