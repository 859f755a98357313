"""The channels, all of them, in one table. A new channel is a new file, a row here and its test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from notifiers.broadcast_mqtt import run_broadcast
from notifiers.job import Job
from notifiers.sms import run_sms


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to people: its names, and the stage that serves it."""

    title: str
    title_en: str
    run: Callable[[Job], None]


CHANNELS: dict[str, Channel] = {
    "sms": Channel(title="短信", title_en="SMS", run=run_sms),
    "broadcast": Channel(title="大喇叭", title_en="village loudspeakers", run=run_broadcast),
}
