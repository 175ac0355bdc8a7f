"""From a database URL to a database; says what is wrong with a URL before anything is tried."""

import re
from pathlib import Path

from services.foundation.database import Database
from services.foundation.postgres import PostgresDatabase
from services.foundation.sqlite import SqliteDatabase

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgresql+asyncpg://", "postgres://")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(\d{1,5}))?")
_HIGHEST_PORT = 65535


class InvalidUrl(ValueError):
    """A text is no database URL; the message does not repeat it, it may hold a password."""


def sqlite_path(url: str) -> Path | None:
    """Return the file that a URL names; None for PostgreSQL.

    Raises
    ------
    InvalidUrl
        It names neither `sqlite:///file` nor `postgresql://…`.
    """
    if url.startswith(_SQLITE) and url != _SQLITE:
        return Path(url.removeprefix(_SQLITE))
    if not url.startswith(_POSTGRESQL):
        raise InvalidUrl("a database URL starts with sqlite:///FILE or postgresql://")
    for host in _hosts(url).split(","):
        match = _HOST.fullmatch(host)
        if match is None or int(match[1] or 0) > _HIGHEST_PORT:
            raise InvalidUrl("a database URL reads postgresql://user:password@host:port/database")
    return None


def _hosts(url: str) -> str:
    return url.split("://", 1)[1].split("/")[0].split("?")[0].rpartition("@")[2]


def unreachable(url: str) -> str:
    """Say that a database cannot be reached, and where it should be; without user and password."""
    return f"the database at {sqlite_path(url) or _hosts(url)} cannot be reached"


def connect(url: str, *, connections: int = 4) -> Database:
    """Return the database that `url` names; nothing is opened yet.

    Raises
    ------
    InvalidUrl
        The URL names none.
    """
    path = sqlite_path(url)
    if path is not None:
        return SqliteDatabase(path)
    return PostgresDatabase(url, connections=connections)
