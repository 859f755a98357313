"""The body of an SL 651-2014 report: serial number, time of sending, station, time of observation, then elements one after another.

    serial 2 | sent 6 (BCD yyMMddHHmmss) | F1 F1 address 5 class 1 | F0 F0 observed 5 (BCD yyMMddHHmm) | id 1 (FF: two bytes) | size 1 | data ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.reading.records import Refused
from core.times import SHANGHAI

ADDRESS, OBSERVED, STEP, RAIN_5MIN = 0xF1, 0xF0, 0x04, 0xF4
MARKS = (0xF0, 0xF1)
#: Rain over an interval: identifier -> seconds. 1FH (day), 20H (since 08:00) and 25H (storm) overlap these and are not read.
RAIN = {0x1A: 3600, 0x24: 1800, 0x23: 600, 0x22: 300, 0x21: 60, 0x1B: 7200, 0x1C: 10800, 0x1D: 21600, 0x1E: 43200}
PASSED = frozenset({0x1F, 0x20, 0x25, 0x45})
#: Arrays of fixed length whatever their size byte says (annex C, table C.1): twelve rains of one byte, twelve relative stages of two.
ARRAYS = {RAIN_5MIN: 12, **dict.fromkeys(range(0xF5, 0xFD), 24)}
KNOWN = frozenset({0x0E, 0x26, 0x27, 0x38, 0x39, 0x3A, 0x3B, *range(0x10, 0x18), *RAIN, RAIN_5MIN})


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one element at one time (UTC), in the standard's unit; None is missing."""

    code: int
    time: datetime
    value: float | None


class _Bytes:
    """A body read from front to back; Refused where it ends too early."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    @property
    def left(self) -> int:
        """Bytes not yet taken."""
        return len(self.body) - self.at

    def take(self, count: int) -> bytes:
        """The next `count` bytes; Refused where the body ends before."""
        if count > self.left:
            raise Refused(f"the body ends at byte {len(self.body)} in the middle of an element")
        self.at += count
        return self.body[self.at - count:self.at]


def read_body(body: bytes) -> tuple[list[Reading], set[str]]:
    """Readings of a report and the identifiers (as text) that nobody reads; Refused where the body does not follow the standard."""
    data = _Bytes(body)
    data.take(2)
    time = clock(data.take(6), "time of sending")
    found: list[Reading] = []
    unread: set[str] = set()
    step: timedelta | None = None
    while data.left:
        code, size = data.take(2)
        if code in MARKS and size == code:
            if code == ADDRESS:
                data.take(6)
            else:
                time = clock(data.take(5), "time of observation")
            continue
        if code == 0xFF:  # two-byte identifier: the maker's own
            code, size = 0xFF00 | size, data.take(1)[0]
        length, decimals = ARRAYS.get(code, size >> 3), size & 0b111
        value = data.take(length)
        if code == STEP:
            step = _step(value)
        elif code == RAIN_5MIN:
            found += _five_minutes(value, time)
        elif code not in KNOWN:
            unread |= set() if code in PASSED else {f"element {code:02X}H"}
        elif step is not None:
            found += _uniform(data, code, value, decimals, time, step)
        else:
            found.append(Reading(code, time, number(value, decimals)))
    return found, unread


def rain_of(found: list[Reading]) -> Iterator[tuple[datetime, float | None, int]]:
    """(time, mm, interval s) of the one kind of rain that counts, so that no drop counts twice: the twelve five-minute values, else the hour, else the finest."""
    codes = {reading.code for reading in found}
    chosen = next((code for code in (RAIN_5MIN, *RAIN) if code in codes), None)
    yield from ((r.time, r.value, RAIN.get(r.code, 300)) for r in found if r.code == chosen)


def number(data: bytes, decimals: int) -> float | None:
    """BCD digits with `decimals` of them after the point; a leading FF byte is a minus, all FF (or no byte) is missing. Refused for other digits."""
    if data.count(0xFF) == len(data):
        return None
    sign, digits = (-1, data[1:]) if data[0] == 0xFF else (1, data)
    text = digits.hex()
    if not text.isdecimal():
        raise Refused(f"{data.hex().upper()} is no BCD number")
    return float(sign * int(text)) / float(10**decimals)


def clock(data: bytes, what: str) -> datetime:
    """A BCD time, yyMMddHHmm with or without seconds, Beijing clock, as UTC."""
    text = data.hex()
    try:
        return datetime.strptime(text, "%y%m%d%H%M%S" if len(data) == 6 else "%y%m%d%H%M").replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError as error:
        raise Refused(f"{what} {text} is no time") from error


def _step(data: bytes) -> timedelta:
    """The step of a uniform report, BCD ddHHmm."""
    text = data.hex()
    step = timedelta(days=int(text[:2]), hours=int(text[2:4]), minutes=int(text[4:])) if len(data) == 3 and text.isdecimal() else timedelta()
    if step <= timedelta():
        raise Refused(f"time step {text} is none")
    return step


def _uniform(data: _Bytes, code: int, first: bytes, decimals: int, time: datetime, step: timedelta) -> Iterator[Reading]:
    """The rest of the body is this element's values, one a step."""
    if not first or data.left % len(first):
        raise Refused("the values of a uniform report are not of one length")
    values = [first, *(data.take(len(first)) for _ in range(data.left // len(first)))]
    return (Reading(code, time + i * step, number(value, decimals)) for i, value in enumerate(values))


def _five_minutes(data: bytes, time: datetime) -> Iterator[Reading]:
    """Twelve bytes of 0.1 mm, the last of which ends at the time of observation; FF is missing."""
    last = len(data) - 1
    return (Reading(RAIN_5MIN, time - timedelta(minutes=5 * (last - i)), None if byte == 0xFF else byte / 10) for i, byte in enumerate(data))
