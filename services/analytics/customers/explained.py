"""The shapes of explanations: why a score is what it is, on what records, what was not known."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.analytics.schemas import Confidence, Shown
from shared.values import Day, RecordId, Version, number, word
from shared.values import text as bounded_text


class Reason(Shown):
    """One reason, for programs and for people."""

    code: bounded_text(64, example="R_OVERDUE") = Field(
        description="An id of the catalogue's reason_codes."
    )
    params: dict[str, Any] = Field(description="The numbers and ids in the text.")
    contribution: number(-1e15, 1e15, example=0.18) | None = Field(
        description="What it adds to the explained score, in that score's unit."
    )
    text: bounded_text(2000, example="Last purchase 116 days ago.") = Field(
        description="In the language asked for."
    )


class Evidence(Shown):
    """A record of the CRM that a score rests on."""

    type: Literal["deal", "interaction"] = Field(description="What it is.")
    id: RecordId = Field(description="Its id in the CRM.")
    occurred_at: Day = Field(
        description="The day of the interaction, or on which the deal was won, lost or invoiced, or its "
        "contract cancelled."
    )
    role: word(example="last_purchase") = Field(
        description="What it shows: first_purchase, last_purchase, or the id of a signal."
    )


class Gap(Shown):
    """Something that was not known."""

    code: word(example="consent_unknown") = Field(description="For programs.")
    text: bounded_text(2000, example="Consent is not recorded.") = Field(description="For people.")


class Explanation(Shown):
    """Why a score is what it is: the same object for each score."""

    value: bounded_text(64, example="0.35") | number(-1e15, 1e15, example=0.35) | None = Field(
        description="The score; amounts as decimal strings."
    )
    unit: bounded_text(16, example="probability") | None = Field(
        description="`probability` or a currency; null if it is a word."
    )
    as_of: Day = Field(description="The day that it is of.")
    basis: word(example="signals") | None = Field(description="What it rests on.")
    confidence: Confidence | None = Field(description="How much it can carry.")
    model_version: Version = Field(description="The version it is of.")
    reasons: Annotated[list[Reason], Field(max_length=30)] = Field(
        description="Why, the first to be read first."
    )
    evidence: Annotated[list[Evidence], Field(max_length=50)] = Field(
        description="Records that it rests on."
    )
    data_gaps: Annotated[list[Gap], Field(max_length=20)] = Field(
        description="What was not known and would change it."
    )


class Explanations(Shown):
    """Why, score by score."""

    state: Explanation = Field(description="Of state and phase.")
    churn_probability: Explanation = Field(description="Of the probability to stay away.")
    value: Explanation = Field(
        description="Of the value of the next 365 days; of a lead, of what a first year would bring."
    )
    recommendation: Explanation = Field(description="Of the expected value of the recommendation.")
