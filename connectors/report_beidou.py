"""A field report as one BeiDou short message: at most 78 bytes, whole or refused.

    byte  0      F5 hex, mark            8..     4 bytes value, signed, thousandths of the kind's unit   (if flag 1)
          1      version, 1              then    8 bytes latitude, longitude, signed, millionths of a degree (if flag 2)
          2..5   time, seconds since     then    reporter, town key, village, note: each one byte of length and UTF-8
                 1970-01-01 UTC          last 4  CRC-32 (ISO 3309, as in zlib) over all bytes before it
          6      kind (core.reporting)
          7      flags: 1 value, 2 point
    Numbers are big-endian. A CRC of 32 bits finds every error within 32 bits in a row, so any one wrong byte.

The sum shows damage, not authorship: who sent it is known by the terminal's card number, which is bound to a reporter.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.reading.records import Refused
from core.reporting import KINDS

MAX_BYTES = 78
MARK, VERSION = 0xF5, 1
VALUE, POINT = 1, 2
_HEAD = struct.Struct(">BBIBB")
_BY_CODE = {kind.code: key for key, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code holds; `value` in the kind's unit, `point` (lat, lon) in degrees, `time` aware, whole seconds."""

    reporter: str
    town: str
    kind: str
    time: datetime
    value: float | None = None
    village: str = ""
    point: tuple[float, float] | None = None
    note: str = ""


def encode(code: Code) -> bytes:
    """The message; Refused when it would be over 78 bytes, saying by how many, or when a number does not fit."""
    flags = (VALUE if code.value is not None else 0) | (POINT if code.point else 0)
    texts = [text.encode() for text in (code.reporter, code.town, code.village, code.note)]
    try:
        body = _HEAD.pack(MARK, VERSION, int(code.time.timestamp()), KINDS[code.kind].code, flags)
        body += struct.pack(">i", round(code.value * 1000)) if code.value is not None else b""
        body += struct.pack(">ii", *(round(part * 1e6) for part in code.point)) if code.point else b""
        body += b"".join(bytes([len(text)]) + text for text in texts)
    except (struct.error, ValueError) as error:
        raise Refused(f"不能编码 / cannot be encoded: {error}") from error
    if len(body) + 4 > MAX_BYTES:
        raise Refused(f"超出 {len(body) + 4 - MAX_BYTES} 字节，缩短村名或备注 / over {MAX_BYTES} bytes, shorten village or note")
    return body + struct.pack(">I", zlib.crc32(body))


def decode(message: bytes) -> Code:
    """The message read; Refused for a wrong length, mark, version, sum, kind, flag or text, and for bytes left over."""
    if not 16 <= len(message) <= MAX_BYTES:
        raise Refused(f"长度 {len(message)} 字节不对 / not between 16 and {MAX_BYTES} bytes")
    body, told = message[:-4], message[-4:]
    if struct.pack(">I", zlib.crc32(body)) != told:
        raise Refused("校验不符，请重发 / the checksum does not fit, send it again")
    mark, version, seconds, number, flags = _HEAD.unpack_from(body)
    if mark != MARK or version != VERSION or number not in _BY_CODE or flags & ~(VALUE | POINT):
        raise Refused("标识、版本、灾情或标志位不认识 / mark, version, kind or flags unknown")
    at = _HEAD.size
    try:
        value = struct.unpack_from(">i", body, at)[0] / 1000 if flags & VALUE else None
        at += 4 if flags & VALUE else 0
        where = struct.unpack_from(">ii", body, at) if flags & POINT else None
        at += 8 if flags & POINT else 0
        texts = []
        for _ in range(4):
            end = at + 1 + body[at]
            texts.append(body[at + 1 : end].decode())
            at = end  # beyond the body where it is cut short
    except (struct.error, IndexError, UnicodeDecodeError):
        raise Refused("内容不完整 / cut short or not UTF-8") from None
    if at != len(body):
        raise Refused("字节多出或不足 / bytes left over or missing")
    return Code(
        reporter=texts[0], town=texts[1], village=texts[2], note=texts[3], kind=_BY_CODE[number], time=datetime.fromtimestamp(seconds, UTC),
        value=value, point=(where[0] / 1e6, where[1] / 1e6) if where else None,
    )
