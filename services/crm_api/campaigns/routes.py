"""The operations on campaigns over HTTP."""

from services.crm_api.campaigns.operations import check_campaign
from services.crm_api.campaigns.schemas import EXAMPLE, EXAMPLE_PATCH, FIXED, SHAPES, ListCampaigns
from services.crm_api.campaigns.table import CAMPAIGN
from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite
from services.foundation.links import Link, of_answer

routes = record_routes(
    satellite(
        CAMPAIGN,
        SHAPES,
        ListCampaigns,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        check=check_campaign,
        fixed=FIXED,
        is_keyed=True,
        on_deletion="Its members stay, and records that name it keep its key.",
    ),
    singular="a campaign",
    links=(
        Link("list_campaign_members", "Who is in it.", {"campaign_id": of_answer("id")}),
        Link("create_campaign_member", "Add a contact.", body={"campaign_id": of_answer("id")}),
    ),
)
