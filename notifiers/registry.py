"""The channels, in the order in which they are served. Adding one: copy a file, add a row, copy its test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from notifiers import broadcast, sms

if TYPE_CHECKING:
    from notifiers.dispatch import Round

CHANNELS: dict[str, Callable[[Round], None]] = {"broadcast": broadcast.run, "sms": sms.run}
