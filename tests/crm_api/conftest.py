"""One running CRM per database for all tests that do not need a fresh one."""

from collections.abc import Iterator

import pytest

from services.crm_api.settings import Settings
from services.foundation.application import utc_now
from tests.conftest import BOTH, Crm, Templates
from tests.crm_api.receivers import Receiver


@pytest.fixture(scope="session", params=BOTH)
def service(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Crm]:
    """A CRM service on each database, shared: a test touches only records that it made."""
    folder = tmp_path_factory.mktemp("service")
    crm = Crm(
        Settings(
            data_dir=folder,
            crm_database_url=templates.fresh("crm_api", request.param, folder),
            crm_requests_per_minute=10_000_000,
            log_requests=False,
        ),
        utc_now,
    )
    yield crm
    crm.stop()


@pytest.fixture
def hook() -> Iterator[str]:
    """The URL of a target that takes whatever webhooks send."""
    with Receiver() as receiver:
        yield receiver.url
