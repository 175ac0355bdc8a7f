"""A whole base in a database: contacts with their search index, interactions, deals, consents, changes."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import asyncpg

from bench import dataset
from services.crm_api.changes.table import changes
from services.crm_api.consents.table import consent_events
from services.crm_api.contacts.table import contacts
from services.crm_api.deals.table import deals
from services.crm_api.external_refs.table import external_refs
from services.crm_api.interactions.table import interactions

_TABLES = (contacts, interactions, deals, consent_events, changes, external_refs)
_NAMES = ", ".join(
    f"'{name}'" for name in (*(t.name for t in _TABLES), "contact_match_keys", "search_words")
)
# What the triggers would have done, in the order of the index.
_DERIVED_ON_SQLITE = (
    "INSERT INTO contact_search_rows (contact_id) SELECT id FROM contacts ORDER BY id",
    """INSERT INTO contact_search (rowid, text) SELECT row_number, ' ' || search_text || ' '
    FROM contacts JOIN contact_search_rows ON contact_id = contacts.id ORDER BY row_number""",
    """INSERT INTO search_words (word) SELECT DISTINCT value FROM contacts,
    json_each('["' || replace(search_text, ' ', '","') || '"]')
    WHERE length(value) BETWEEN 4 AND 40 AND value NOT GLOB '*[0-9]*'""",
    """INSERT INTO contact_match_keys (key, contact_id) SELECT DISTINCT value, contacts.id
    FROM contacts, json_each(contacts.match_keys) ORDER BY 1, 2""",
)
_DERIVED_ON_POSTGRESQL = (
    """INSERT INTO contact_match_keys (key, contact_id) SELECT DISTINCT value, id FROM contacts,
    jsonb_array_elements_text(match_keys) AS each(value) ORDER BY 1, 2""",
    """INSERT INTO search_words (word) SELECT DISTINCT word FROM contacts,
    unnest(string_to_array(search_text, ' ')) AS each(word)
    WHERE length(word) BETWEEN 4 AND 40 AND word !~ '[0-9]'""",
)


def fill(url: str, *, count: int) -> None:
    """Put `count` contacts and what belongs to them into an empty, migrated database."""
    whole = _without_indexes_on_sqlite if url.startswith("sqlite:") else _without_indexes
    with whole(url):
        dataset.load(url, contacts, dataset.contact_rows(count))
        dataset.load(url, interactions, dataset.interaction_rows(count * 3, contacts=count))
        dataset.load(url, deals, dataset.deal_rows(count, contacts=count))
        dataset.load(url, consent_events, dataset.consent_rows(count // 2, contacts=count))
        dataset.load(url, changes, dataset.change_rows(count * 3 // 2, contacts=count))
        dataset.load(url, external_refs, dataset.reference_rows(count))
    dataset.settle(url)


@contextmanager
def _without_indexes_on_sqlite(url: str) -> Iterator[None]:
    """Drop indexes and triggers, and make them again behind the block: quicker for so many rows."""
    path = url.removeprefix("sqlite:///")
    made = (
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL "
        f"AND type IN ('index', 'trigger') AND tbl_name IN ({_NAMES})"
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        kept = connection.execute(made).fetchall()
        for kind, name, _ in kept:
            connection.execute(f"DROP {kind} {name}")
    yield
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size=-262144")
        connection.execute("BEGIN")
        for text in (*_DERIVED_ON_SQLITE, *(sql for _, _, sql in kept)):
            connection.execute(text)
        connection.execute("COMMIT")


@contextmanager
def _without_indexes(url: str) -> Iterator[None]:
    """Do the same on PostgreSQL, foreign keys included."""

    async def run(*texts: str) -> list[str]:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SET maintenance_work_mem = '512MB'")
            await connection.execute("SET session_replication_role = replica")
            for text in texts[:-1]:
                await connection.execute(text)
            return [row[0] for row in await connection.fetch(texts[-1])]
        finally:
            await connection.close()

    kept = asyncio.run(
        run(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
            f"WHERE NOT indisprimary AND indrelid::regclass::text IN ({_NAMES})"
        )
    )
    names = [text.partition(" INDEX ")[2].split(" ")[0] for text in kept]
    asyncio.run(run(*(f"DROP INDEX {name}" for name in names), "SELECT 1"))
    database = url.rsplit("/", 1)[1]
    asyncio.run(
        run(f"ALTER DATABASE {database} SET session_replication_role = replica", "SELECT 1")
    )
    yield
    asyncio.run(run(*_DERIVED_ON_POSTGRESQL, *kept, "SELECT 1"))
    asyncio.run(run(f"ALTER DATABASE {database} RESET session_replication_role", "SELECT 1"))
