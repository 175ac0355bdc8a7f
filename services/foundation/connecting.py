"""From a database URL to a database, and the command line's way to its schema."""

from pathlib import Path

from services.foundation.database import Database
from services.foundation.postgres import PostgresDatabase
from services.foundation.sqlite import SqliteDatabase


def connect(url: str, *, connections: int = 4) -> Database:
    """Return the database that `url` names: `sqlite:///file` or `postgresql://…`.

    Raises
    ------
    ValueError
        The URL names neither.
    """
    if url.startswith("sqlite:///"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))
    if url.startswith(("postgresql://", "postgresql+asyncpg://", "postgres://")):
        return PostgresDatabase(url, connections=connections)
    raise ValueError("a database URL starts with sqlite:/// or postgresql://")


def alchemy_url(url: str) -> str:
    """Return the URL as SQLAlchemy's own engines (migrations) want it."""
    if url.startswith("sqlite:"):
        return url
    return "postgresql+asyncpg://" + url.split("://", 1)[1]
