"""Stopping one version on one channel: what the channel holds is not what was approved, or the carrier filters it. The desk is rung.

A stop stands in the duty log, so that every process sees it. Other channels and other versions go on. It is lifted by a person.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from core.errors import LifeCycleError
from core.ledger import Ledger
from core.ledger import tables as t

STOP, RESUME = "stop", "resume"
_TITLES = {"sms": "短信 SMS", "broadcast": "大喇叭 loudspeakers"}


def stop(ledger: Ledger, tx: Connection, at: datetime, version: str, channel: str, why: str) -> bool:
    """Stop a version ('alert_id.v3') on a channel at `at` (aware); False when it was stopped before, also where that stop was lifted since."""
    return ledger.duty(tx, at, STOP, f"{version} {_TITLES.get(channel, channel)}已停发：{why}。核对后改发新的一版，或恢复 / stopped, check", f"{version}.{channel}")


def resume(*, now: datetime, version: str, channel: str, officer: str, ledger: Ledger) -> None:
    """Let a stopped version go on, by a person's word; LifeCycleError when it is not stopped."""
    with ledger.begin() as tx:
        if version not in stopped(tx, channel):
            raise LifeCycleError(f"{version} {channel}: 没有停发 / is not stopped")
        ledger.duty(tx, now, RESUME, f"{version} {_TITLES.get(channel, channel)}由 {officer} 恢复发送 / resumed", f"{version}.{channel}")
        ledger.audit(tx, now, officer, "dispatch.resume", version, {"channel": channel})


def stopped(tx: Connection, channel: str) -> frozenset[str]:
    """Names of the versions that are stopped on a channel."""
    duty = t.duty_log.c
    rows = {kind: set[str]() for kind in (STOP, RESUME)}
    for kind, ref in tx.execute(select(duty.kind, duty.ref).where(duty.kind.in_((STOP, RESUME)), duty.ref.endswith(f".{channel}", autoescape=True))):
        rows[kind].add(ref.removesuffix(f".{channel}"))
    return frozenset(rows[STOP] - rows[RESUME])
