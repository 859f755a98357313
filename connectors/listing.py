"""Feeds that list what is in force: former rows of the list that are written down again when a new list does not settle them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.work import Work
from core.model import Hazard, Level, MsgType, OfficialSignal


def settled(work: Work, whole: bool) -> tuple[OfficialSignal, ...]:
    """The list's signals, and rows to add for those that stood in the former list and not in this one.

    In the lake a signal without an end of its own is in force while the newest list has it. So a list of which something was set aside
    repeats the former ones (the unreadable record may be any of them), and one that an update or cancel refers to is written as ended. What its issuer
    has ended stays ended: a list that has it alive is older than what we know (a cache's), is counted as such, and like half a list it lifts nothing.
    """
    rows: list[Any] = list(work.lake.signals(as_of=work.now, feed=work.feed.feed).itertuples())
    ended = {row.identifier for row in rows if row.msg_type == MsgType.CANCEL}
    back = {s.identifier for s in work.batch.signals if s.msg_type is not MsgType.CANCEL and s.identifier.partition("#")[0] in ended}
    work.set_aside += len(back)
    signals = [replace(s, msg_type=MsgType.CANCEL) if s.identifier in back else s for s in work.batch.signals]
    return (*signals, *_carried(work, rows, whole and not back))


def _carried(work: Work, rows: list[Any], whole: bool) -> Iterator[OfficialSignal]:
    listed = {signal.identifier for signal in work.batch.signals}
    named = {reference for signal in work.batch.signals for reference in signal.references}
    for row in rows:
        gone = row.identifier not in listed and row.msg_type != MsgType.CANCEL
        if gone and row.identifier in named:
            yield again(row, now=work.now, raw=work.raw, msg_type=MsgType.CANCEL)
        elif gone and not whole and row.listed_at == row.snapshot_at:
            yield again(row, now=work.now, raw=row.raw, msg_type=MsgType(row.msg_type))


def again(row: Any, *, now: datetime, raw: str, msg_type: MsgType) -> OfficialSignal:
    """A row of `lake.signals` as a signal received at `now`."""
    effective, expires = (None if time is None or time != time else time.to_pydatetime() for time in (row.effective, row.expires))
    return OfficialSignal(
        feed=row.feed, identifier=row.identifier, event=row.event, hazard=Hazard(row.hazard) if row.hazard else None,
        level=Level(row.level), areas=tuple(part for part in row.areas.split(";") if part), title=row.title,
        issued=row.issued.to_pydatetime(), received=now, raw=raw, effective=effective, expires=expires,
        msg_type=msg_type, synthetic=bool(row.synthetic),
    )
