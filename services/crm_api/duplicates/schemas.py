"""The shapes of duplicates on the wire."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from services.crm_api.contacts.schemas import Contact
from services.crm_api.schemas import ListPage
from services.foundation.queries import CursorText, Query, query_integer
from shared.values import Probability, RecordId, Shape, number, text

Code = Literal[
    "same_email",
    "similar_email",
    "different_email",
    "same_phone",
    "different_phone",
    "same_birth_date",
    "similar_birth_date",
    "different_birth_date",
    "same_family_name",
    "similar_family_name",
    "different_family_name",
    "same_given_name",
    "similar_given_name",
    "different_given_name",
    "swapped_names",
    "same_name",
    "similar_name",
    "different_name",
    "same_address",
    "similar_address",
    "same_place",
    "different_address",
]
CODES = get_args(Code)
DisplayName = text(410, example="Anna Weber")


class MatchReason(Shape):
    """What speaks for or against two contacts being one."""

    code: Code = Field(description="The finding.")
    weight: number(-100, 100, example=6.0) = Field(
        description="What it weighs in bits: log2 of how much more often one and the same shows it."
    )


class DuplicateCandidate(Shape):
    """A contact that is likely the same."""

    contact: Contact = Field(description="The contact.")
    score: Probability = Field(description="How likely the two are one.")
    reasons: Annotated[list[MatchReason], Field(max_length=20)] = Field(
        description="Why, the strongest first."
    )


class DuplicateCandidates(Shape):
    """Contacts that are likely the same as one."""

    items: Annotated[list[DuplicateCandidate], Field(max_length=20)] = Field(
        description="The likeliest first."
    )


class DuplicatePair(Shape):
    """Two contacts that are likely one."""

    first_id: RecordId = Field(description="One of them.")
    first_display_name: DisplayName = Field(description="What the first is called.")
    second_id: RecordId = Field(description="The other one.")
    second_display_name: DisplayName = Field(description="What the second is called.")
    score: Probability = Field(description="How likely the two are one.")
    reasons: Annotated[list[MatchReason], Field(max_length=20)] = Field(
        description="Why, the strongest first."
    )


class DuplicatePairPage(ListPage):
    """Some of the pairs of the whole base."""

    items: Annotated[list[DuplicatePair], Field(max_length=20000)] = Field(
        description="Pairs, in no order that means anything; a page may be empty though more follow."
    )


class ListDuplicates(Query):
    """How far to look at a time."""

    limit: query_integer(1, 500, example=100) = Field(
        default=100, description="How many groups of contacts that share something to look at."
    )
    cursor: CursorText | None = Field(
        default=None, description="Where to go on: taken from `next` of the page before."
    )
