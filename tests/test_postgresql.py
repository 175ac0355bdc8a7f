"""What the tests' own PostgreSQL promises."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.postgresql import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


def ask(url: str, *statements: str) -> Any:
    """Execute statements, each committed on its own, and return the last one's first value."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            value = None
            for statement in statements:
                value = await connection.fetchval(statement)
            return value
        finally:
            await connection.close()

    return asyncio.run(run())


def test_it_starts_within_seconds_and_knows_trigrams_and_umlauts() -> None:
    started = time.monotonic()
    with PostgresServer() as server:
        assert time.monotonic() - started < 10
        url = server.url("postgres")
        assert ask(url, "CREATE EXTENSION pg_trgm", "SELECT 'Müller' % 'müler'") is True
        assert ask(url, "SELECT lower('ÄÖÜ')") == "äöü"
        assert ask(url, "SHOW max_connections") == "100"


def test_two_databases_do_not_see_each_other(server: PostgresServer) -> None:
    for name in ("one", "two"):
        server.create_database(name)
        ask(server.url(name), f"CREATE TABLE is_{name} ()")
    assert ask(server.url("one"), "SELECT to_regclass('is_one')::text") == "is_one"
    assert ask(server.url("one"), "SELECT to_regclass('is_two')::text") is None


def test_a_copy_starts_with_the_rows_of_its_template_and_goes_its_own_way(
    server: PostgresServer,
) -> None:
    server.create_database("template_a")
    ask(server.url("template_a"), "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    server.create_database("copy_a", template="template_a")
    assert ask(server.url("copy_a"), "INSERT INTO t VALUES (2)", "SELECT sum(n) FROM t") == 3
    assert ask(server.url("template_a"), "SELECT sum(n) FROM t") == 1


def test_a_dropped_database_is_gone_even_while_somebody_uses_it(server: PostgresServer) -> None:
    server.create_database("doomed")

    async def drop_under_a_user() -> None:
        connection = await asyncpg.connect(server.url("doomed"))
        await asyncio.to_thread(server.drop_database, "doomed")
        connection.terminate()

    asyncio.run(drop_under_a_user())
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        ask(server.url("doomed"))


def test_names_cannot_carry_statements(server: PostgresServer) -> None:
    with pytest.raises(ValueError, match="database name"):
        server.create_database('x"; DROP DATABASE postgres; --')


def test_a_durable_server_keeps_every_committed_row_over_a_crash() -> None:
    with PostgresServer(durable=True) as server:
        url = server.url("postgres")
        inserts = [f"INSERT INTO t VALUES ({n})" for n in range(50)]
        for crash in range(1, 3):
            ask(url, "CREATE TABLE IF NOT EXISTS t (n int)", *inserts)
            server.kill()
            with pytest.raises(OSError):
                ask(url)
            server.restart()
            assert ask(url, "SELECT count(*) FROM t") == 50 * crash


def test_a_wrong_password_is_refused(server: PostgresServer) -> None:
    url = server.url("postgres")
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(url.replace(password, "wrong"))


def test_nothing_stays_when_the_block_ends() -> None:
    with PostgresServer() as server:
        folder = server._folder
        assert folder.exists()
    assert not folder.exists()
    with pytest.raises(OSError):
        ask(server.url("postgres"))


_HOLDER = """
import time
from tests.postgresql import PostgresServer
with PostgresServer() as server:
    print(server.port, server._process.pid, server._folder, flush=True)
    time.sleep(60)
"""


def test_it_ends_with_a_killed_test_process_and_the_next_one_cleans_up() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert holder.stdout is not None
    _, pid, folder = holder.stdout.readline().split()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()
    with PostgresServer():
        assert not Path(folder).exists()
