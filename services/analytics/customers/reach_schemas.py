"""The shapes of how a customer can be reached."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Label, Shown
from shared.values import Count, Day, Flag, Language, Probability, RecordId, number, word
from shared.values import text as bounded_text


class WhyNot(Shown):
    """Why something is not possible."""

    code: bounded_text(64, example="R_CHANNEL_NO_CONSENT") = Field(
        description="An id of the catalogue's reason_codes."
    )
    text: bounded_text(500, example="No consent to advertising over this channel is recorded.") = (
        Field(description="In the language asked for.")
    )


class ContactChannel(Shown):
    """A channel that can address a person."""

    channel: word(example="email") = Field(description="An id of the catalogue's channels.")
    label: Label = Field(description="Its name in the language asked for.")
    allowed: Flag = Field(
        description="Whether advertising may use it: an address is known, and consent as the channel "
        "asks for. What the customer asked for itself may be answered without."
    )
    response_rate: Probability = Field(
        description="Share of own touches of 730 days that were answered, with ten touches of anybody."
    )
    quality: number(0, 10, example=1.2) | None = Field(
        description="How well it is answered against the other allowed channels; 1 is their mean. Null "
        "where it is not allowed."
    )
    why_not: WhyNot | None = Field(description="Null where it is allowed.")


class ContactPressure(Shown):
    """How often the person was addressed of late."""

    used: Count = Field(description="Marketing touches of the last 30 days.")
    cap: Count = Field(
        description="How many there may be: by the style of the person, and half as many while the last "
        "three stayed unanswered."
    )
    allowed: Flag = Field(description="Whether another one is allowed on the day of the numbers.")
    next_possible_on: Day = Field(description="The first day on which it is.")


class Contact(Shown):
    """Who is addressed, over which channels and how often."""

    person_id: RecordId = Field(
        description="The contact in the CRM: for an organisation the reachable person who turned to us "
        "last, or the organisation itself."
    )
    language: Language | None = Field(description="Language for texts; null: not known.")
    style: Literal["brief", "normal", "extensive"] | None = Field(
        description="How much it likes to hear and to read; null: not known."
    )
    preferred_channel: word(example="email") | None = Field(
        description="As it told; null: not known."
    )
    channels: Annotated[list[ContactChannel], Field(max_length=20)] = Field(
        description="All channels that can address a person, allowed or not."
    )
    pressure: ContactPressure
    must_answer_interaction_id: RecordId | None = Field(
        description="The message of the customer that has waited longest, for more than a day; null if "
        "none waits."
    )
    reasons: Annotated[list[WhyNot], Field(max_length=5)] = Field(
        description="Why advertising is not possible, if so."
    )
