"""The operations on competitor activities over HTTP."""

from services.crm_api.competitor_activities.operations import check_activity
from services.crm_api.competitor_activities.schemas import (
    EXAMPLE,
    EXAMPLE_PATCH,
    SHAPES,
    ListCompetitorActivities,
)
from services.crm_api.competitor_activities.table import COMPETITOR_ACTIVITY
from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite

routes = record_routes(
    satellite(
        COMPETITOR_ACTIVITY,
        SHAPES,
        ListCompetitorActivities,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        check=check_activity,
    ),
    singular="a competitor activity",
)
