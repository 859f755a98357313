"""The packets of one SL 651 message that is sent in several frames (SYN), bounded in number and size."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.telemetry.frames import Frame, Noise

#: Packets and bytes of one message.
MAX_PACKETS, MAX_MESSAGE = 512, 1 << 20


@dataclass(slots=True)
class Packets:
    """Packets of the message that a connection is sending; a first packet that differs, or another count, begins a new one."""

    _held: dict[int, Frame] = field(default_factory=dict)

    def put(self, frame: Frame) -> int:
        """Put a packet with the others; the lowest number that is missing, 0 when all are there. Noise beyond the bounds."""
        held = self._held
        if (frame.number == 1 and held.get(1, frame).raw != frame.raw) or any(one.count != frame.count for one in held.values()):
            held.clear()
        held[frame.number] = frame
        if frame.count > MAX_PACKETS or not 1 <= frame.number <= frame.count or sum(len(one.raw) for one in held.values()) > MAX_MESSAGE:
            held.clear()
            raise Noise(f"packet {frame.number} of {frame.count} is beyond the bounds")
        return next((number for number in range(1, frame.count + 1) if number not in held), 0)

    def take(self) -> list[Frame]:
        """The whole message in order; nothing is held any more."""
        frames = [self._held[number] for number in sorted(self._held)]
        self._held.clear()
        return frames
