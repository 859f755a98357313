"""The centre's end of SL 651-2014 telemetry: stations connect over TCP, and each is answered only when its reading is on the disk.

A frame with a wrong CRC, from a station that the county does not know, with a wrong password or without room in the spool is not answered: the station
keeps it and sends it again. A resent frame is answered again; the lake keeps one row of it. Frames that arrive together are flushed together.
Answers (table 10 of the standard): EOT after the last frame, ACK where more follow (ETB), NAK with the number of a missing packet (SYN mode, one answer for
all packets), ESC instead of EOT where the feed's option `keep_online` is true. Link reports (2FH) are not answered (verified: false).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.reading.stations import Stations
from connectors.sl651 import REPORTS, find
from connectors.spool import Spool
from connectors.telemetry.frames import ACK, EOT, ESC, NAK, Frame, Framer, Noise, answer
from connectors.telemetry.packets import Packets
from core.county import County, Feed
from core.errors import StoreError
from core.times import iso

log = logging.getLogger(__name__)
LINK, PICTURE = 0x2F, 0x36
#: Bounds of one connection: seconds without a byte, seconds for a frame once begun, bad frames.
IDLE_S, FRAME_S, MAX_BAD = 660.0, 30.0, 50
#: Connections at once, messages flushed at once, warnings of stations that the county does not know.
MAX_CONNECTIONS, GROUP, MAX_WARNINGS = 1000, 500, 100


@dataclass(slots=True, kw_only=True)
class Gateway:
    """One listening gateway of one feed; `clock` gives now (aware), `password` is the stations' (four hexadecimal digits), '' asks for none."""

    feed: Feed
    county: County
    spool: Spool
    clock: Callable[[], datetime]
    password: str = ""
    idle_s: float = IDLE_S
    frame_s: float = FRAME_S
    max_connections: int = MAX_CONNECTIONS
    told: Counter[str] = field(default_factory=Counter)
    kept: asyncio.Event = field(default_factory=asyncio.Event)
    _queue: asyncio.Queue[tuple[dict[str, Any], asyncio.Future[bool]]] = field(default_factory=lambda: asyncio.Queue(maxsize=10 * GROUP))
    _open: int = 0

    async def serve(self, host: str, port: int) -> tuple[asyncio.Server, asyncio.Task[None]]:
        """Listen; the task that comes back writes the spool and must be cancelled after the server is closed."""
        self.spool.sweep()
        writer = asyncio.create_task(self._write())
        return await asyncio.start_server(self._station, host, port, limit=1 << 16), writer

    async def _write(self) -> None:
        while True:
            group = [await self._queue.get()]
            while len(group) < GROUP and not self._queue.empty():
                group.append(self._queue.get_nowait())
            try:
                await asyncio.to_thread(self.spool.keep, [message for message, _ in group], self.clock())
                held = True
            except StoreError as error:
                log.error("gateway.not_kept feed=%s %s", self.feed.feed, error)
                held = False
            self.told["kept" if held else "not_kept"] += len(group)
            for _, future in group:
                if not future.done():
                    future.set_result(held)
            self.kept.set()

    async def _station(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, bounded in time, size and number."""
        if self._open >= self.max_connections:
            self.told["too_many"] += 1
            writer.close()
            return
        self._open += 1
        try:
            await self._talk(reader, writer)
        except (Noise, TimeoutError, ConnectionError) as error:
            self.told["closed"] += 1
            log.warning("gateway.closed feed=%s %s", self.feed.feed, str(error) or type(error).__name__)
        finally:
            self._open -= 1
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer, packets = Framer(), Packets()
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            left = since + self.frame_s - loop.time() if framer.begun else self.idle_s
            async with asyncio.timeout(max(0.0, left)):
                piece = await reader.read(1 << 16)
            if not piece:
                return
            was = framer.begun
            frames = framer.feed(piece)
            if frames or not was:
                since = loop.time()
            if framer.bad > MAX_BAD:
                raise Noise(f"{framer.bad} frames whose CRC does not hold")
            replies = await asyncio.gather(*(self._take(frame, packets) for frame in frames))
            writer.write(b"".join(reply for reply in replies if reply))
            async with asyncio.timeout(self.frame_s):
                await writer.drain()

    async def _take(self, frame: Frame, packets: Packets) -> bytes:
        """The answer to a frame, after what it says is on the disk; b'' where it gets none."""
        if frame.down or not self._welcome(frame):
            return b""
        frames = [frame]
        if frame.count > 1:
            missing = packets.put(frame)
            if frame.more:
                return b""
            if missing:
                self.told["asked_again"] += 1
                return answer(frame, self.clock(), end=NAK, packet=(missing, frame.count))
            frames = packets.take()
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        await self._queue.put(({"at": iso(self.clock()), "frames": [one.raw.hex().upper() for one in frames]}, future))
        if not await future:
            return b""
        self.told["answered"] += 1
        last = ESC if self.feed.options.get("keep_online") else EOT
        return answer(frames[0], self.clock(), end=ACK if frame.more else last)

    def _welcome(self, frame: Frame) -> bool:
        """Whether the frame comes from one of our stations with the right password and says something that is kept."""
        try:
            find(Stations(self.county, self.feed), frame.station)
        except ValueError:
            self.told["unknown_station"] += 1
            if self.told["unknown_station"] <= MAX_WARNINGS:
                log.warning("gateway.unknown_station feed=%s address=%s", self.feed.feed, frame.station)
            return False
        if self.password and frame.password != self.password.upper():
            self.told["wrong_password"] += 1
            return False
        if frame.function not in REPORTS and frame.function not in (LINK, PICTURE):
            self.told["other_function"] += 1
            return False
        self.told["link"] += frame.function == LINK
        return frame.function != LINK
