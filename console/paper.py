"""A version on paper: everything that is to be signed as one file, for an officer who signs on a machine of their own.

`signed` holds the very columns that the approval hash covers, byte for byte, and what the officer is told is signed is read out of them alone; so an
altered paper either shows what it was altered to, under a hash that no version has, or says that it was altered. `facts` tell how things stood when
it was made, `may` who may decide what: no signature covers these, they are shown apart, and the house judges them again when the signature comes
back. To read and sign needs no county, no store and no network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from console.context import Context
from console.desk import in_this_world, role_of
from console.dossier import WAITING, facts, said, sheet
from core import alerts
from core.alerts.authority import DECISIONS, check_frozen
from core.errors import AuthorityError, LifeCycleError
from core.model import AlertState
from core.pii import mask
from core.times import iso, parse_iso
from notifiers.render import visible

#: The columns that the approval hash covers.
SIGNED = ("alert_id", "version", "msg_type", "level", "expires", "body", "audience")


def make(ctx: Context, ref: str, now: datetime) -> dict[str, Any]:
    """The paper of a version that waits for people, JSON-ready, without telephone numbers; LifeCycleError for any other one,
    AuthorityError for one that nobody can sign."""
    seen = facts(ctx, ref, now)
    in_this_world(ctx, seen, *map(AlertState, WAITING))
    with ctx.ledger.read() as tx:
        row = alerts.find(tx, ref)
    check_frozen(row, ctx.county)
    for noted in (*seen["signed"], *filter(None, [seen["put_off"]])):
        noted["note"] = mask(noted["note"])
    return {"paper": 1, "made": iso(now), "hash": alerts.approval_hash(row), "signed": {column: row[column] for column in SIGNED}, "may": _may(ctx, seen),
            "facts": seen}


def _may(ctx: Context, seen: dict[str, Any]) -> dict[str, dict[str, str]]:
    """By officer who may still decide: each decision and the role in which it is theirs."""
    done = {row["officer"] for row in seen["signed"]}
    found: dict[str, dict[str, str]] = {}
    for officer in (o.officer for o in ctx.county.policy.officers if o.officer not in done):
        for decision in DECISIONS if not seen["put_off"] else DECISIONS[:2]:
            try:
                found.setdefault(officer, {})[decision] = role_of(ctx, officer, seen, decision)
            except AuthorityError:
                continue
    return {officer: decisions for officer, decisions in found.items() if decisions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper that was read: the facts of what is signed, who may decide what in which role, and all of it as lines for the officer."""

    seen: dict[str, Any]
    may: dict[str, dict[str, str]]
    text: str

    def role(self, officer: str, decision: str, now: datetime) -> str:
        """The role in which an officer decides; AuthorityError where policy gave none when the paper was made, LifeCycleError past the version's end."""
        if parse_iso(self.seen["expires"]) <= now:
            raise LifeCycleError(f"{self.seen['ref']}: 已过有效期 / has run out")
        role = self.may.get(officer, {}).get(decision)
        if role is None:
            raise AuthorityError(f"{officer}: 这张签批单上没有此人的这项决定 / may not decide this; 能签的 / who may: {'、'.join(self.may)}")
        return role


def read(path: Path) -> Paper:
    """A paper from its file; AuthorityError when it is none, or when its content is not what its hash says."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        row, around = found["signed"], _plain(found["facts"])
        seen = around | _plain(said(row))
        look = max((town["sms"] for town in around["towns"]), key=len, default="")
        paper = Paper(seen=seen, may=_plain(found["may"]), text=sheet(seen, look, found["made"]))
        same = found["hash"] == seen["approval_hash"]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        raise AuthorityError(f"{path}: 不是 fengsui alerts paper 写的签批单 / not a paper of `fengsui alerts paper`") from None
    if not same:
        raise AuthorityError(f"{path}: 内容与单上的哈希不符，已被改动或损坏，没有签 / was altered: nothing was signed")
    return paper


def _plain(value: Any) -> Any:
    """The same without characters that make a terminal show something else, however deep they stand."""
    if isinstance(value, dict):
        return {visible(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else visible(value) if isinstance(value, str) else value
