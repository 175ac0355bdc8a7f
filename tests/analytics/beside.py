"""A CRM that holds nothing, for what analytics asks of it in the course of requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.crm_api.app import create_app
from services.crm_api.changes.operations import START, write_position
from services.crm_api.settings import Settings
from services.local.scopes import WORKER_SCOPES
from tests.conftest import Templates, store_key
from tests.live import LiveServer

BEGINNING = write_position(START)
"""Where its change feed begins."""


@contextmanager
def empty_crm(kind: str, templates: Templates, folder: Path) -> Iterator[str]:
    """Run it, put the key to read it where analytics looks for it, and yield its address."""
    url = templates.fresh("crm_api", kind, folder)
    settings = Settings(data_dir=folder, crm_database_url=url, log_requests=False)
    (folder / "analytics.key").write_text(store_key(url, scopes=WORKER_SCOPES))
    with LiveServer(create_app(settings)) as crm:
        yield crm.url
