"""What one dispatch did, read from the ledger at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.history import RESERVE
from notifiers.job import Job

d = t.delivery.c


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchReport:
    """What one dispatch did: versions served, versions refused with the reason, outcomes of this call, all rows by channel and state."""

    at: datetime
    versions: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    states: dict[str, dict[str, int]] = field(default_factory=dict)
    possible_duplicates: int = 0
    not_reached: tuple[str, ...] = ()
    seconds: float = 0.0
    busy: bool = False

    @property
    def sent(self) -> int:
        """Messages handed over by this call."""
        return self.outcomes.get("accepted", 0)


def report(job: Job, now: datetime) -> DispatchReport:
    """Read the result from the ledger."""
    states: dict[str, Counter[str]] = {}
    mine = or_(*(and_(d.alert_id == a, d.version == n) for a, n in job.versions)) if job.versions else d.delivery_id < 0
    with job.ledger.read() as tx:
        for channel, state, n in tx.execute(select(d.channel, d.state, func.count()).where(mine).group_by(d.channel, d.state)):
            states.setdefault(channel, Counter())[state] += n
        twice = tx.execute(select(func.count()).select_from(t.delivery).where(mine, d.possible_duplicate.is_(True))).scalar_one()
        missing = tx.execute(select(d.recipient).where(mine, d.channel == "broadcast", d.state != D.DELIVERED, d.code != RESERVE).distinct()).scalars().all()
    return DispatchReport(at=now, versions=tuple(sorted(x.name for x in job.versions.values())), refused=job.refused, outcomes=dict(job.outcomes),
                          states={k: dict(c) for k, c in states.items()}, possible_duplicates=twice, not_reached=tuple(sorted(missing)),
                          seconds=round(job.ticker.elapsed(), 3))
