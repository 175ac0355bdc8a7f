"""The shape of all that is computed about a person."""

from typing import Annotated, Any

from pydantic import Field

from services.analytics.customers.schemas import Customer, PastCustomer
from services.analytics.decisions.schemas import Decision
from services.analytics.schemas import Shown
from services.analytics.summary.schemas import ModelSummary
from shared.values import RecordId
from shared.values import text as bounded_text


class StoredCustomer(Customer):
    """What the published version holds about a customer."""

    model: ModelSummary = Field(description="The model that it was computed with.")
    stored: dict[str, Any] = Field(description="Every stored column, as it is.")


class Recipient(Shown):
    """A key that can read it."""

    id: bounded_text(8, example="q7Rk2mZx") = Field(description="The key's id.")
    name: bounded_text(100, example="Frontend") = Field(description="What it was named for.")


class PersonalData(Shown):
    """All that is computed about a customer, and how."""

    unit_id: RecordId = Field(description="The contact in the CRM.")
    logic: bounded_text(5000, example="From the days and amounts of purchases …") = Field(
        description="How the numbers come about, in the language asked for (Art. 15(1)(h) GDPR)."
    )
    recipients: Annotated[list[Recipient], Field(max_length=10_000)] = Field(
        description="Keys that can, or could, read it."
    )
    current: StoredCustomer | None = Field(
        description="What is published; null if the published version has no such customer."
    )
    history: Annotated[list[PastCustomer], Field(max_length=1000)] = Field(
        description="What is kept of versions before, the newest first."
    )
    to_be_overwritten: dict[str, Any] | None = Field(
        description="What an older version held and the next whole refresh overwrites; nobody is shown it."
    )
    termination: dict[str, Any] = Field(
        description="`cases`: due process about this customer, as stored; `log`: who read or changed it."
    )
    decisions: Annotated[list[Decision], Field(max_length=1000)] = Field(
        description="What people decided on recommendations, the newest first."
    )
