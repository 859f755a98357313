"""After an older ledger was restored nothing is sent blindly: what it believes to be waiting may have gone out since.

Every pass counts itself in the ledger and beside it. A ledger that counts fewer than the file is an older one: the rows that would go now are then
taken for what they are, not known, and are looked up with the provider before anything is sent; loudspeakers answer without playing twice.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import select, update

from core.ledger import tables as t
from core.model import DeliveryState as D
from notifiers.job import Job
from notifiers.outbox.rows import d, due, of


def notice_restore(job: Job) -> None:
    """Count this pass; where the ledger has fallen behind, the desk is rung and every row that is due is to be looked up first."""
    name = f"dispatch-{job.shard[0]}-{job.shard[1]}"
    path = job.settings.home / "locks" / f"{name}.count"
    kept = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
    seen = int(kept) if kept.isdigit() else 0
    with job.ledger.begin() as tx:
        held = tx.execute(select(t.sequence.c.value).where(t.sequence.c.name == name)).scalar() or 0
        if held < seen:
            mine, n = (d.delivery_id % job.shard[1] == job.shard[0]) & (d.state == D.PENDING) & due(job.ticker.now()), 0
            for version in job.versions.values():
                n += tx.execute(update(t.delivery).where(mine, of(version)).values(state=D.SENDING, claimed_at=version.body["sent"])).rowcount
            text = f"台账比上次旧，像是从备份恢复的：{n} 个待发对象先向通道查询，没有收到的才发 / an older ledger was restored: looked up before sent"
            job.ledger.duty(tx, job.ticker.now(), "restored", text, f"{name}.{seen}")
        count = job.ledger.next_sequence(tx, name, floor=seen + 1)
    _write(path, str(count))


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    with part.open("w", encoding="ascii") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
