"""The shapes of campaign members on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.interactions.schemas import Outcome
from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import ListQuery, RecordIds
from shared.values import Instant, RecordId, Shape

Arm = Literal["treatment", "control"]


class CampaignMemberFields(Shape):
    """The fields that people enter."""

    campaign_id: RecordId = Field(
        description="The campaign, by the `id` that the answer to its creation has; deals and interactions "
        "name a campaign by its key."
    )
    contact_id: RecordId = Field(
        description="The contact, by the `id` that the answer to its creation has; in a campaign once."
    )
    arm: Arm = Field(
        default="treatment", description="Treated, or left alone for comparison (control)."
    )
    outcome: Outcome | None = Field(default=None, description="What came of it.")
    joined_at: Instant | None = Field(
        default=None,
        description="Since when; absent in a new one: now. Not more than five minutes in the future.",
        examples=["2026-11-21T19:00:00.000000Z"],
    )


FIXED = ("campaign_id", "contact_id")
SHAPES = shapes_of(
    "CampaignMember",
    CampaignMemberFields,
    about="A contact in a campaign.",
    fixed=FIXED,
    filled=("joined_at",),
)


class ListCampaignMembers(ListQuery):
    """Filters and order of the list of campaign members."""

    campaign_id: RecordIds = Field(default=[], description="Of this campaign, by its id.")
    contact_id: RecordIds = Field(default=[], description="Of this contact.")
    arm: Annotated[list[Arm], Field(max_length=2)] = Field(default=[], description="In this arm.")
    outcome: Annotated[list[Outcome], Field(max_length=8)] = Field(
        default=[], description="With this outcome."
    )
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at"] = Field(
        default="-created_at", description="Order; a minus means descending."
    )


EXAMPLE = {
    "campaign_id": "01977b3a-5c00-7000-8000-000000000002",
    "contact_id": "01977b3a-5c00-7000-8000-000000000001",
    "arm": "treatment",
    "external_refs": [{"source": "mailer", "id": "M-31-1001"}],
}
EXAMPLE_PATCH = {"outcome": "clicked"}
