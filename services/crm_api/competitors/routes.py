"""The operations on competitors over HTTP."""

from services.crm_api.competitors.schemas import (
    EXAMPLE,
    EXAMPLE_PATCH,
    FIXED,
    SHAPES,
    ListCompetitors,
)
from services.crm_api.competitors.table import COMPETITOR
from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite
from services.foundation.links import Link, of_answer

routes = record_routes(
    satellite(
        COMPETITOR,
        SHAPES,
        ListCompetitors,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        fixed=FIXED,
        is_keyed=True,
        on_deletion="Its activities and SWOT items stay, and records that name it keep its key.",
    ),
    singular="a competitor",
    links=(
        Link("list_competitor_activities", "What it did.", {"competitor_id": of_answer("key")}),
    ),
)
