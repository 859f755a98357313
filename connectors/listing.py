"""Feeds that list what is in force: former rows of the list that are written down again when a new list does not settle them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from connectors.work import Work
from core.model import Hazard, Level, MsgType, OfficialSignal


def carried(work: Work, whole: bool) -> list[OfficialSignal]:
    """Rows to add for signals that stood in the former list and not in this one.

    In the lake a signal without an end of its own is in force while the newest list has it. So a list of which something was set aside
    repeats the former ones (the unreadable record may be any of them), and one that an update or cancel refers to is written as ended.
    """
    listed = {signal.identifier for signal in work.batch.signals}
    named = {reference for signal in work.batch.signals for reference in signal.references}
    out = []
    rows: Iterable[Any] = work.lake.signals(as_of=work.now, feed=work.feed.feed).itertuples()
    for row in rows:
        gone = row.identifier not in listed and row.msg_type != MsgType.CANCEL
        if gone and row.identifier in named:
            out.append(again(row, now=work.now, raw=work.raw, msg_type=MsgType.CANCEL))
        elif gone and not whole and row.listed_at == row.snapshot_at:
            out.append(again(row, now=work.now, raw=row.raw, msg_type=MsgType(row.msg_type)))
    return out


def again(row: Any, *, now: datetime, raw: str, msg_type: MsgType) -> OfficialSignal:
    """A row of `lake.signals` as a signal received at `now`."""
    effective, expires = (None if time is None or time != time else time.to_pydatetime() for time in (row.effective, row.expires))
    return OfficialSignal(
        feed=row.feed, identifier=row.identifier, event=row.event, hazard=Hazard(row.hazard) if row.hazard else None,
        level=Level(row.level), areas=tuple(part for part in row.areas.split(";") if part), title=row.title,
        issued=row.issued.to_pydatetime(), received=now, raw=raw, effective=effective, expires=expires,
        msg_type=msg_type, synthetic=bool(row.synthetic),
    )
