"""The shapes of merges on the wire."""

from typing import Annotated

from pydantic import Field

from services.crm_api.contacts.schemas import Contact
from services.foundation.queries import Query, QueryFlag
from shared.values import Count, Flag, RecordId, Shape, Version, word

FieldNames = Annotated[
    list[word(example="email")],  # type: ignore[misc]
    Field(max_length=100),
]


class MergeContacts(Shape):
    """What to merge into the contact, and what to prefer of it."""

    duplicate_id: RecordId = Field(description="The contact that becomes part of this one.")
    duplicate_version: Version | None = Field(
        default=None, description="Only if this is still the version of the duplicate."
    )
    take: FieldNames = Field(
        default=[],
        description="Fields whose value the duplicate gives; all others keep the survivor's value, "
        "and what the survivor lacks is filled in. Personal ones only with the scope `contacts:pii`.",
    )


class MergeQuery(Query):
    """How to merge."""

    dry_run: QueryFlag = Field(
        default=False,
        description="Only tell what the merge would do; nothing is written. Only with the scope "
        "`contacts:pii`.",
    )


class MovedCounts(Shape):
    """How many records moved."""

    interactions: Count = Field(description="Interactions.")
    deals: Count = Field(description="Deals.")
    persons: Count = Field(description="Persons of the organisation.")
    referrals: Count = Field(description="Contacts that it recommended us to.")
    campaign_members: Count = Field(description="Memberships in campaigns.")
    segment_members: Count = Field(description="Memberships in segments.")
    consent_events: Count = Field(description="Events of consents.")


class Merged(Shape):
    """What a merge, or taking it back, did."""

    survivor: Contact = Field(description="The contact that stays.")
    duplicate_id: RecordId = Field(description="The other one.")
    changed: FieldNames = Field(
        description="Fields of the survivor that changed; personal ones only with the scope "
        "`contacts:pii`."
    )
    moved: MovedCounts = Field(description="What moved from one to the other.")
    is_dry_run: Flag = Field(description="True if nothing was written.")


class Unmerged(Merged):
    """What taking a merge back did."""

    duplicate: Contact = Field(description="The contact that is there again.")
    kept: FieldNames = Field(
        description="Fields of the survivor that the merge had set and that were changed since, or "
        "that pointed to a contact that is gone by now; they keep their present value. Personal ones "
        "only with the scope `contacts:pii`."
    )


EXAMPLE = {"duplicate_id": "01977b3a-5c00-7000-8000-000000000002", "take": ["phone"]}
