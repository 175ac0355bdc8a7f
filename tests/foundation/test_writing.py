"""Units of work on both databases: what a transaction promises, and one that ends itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select

from services.foundation.connecting import connect
from services.foundation.database import Database, Transaction, UniqueViolation
from services.foundation.statements import Statement
from services.foundation.tables import keys
from tests.conftest import BOTH, Templates

_COLUMNS = [column.name for column in keys.columns]
_SECOND = insert(keys).values({name: bindparam(f"second_{name}") for name in _COLUMNS})
_ADD = Statement(insert(keys))
_ADD_AND_SHOW = Statement(insert(keys).returning(keys.c.id))
_ADD_TWO = Statement(insert(keys).returning(keys.c.id), along=_SECOND)
_NAMES = Statement(select(keys.c.id).order_by(keys.c.id))
_LOCK = Statement(select(keys.c.id).with_for_update())

OnDatabase = Callable[[Callable[[Database], Awaitable[Any]]], list[str]]
both = pytest.mark.parametrize("kind", BOTH)


def _key(name: str, prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(_COLUMNS) | {
        "id": name,
        "name": name,
        "secret_hash": name,
        "scopes": ["contacts:read"],
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "previous_secrets": [],
        "version": 1,
    }
    return {prefix + column: value for column, value in values.items()}


@pytest.fixture
def on_database(kind: str, templates: Templates, tmp_path: Path) -> OnDatabase:
    """Run something on a new database and return the keys that are in it afterwards."""
    url = templates.fresh("crm_api", kind, tmp_path)

    async def run(use: Callable[[Database], Awaitable[Any]]) -> list[str]:
        database = connect(url)
        await database.open()
        try:
            await use(database)
            return [row[0] for row in await database.texts(_NAMES)]
        finally:
            await database.close()

    return lambda use: asyncio.run(run(use))


@both
def test_two_writes_of_one_statement_are_both_done(on_database: OnDatabase) -> None:
    async def use(database: Database) -> None:
        async def work(transaction: Transaction) -> str | None:
            return await transaction.text(_ADD_TWO, _key("a") | _key("b", "second_"))

        assert await database.write(work) == "a"

    assert on_database(use) == ["a", "b"]


@both
@pytest.mark.parametrize("ends_itself", [False, True])
def test_two_writes_of_one_statement_are_done_together_or_not_at_all(
    on_database: OnDatabase, ends_itself: bool
) -> None:
    async def use(database: Database) -> None:
        async def work(transaction: Transaction) -> None:
            await transaction.text(_ADD_TWO, _key("a") | _key("a", "second_"))

        with pytest.raises(UniqueViolation):
            await database.write(work, ends_itself=ends_itself)

    assert on_database(use) == []


@both
@pytest.mark.parametrize("before", ["run", "run_many", "savepoint", "lock", "read"])
def test_a_last_write_that_fails_takes_back_what_came_before_it(
    on_database: OnDatabase, before: str
) -> None:
    async def use(database: Database) -> None:
        async def work(transaction: Transaction) -> None:
            if before == "run":
                await transaction.run(_ADD, _key("a"))
            elif before == "run_many":
                await transaction.run_many(_ADD, [_key("a"), _key("b")])
            elif before == "savepoint":
                await transaction.savepoint(lambda: transaction.run(_ADD, _key("a")))
            else:
                await transaction.all(_LOCK if before == "lock" else _NAMES)
            await transaction.text(_ADD_TWO, _key("c") | _key("c", "second_"))

        with pytest.raises(UniqueViolation):
            await database.write(work, ends_itself=True)

    assert on_database(use) == []


@both
def test_what_came_before_the_last_write_is_kept_with_it(on_database: OnDatabase) -> None:
    async def use(database: Database) -> None:
        async def work(transaction: Transaction) -> str | None:
            await transaction.run(_ADD, _key("a"))
            return await transaction.text(_ADD_AND_SHOW, _key("b"))

        assert await database.write(work, ends_itself=True) == "b"

    assert on_database(use) == ["a", "b"]


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.parametrize("after", ["run", "text", "savepoint"])
def test_a_write_after_the_last_one_is_refused(on_database: OnDatabase, after: str) -> None:
    async def use(database: Database) -> None:
        async def work(transaction: Transaction) -> None:
            await transaction.text(_ADD_AND_SHOW, _key("a"))
            assert len(await transaction.all(_NAMES)) == 1
            if after == "run":
                await transaction.run(_ADD, _key("b"))
            elif after == "text":
                await transaction.text(_ADD_AND_SHOW, _key("b"))
            else:
                await transaction.savepoint(lambda: transaction.run(_ADD, _key("b")))

        with pytest.raises(RuntimeError, match="after its last write"):
            await database.write(work, ends_itself=True)

    assert on_database(use) == ["a"]
