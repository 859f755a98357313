"""The ledger: one door to everything that is decided or done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, delete, event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreError
from core.ledger import audit as chain
from core.ledger import tables as t
from core.ledger.codec import score_from_json, score_to_json
from core.model import RiskScore
from core.times import iso, parse_iso

BUSY_TIMEOUT_S = 30.0


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
    below_since: str | None = None


class Ledger:
    """Opened once a process; every change happens in begin()."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open the ledger at an SQLAlchemy URL and bring its tables to the newest form; StoreError when it cannot be opened."""
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        try:
            engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S} if url.startswith("sqlite") else {})
            if engine.dialect.name == "sqlite":
                _tune_sqlite(engine)
            ledger = cls(engine)
            ledger._migrate()
        except SQLAlchemyError as error:
            raise StoreError(f"台账打不开 / the ledger cannot be opened: {type(error).__name__}: {error}") from error
        return ledger

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        with self.begin() as connection:
            if sa.inspect(connection).has_table("alembic_version"):
                if connection.execute(sa.text("select version_num from alembic_version")).scalar() == HEAD:
                    return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: all of it or none of it. SQLite takes the write lock at once, so two writers queue rather than collide."""
        with self.engine.begin() as connection:
            yield connection

    def audit(self, tx: Connection, at: datetime, actor: str, action: str, subject: str, payload: dict[str, Any]) -> None:
        """Add one row to the hash chain."""
        chain.append(tx, at, actor, action, subject, payload)

    def duty(self, tx: Connection, at: datetime, kind: str, text: str, ref: str = "") -> None:
        """Tell the duty desk, once per (kind, ref)."""
        self._insert_new(tx, t.duty_log, {"at": iso(at), "kind": kind, "text": text, "ref": ref or iso(at)})

    def feed_health(self) -> dict[str, FeedHealthRow]:
        """Health of every feed that was ever tried."""
        with self.begin() as tx:
            return {row["feed"]: FeedHealthRow(**row) for row in tx.execute(select(t.feed_health)).mappings()}

    def save_feed_health(self, tx: Connection, row: FeedHealthRow) -> None:
        """Replace a feed's health."""
        self._upsert(tx, t.feed_health, asdict(row))

    def save_feed_run(self, tx: Connection, *, feed: str, at: datetime, outcome: str, records: int, set_aside: int, raw: str, error: str) -> None:
        """Note one ingest; a repeat at the same time replaces it."""
        self._upsert(tx, t.feed_run, {"feed": feed, "at": iso(at), "outcome": outcome, "records": records, "set_aside": set_aside,
                                      "raw": raw, "error": error})

    def save_scores(self, tx: Connection, at: datetime, scores: list[RiskScore], newest_reading: datetime | None = None) -> None:
        """Replace the assessment of `at`."""
        tx.execute(delete(t.assessment).where(t.assessment.c.at == iso(at)))
        rows = [{
            "at": iso(at), "town": s.town, "hazard": str(s.hazard), "level": int(s.level), "ceiling": int(s.ceiling), "proved": int(s.proved),
            "floor": int(s.floor), "score": round(s.score, 6), "silent": json.dumps(list(s.silent)),
            "newest_reading": iso(newest_reading) if newest_reading else None, "body": score_to_json(s),
        } for s in scores]
        if rows:
            tx.execute(insert(t.assessment), rows)

    def scores(self, at: datetime | None = None) -> list[RiskScore]:
        """The scores of the assessment at `at`, or of the newest one; empty when there is none."""
        with self.begin() as tx:
            when = iso(at) if at else tx.execute(select(sa.func.max(t.assessment.c.at))).scalar()
            query = select(t.assessment.c.body).where(t.assessment.c.at == when).order_by(t.assessment.c.town, t.assessment.c.hazard)
            return [score_from_json(body) for (body,) in tx.execute(query)]

    def newest_reading(self, at: datetime) -> datetime | None:
        """Time of the newest reading that the assessment at `at` had seen."""
        with self.begin() as tx:
            text = tx.execute(select(sa.func.max(t.assessment.c.newest_reading)).where(t.assessment.c.at == iso(at))).scalar()
        return parse_iso(text) if text else None

    def holds(self) -> dict[tuple[str, str], HoldRow]:
        """Hysteresis memory by (town, rule)."""
        with self.begin() as tx:
            return {(row["town"], row["rule"]): HoldRow(**row) for row in tx.execute(select(t.hold)).mappings()}

    def save_holds(self, tx: Connection, rows: list[HoldRow]) -> None:
        """Replace the memory of the rules named in `rows`."""
        for row in rows:
            self._upsert(tx, t.hold, asdict(row))

    def watermark(self, consumer: str, source: str) -> str:
        """A consumer's position in a source, '' before the first."""
        with self.begin() as tx:
            w = t.watermark.c
            return tx.execute(select(w.position).where(w.consumer == consumer, w.source == source)).scalar() or ""

    def save_watermark(self, tx: Connection, consumer: str, source: str, position: str) -> None:
        """Move a consumer's position."""
        self._upsert(tx, t.watermark, {"consumer": consumer, "source": source, "position": position})

    def next_sequence(self, tx: Connection, name: str) -> int:
        """The next number of a sequence that only grows."""
        done = tx.execute(update(t.sequence).where(t.sequence.c.name == name).values(value=t.sequence.c.value + 1))
        if done.rowcount == 0:
            tx.execute(insert(t.sequence).values(name=name, value=1))
        return int(tx.execute(select(t.sequence.c.value).where(t.sequence.c.name == name)).scalar_one())

    def _upsert(self, tx: Connection, table: sa.Table, row: dict[str, Any]) -> None:
        keys = [column.name for column in table.primary_key]
        statement = self._insert(table).values(**row)
        tx.execute(statement.on_conflict_do_update(index_elements=keys, set_={k: v for k, v in row.items() if k not in keys}))

    def _insert_new(self, tx: Connection, table: sa.Table, row: dict[str, Any]) -> None:
        tx.execute(self._insert(table).values(**row).on_conflict_do_nothing())

    def _insert(self, table: sa.Table) -> Any:
        return (postgresql if self.engine.dialect.name == "postgresql" else sqlite).insert(table)


HEAD = "0001"


def _tune_sqlite(engine: Engine) -> None:
    """WAL and FULL: what was committed survives the process; BEGIN IMMEDIATE: no transaction dies half way for a lock."""

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={int(BUSY_TIMEOUT_S * 1000)}", "foreign_keys=ON"):
            dbapi.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
