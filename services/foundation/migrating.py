"""Brings a service's database to the newest schema; the migrations themselves stand in `migrations/`."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, column, create_engine, select, table
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import create_async_engine

from services.foundation.columns import TransactionId
from services.foundation.connecting import sqlite_path, unreachable
from services.foundation.database import Database
from services.foundation.problems import Unavailable
from services.foundation.statements import Statement

# SQLAlchemy reads no type out of a database that is not in here, and compares none it cannot read.
ischema_names["xid8"] = TransactionId

_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_REVISION = Statement(select(table("alembic_version", column("version_num")).c.version_num))
_UNREACHABLE = (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)
_CONNECT_SECONDS = 10


class SchemaMissing(Exception):
    """The database has no tables yet, or those of an earlier release."""


def _config(service: str, connection: Connection | None, metadata: Any = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS / service))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


def _with_connection(url: str, work: Callable[[Connection], Any]) -> Any:
    path = sqlite_path(url)
    if path is not None:
        engine = create_engine(URL.create("sqlite", database=str(path)))
        try:
            with engine.connect() as connection:
                result = work(connection)
                connection.commit()
                return result
        finally:
            engine.dispose()

    async def open_connection() -> Any:
        # By the driver itself: it knows the parameters of a URL that SQLAlchemy would refuse.
        plain = url.replace("postgresql+asyncpg://", "postgresql://")
        try:
            return await asyncpg.connect(plain, timeout=_CONNECT_SECONDS)
        except _UNREACHABLE as error:
            raise Unavailable(unreachable(url)) from error

    async def run() -> Any:
        engine = create_async_engine("postgresql+asyncpg://", async_creator=open_connection)
        try:
            async with engine.connect() as connection:
                result = await connection.run_sync(work)
                await connection.commit()
                return result
        finally:
            await engine.dispose()

    return asyncio.run(run())


def upgrade(service: str, url: str, revision: str = "head") -> None:
    """Bring the schema to a revision; a database that is there already is left as it is."""
    _with_connection(url, lambda c: command.upgrade(_config(service, c), revision))


def downgrade(service: str, url: str, revision: str) -> None:
    """Take the schema back to a revision."""
    _with_connection(url, lambda c: command.downgrade(_config(service, c), revision))


def check(service: str, url: str, metadata: Any) -> None:
    """Raise if tables and migrations differ."""
    _with_connection(url, lambda c: command.check(_config(service, c, metadata)))


@cache
def newest(service: str) -> str:
    """Return the newest revision that the code knows."""
    return str(ScriptDirectory.from_config(_config(service, None)).get_current_head())


@cache
def earlier(service: str) -> frozenset[str]:
    """Return the revisions that the code knows and needs more than."""
    revisions = ScriptDirectory.from_config(_config(service, None)).walk_revisions()
    return frozenset(script.revision for script in revisions) - {newest(service)}


def present(url: str) -> str | None:
    """Return the revision that the database is at."""

    def look(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    found: str | None = _with_connection(url, look)
    return found


def _missing(service: str, what: str) -> SchemaMissing:
    return SchemaMissing(f"the database {what}; run: python -m services.{service} migrate")


async def require_schema(service: str, database: Database) -> None:
    """Do nothing if an open database has all tables that the service needs.

    A revision that the code does not know is of a later release: schemas go ahead of code.

    Raises
    ------
    SchemaMissing
        It has none, or those of an earlier release.
    """
    try:
        revision = await database.text(_REVISION)
    except (asyncpg.UndefinedTableError, sqlite3.OperationalError):
        revision = None
    if revision is None:
        raise _missing(service, "has no tables yet")
    if revision in earlier(service):
        raise _missing(service, f"is of an earlier release ({revision})")


def require_file(service: str, url: str) -> None:
    """Do nothing if the file of a SQLite URL is there, which opening it would otherwise make.

    Raises
    ------
    SchemaMissing
        It is not.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise _missing(service, f"{path} is not there yet")
