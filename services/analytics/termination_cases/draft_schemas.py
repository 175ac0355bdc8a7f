"""The shapes of drafts of letters on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Shown
from services.analytics.termination_cases.drafts import Purpose
from services.foundation.queries import Query
from shared.values import Flag, Language, RecordId, word
from shared.values import text as bounded_text


class DraftQuery(Query):
    """Which letter."""

    purpose: Purpose | None = Field(
        default=None,
        description="What the letter is for. Absent: what the step of the case calls for: `remedy` until it "
        "has failed, then `hearing`, and `decision` once something is decided.",
    )
    language: Language | None = Field(
        default=None, description="Absent: the customer's, if it is known, else yours."
    )


class DraftRecord(Shown):
    """A record of the CRM that a letter names."""

    id: RecordId = Field(description="Its id in the CRM, which the letter leaves out.")
    signal_id: word(example="chronic_late_payment") = Field(description="What it speaks of.")
    role: Literal["grounds", "counter_evidence"] = Field(
        description="For the signal, or against it."
    )
    name: (
        bounded_text(300, example="invoice of 1 Mar 2026 for EUR 120.00, due 15 Mar 2026") | None
    ) = Field(
        description="How the letter names it; null if it is not known here: to be filled in by a person."
    )


class Draft(Shown):
    """A letter for a person to complete and send; what is missing stands in square brackets."""

    purpose: Purpose = Field(description="What it is for.")
    language: Language = Field(description="Its language.")
    is_customer_language: Flag | None = Field(
        description="Whether it is the customer's; null: not known until the next refresh."
    )
    subject: bounded_text(200, example="Our business relationship") = Field(
        description="Its subject."
    )
    text: bounded_text(20_000, lines=True, example="Dear Sir or Madam, …") = Field(
        description="Its text."
    )
    records: Annotated[list[DraftRecord], Field(max_length=60)] = Field(
        description="The records that the letter names, in its order; of a hearing only."
    )
