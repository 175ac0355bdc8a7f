"""What a card opens with: only what happened, as the contact may hear it."""

from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from services.analytics.calculations.reasons import Reason
from services.analytics.catalogue.catalogue import Language, load_catalogue
from services.analytics.customer_card.showing import opening_line
from services.analytics.recommendations.showing import show_reason

CATALOGUE = load_catalogue()
EN, DE = get_args(Language)


def opened(*talks: dict[str, Any], language: Language = EN) -> str | None:
    def say(reason: Reason) -> dict[str, Any]:
        return show_reason(reason, CATALOGUE, language)

    empty = {"subject": None, "direction": None, "occurred_at": "2026-01-05T10:00:00Z"}
    return opening_line(
        {"last_interactions": [empty | each for each in talks]}, ZoneInfo("UTC"), say
    )


@pytest.mark.parametrize(
    ("kind", "direction", "line"),
    [
        ("email", "inbound", "On 5 Jan 2026 you wrote to us about “Table”."),
        ("email", "outbound", "Last time, on 5 Jan 2026, we wrote to you about “Table”."),
        ("email", None, "Last time, on 5 Jan 2026, we wrote to each other about “Table”."),
        ("call", "inbound", "Last time, on 5 Jan 2026, we spoke about “Table”."),
        ("call", "outbound", "We last spoke on 5 Jan 2026."),
        ("call", None, "We last spoke on 5 Jan 2026."),
        ("meeting", "outbound", "Last time, on 5 Jan 2026, we spoke about “Table”."),
        ("offer", "outbound", "On 5 Jan 2026 we made you an offer: “Table”."),
    ],
)
def test_it_says_who_turned_to_whom_and_quotes_no_note_of_our_own(
    kind: str, direction: str | None, line: str
) -> None:
    assert opened({"kind": kind, "direction": direction, "subject": "Table"}) == line


def test_internal_talk_is_passed_over() -> None:
    internal = {"kind": "meeting", "direction": "internal", "subject": "Never pays, careful!"}
    assert opened(internal) is None
    message = {"kind": "message", "direction": "inbound"}
    assert opened(internal, message, language=DE) == "Am 05.01.2026 haben Sie uns geschrieben."


def test_a_quoted_sentence_has_one_full_stop() -> None:
    complaint = {"kind": "complaint", "direction": "inbound", "subject": "Zu eng."}
    assert opened(complaint, language=DE) == (
        "Am 05.01.2026 haben Sie uns gesagt, was nicht in Ordnung war: „Zu eng“."
    )
