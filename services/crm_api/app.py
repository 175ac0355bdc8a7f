"""Puts the CRM service together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI
from starlette.types import ASGIApp

from services.crm_api.audit.routes import routes as audit
from services.crm_api.background import Background
from services.crm_api.board.routes import routes as board
from services.crm_api.campaign_members.routes import routes as campaign_members
from services.crm_api.campaigns.routes import routes as campaigns
from services.crm_api.changes.routes import routes as changes
from services.crm_api.competitor_activities.routes import routes as competitor_activities
from services.crm_api.competitors.routes import routes as competitors
from services.crm_api.consents.routes import routes as consents
from services.crm_api.contacts.routes import routes as contacts
from services.crm_api.custom_fields.routes import routes as custom_fields
from services.crm_api.customer_card.routes import routes as customer_card
from services.crm_api.deals.routes import routes as deals
from services.crm_api.dismissals.routes import routes as dismissals
from services.crm_api.duplicates.routes import routes as duplicates
from services.crm_api.exports.routes import routes as exports
from services.crm_api.german import translate
from services.crm_api.imports.revert_routes import routes as reverts
from services.crm_api.imports.routes import routes as imports
from services.crm_api.imports.runner import ImportRunner
from services.crm_api.interactions.routes import routes as interactions
from services.crm_api.keys.routes import routes as keys
from services.crm_api.merges.routes import routes as merges
from services.crm_api.meta.routes import routes as meta
from services.crm_api.pipelines.routes import routes as pipelines
from services.crm_api.privacy.routes import routes as privacy
from services.crm_api.privacy.runner import ErasureRunner
from services.crm_api.products.routes import routes as products
from services.crm_api.retention.routes import routes as retention
from services.crm_api.retention.runner import RetentionRunner
from services.crm_api.scopes import SCOPES
from services.crm_api.segments.routes import routes as segments
from services.crm_api.settings import Settings
from services.crm_api.swot_items.routes import routes as swot_items
from services.crm_api.timeline.routes import routes as timeline
from services.crm_api.undo.routes import routes as undo
from services.crm_api.webhooks.routes import routes as webhooks
from services.crm_api.webhooks.runner import WebhookRunner
from services.crm_api.webhooks.sending import Sender
from services.foundation.application import Serving, assemble, utc_now
from services.foundation.connecting import connect

VERSION = "0.1.0"
ABOUT = {
    "id": "6f0f9e3e-52a1-4b8f-9a39-3d1f6c1b7a10",
    "title": "Phasewise CRM",
    "version": VERSION,
    "description": (
        "Contacts, interactions and deals: what people enter about customers.\n\n"
        "**Start**: send `Authorization: Bearer <key>`; `make run` writes a key to `var/dev.key`. "
        "Every list is paged by `next`; every write takes an `Idempotency-Key`; every change of a "
        "record names the version it was made from with `If-Match`. Errors are "
        "`application/problem+json` with a stable `code`."
    ),
    "servers": [
        {
            "url": "https://crm.phasewise.example.org",
            "description": "Production environment",
            "x-internal": "false",
        },
    ],
    "tags": [
        {"name": "contacts", "description": "People and organisations."},
        {"name": "interactions", "description": "Every contact with a customer."},
        {"name": "deals", "description": "What is sold or may be."},
        {"name": "duplicates", "description": "Contacts that are likely one."},
        {"name": "segments", "description": "Saved filters and lists of contacts."},
        {"name": "products", "description": "What is sold."},
        {"name": "campaigns", "description": "What is done for many customers at once."},
        {"name": "campaign-members", "description": "Who is in which campaign."},
        {"name": "competitors", "description": "Who else our customers could buy from."},
        {"name": "swot-items", "description": "Strengths, weaknesses, opportunities, threats."},
        {"name": "competitor-activities", "description": "What competitors were seen to do."},
        {"name": "pipelines", "description": "The stages that deals go through."},
        {"name": "custom-fields", "description": "Fields that the team added."},
        {"name": "meta", "description": "Closed lists with labels."},
        {"name": "privacy", "description": "All about a person, erasure, and who did what when."},
        {"name": "changes", "description": "The change feed."},
        {"name": "webhooks", "description": "Events sent to other systems."},
        {"name": "exports", "description": "Bulk reading."},
        {"name": "imports", "description": "Files into records."},
        {"name": "keys", "description": "Who may do what, and how often."},
    ],
}
FEATURES = (
    contacts,
    customer_card,
    timeline,
    consents,
    duplicates,
    dismissals,
    merges,
    interactions,
    deals,
    board,
    segments,
    products,
    campaigns,
    campaign_members,
    competitors,
    swot_items,
    competitor_activities,
    pipelines,
    custom_fields,
    changes,
    webhooks,
    undo,
    exports,
    imports,
    reverts,
    privacy,
    retention,
    audit,
    keys,
    meta,
)


def create_app(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> ASGIApp:
    """Build the service from its settings."""
    database = connect(settings.database_url, connections=settings.crm_database_connections)

    @asynccontextmanager
    async def runners_run(app: FastAPI) -> AsyncIterator[None]:
        app.state.time_zone = settings.business_time_zone
        app.state.imports = imports_runner = ImportRunner(
            database,
            folder=settings.data_dir / "imports",
            clock=clock,
            time_zone=settings.business_time_zone,
        )
        folder = imports_runner.folder
        app.state.webhooks = webhook_runner = WebhookRunner(
            database,
            folder=settings.data_dir / "webhooks",
            clock=clock,
            sender=Sender(allowed=settings.crm_webhook_networks),
            poll_seconds=settings.crm_webhook_poll_seconds,
        )
        erasing = ErasureRunner(database, folder=folder, clock=clock)
        app.state.erasures = Background("erasures", erasing.work, poll_seconds=30.0)
        keeping = RetentionRunner(database, settings, folder=folder, clock=clock)
        app.state.retention_rules = keeping.rules
        app.state.retention = Background("retention", keeping.work, poll_seconds=30.0)
        await imports_runner.start()
        await webhook_runner.start()
        app.state.erasures.start()
        app.state.retention.start()
        try:
            yield
        finally:
            await app.state.retention.stop()
            await app.state.erasures.stop()
            await webhook_runner.stop()
            await imports_runner.stop()

    serving = Serving(
        hosts=settings.crm_allowed_hosts,
        origins=settings.crm_allowed_origins,
        requests_per_minute=settings.crm_requests_per_minute,
        log_requests=settings.log_requests,
        tokens=settings.token_rules(SCOPES),
    )
    return assemble(
        "crm_api",
        about=ABOUT,
        features=FEATURES,
        database=database,
        serving=serving,
        lifespan=runners_run,
        clock=clock,
        translate=translate,
    )
