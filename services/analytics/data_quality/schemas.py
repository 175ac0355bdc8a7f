"""The shape of the data quality of a version."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Label, Published, Shown
from shared.values import Count, Flag, Probability, RecordId, Total, text, word

RecordKind = Literal["contact", "deal", "interaction"]
FieldName = text(100, example="deals.cost")
Sentence = text(
    1000, example="Won deals without a recorded cost are valued with the default margin."
)
Figure = word(example="historic_value")
Figures = Annotated[list[Figure], Field(max_length=20)]


class Finding(Shown):
    """Records that something is missing in, or that were read in a way worth knowing."""

    code: word(example="deals_with_estimated_cost") = Field(description="What was found.")
    label: Label = Field(description="Its name in the language asked for.")
    text: Sentence = Field(description="What it is, and what was left out or assumed for it.")
    effect: Sentence = Field(description="What filling it would change.")
    is_fault: Flag = Field(
        description="True if it could be mended; false if it only says how records were read."
    )
    count: Count = Field(description="How many records.")
    record: RecordKind = Field(description="What kind of records.")
    examples: Annotated[list[RecordId], Field(max_length=20)] = Field(
        description="Ids of some of them in the CRM; none of people who are not to be named."
    )
    customer_count: Count | None = Field(
        description="How many customers they belong to; null if that was not counted."
    )
    amounts: Annotated[list[Total], Field(max_length=300)] = Field(
        description="What they amount to, by currency, where that matters."
    )
    figures: Figures = Field(description="Figures that leave them out, or rest on an assumption.")


class FieldShare(Shown):
    """How often a field is filled among the records that ought to have it."""

    field: FieldName = Field(description="Resource and field of the CRM.")
    record_count: Count = Field(description="Records that ought to have it.")
    known_count: Count = Field(description="Records that have it.")
    unknown_count: Count = Field(description="Records that lack it.")
    known_share: Probability | None = Field(
        description="Share of the records that have it; null if there is none."
    )


class FieldQuality(FieldShare):
    """The same with what it is good for."""

    label: Label = Field(description="Its name in the language asked for.")
    text: Sentence = Field(description="What filling it would change.")
    record: RecordKind = Field(description="The kind of record.")
    figures: Figures = Field(description="Figures that become better.")


class OwnerQuality(Shown):
    """The fields of the customers of one person."""

    owner_id: text(64, example="u-17") | None = Field(
        description="The owner of the customers; null for those that nobody owns."
    )
    fields: Annotated[list[FieldShare], Field(max_length=50)] = Field(
        description="Only fields that some record of theirs ought to have."
    )


class DataQuality(Published):
    """What the figures of a version rest on, and what they lack."""

    findings: Annotated[list[Finding], Field(max_length=50)] = Field(
        description="What was found, the most far-reaching first; nothing that was not."
    )
    fields: Annotated[list[FieldQuality], Field(max_length=50)] = Field(
        description="Completeness of the fields that figures are made of."
    )
    owners: Annotated[list[OwnerQuality], Field(max_length=200)] = Field(
        description="The same by owner, those with the most records first."
    )
