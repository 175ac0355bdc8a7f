"""Parts of the shapes that the answers of analytics have in common."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from shared.values import (
    Count,
    Currency,
    Day,
    Flag,
    Instant,
    Probability,
    Shape,
    Version,
    number,
    text,
)

State = Literal[
    "excluded",
    "terminated",
    "to_terminate",
    "lead",
    "lapsed",
    "at_risk",
    "new",
    "developing",
    "retained",
]
Phase = Literal["acquisition", "development", "retention", "winback", "termination"]
Signal = Literal[
    "inactivity",
    "frequency_drop",
    "monetary_drop",
    "negative_sentiment",
    "unresolved_complaint",
    "satisfaction_gap",
    "support_burst",
    "engagement_drop",
    "competitor_loss",
    "payment_delay",
    "leave_intent",
]
Confidence = Literal["high", "medium", "low"]
Basis = Literal["prior", "blended", "fitted"]
Family = Literal["mbg_nbd", "bg_nbd", "pareto_nbd"]
StaleReason = Literal[
    "crm_unavailable",
    "crm_key_missing",
    "crm_contract_broken",
    "refresh_failed",
    "past_day",
    "overdue",
]
Days = number(0, 1e6, example=51.7)


def next_page(example: str) -> Any:
    """Build the type of the path of a next page."""
    return Annotated[str, Field(max_length=4000, pattern=r"^/v1/[!-~]*$", examples=[example])]


Label = text(200, example="Customer at risk")
Description = text(1000, example="Bought recently but seldom so far.")


class Shown(Shape):
    """The base of answers: every field is present, null when unknown."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Published(Shown):
    """From which version an answer was read."""

    as_of: Day = Field(description="The day that the numbers are of; nothing later was used.")
    model_version: Version = Field(description="The published version.")
    currency: Currency = Field(description="Base currency of all amounts.")
    published_at: Instant = Field(description="When the version was published.")
    crm_read_at: Instant = Field(
        description="When the CRM was last read for these numbers, also if nothing had changed there."
    )
    is_stale: Flag = Field(
        description="True if a newer version is missing: the last refresh failed or is overdue. It "
        "turns false by itself with the next refresh that succeeds."
    )
    stale_reason: StaleReason | None = Field(
        description="Why: `crm_unavailable` (the CRM did not answer), `crm_key_missing` (the key for it "
        "cannot be read), `crm_contract_broken` (it answered what it does not promise), "
        "`refresh_failed` (something else; the refresh names it), `past_day` (a refresh was asked for an "
        "earlier day than the one it ran on; the next one without a day ends that), `overdue` (the CRM "
        "was not read for more than two refresh intervals); null if it is not stale."
    )


class Cell(Shown):
    """A group of customers; groups of fewer than five people are hidden."""

    customer_count: Count | None = Field(
        description="How many; null if hidden, or if the version was published before these groups "
        "were counted: the next refresh counts them."
    )
    is_hidden: Flag = Field(
        description="True if every figure is left out: for fewer than five people, or because such a "
        "group could be told from this one and the total."
    )
    share: Probability | None = Field(
        description="Share of the customers of the total; null if hidden or unknown."
    )


__all__ = [
    "Basis",
    "Cell",
    "Confidence",
    "Days",
    "Description",
    "Label",
    "Phase",
    "Published",
    "Shown",
    "StaleReason",
    "State",
    "next_page",
]
