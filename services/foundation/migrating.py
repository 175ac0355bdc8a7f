"""Brings a service's database to the newest schema; the migrations themselves stand in `migrations/`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from services.foundation.connecting import alchemy_url

_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def _config(service: str, connection: Connection | None, metadata: Any = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS / service))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


def _with_connection(url: str, work: Callable[[Connection], Any]) -> Any:
    if url.startswith("sqlite:"):
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                result = work(connection)
                connection.commit()
                return result
        finally:
            engine.dispose()

    async def run() -> Any:
        engine = create_async_engine(alchemy_url(url))
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


def newest(service: str) -> str:
    """Return the newest revision that the code knows."""
    return str(ScriptDirectory.from_config(_config(service, None)).get_current_head())


def present(url: str) -> str | None:
    """Return the revision that the database is at."""

    def look(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    found: str | None = _with_connection(url, look)
    return found
