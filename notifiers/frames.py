"""Signed frames for loudspeakers, and their signed answers. The broker is not trusted: only signature, sequence, time and area count."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, tzinfo
from typing import Any

from core.errors import AuthorityError
from core.model import Level, Status
from core.signing import canonical, digest, sign, verify
from core.times import SHANGHAI, parse_iso

MAX_BYTES = 16_384
FIELDS = {"alert_id": str, "version": int, "seq": int, "issuer": str, "status": str, "sent": str, "expires": str, "areas": list, "text": str,
          "level": int, "repeat": int, "key": str}
ACK_FIELDS = {"speaker": str, "alert_id": str, "version": int, "seq": int, "received": str, "verified": bool, "content": str, "played_from": str,
              "played_to": str, "reason": str}
EARLY = timedelta(minutes=5)


def tree(status: Status | str) -> str:
    """The topic tree of a status: drills and tests never share one with the real thing."""
    return "actual" if Status(status) is Status.ACTUAL else "exercise"


def key_name(status: Status | str) -> str:
    """The issuer's key of a topic tree."""
    return f"issuer-{tree(status)}"


def content(fields: dict[str, Any]) -> str:
    """Digest of what people hear of a frame and how long it holds; a loudspeaker puts it into its answer, so that what it got can be read back."""
    return digest(canonical({name: fields[name] for name in ("alert_id", "version", "status", "expires", "areas", "text", "level")}))


def seal(fields: dict[str, Any], private: str) -> bytes:
    """Fields plus `signature` over their canonical form, as JSON."""
    return canonical(fields | {"signature": sign(private, canonical(fields))}).encode()


def unseal(payload: bytes, shape: dict[str, type], public: str) -> dict[str, Any]:
    """The fields of a sealed payload; AuthorityError for a wrong size, shape, type or signature."""
    try:
        if len(payload) > MAX_BYTES:
            raise ValueError("too long")
        value = json.loads(payload)
        signature = value.pop("signature")
        if set(value) != set(shape) or any(type(value[name]) is not kind for name, kind in shape.items()) or not isinstance(signature, str):
            raise ValueError("wrong fields")
        verify(public, canonical(value), signature)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise AuthorityError(f"not a frame: {type(error).__name__}") from None
    return dict(value)


def check_frame(payload: bytes, *, topic: str, public: dict[str, str], area: str, last_seq: int, now: datetime) -> dict[str, Any]:
    """What a loudspeaker asks before it plays: key and status of this topic tree, a sequence that grows, its time, its area. AuthorityError says which failed.

    `public` maps a topic tree to the issuer's public key; `area` is the speaker's town key; `now` aware.
    """
    branch = topic.split("/", 1)[0]
    if branch not in public:
        raise AuthorityError("topic")
    frame = unseal(payload, FIELDS, public[branch])
    try:
        same_world = tree(frame["status"]) == branch and frame["key"] == f"issuer-{branch}"
        sent, expires = parse_iso(frame["sent"]), parse_iso(frame["expires"])
    except ValueError:
        raise AuthorityError("fields") from None
    for name, holds in (("status", same_world), ("sequence", frame["seq"] > last_seq), ("future", sent <= now + EARLY),
                        ("expired", now < expires), ("area", area in frame["areas"])):
        if not holds:
            raise AuthorityError(name)
    return frame


def quiet(frame: dict[str, Any], now: datetime, zone: tzinfo = SHANGHAI) -> bool:
    """Whether quiet hours (22-06 on the clock `zone` of the loudspeaker's county) keep a frame from being played: below orange, or not actual."""
    hour = now.astimezone(zone).hour
    return (hour >= 22 or hour < 6) and (frame["level"] < Level.ORANGE or frame["status"] != Status.ACTUAL)
