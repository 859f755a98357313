"""A stand-in for an SL 651-2014 remote station (RTU): keeps each report until the centre has answered for it, and sends it again otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from connectors.telemetry.frames import ACK, EOT, ESC, ETB, NAK, Frame, Framer, write
from core.times import SHANGHAI

#: element -> (identifier, bytes, decimals) in the standard's annex C.
CODES = {"rain_1h": (0x1A, 3, 1), "rain_total": (0x26, 3, 1), "discharge": (0x27, 5, 3), "voltage": (0x38, 2, 2), "stage": (0x39, 4, 3), "soil_moisture": (0x10, 2, 1)}


def bcd(value: float | None, size: int, decimals: int) -> bytes:
    """`value` as BCD digits; a minus takes one byte more, FF before the digits; None is all FF."""
    if value is None:
        return b"\xff" * size
    digits = bytes.fromhex(f"{abs(round(value * 10**decimals)):0{2 * size}d}")
    return b"\xff" + digits if value < 0 else digits


def element(name: str, value: float | None) -> bytes:
    """One element: identifier, size byte, data."""
    code, size, decimals = CODES[name]
    data = bcd(value, size, decimals)
    return bytes([code, len(data) << 3 | decimals]) + data


def report(station: str, serial: int, time: datetime, elements: bytes, kind: int = 0x48) -> bytes:
    """The body of a report observed and sent at `time`; `kind` is the station's class (48H river, 50H rain, 54H tide)."""
    local = time.astimezone(SHANGHAI)
    sent, seen = bytes.fromhex(f"{local:%y%m%d%H%M%S}"), bytes.fromhex(f"{local:%y%m%d%H%M}")
    return serial.to_bytes(2) + sent + b"\xf1\xf1" + bytes.fromhex(station) + bytes([kind]) + b"\xf0\xf0" + seen + elements


class Rtu:
    """One station with its memory. `waiting` holds the reports that nobody has answered for, `answered` the serial numbers of those that were."""

    def __init__(
        self, station: str, port: int, *, host: str = "127.0.0.1", password: str = "0000", patience_s: float = 2.0,  # noqa: S107
    ) -> None:
        self.station, self.host, self.port, self.password, self.patience_s = station, host, port, password, patience_s
        self.waiting: dict[int, list[bytes]] = {}
        self.answered: list[int] = []
        self.connections = 0
        self._serial = 0

    def observe(self, time: datetime, elements: bytes, *, function: int = 0x33, packets: int = 1) -> int:
        """Remember a report to be sent, cut into `packets`; its serial number comes back."""
        self._serial += 1
        body = report(self.station, self._serial, time, elements)
        common = {"station": self.station, "function": function, "password": self.password}
        if packets == 1:
            self.waiting[self._serial] = [write(body, **common)]  # type: ignore[arg-type]
        else:
            size = -(-len(body) // packets)
            parts = [body[i : i + size] for i in range(0, len(body), size)]
            self.waiting[self._serial] = [
                write(part, **common, packet=(i, len(parts)), end=0x03 if i == len(parts) else ETB) for i, part in enumerate(parts, 1)  # type: ignore[arg-type]
            ]
        return self._serial

    async def run(self) -> None:
        """Connect, send, and connect again until everything is answered for."""
        while self.waiting:
            with suppress(OSError, TimeoutError, ConnectionError):
                await self._session()
            await asyncio.sleep(0.05 if self.waiting else 0)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        self.connections += 1
        try:
            for serial in list(self.waiting):
                writer.write(b"".join(self.waiting[serial]))
                await writer.drain()
                await self._answer(serial, reader, writer)
        finally:
            writer.close()

    async def _answer(self, serial: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        async with asyncio.timeout(self.patience_s):
            while serial in self.waiting:
                piece = await reader.read(4096)
                if not piece:
                    raise ConnectionError("the centre went away")
                for frame in framer.feed(piece):
                    self._heard(serial, frame, writer)

    def _heard(self, serial: int, frame: Frame, writer: asyncio.StreamWriter) -> None:
        if not frame.down or int.from_bytes(frame.body[:2]) != serial:
            return
        if frame.end == NAK:
            writer.write(b"".join(self.waiting[serial][frame.number - 1 :]))
        elif frame.end in (EOT, ACK, ESC):
            del self.waiting[serial]
            self.answered.append(serial)


async def run_all(stations: Iterable[Rtu]) -> None:
    """Let several stations send at once."""
    await asyncio.gather(*(station.run() for station in stations))
