"""How the rows of an SL 323 database are had: the engine, the tables that are there, and their rows under the standard's own names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from core.county import Feed
from core.errors import ConfigError, FetchError
from core.settings import Settings, secret

MAX_ROWS = 50_000
#: Databases that are met in the field -> (driver that we name, package to install). Others work by their full SQLAlchemy URL.
DRIVERS = {
    "postgresql": ("psycopg", "fengsui[postgres]"), "mysql": ("pymysql", "PyMySQL"), "mariadb": ("pymysql", "PyMySQL"), "oracle": ("oracledb", "oracledb"),
    "mssql": ("pymssql", "pymssql"), "dm": ("dmPython", "dmPython dmSQLAlchemy"), "sqlite": ("", ""),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table by the standard's names: columns it must have, and those that are read where they are there."""

    name: str
    must: tuple[str, ...]
    may: tuple[str, ...]


def engine_of(feed: Feed, settings: Settings) -> sa.Engine:
    """The engine of a feed: the simulator's SQLite file, or the URL in the feed's secret. ConfigError for a URL or driver that cannot be used."""
    if settings.mode != "live":
        path = settings.home.resolve() / feed.sandbox.lstrip("/")
        if not path.is_file():
            raise FetchError(f"{feed.feed}: 数据库文件不存在 / the database file is not there")
        return sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", connect_args={"timeout": 5})
    return connect(feed, secret(feed.secret))


def connect(feed: Feed, address: str) -> sa.Engine:
    """An engine for an SQLAlchemy URL; a missing driver is named with what to install, the URL itself is never told."""
    try:
        url = sa.make_url(address)
    except sa.exc.ArgumentError:
        raise ConfigError(f"{feed.feed}: 密钥 {feed.secret} 不是 SQLAlchemy 地址 / the secret is no SQLAlchemy URL", hint="postgresql://用户:口令@主机/库") from None
    backend = url.get_backend_name()
    driver, package = DRIVERS.get(backend, ("", backend))
    if driver and "+" not in url.drivername:
        url = url.set(drivername=f"{backend}+{driver}")
    arguments = {"connect_timeout": 5} if backend in ("postgresql", "mysql", "mariadb") else {"login_timeout": 5} if backend == "mssql" else {}
    try:
        return sa.create_engine(url, connect_args=arguments)
    except (ImportError, sa.exc.NoSuchModuleError):
        raise ConfigError(f"{feed.feed}: 缺少 {backend} 的驱动 / the driver for {backend} is not installed", hint=f"pip install {package}") from None


def tables_of(connection: sa.Connection) -> dict[str, dict[str, str]]:
    """Upper-case table name -> {'': real name, upper-case column: real column}; views count as tables."""
    look = sa.inspect(connection)
    return {name.upper(): {"": name} for name in (*look.get_table_names(), *look.get_view_names())}


def rows(connection: sa.Connection, table: Table, known: dict[str, str], since: datetime, feed: Feed) -> list[dict[str, Any]]:
    """Rows of one table in a stable order, newest `since` (Beijing clock, naive) where it has times; FetchError for a column or a number of rows that is wrong."""
    real = {column["name"].upper(): column["name"] for column in sa.inspect(connection).get_columns(known[""])}
    missing = [name for name in table.must if name not in real]
    if missing:
        raise FetchError(f"{feed.feed}: {table.name} 缺少列 {missing[0]} / column {missing[0]} is missing", layer="source", retryable=False)
    wanted = [name for name in (*table.must, *table.may) if name in real]
    columns = {name: sa.column(real[name], sa.DateTime) if name == "TM" else sa.column(real[name]) for name in wanted}
    source = sa.table(known[""], *columns.values())
    query = sa.select(*(column.label(f"c{i}") for i, column in enumerate(columns.values()))).select_from(source)
    if "TM" in columns:
        query = query.where(since <= columns["TM"]).order_by(columns["TM"], columns["STCD"])
    found = connection.execute((query if "TM" in columns else query.order_by(columns["STCD"])).limit(MAX_ROWS + 1)).all()
    if len(found) > MAX_ROWS:
        raise FetchError(f"{feed.feed}: {table.name} 超过 {MAX_ROWS} 行，请减小 hours / over {MAX_ROWS} rows, lower `hours`", layer="source", retryable=False)
    return [dict(zip(wanted, (_plain(value) for value in row), strict=True)) for row in found]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (datetime, date)):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value.strip() if isinstance(value, str) else value
