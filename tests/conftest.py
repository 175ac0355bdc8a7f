"""Real databases for the tests: a migrated SQLite file and a real PostgreSQL, fresh for each test."""

import gc
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings

from services.crm_api.app import create_app
from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.database import Database
from services.foundation.edge import start_logging
from services.foundation.keys import add_key, new_key
from tests.databases import on_database
from tests.live import LiveServer, client
from tests.postgresql import PostgresServer

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BOTH = ("sqlite", "postgresql")


# `make test` runs the same few cases every time; `make fuzz` many that differ.
settings.register_profile(
    "default", max_examples=10, stateful_step_count=30, deadline=None, derandomize=True
)
settings.register_profile("long", max_examples=300, stateful_step_count=60, deadline=None)
# Hypothesis takes a profile of its own where the variable CI is set; the option still wins.
settings.load_profile("default")


def pytest_configure() -> None:
    start_logging("error")
    # The services that tests start as processes keep our modules compiled, whoever runs the tests.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@dataclass
class Templates:
    """Migrated, empty databases that tests copy."""

    folder: Path
    postgres: Callable[[], PostgresServer]
    made: dict[tuple[str, str], str] = field(default_factory=dict)
    count: int = 0

    def fresh(self, service: str, kind: str, folder: Path) -> str:
        """Return the URL of a new database with the newest schema of `service`."""
        self.count += 1
        name = f"{service}_{self.count}"
        if kind == "sqlite":
            template = self.folder / f"{service}.sqlite3"
            if not template.exists():
                migrating.upgrade(service, f"sqlite:///{template}")
            copy = folder / f"{name}.sqlite3"
            shutil.copy(template, copy)
            return f"sqlite:///{copy}"
        server = self.postgres()
        if (service, kind) not in self.made:
            server.create_database(f"template_{service}")
            migrating.upgrade(service, server.url(f"template_{service}"))
            self.made[service, kind] = "made"
        server.create_database(name, template=f"template_{service}")
        return server.url(name)


@pytest.fixture(scope="session")
def templates(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Templates:
    return Templates(
        tmp_path_factory.mktemp("templates"), lambda: request.getfixturevalue("postgres")
    )


def store_key(url: str, *, scopes: Sequence[str], name: str = "test") -> str:
    """Put a new key into a database and return it."""

    async def store(database: Database) -> str:
        key = new_key("test")
        await add_key(database, key, name=name, scopes=scopes, now=utc_now())
        return key

    return on_database(url, store)


class Crm:
    """A running CRM service with a client that may do everything."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.settings, self._clock = settings, clock
        self.key = store_key(settings.database_url, scopes=SCOPES)
        self.start()

    def start(self, *, port: int | None = None) -> None:
        self.app = create_app(self.settings, clock=self._clock)
        self.server = LiveServer(self.app, port=port)
        self.server.__enter__()
        self.url = self.server.url
        self.client = client(self.url, self.key)

    def stop(self) -> None:
        self.client.close()
        self.server.__exit__(None, None, None)

    def restart(self) -> None:
        self.stop()
        self.start()

    def client_with(self, *scopes: str) -> httpx.Client:
        """Return a client whose key has just these scopes."""
        return client(self.url, store_key(self.settings.database_url, scopes=scopes))

    def create(self, plural: str, **fields: Any) -> dict[str, Any]:
        """Create a record and return it; a contact also if one that looks the same is there."""
        if plural == "contacts":
            fields.setdefault("allow_duplicate", True)
        answer = self.client.post(f"/v1/{plural}", json=fields)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def patch(self, path: str, fields: dict[str, Any], *, version: int | str) -> httpx.Response:
        headers = {"Content-Type": "application/merge-patch+json"}
        headers["If-Match"] = "*" if version == "*" else f'"{version}"'
        return self.client.patch(path, json=fields, headers=headers)


MakeCrm = Callable[..., Crm]


@pytest.fixture
def make_crm(templates: Templates, tmp_path: Path) -> Iterator[MakeCrm]:
    running: list[Crm] = []

    def make(kind: str, *, clock: Callable[[], datetime] = utc_now, **settings: Any) -> Crm:
        chosen = Settings(
            data_dir=tmp_path,
            crm_database_url=templates.fresh("crm_api", kind, tmp_path),
            crm_requests_per_minute=settings.pop("crm_requests_per_minute", 1_000_000),
            log_requests=False,
            **settings,
        )
        running.append(Crm(chosen, clock))
        return running[-1]

    yield make
    for crm in running:
        crm.stop()


@pytest.fixture(params=BOTH)
def crm(request: pytest.FixtureRequest, make_crm: MakeCrm) -> Crm:
    """A CRM service on each database."""
    return make_crm(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: at the end, the other workers would wait for it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector; later it looks seldom, and at nothing imported here."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()
    return collected
