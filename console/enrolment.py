"""Officers' keys: made once by the person who will sign, enrolled in the audit chain, taken back when somebody leaves or a passphrase is known.

The house keeps a sealed private half that only its owner opens, or none where its owner signs on a machine of their own, and the public half by which
every dispatch verifies. What such a person brings is a line: name, public half, and a proof that they hold the private one and mean this name. The standing order and the
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
from core.keyring import Keyring
from core.ledger import tables as t
from core.signing import canonical, digest, sign, verify

ENROL, REVOKE = "officer.key", "officer.revoke"
KEPT = {"here": "本机封存 sealed here", "elsewhere": "在本人机器上 on their own machine", "": ""}
WORDS = {"enrolled": "已登记 enrolled", "none": "没有密钥 no key", "foreign": "与登记不符 not the key that was enrolled"}


def fingerprint(public: str) -> str:
    """What people compare: the first 16 letters of the public key's hash."""
    return digest(public)[:16]


def enrol(ctx: Context, now: datetime, name: str, passphrase: Callable[[], str]) -> str:
    """Make and enrol the key of `name`; its fingerprint. ConfigError for a stranger and in a demonstration county, AuthorityError where there is one."""
    _enrolable(ctx, name)
    if name == STANDING_ORDER:
        made = {machine: ctx.keyring.ensure(machine) for machine in MACHINES}
    elif name in ctx.keyring.names():
        raise AuthorityError(f"{name} 已有密钥，先收回 / has a key already: revoke it first")
    else:
        made = {name: ctx.keyring.enrol(name, passphrase())}
    _note(ctx, now, ENROL, made)
    return fingerprint(made[name])


def _enrolable(ctx: Context, name: str) -> None:
    """Return if `name` may have a key of its own here; ConfigError otherwise."""
    policy, path = ctx.county.policy, ctx.county.root / "policy.yaml"
    if policy.signing == "demonstration":
        raise ConfigError("演示县由演示密钥代签 / a demonstration county has keys of its own", path=path, hint="signing: officer")
    if name != STANDING_ORDER and policy.officer(name) is None:
        raise ConfigError(f"没有 {name} / unknown", path=path, hint=f"现有 / known: {', '.join(o.officer for o in policy.officers)}, {STANDING_ORDER}")


def own(keyring: Keyring, name: str, new: Callable[[], str], known: Callable[[], str]) -> str:
    """The line that enrols a person who signs on this machine of their own; their key is made by a `new` passphrase, or opened by the one `known`."""
    phrase = known() if name in keyring.names() else new()
    if name not in keyring.names():
        keyring.enrol(name, phrase)
    public = keyring.public(name)
    return canonical({"officer": name, "public": public, "proof": sign(keyring.unlock(name, phrase), _claim(name, public))})


def enrol_public(ctx: Context, now: datetime, name: str, line: str) -> str:
    """Enrol what `own` wrote, the public half alone; its fingerprint. AuthorityError for a line that is none or another person's, a proof that does
    not hold and a key that is somebody else's; the rest as `enrol`."""
    _enrolable(ctx, name)
    try:
        found = json.loads(line)
        owner, public, proof = (str(found[part]) for part in ("officer", "public", "proof"))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise AuthorityError("不是 fengsui officers key --own 打印的一行 / not a line that `fengsui officers key --own` printed") from None
    if owner != name or name == STANDING_ORDER:
        raise AuthorityError(f"这是 {owner} 的公钥，不能登记为 {name} / the key of {owner}")
    verify(public, _claim(name, public), proof)
    ctx.keyring.accept(name, public)
    _note(ctx, now, ENROL, {name: public})
    return fingerprint(public)


def _claim(name: str, public: str) -> str:
    return canonical({"enrol": name, "public": public})


def withdraw(ctx: Context, now: datetime, name: str) -> None:
    """Take the key of `name` back, also when the person no longer stands in the list; AuthorityError where there is none."""
    gone = {owner: ctx.keyring.public(owner) for owner in (MACHINES if name == STANDING_ORDER else (name,))}
    for owner in gone:
        ctx.keyring.retire(owner)
    _note(ctx, now, REVOKE, gone)


def roster(ctx: Context) -> list[dict[str, Any]]:
    """Officers with their role, whether their key is there and is the one last enrolled, and where its private half lies."""
    a = t.audit.c
    with ctx.ledger.read() as tx:
        rows = tx.execute(select(a.subject, a.action, a.payload).where(a.action.in_((ENROL, REVOKE))).order_by(a.seq)).all()
    enrolled = {row.subject: json.loads(row.payload)["public"] if row.action == ENROL else "" for row in rows}
    out, there = [], ctx.keyring.names()
    for officer in ctx.county.policy.officers:
        public = ctx.keyring.public(officer.officer) if officer.officer in there else ""
        state = "none" if not public else "enrolled" if public == enrolled.get(officer.officer) else "foreign"
        kept = "" if not public else "elsewhere" if ctx.keyring.elsewhere(officer.officer) else "here"
        out.append({"officer": officer.officer, "title": officer.title, "role": officer.role, "key": state, "kept": kept,
                    "fingerprint": fingerprint(public) if public else ""})
    return out


def _note(ctx: Context, now: datetime, action: str, keys: dict[str, str]) -> None:
    with ctx.ledger.begin() as tx:
        for name, public in keys.items():
            said, own = "登记" if action == ENROL else "收回", action == ENROL and ctx.keyring.elsewhere(name)
            ctx.ledger.audit(tx, now, "console", action, name, {"public": public, **({"kept": "elsewhere"} if own else {})})
            ctx.ledger.duty(tx, now, "officer_key", f"{said}签名密钥：{name} {fingerprint(public)}{'（私钥在本人机器上）' if own else ''}")
