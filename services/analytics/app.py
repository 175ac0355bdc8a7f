"""Puts the analytics service together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from starlette.types import ASGIApp

from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.following import following_overlay
from services.analytics.catalogue.routes import routes as catalogue_routes
from services.analytics.customer_card.reading import CrmCards
from services.analytics.customer_card.routes import routes as customer_card
from services.analytics.customers.routes import routes as customers
from services.analytics.data_quality.routes import routes as data_quality
from services.analytics.decisions.routes import routes as decisions
from services.analytics.decisions.runner import PlanRunner
from services.analytics.decisions.sending import PlanSender
from services.analytics.effectiveness.routes import routes as effectiveness
from services.analytics.experiments.routes import routes as experiments
from services.analytics.german import translate
from services.analytics.loyalty_ladder.routes import routes as loyalty_ladder
from services.analytics.model_cards.routes import routes as model_cards
from services.analytics.plans.asking import CrmNews
from services.analytics.plans.routes import routes as plans
from services.analytics.plans.solving import Planner
from services.analytics.portfolio.routes import routes as portfolio
from services.analytics.publication import Publications
from services.analytics.recommendations.routes import routes as recommendations
from services.analytics.refreshes.routes import routes as refreshes
from services.analytics.rfm.routes import routes as rfm
from services.analytics.scheduler import Scheduler
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.summary.routes import routes as summary
from services.analytics.termination_cases.log_routes import routes as termination_log
from services.analytics.termination_cases.present import Present
from services.analytics.termination_cases.routes import routes as termination_cases
from services.analytics.termination_fairness.routes import routes as termination_fairness
from services.analytics.what_if.operations import Trials
from services.analytics.what_if.routes import routes as what_if
from services.foundation.application import Serving, assemble, utc_now
from services.foundation.connecting import connect

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
        {"name": "recommendations", "description": "What to do next, and what not to do."},
        {"name": "decisions", "description": "What people make of recommendations."},
        {"name": "summary", "description": "Counts and sums."},
        {"name": "segments", "description": "Groups of customers by what they have in common."},
        {"name": "portfolio", "description": "Value against risk."},
        {"name": "loyalty-ladder", "description": "How far customers have come with us."},
        {"name": "data-quality", "description": "What the figures rest on and lack."},
        {"name": "plans", "description": "Whom to do what for, under a budget."},
        {"name": "catalogue", "description": "What can be done, why, and under which conditions."},
        {"name": "models", "description": "What the numbers rest on, and how good they were."},
        {"name": "termination", "description": "Ending a relationship by due process only."},
        {"name": "experiments", "description": "Whether it worked, and what was learned."},
        {"name": "refreshes", "description": "Computing anew."},
    ],
}
FEATURES = (
    *(
        customers,
        customer_card,
        what_if,
        recommendations,
        decisions,
        plans,
        experiments,
        effectiveness,
    ),
    *(summary, rfm, portfolio, loyalty_ladder, data_quality, model_cards),
    *(termination_cases, termination_log, termination_fairness),
    *(catalogue_routes, refreshes),
)


def create_app(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, schedules: bool = True
) -> ASGIApp:
    """Build the service; `schedules` also runs refreshes and the plans of decisions."""
    catalogue = load_catalogue(settings.catalogue_overlay)
    database = connect(settings.database_url, connections=settings.analytics_database_connections)

    @asynccontextmanager
    async def refreshes_run(app: FastAPI) -> AsyncIterator[None]:
        app.state.catalogue = catalogue
        app.state.data_dir = settings.data_dir
        app.state.day_at = settings.day_at
        app.state.time_zone = ZoneInfo(settings.business_time_zone)
        every = timedelta(minutes=settings.refresh_minutes)
        app.state.publications = Publications(
            database,
            clock=clock,
            overdue_after=2 * every if every else None,
            day_at=settings.day_at,
        )
        app.state.planner = Planner(settings.data_dir)
        app.state.trials = Trials(settings)
        app.state.present = Present(settings)
        app.state.crm_cards = CrmCards(settings.crm_base_url, key_file=settings.card_key_file)
        app.state.crm_news = CrmNews(settings.crm_base_url, key_file=settings.key_file)
        scheduler = Scheduler(
            database,
            every_seconds=every.total_seconds(),
            retry_seconds=settings.refresh_retry_seconds,
        )
        plans = PlanRunner(
            database,
            PlanSender(settings.crm_base_url, key_file=settings.write_key_file),
            folder=settings.data_dir / "decisions",
            clock=clock,
        )
        if schedules:
            scheduler.start()
            plans.start()
        try:
            async with following_overlay(settings.catalogue_overlay, app.state):
                yield
        finally:
            await app.state.crm_cards.close()
            await app.state.crm_news.close()
            await plans.stop()
            await scheduler.stop()

    serving = Serving(
        hosts=settings.analytics_allowed_hosts,
        origins=settings.analytics_allowed_origins,
        requests_per_minute=settings.analytics_requests_per_minute,
        log_requests=settings.log_requests,
        tokens=settings.token_rules(SCOPES),
    )
    return assemble(
        "analytics",
        about=ABOUT,
        features=FEATURES,
        database=database,
        serving=serving,
        lifespan=refreshes_run,
        clock=clock,
        translate=translate,
    )
