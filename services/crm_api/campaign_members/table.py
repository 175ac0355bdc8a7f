"""The members of campaigns; a contact is in a campaign once."""

from sqlalchemy import Column, ForeignKey, Index, String, Table, text

from services.crm_api.resources import Resource, identifier, metadata, record_columns
from services.foundation.columns import Identifier, Instant

campaign_members = Table(
    "campaign_members",
    metadata,
    identifier(),
    Column("campaign_id", Identifier, ForeignKey("campaigns.id"), nullable=False),
    Column("contact_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("arm", String(16), nullable=False),
    Column("outcome", String(16)),
    Column("joined_at", Instant, nullable=False),
    *record_columns(),
    Index(
        "uq_campaign_members_live",
        "campaign_id",
        "contact_id",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
        sqlite_where=text("deleted_at IS NULL"),
    ),
    Index("ix_campaign_members_contact", "contact_id", "joined_at", "id"),
    Index("ix_campaign_members_created", "created_at", "id"),
    Index("ix_campaign_members_updated", "updated_at", "id"),
)

CAMPAIGN_MEMBER = Resource(
    name="campaign_member",
    plural="campaign-members",
    table=campaign_members,
    scope="campaigns",
)
