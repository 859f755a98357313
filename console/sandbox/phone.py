"""Test phones: what is delivered to one lies in its inbox, one file a message, as the daemon of a GSM modem leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class Phones:
    """The inboxes by number; a number that is not among them is somebody else's phone, of which nobody knows what it receives."""

    def __init__(self, inboxes: Mapping[str, Path] | None = None) -> None:
        self._inboxes = dict(inboxes or {})
        for folder in self._inboxes.values():
            folder.mkdir(parents=True, exist_ok=True)

    def receive(self, number: str, sid: str, body: str) -> None:
        """One message has arrived."""
        if number in self._inboxes:
            part = self._inboxes[number] / f"{sid}.part"
            part.write_text(body, encoding="utf-8")
            part.replace(part.with_suffix(".txt"))
