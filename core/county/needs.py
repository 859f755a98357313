"""What a channel lives on: the lines that carry it, the power that feeds it, the broker it goes through. What two of them share can fail both."""

from __future__ import annotations

from dataclasses import dataclass

from core.county.tree import ABSENT, Node

KINDS = ("carrier", "power", "broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """policy.yaml, `needs`, one channel: names, of which equal ones are the same thing."""

    carrier: tuple[str, ...]
    power: tuple[str, ...]
    broker: tuple[str, ...]
    source: str
    verified: bool

    def shared(self, other: Needs) -> tuple[str, ...]:
        """What both live on, each once."""
        return tuple(dict.fromkeys(name for kind in KINDS for name in getattr(self, kind) if name in getattr(other, kind)))


def read_needs(node: Node, channels: tuple[str, ...]) -> dict[str, Needs]:
    """By channel; a channel that is not there lives on nobody knows what."""
    found = {}
    for channel, child in (node.fields((), channels) if node.value is not ABSENT else {}).items():
        if child.value is not ABSENT:
            row = child.fields((*KINDS, "source", "verified"))
            found[channel] = Needs(**{kind: row[kind].words() for kind in KINDS}, source=row["source"].text(), verified=row["verified"].yes())
    return found
