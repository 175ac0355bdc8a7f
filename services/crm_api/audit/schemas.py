"""The shapes of the audit log."""

from typing import Annotated

from pydantic import Field

from services.crm_api.schemas import ListPage, RecordIds, Texts
from services.foundation.queries import Page
from shared.values import Instant, RecordId, Shape, text, word

Words = Annotated[
    list[word(example="updated")],  # type: ignore[misc]
    Field(max_length=20),
]


class AuditEntry(Shape):
    """One thing that was done."""

    id: text(40, example="c4711") = Field(description="Unique in the log.")
    at: Instant = Field(description="When.")
    action: text(32, example="updated") = Field(
        description="What: created, updated, deleted, restored, merged, unmerged, erased, purged; "
        "personal_data_read, exported, suppression_lifted, key_created, key_changed, key_rotated, "
        "key_revoked, import_started, import_reverted, retention_ran."
    )
    resource: text(32, example="contact") = Field(description="The kind of the record.")
    record_id: RecordId | None = Field(description="The record; null if it is about none.")
    changed: Annotated[list[text(64, example="email")], Field(max_length=100)] | None = Field(
        default=None, description="Names of the fields that changed."
    )
    about_key_id: text(8, example="q7Rk2mZx") | None = Field(
        default=None, description="The key that it was done to."
    )
    key_id: text(8, example="aB3dE5gH") = Field(description="Who: the key.")
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="In which request."
    )


class AuditPage(ListPage):
    """A page of the audit log, newest first."""

    items: Annotated[list[AuditEntry], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ReadAudit(Page):
    """Which entries."""

    record_id: RecordIds = Field(default=[], description="About this record.")
    resource: Words = Field(default=[], description="About records of this kind.")
    action: Words = Field(default=[], description="Of this kind.")
    key_id: Texts = Field(default=[], description="Done with this key.")
    request_id: Texts = Field(default=[], description="Done in this request.")
    about_key_id: Texts = Field(default=[], description="Done to this key.")
    at_gte: Instant | None = Field(default=None, description="At or after.")
    at_lt: Instant | None = Field(default=None, description="Before.")
