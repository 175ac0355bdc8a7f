"""Puts the analytics service together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from fastapi import FastAPI
from sqlalchemy import bindparam, column, select, table
from starlette.types import ASGIApp

from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.customers.routes import routes as customers
from services.analytics.publication import Publications
from services.analytics.refreshes.routes import routes as refreshes
from services.analytics.scheduler import Scheduler
from services.analytics.settings import Settings
from services.analytics.summary.routes import routes as summary
from services.foundation import idempotency, migrating
from services.foundation.application import Serving, assemble, utc_now
from services.foundation.connecting import connect
from services.foundation.problems import Unavailable
from services.foundation.statements import Statement

VERSION = "0.1.0"
ABOUT = {
    "id": "0d3c8f4e-7a0e-4e55-8c1f-0c1c6a1f5b22",
    "title": "Phasewise Analytics",
    "version": VERSION,
    "description": (
        "For every customer: which phase, what value, what risk, what next, and why.\n\n"
        "**Start**: send `Authorization: Bearer <key>`; `make run` writes a key to `var/dev.key`. "
        "Every answer says from which published version it comes (`model_version`, `as_of`); texts "
        "come in German or English by `Accept-Language`. A customer is the organisation, or a person "
        "without one; names are in the CRM under the same id."
    ),
    "servers": [
        {
            "url": "https://analytics.phasewise.example.org",
            "description": "Production environment",
            "x-internal": "false",
        }
    ],
    "tags": [
        {"name": "customers", "description": "What was computed about each."},
        {"name": "summary", "description": "Counts and sums."},
        {"name": "refreshes", "description": "Computing anew."},
    ],
}
FEATURES = (customers, summary, refreshes)
_revision = table("alembic_version", column("version_num"))
_AT_HEAD = Statement(
    select(_revision.c.version_num).where(_revision.c.version_num == bindparam("newest"))
)


def create_app(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, schedules: bool = True
) -> ASGIApp:
    """Build the service; `schedules` also runs the refreshes that are due or asked for."""
    database = connect(settings.database_url, connections=settings.analytics_database_connections)
    newest = migrating.newest("analytics")

    async def is_ready() -> bool:
        try:
            return await database.text(_AT_HEAD, {"newest": newest}) is not None
        except Unavailable:
            return False

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.catalogue = load_catalogue()
        app.state.publications = Publications(database)
        scheduler = Scheduler(database, every_seconds=settings.refresh_minutes * 60.0)
        # the service starts all the same and says 503 until the database is there
        with suppress(Unavailable):
            await idempotency.forget_old(database, now=clock())
        if schedules:
            scheduler.start()
        try:
            yield
        finally:
            await scheduler.stop()

    serving = Serving(
        hosts=settings.analytics_allowed_hosts,
        origins=settings.analytics_allowed_origins,
        requests_per_minute=settings.analytics_requests_per_minute,
        log_requests=settings.log_requests,
    )
    return assemble(
        about=ABOUT,
        features=FEATURES,
        database=database,
        serving=serving,
        is_ready=is_ready,
        lifespan=life,
        clock=clock,
    )
