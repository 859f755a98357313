"""Engine, transactions and migrations of the ledger: SQLite by default, PostgreSQL by URL.

SQLite: WAL with synchronous FULL, so that what was committed survives a crash and readers never wait; a writer takes the write lock
at BEGIN (IMMEDIATE), so two writers queue for up to 30 s instead of one dying half way; what is deleted is overwritten. Statement parameters never appear in errors
or logs, because some of them are sealed numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from core.errors import StoreError

BUSY_TIMEOUT_S = 30.0
#: The newest revision under migrations/versions (a test holds it to that); a ledger at it is opened without importing alembic.
HEAD = "0005"
#: One number for the PostgreSQL advisory lock under which tables are made and changed ("FS" and 1).
_MIGRATION_LOCK = 0x4653_0001
_READING = {"fengsui_reading": True}


def connect(url: str) -> Engine:
    """An engine on an SQLAlchemy URL, its tables brought to HEAD; StoreError when it cannot be opened or is of a newer release."""
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(address, hide_parameters=True, pool_pre_ping=address.get_backend_name() != "sqlite")
        if engine.dialect.name == "sqlite":
            _tune_sqlite(engine)
        if _revision(engine) != HEAD:
            _migrate(engine)
    except (SQLAlchemyError, OSError, ImportError) as error:
        raise told("台账打不开 / the ledger cannot be opened", error) from error
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, all of it or none of it; StoreError when the database is locked too long, full or gone (retryable), or refuses a row."""
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise told("台账写不进去 / the ledger cannot be written", error) from error
    except IntegrityError as error:  # PostgreSQL's detail tells the row, and that may be a resident's
        raise told("台账里已有这一行，或没有它所属的 / the ledger has this row already, or not what it belongs to", error) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view that takes no lock, also while this process or another one writes; what it would change is rolled back."""
    try:
        view = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        with engine.connect().execution_options(**_READING, **view) as connection:
            yield connection
    except OperationalError as error:
        raise told("台账读不出来 / the ledger cannot be read", error) from error


@contextmanager
def alone(engine: Engine, name: str, wait_s: float) -> Iterator[bool]:
    """Hold `name` against every process on any machine that works on this ledger; False when another one holds it for longer than `wait_s`.

    PostgreSQL: a lock of a session of its own, which a paused process keeps and a dead one loses. SQLite: always True, because all its
    processes are on one machine and can lock a file.
    """
    if engine.dialect.name != "postgresql":
        yield True
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # closed and not given back: with the session ends the lock
        try:
            connection.execute(sa.text(f"set lock_timeout = {max(1, int(wait_s * 1000))}"))
            connection.execute(sa.text("select pg_advisory_lock(hashtextextended(:name, 0))"), {"name": name})
        except OperationalError:
            yield False
            return
        yield True


def scour(engine: Engine, *tables: sa.Table) -> None:
    """Let no trace of what was erased from `tables` stay in the files: SQLite writes back and empties its write-ahead log (what readers hold open stays
    until the next time), PostgreSQL writes the tables anew, which everybody waits for; StoreError (retryable) when it does not get them within 10 s.
    PostgreSQL's write-ahead log and all backups are the operator's to end."""
    if engine.dialect.name != "postgresql":
        with closing(engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()  # closed and not given back: the timeout is for this alone
            connection.exec_driver_sql("set lock_timeout = '10s'")
            connection.exec_driver_sql(f"VACUUM FULL {', '.join(table.name for table in tables)}")
    except OperationalError as error:
        raise told("台账的表正被使用 / the ledger's tables are in use", error) from error


def told(what: str, error: Exception) -> StoreError:
    """A StoreError that says what the driver said in its first line, without statement, parameters or rows."""
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    failure = StoreError(f"{what}: {type(error).__name__}: {said.strip().partition(chr(10))[0]}")
    failure.retryable = isinstance(error, OperationalError)
    return failure


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        dbapi.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        _to_wal(dbapi)
        dbapi.execute("PRAGMA synchronous=FULL")
        dbapi.execute("PRAGMA secure_delete=ON")
        dbapi.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("fengsui_reading")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _to_wal(dbapi: Any) -> None:
    """Switch to WAL. While another process makes the same switch SQLite answers 'locked' at once, without waiting: so we wait here."""
    import sqlite3

    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            dbapi.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _revision(engine: Engine) -> str | None:
    with reading(engine) as tx:
        if not sa.inspect(tx).has_table("alembic_version"):
            return None
        return tx.execute(sa.text("select version_num from alembic_version")).scalar()


def _migrate(engine: Engine) -> None:
    """Upgrade in one transaction that one process at a time holds: the others find the work done."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with writing(engine) as tx:
        if engine.dialect.name == "postgresql":
            tx.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config.attributes["connection"] = tx
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError(f"台账的版本本程序不认识 / the ledger is of a newer release: {error}") from error
