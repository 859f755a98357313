"""A message as the provider holds it."""

from __future__ import annotations

from typing import NamedTuple

from core.pii import Number

#: Letters of an id, as the ledger keeps it.
MAX_SID = 64


class Held(NamedTuple):
    """What the provider holds of one message. Its `to` is a number: compare it, never show it."""

    sid: str
    to: Number
    sender: str
    body: str
    status: str
    code: str


def sid_of(told: object) -> str:
    """The id that an answer bears; ValueError for what is none: an answer without an id has taken nothing that could be looked up."""
    if not (isinstance(told, str) and 0 < len(told) <= MAX_SID and told.isascii() and told.isprintable()):
        raise ValueError("no id")
    return told
