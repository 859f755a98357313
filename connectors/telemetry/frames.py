"""Frames of SL 651-2014 (hydrological telemetry, HEX/BCD coding): bytes of a connection in, whole checked frames out, and answers back.

    7E 7E | centre 1 | RTU 5 (BCD) | password 2 | function 1 | direction 4 bit + length 12 bit | STX 02 or SYN 16 | body | ETX 03 or ETB 17 | CRC 2

Length counts the bytes between STX and the end character. CRC-16 (polynomial A001 reflected, start FFFF) is over everything before it, high byte first.
Downlink frames name the RTU before the centre. SYN: the body begins with 12 bits of packet count and 12 bits of packet number (clause 6.6.2;
packets after the first hold data only and are joined in order: as the worked examples have it, verified: false).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from core.times import SHANGHAI

START = b"\x7e\x7e"
HEAD, TAIL = 14, 3
STX, SYN, ETX, ETB = 0x02, 0x16, 0x03, 0x17
ENQ, EOT, ACK, NAK, ESC = 0x05, 0x04, 0x06, 0x15, 0x1B
MAX_FRAME = HEAD + 4095 + TAIL
#: Bytes that are no frame's after which a connection is given up.
MAX_NOISE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One whole frame whose CRC holds. `station` is the RTU address as ten digits; `number` of `count` packets (1 of 1 without SYN)."""

    centre: int
    station: str
    password: str
    function: int
    down: bool
    body: bytes
    more: bool
    end: int
    count: int = 1
    number: int = 1
    raw: bytes = b""


class Noise(ValueError):
    """What came cannot be this protocol; the connection is closed."""


@dataclass(slots=True)
class Framer:
    """Cuts the bytes of one connection into frames, however they are broken up; `bad` counts frames whose CRC did not hold."""

    bad: int = 0
    noise: int = 0
    _held: bytearray = field(default_factory=bytearray)

    @property
    def begun(self) -> bool:
        """Whether part of a frame is held: its sender owes the rest."""
        return bool(self._held)

    def feed(self, piece: bytes) -> list[Frame]:
        """Frames completed by these bytes; what is no frame is skipped and counted. Noise once there is too much of it."""
        self._held += piece
        found: list[Frame] = []
        while True:
            start = self._held.find(START)
            drop = start if start >= 0 else len(self._held) - self._held.endswith(START[:1])
            del self._held[:drop]
            self.noise += drop
            if self.noise > MAX_NOISE:
                raise Noise(f"{self.noise} bytes that are no frame")
            if start < 0 or len(self._held) < HEAD:
                return found
            size = HEAD + (int.from_bytes(self._held[11:13]) & 0xFFF) + TAIL
            if self._held[13] in (STX, SYN) and len(self._held) < size:
                return found
            frame = read(bytes(self._held[:size])) if self._held[13] in (STX, SYN) else None
            if frame is None:
                self.bad += self._held[13] in (STX, SYN)
                self.noise += 2
                del self._held[:2]
                continue
            del self._held[:size]
            found.append(frame)


def read(raw: bytes) -> Frame | None:
    """The frame that these bytes are; None where length, end character or CRC do not hold."""
    if len(raw) < HEAD + TAIL or raw[:2] != START or len(raw) != HEAD + (int.from_bytes(raw[11:13]) & 0xFFF) + TAIL:
        return None
    if raw[13] not in (STX, SYN) or crc(raw[:-2]) != int.from_bytes(raw[-2:]):
        return None
    down, body, count, number = bool(raw[11] & 0x80), raw[HEAD:-TAIL], 1, 1
    if raw[13] == SYN:
        if len(body) < 3:
            return None
        count, number, body = body[0] << 4 | body[1] >> 4, (body[1] & 0xF) << 8 | body[2], body[3:]
    station, centre = (raw[2:7], raw[7]) if down else (raw[3:8], raw[2])
    return Frame(
        centre=centre, station=station.hex().upper(), password=raw[8:10].hex().upper(), function=raw[10], down=down, body=body,
        more=raw[-3] == ETB, end=raw[-3], count=count, number=number, raw=raw,
    )


def write(
    body: bytes, *, station: str, function: int, centre: int = 1, password: str = "0000",  # noqa: S107 - the standard's own "none"
    down: bool = False, end: int = ETX, packet: tuple[int, int] | None = None
) -> bytes:
    """The bytes of one frame; `packet` is (number, count) and makes it one of several. ValueError for what has no place in a frame."""
    if packet is not None:
        number, count = packet
        body = (count << 12 | number).to_bytes(3) + body
    if len(body) > 0xFFF or len(station) != 10:
        raise ValueError("a body has at most 4095 bytes, an address ten digits")
    address = bytes.fromhex(station)
    head = START + (address + bytes([centre]) if down else bytes([centre]) + address) + bytes.fromhex(password) + bytes([function])
    raw = head + ((0x8000 if down else 0) | len(body)).to_bytes(2) + bytes([STX if packet is None else SYN]) + body + bytes([end])
    return raw + crc(raw).to_bytes(2)


def answer(frame: Frame, now: datetime, *, end: int, packet: tuple[int, int] | None = None) -> bytes:
    """The centre's answer: the frame's serial number and our time (Beijing clock, by which a station may set its own), closed by `end`."""
    serial = frame.body[:2] if len(frame.body) >= 2 else b"\x00\x00"
    body = serial + bytes.fromhex(f"{now.astimezone(SHANGHAI):%y%m%d%H%M%S}")
    return write(body, station=frame.station, function=frame.function, centre=frame.centre, password=frame.password, down=True, end=end, packet=packet)


def crc(data: bytes) -> int:
    """CRC-16/MODBUS: 0x4B37 for b'123456789'."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value


def _entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


_TABLE = tuple(_entry(byte) for byte in range(256))
