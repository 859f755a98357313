"""A message as the provider holds it."""

from __future__ import annotations

from typing import NamedTuple

from core.pii import Number


class Held(NamedTuple):
    """What the provider holds of one message. Its `to` is a number: compare it, never show it."""

    sid: str
    to: Number
    sender: str
    body: str
    status: str
    code: str
