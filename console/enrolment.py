"""Officers' keys: made once by the person who will sign, enrolled in the audit chain, taken back when somebody leaves or a passphrase is known.

The house keeps a sealed private half that only its owner opens, and the public half by which every dispatch verifies. The standing order and the
machine's authorship have keys without a passphrase, because nobody is there when they sign: whoever makes them gives the order beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from console.context import Context
from core.alerts.authority import MACHINES, STANDING_ORDER
from core.errors import AuthorityError, ConfigError
from core.ledger import tables as t
from core.signing import digest

ENROL, REVOKE = "officer.key", "officer.revoke"
WORDS = {"enrolled": "已登记 enrolled", "none": "没有密钥 no key", "foreign": "与登记不符 not the key that was enrolled"}


def fingerprint(public: str) -> str:
    """What people compare: the first 16 letters of the public key's hash."""
    return digest(public)[:16]


def enrol(ctx: Context, now: datetime, name: str, passphrase: Callable[[], str]) -> str:
    """Make and enrol the key of `name`; its fingerprint. ConfigError for a stranger and in a demonstration county, AuthorityError where there is one."""
    if ctx.county.policy.signing == "demonstration":
        raise ConfigError("演示县由演示密钥代签 / a demonstration county has keys of its own", path=ctx.county.root / "policy.yaml", hint="signing: officer")
    if name == STANDING_ORDER:
        made = {machine: ctx.keyring.ensure(machine) for machine in MACHINES}
    elif ctx.county.policy.officer(name) is None:
        known = ", ".join(officer.officer for officer in ctx.county.policy.officers)
        raise ConfigError(f"没有 {name} / unknown", path=ctx.county.root / "policy.yaml", hint=f"现有 / known: {known}, {STANDING_ORDER}")
    elif name in ctx.keyring.names():
        raise AuthorityError(f"{name} 已有密钥，先收回 / has a key already: revoke it first")
    else:
        made = {name: ctx.keyring.enrol(name, passphrase())}
    _note(ctx, now, ENROL, made)
    return fingerprint(made[name])


def withdraw(ctx: Context, now: datetime, name: str) -> None:
    """Take the key of `name` back, also when the person no longer stands in the list; AuthorityError where there is none."""
    gone = {owner: ctx.keyring.public(owner) for owner in (MACHINES if name == STANDING_ORDER else (name,))}
    for owner in gone:
        ctx.keyring.retire(owner)
    _note(ctx, now, REVOKE, gone)


def roster(ctx: Context) -> list[dict[str, Any]]:
    """Officers with their role, and whether their key is there and is the one last enrolled."""
    a = t.audit.c
    with ctx.ledger.read() as tx:
        rows = tx.execute(select(a.subject, a.action, a.payload).where(a.action.in_((ENROL, REVOKE))).order_by(a.seq)).all()
    enrolled = {row.subject: json.loads(row.payload)["public"] if row.action == ENROL else "" for row in rows}
    out, there = [], ctx.keyring.names()
    for officer in ctx.county.policy.officers:
        public = ctx.keyring.public(officer.officer) if officer.officer in there else ""
        state = "none" if not public else "enrolled" if public == enrolled.get(officer.officer) else "foreign"
        out.append({"officer": officer.officer, "title": officer.title, "role": officer.role, "key": state, "fingerprint": fingerprint(public) if public else ""})
    return out


def _note(ctx: Context, now: datetime, action: str, keys: dict[str, str]) -> None:
    with ctx.ledger.begin() as tx:
        for name, public in keys.items():
            ctx.ledger.audit(tx, now, "console", action, name, {"public": public})
            ctx.ledger.duty(tx, now, "officer_key", f"{'登记' if action == ENROL else '收回'}签名密钥：{name} {fingerprint(public)}")
