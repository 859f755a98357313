"""The channels, all of them, in one table. A new channel is a new folder or file, a row here and its test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from notifiers.broadcast.channel import AGAIN as BROADCAST_AGAIN
from notifiers.broadcast.channel import run_broadcast
from notifiers.job import Job
from notifiers.outbox import Again
from notifiers.sms.channel import run_sms
from notifiers.sms.codes import AGAIN as SMS_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to people: its names, the stage that serves it, and which of its codes are tried again."""

    title: str
    title_en: str
    run: Callable[[Job], None]
    again: Mapping[str, Again]


CHANNELS: dict[str, Channel] = {
    "sms": Channel(title="短信", title_en="SMS", run=run_sms, again=SMS_AGAIN),
    "broadcast": Channel(title="大喇叭", title_en="village loudspeakers", run=run_broadcast, again=BROADCAST_AGAIN),
}
