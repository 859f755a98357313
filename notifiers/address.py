"""The step before the decision: write down whom a draft concerns."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import insert

from core import alerts
from core.alerts.states import changing
from core.county import County
from core.ledger import Ledger
from core.ledger import tables as t
from core.ledger.editions import hold_still
from core.settings import Settings
from notifiers.audience import plan
from notifiers.register import ensure_register
from notifiers.snapshot import AudienceReport, snapshot, told


def address(*, now: datetime, ref: alerts.VersionRef | str, county: County, ledger: Ledger, settings: Settings | None = None) -> AudienceReport:
    """Plan the deliveries of a draft and record the snapshot; a repeat changes nothing. `now` aware. LifeCycleError for an unknown version."""
    residents = ensure_register(county, ledger, settings or Settings.load(), now=now)
    with changing(ledger) as tx:  # a draft without an audience is anybody's to address
        hold_still(tx)
        version = alerts.find(tx, ref)
        known = json.loads(version["audience"] or "{}")
        if "hash" in known:
            return told(str(ref), known)
        rows, same, unknown = plan(tx, version, county)
        if rows:
            tx.execute(insert(t.delivery), rows)
        made = snapshot(rows, same, unknown)
        alerts.record_audience(tx, ref, made)
        if not residents:
            ledger.duty(tx, now, "register", f"{ref} 居民登记册是空的，短信不会发给任何人 / nobody is registered: no SMS reaches anybody", str(ref))
        if not rows or unknown:
            who = "、".join(unknown) or "空"
            ledger.duty(tx, now, "audience", f"{ref} 受众为空或有无法识别的区域（{who}），这些区域不发送 / reaches nobody there", str(ref))
        ledger.audit(tx, now, "notifiers", "audience.plan", str(ref), {"hash": made["hash"], "count": made["count"]})
        return told(str(ref), made)
