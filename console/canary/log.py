"""What was seen where: for each name (a stage of the way, or an end) the beats that got there and when, as one small file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from core.settings import Settings
from core.times import iso

#: Beats kept for each name.
KEEP = 200


def folder(settings: Settings) -> Path:
    """Where everything about the canary lies."""
    return settings.home / "canary"


def inbox(settings: Settings, phone: str) -> Path:
    """Where what a test phone receives is put down, unless the watch is told another place."""
    return folder(settings) / "inbox" / phone


class Log:
    """Read whole, written whole by rename; a file that cannot be read counts as empty, which is an alarm and never calm."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            self.seen: dict[str, dict[str, str]] = {str(name): dict(beats) for name, beats in kept.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.seen = {}

    def has(self, name: str, beat: datetime) -> bool:
        """Whether a beat was seen at a name."""
        return iso(beat) in self.seen.get(name, {})

    def note(self, name: str, beat: datetime, at: datetime) -> None:
        """Note a beat at a name, the first time it is seen there; one older than all that are kept is not."""
        beats = self.seen.setdefault(name, {})
        if not (iso(beat) in beats or (len(beats) >= KEEP and iso(beat) < min(beats))):
            self.seen[name] = dict(sorted((beats | {iso(beat): iso(at)}).items())[-KEEP:])
            self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.seen, indent=0), encoding="utf-8")
        part.replace(self.path)
