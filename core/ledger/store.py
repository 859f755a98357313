"""The ledger: one door to everything that is decided or done."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from core.ledger import audit as chain
from core.ledger import tables as t
from core.ledger.codec import finite, packed, score_from_json, score_to_json, unpacked
from core.ledger.counters import next_value
from core.ledger.engine import alone, connect, reading, scour, writing
from core.model import RiskScore
from core.signing import canonical, digest
from core.times import iso, parse_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHealthRow:
    """Health of one feed; times are ISO UTC text, None for never."""

    feed: str
    state: str
    checked_at: str
    layer: str = ""
    headline: str = ""
    success_at: str | None = None
    newest_reading: str | None = None
    changed_at: str | None = None
    failures: int = 0
    etag: str = ""
    last_modified: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """Hysteresis memory of one rule in one town; times are ISO UTC text."""

    town: str
    rule: str
    level: int
    pending: int
    updated_at: str
    pending_since: str | None = None
    excluded: str = ""


def scores_of(tx: Connection, at: str) -> list[RiskScore]:
    """The scores of the assessment at `at` (ISO UTC text), by town and hazard."""
    parts = tx.execute(select(t.evidence.c.body).where(t.evidence.c.at == at).order_by(t.evidence.c.part)).scalars()
    return [score_from_json(text) for text in unpacked(parts)]


class Ledger:
    """Opened once a process; every change happens in begin()."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open the ledger at an SQLAlchemy URL and bring its tables to the newest form; StoreError when it cannot be opened."""
        return cls(connect(url))

    def close(self) -> None:
        """Give the connections back; a process that forks or ends may leave it out."""
        self.engine.dispose()

    def begin(self) -> AbstractContextManager[Connection]:
        """One transaction that may write, all of it or none of it; writers queue, StoreError (retryable) after 30 s."""
        return writing(self.engine)

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent view that waits for nobody, for wherever nothing is changed; it does not see what an open begin() changed."""
        return reading(self.engine)

    def alone(self, name: str, wait_s: float) -> AbstractContextManager[bool]:
        """Whether this process alone, among those of all machines on a PostgreSQL ledger, holds `name` now; waits for it up to `wait_s` seconds."""
        return alone(self.engine, name, wait_s)

    def scour(self) -> None:
        """Let nothing that was erased of residents and deliveries stay readable in the database's files; outside of any transaction, and while nothing is sent."""
        scour(self.engine, t.resident_row, t.delivery)

    def audit(self, tx: Connection, at: datetime, actor: str, action: str, subject: str, payload: dict[str, Any]) -> None:
        """Add one row to the hash chain."""
        chain.append(tx, at, actor, action, subject, payload)

    def duty(self, tx: Connection, at: datetime, kind: str, text: str, ref: str = "") -> bool:
        """Tell the duty desk, once per (kind, ref), or once per time and text where no `ref` is given; False when it was told before."""
        row = {"at": iso(at), "kind": kind, "text": text, "ref": ref or f"{iso(at)} {digest(text)[:12]}"}
        return self._insert_new(tx, t.duty_log, row)

    def feed_health(self) -> dict[str, FeedHealthRow]:
        """Health of every feed that was ever tried."""
        with self.read() as tx:
            return {row["feed"]: FeedHealthRow(**row) for row in tx.execute(select(t.feed_health)).mappings()}

    def save_feed_health(self, tx: Connection, row: FeedHealthRow) -> None:
        """Replace a feed's health."""
        self._upsert(tx, t.feed_health, [asdict(row)])

    def save_feed_run(
        self, tx: Connection, *, feed: str, at: datetime, outcome: str, records: int, set_aside: int, raw: str, error: str
    ) -> None:
        """Note one ingest; a repeat at the same time replaces it."""
        self._upsert(tx, t.feed_run, [{"feed": feed, "at": iso(at), "outcome": outcome, "records": records, "set_aside": set_aside,
                                       "raw": raw, "error": error}])

    def save_scores(self, tx: Connection, at: datetime, scores: list[RiskScore], newest_reading: datetime | None = None) -> None:
        """Replace the assessment of `at`."""
        for table in (t.assessment, t.evidence):
            tx.execute(delete(table).where(table.c.at == iso(at)))
        scores = sorted(scores, key=lambda s: (s.town, s.hazard))
        rows = [{
            "at": iso(at), "town": s.town, "hazard": str(s.hazard), "level": int(s.level), "ceiling": int(s.ceiling),
            "proved": int(s.proved), "floor": int(s.floor), "score": finite(s.score) or 0.0, "silent": canonical(list(s.silent)),
            "newest_reading": iso(newest_reading) if newest_reading else None,
        } for s in scores]
        if rows:
            tx.execute(insert(t.assessment), rows)
            parts = packed([score_to_json(s) for s in scores])
            tx.execute(insert(t.evidence), [{"at": iso(at), "part": part, "body": body} for part, body in enumerate(parts)])

    def scores(self, at: datetime | None = None, *, until: datetime | None = None) -> list[RiskScore]:
        """The scores of the assessment at `at`, or of the newest one (not later than `until`), by town and hazard; empty when there is none."""
        newest = select(sa.func.max(t.assessment.c.at)).where(t.assessment.c.at <= iso(until) if until else sa.true())
        with self.read() as tx:
            when = iso(at) if at else tx.execute(newest).scalar()
            return scores_of(tx, when) if when else []

    def newest_reading(self, at: datetime) -> datetime | None:
        """Time of the newest reading that the assessment at `at` had seen."""
        with self.read() as tx:
            text = tx.execute(select(sa.func.max(t.assessment.c.newest_reading)).where(t.assessment.c.at == iso(at))).scalar()
        return parse_iso(text) if text else None

    def holds(self) -> dict[tuple[str, str], HoldRow]:
        """Hysteresis memory by (town, rule)."""
        with self.read() as tx:
            return {(row["town"], row["rule"]): HoldRow(**row) for row in tx.execute(select(t.hold)).mappings()}

    def save_holds(self, tx: Connection, rows: list[HoldRow]) -> None:
        """Replace the memory of the rules and towns named in `rows`; the others stay."""
        self._upsert(tx, t.hold, [asdict(row) for row in rows])

    def watermark(self, consumer: str, source: str) -> str:
        """A consumer's position in a source, '' before the first."""
        with self.read() as tx:
            w = t.watermark.c
            return tx.execute(select(w.position).where(w.consumer == consumer, w.source == source)).scalar() or ""

    def save_watermark(self, tx: Connection, consumer: str, source: str, position: str) -> None:
        """Move a consumer's position."""
        self._upsert(tx, t.watermark, [{"consumer": consumer, "source": source, "position": position}])

    def next_sequence(self, tx: Connection, name: str, floor: int = 1) -> int:
        """The next number of a sequence that only grows, at least `floor`."""
        return next_value(tx, name, floor)

    def _upsert(self, tx: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows of one shape, or replace those whose primary key is there."""
        if not rows:
            return
        keys = [column.name for column in table.primary_key]
        statement = self._insert(table)
        kept = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=kept), rows)

    def _insert_new(self, tx: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
        return tx.execute(self._insert(table).values(**row).on_conflict_do_nothing()).rowcount > 0

    def _insert(self, table: sa.Table) -> Any:
        return (postgresql if self.engine.dialect.name == "postgresql" else sqlite).insert(table)
