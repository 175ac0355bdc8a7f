"""The dictionary of the columns of reach: who may be reached, how, and what is known of conditions."""

from __future__ import annotations

from services.analytics.calculations.reach.parameters import ReachParameters
from services.analytics.frames.dictionary import BASE, DAY, Column, columns

_OF_UNIT = columns(
    ("person", "str", "id", "contact to be addressed; the unit itself without another"),
    ("language", "category", "word", "language of the person; missing unknown"),
    ("style", "category", "word", "how much it likes to hear; missing unknown"),
    ("preferred_channel", "category", "word", "as the person told; missing unknown"),
    ("touches_30", "int64", "count", "marketing touches of the person, up to 30 days old"),
    ("cap_30", "int64", "count", "how many there may be"),
    ("pressure_allowed", "bool", "", "another touch is allowed on the day"),
    ("wait_days", "int64", "days", "until it is; 0 if on the day"),
    ("survey_allowed", "bool", "", "the person was not invited to a survey within 90 days"),
    ("spent_365", "float64", BASE, "marketing and incentives of 365 days"),
    ("must_answer_interaction", "str", "id", "message that waits for an answer; missing if none"),
    ("must_answer_person", "str", "id", "contact that wrote it"),
    ("must_answer_language", "category", "word", "language of that contact; missing unknown"),
    ("complaint_interaction", "str", "id", "gravest open complaint; missing if none"),
    ("complaint_person", "str", "id", "contact that complained"),
    ("complaint_language", "category", "word", "language of that contact; missing unknown"),
    ("complaint_severity", "float64", "1 to 3", "of that complaint; NaN if none"),
    ("complaint_due_day", "float64", DAY, "until when it is to be settled; NaN if none"),
    ("complaint_count", "int64", "count", "open complaints"),
    ("privacy_interaction", "str", "id", "oldest open request of a data subject; missing if none"),
    ("privacy_person", "str", "id", "contact whose data it is about"),
    ("privacy_language", "category", "word", "language of that contact; missing unknown"),
    ("privacy_due_day", "float64", DAY, "until when it is to be answered; NaN if none"),
    ("has_open_request", "bool", "", "the person itself waits for an answer of ours"),
    ("channel_barriers", "int64", "number", "a digit for each channel: place in `BARRIERS`"),
    ("survey_barriers", "int64", "number", "so of surveys, by what was said of them alone"),
    ("is_loyal_to_competitor", "bool", "", "attached to its other or former supplier"),
    ("brief_style", "boolean", "", "likes it brief; missing unknown"),
    ("solvent", "boolean", "", "nothing long overdue, no credit hold; missing unknown"),
    ("need_voiced", "boolean", "", "told of a need within 365 days"),
    ("recently_declined", "boolean", "", "declined an offer within 180 days"),
    ("individual_price_exists", "boolean", "", "prices were agreed with it"),
    ("offer_has_components", "boolean", "", "an open deal holds a bundle"),
    ("asked_no_contact", "boolean", "", "all that was said about marketing is no"),
    ("reference_price_ok", "boolean", "", "a business; missing unknown"),
    ("sample_available", "boolean", "", "a product is a sample; missing without any product"),
    ("addressable", "boolean", "", "some channel is allowed for marketing"),
    ("pressure_ok", "boolean", "", "as pressure_allowed"),
)


def reach_columns(parameters: ReachParameters) -> tuple[Column, ...]:
    """Return the columns of the frame of reach; those of a channel end with its id."""
    return (*_OF_UNIT, *(column for each in parameters.channels for column in columns(
        (f"quality_{each.id}", "float64", "", "against its other channels; NaN not allowed"),
        (f"service_{each.id}", "bool", "", "what it asks for can be answered there"),
        (f"survey_{each.id}", "bool", "", "surveys are allowed"),
        (f"touch_count_{each.id}", "int64", "count", "touches within 730 days"),
        (f"response_count_{each.id}", "int64", "count", "those that were answered"),
    )))  # fmt: skip
