"""The operations on campaign members over HTTP."""

from services.crm_api.campaign_members.operations import check_member, check_restored
from services.crm_api.campaign_members.schemas import (
    EXAMPLE,
    EXAMPLE_PATCH,
    FIXED,
    SHAPES,
    ListCampaignMembers,
)
from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER
from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite

routes = record_routes(
    satellite(
        CAMPAIGN_MEMBER,
        SHAPES,
        ListCampaignMembers,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        fixed=FIXED,
        check=check_member,
        on_restore=check_restored,
    ),
    singular="a campaign member",
)
