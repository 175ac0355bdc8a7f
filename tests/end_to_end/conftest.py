"""A running analytics service beside the CRM, and the demo base loaded once for each database."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from uuid_utils import uuid7

from services.analytics import store
from services.analytics.app import create_app
from services.analytics.crm_client import RESOURCES, SCHEMAS, Limits
from services.analytics.mirror.snapshot import open_snapshot
from services.analytics.mirror.writer import Mirror
from services.analytics.packing import unpack
from services.analytics.refresh import run_refresh
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.tables import SLOTS
from services.crm_api.settings import Settings as CrmSettings
from services.foundation.application import utc_now
from services.foundation.database import Database
from services.foundation.statements import Record, Statement
from services.local.demo.load import DECLARED, load_demo
from services.local.scopes import WORKER_SCOPES
from tests.conftest import BOTH, Crm, MakeCrm, Templates, store_key
from tests.databases import on_database
from tests.live import LiveServer, client
from tests.once import made_once
from tests.postgresql import PostgresServer

QUICK = Limits(attempts=2, longest_wait_seconds=0.0, silence_seconds=5.0, connect_seconds=1.0)
DEMO_SETTINGS = "settings.json"
ROWS = {letter: Statement(select(slot).order_by(slot.c.unit_id)) for letter, slot in SLOTS.items()}


def _nothing(_: str, __: float) -> None:
    return None


class Analytics:
    """A running analytics service; refreshes run when a test says so, here or in a process."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings, self._offset = settings, timedelta(0)
        self._now = clock
        self.key = store_key(settings.database_url, scopes=SCOPES)
        app = create_app(settings, clock=self._clock, schedules=False)
        self.server = LiveServer(app)
        self.server.__enter__()
        self.url = self.server.url
        self.client = client(self.url, self.key)

    def stop(self) -> None:
        self.client.close()
        self.server.__exit__(None, None, None)

    def _clock(self) -> datetime:
        return self._now() + self._offset

    def move_clock(self, by: timedelta) -> None:
        self._offset += by

    def refresh(
        self,
        *,
        as_of: date | None = None,
        is_full: bool = False,
        refresh_id: str | None = None,
        show: Callable[[str, float], None] = _nothing,
        mirror: Mirror | None = None,
        **settings: Any,
    ) -> Record:
        """Run a refresh in this process and return its record; `settings` hold for it alone."""
        chosen = self.settings.model_copy(update=settings)

        async def run(database: Database) -> Record:
            refresh = await store.find_refresh(database, refresh_id) if refresh_id else None
            if refresh is None:
                refresh = await database.write(
                    lambda transaction: store.add_refresh(
                        transaction, str(uuid7()), as_of=as_of, is_full=is_full, now=self._clock()
                    )
                )
            with mirror or Mirror(chosen.data_dir) as opened:
                return await run_refresh(
                    refresh,
                    database=database,
                    settings=chosen,
                    clock=self._clock,
                    show=show,
                    mirror=opened,
                    limits=QUICK,
                )

        record: Record = self.on_database(run)
        return record

    def published(self, **options: Any) -> int:
        """Refresh, check that it succeeded, and return the version that stands then."""
        refresh = self.refresh(**options)
        assert refresh["status"] == "succeeded", refresh
        return int(refresh["version"])

    def on_database(self, work: Callable[[Database], Any]) -> Any:
        return on_database(self.settings.database_url, work)

    def rows(self, version: int) -> list[Record]:
        """Return the stored customers of the published version in the order of their ids."""

        async def read(database: Database) -> list[Record]:
            newest = await store.newest_version(database)
            assert newest is not None and newest["number"] == version
            rows = await database.all(ROWS[newest["slot"]])
            return [unpack(row, newest["number_columns"]) for row in rows]

        found: list[Record] = self.on_database(read)
        return found

    def mirror_records(self) -> dict[str, list[Any]]:
        """Return the records in the mirror in the order of their ids."""
        root = self.settings.data_dir / "mirror"
        snapshot = open_snapshot(root / (root / "current").read_text().strip())
        return {
            name: snapshot.read(name, SCHEMAS[name].names).sort_by("id").to_pylist()
            for name in RESOURCES
        }

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.client.get(path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def environment(self) -> dict[str, str]:
        """Return what a process of this service is started with."""
        return os.environ | {
            "PHASEWISE_DATA_DIR": str(self.settings.data_dir),
            "PHASEWISE_ANALYTICS_DATABASE_URL": self.settings.database_url,
            "PHASEWISE_ANALYTICS_KEY_FILE": str(self.settings.key_file),
            "PHASEWISE_CRM_URL": self.settings.crm_base_url,
            "PHASEWISE_BASE_CURRENCY": self.settings.base_currency,
            "PHASEWISE_AS_OF": str(self.settings.as_of),
            "PHASEWISE_LOG_LEVEL": "error",
        }

    def start_refresh(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a refresh in a process of its own; its progress comes on standard error."""
        command = [sys.executable, "-m", "services.analytics", "refresh", *arguments]
        return subprocess.Popen(
            command, env=self.environment(), stderr=subprocess.PIPE, text=True, bufsize=1
        )


def run_analytics(
    crm: Crm, kind: str, templates: Templates, folder: Path, **settings: Any
) -> Analytics:
    """Start analytics beside a CRM, with the key that `make run` would give it."""
    folder.mkdir(parents=True, exist_ok=True)
    key_file = folder / "analytics.key"
    key_file.write_text(store_key(crm.settings.database_url, scopes=WORKER_SCOPES) + "\n")
    chosen: Mapping[str, Any] = {
        "as_of": date(2026, 1, 31),
        "analytics_requests_per_minute": 10_000_000,
        "log_requests": False,
        "crm_url": crm.url,
        **settings,
    }
    database_url = templates.fresh("analytics", kind, folder)
    return Analytics(
        Settings(
            data_dir=folder,
            analytics_database_url=database_url,
            analytics_key_file=key_file,
            **chosen,
        )
    )


@contextmanager
def both_services(
    kind: str, templates: Templates, folder: Path, **settings: Any
) -> Iterator[tuple[Crm, Analytics]]:
    """Run a CRM and analytics beside it for several tests; `settings` are of analytics."""
    of_crm = CrmSettings(
        data_dir=folder,
        crm_database_url=templates.fresh("crm_api", kind, folder),
        crm_requests_per_minute=10_000_000,
        log_requests=False,
    )
    crm = Crm(of_crm, utc_now)
    analytics = run_analytics(crm, kind, templates, folder / "analytics", **settings)
    yield crm, analytics
    analytics.stop()
    crm.stop()


def kind_of(crm: Crm) -> str:
    return crm.settings.database_url.partition(":")[0].partition("+")[0]


MakeAnalytics = Callable[..., Analytics]


@pytest.fixture
def make_analytics(templates: Templates, tmp_path: Path) -> Iterator[MakeAnalytics]:
    running: list[Analytics] = []

    def make(crm: Crm, **settings: Any) -> Analytics:
        folder = tmp_path / f"analytics-{len(running)}"
        running.append(run_analytics(crm, kind_of(crm), templates, folder, **settings))
        return running[-1]

    yield make
    for analytics in running:
        analytics.stop()


@pytest.fixture
def analytics(crm: Crm, make_analytics: MakeAnalytics) -> Analytics:
    """Analytics beside `crm`, on the same kind of database."""
    return make_analytics(crm)


@pytest.fixture
def crm_on_sqlite(make_crm: MakeCrm) -> Crm:
    return make_crm("sqlite")


def _load_demo(kind: str, templates: Templates, folder: Path) -> None:
    """Load and compute the demo base as of the day after its last purchase, and note where it is.

    On SQLite it is the real log alone, on PostgreSQL the invented customers are beside it: loading
    either takes long, and `make run` is tried with both on SQLite.
    """
    of_demo: dict[str, Any] = {"as_of": date(1998, 7, 1), "base_currency": "USD"}
    if kind == "postgresql":
        of_demo["catalogue_overlay"] = DECLARED
    with both_services(kind, templates, folder, **of_demo) as (crm, analytics):
        load_demo(crm.url, crm.key, say=lambda _: None, with_invented=kind == "postgresql")
        assert analytics.published() == 1
        settings = (crm.settings, analytics.settings)
        (folder / DEMO_SETTINGS).write_bytes(
            orjson.dumps([each.model_dump(mode="json") for each in settings])
        )


@pytest.fixture(scope="session")
def demo_folder(
    request: pytest.FixtureRequest, postgres: PostgresServer, templates: Templates
) -> Iterator[Callable[[str], Path]]:
    """Where the demo base of a kind of database is; all workers share the two."""
    with ExitStack() as held:

        @cache
        def folder_of(kind: str) -> Path:
            load = partial(_load_demo, kind, templates)
            return held.enter_context(made_once(request, f"demo-{kind}", load))

        yield folder_of


@pytest.fixture(scope="session", params=BOTH)
def demo(
    request: pytest.FixtureRequest, demo_folder: Callable[[str], Path]
) -> Iterator[tuple[Crm, Analytics]]:
    """Both services on the demo base of each database; only read."""
    folder = demo_folder(request.param)
    of_crm, of_analytics = orjson.loads((folder / DEMO_SETTINGS).read_bytes())
    crm = Crm(CrmSettings(**of_crm), utc_now)
    analytics = Analytics(Settings(**of_analytics | {"crm_url": crm.url}))
    yield crm, analytics
    analytics.stop()
    crm.stop()
