"""The databases of a run: a durable PostgreSQL of its own and SQLite files, migrated and with a key."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.crm_api.scopes import SCOPES
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from services.foundation.keys import add_key, new_key
from tests.postgresql import PostgresServer

KINDS = ("postgresql", "sqlite")


@dataclass
class Stores:
    """Makes databases of either kind, each with the newest schema of a service."""

    folder: Path
    server: PostgresServer

    def fresh(self, kind: str, service: str, name: str) -> str:
        """Return the URL of a new, migrated database."""
        if kind == "sqlite":
            url = f"sqlite:///{self.folder / name}.sqlite3"
        else:
            self.server.create_database(name)
            url = self.server.url(name)
        migrating.upgrade(service, url)
        return url


@contextmanager
def stores(folder: Path) -> Iterator[Stores]:
    """Start a PostgreSQL whose commits are durable, as those of SQLite are."""
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(durable=True, settings={"max_wal_size": "4GB"}))
        yield Stores(folder, server)


def store_key(url: str, scopes: Sequence[str] = SCOPES) -> str:
    """Put a key that may do everything into a database, of the CRM unless told, and return it."""

    async def store() -> str:
        database = connect(url)
        await database.open()
        try:
            key = new_key("test")
            await add_key(database, key, name="bench", scopes=scopes, now=utc_now())
            return key
        finally:
            await database.close()

    return asyncio.run(store())


def crm_environment(url: str, folder: Path, *, port: int) -> dict[str, str]:
    """Return the settings of our service: no quota to speak of, no line for every request."""
    return {
        "PHASEWISE_DATA_DIR": str(folder),
        "PHASEWISE_CRM_DATABASE_URL": url,
        "PHASEWISE_CRM_PORT": str(port),
        "PHASEWISE_CRM_REQUESTS_PER_MINUTE": "1000000000",
        "PHASEWISE_LOG_REQUESTS": "false",
        "PHASEWISE_LOG_LEVEL": "warning",
    }
