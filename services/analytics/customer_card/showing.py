"""Says what to know, do and avoid before a contact; no SQL and no HTTP is here."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.analytics.calculations.reasons import Reason, Value, money_in
from services.analytics.calculations.recommendations.steps import explain_ruled_out
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.customer_card.reading import CrmAnswer
from services.analytics.customers.showing import describe
from services.analytics.publication import Publication
from services.analytics.recommendations.drafts import contact_language
from services.analytics.recommendations.reading import ruled_out_of
from services.analytics.recommendations.showing import show_all, show_reason
from services.analytics.wire import choice

Row = Mapping[str, Any]
_MOST_REASONS = 5
_OPENINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("call", "meeting", "visit", "chat"), "R_OPENING_TALK"),
    **dict.fromkeys(("email", "message", "social"), "R_OPENING_LETTER"),
    **dict.fromkeys(("service_request", "quote_request", "idea"), "R_OPENING_REQUEST"),
    "complaint": "R_OPENING_COMPLAINT",
    "offer": "R_OPENING_OFFER",
}
"""What a conversation is called to the customer, by its kind; others were none."""
_LETTERS: Final[Mapping[str, str]] = {
    "inbound": "R_OPENING_INBOUND",
    "outbound": "R_OPENING_OUTBOUND",
}
_NOTED: Final = frozenset({"call", "visit", "chat"})
"""Their subjects are notes of our own, unless the customer came with them."""
_ALWAYS: Final[Mapping[str, str]] = {
    "minor": "R_AVOID_MINOR",
    "deal_hunter": "R_AVOID_PRICE",
}
"""What conditions rule out, whatever it would bring."""
_GREETING = re.compile(r"(?:Dear|Hello|Guten Tag) \[Name\]")
_UNNAMED: Final[Mapping[Language, str]] = {"en": "Hello", "de": "Guten Tag"}
_NAMED: Final[Mapping[Language, str]] = {"en": "Dear", "de": "Guten Tag"}


def show_card(
    row: Row,
    publication: Publication,
    answer: CrmAnswer,
    *,
    catalogue: Catalogue,
    language: Language,
    time_zone: ZoneInfo,
) -> dict[str, Any]:
    """Return the card of a customer."""
    shown = describe(row, publication, catalogue=catalogue, language=language)
    steps = show_all(row, publication, catalogue=catalogue, language=language)
    churn, crm = shown["explanations"]["churn_probability"], answer.card
    to_contact = contact_language(row.get("language"), language)
    salutation = greet(_person(crm), to_contact)
    owed, next_steps = (
        [_addressed(step, answer) for step in steps[name]] for name in ("obligations", "steps")
    )

    def say(reason: Reason) -> dict[str, Any]:
        return show_reason(reason, catalogue, language)

    value = shown["value"]
    return {
        **publication.about(),
        "unit_id": row["unit_id"],
        "state": row["state"],
        "state_label": shown["state_label"],
        "phase": steps["phase"],
        "tier": row["tier"],
        "value": value["expected_new_value"] or value["clv_365"],
        "churn": {
            "probability": row["churn_probability"],
            "value_at_risk": shown["churn"]["value_at_risk"],
            "reasons": churn["reasons"][:_MOST_REASONS],
            "evidence": churn["evidence"],
        },
        "motive": shown["standing"]["motive"],
        "style": _style(row, crm, catalogue, language),
        "owner_id": row["owner_id"],
        "salutation": salutation,
        "opening_line": opening_line(
            crm, time_zone, lambda reason: show_reason(reason, catalogue, to_contact)
        ),
        "basis": steps["basis"],
        "obligations": owed,
        "next_step": next_steps[0] if next_steps else None,
        "avoid": [say(reason) for reason in avoid(row, publication, crm, shown["contact"])],
        "crm": crm,
        "crm_unavailable": not answer.is_available,
    }


def _style_of(row: Row, crm: Row | None) -> str | None:
    """Return how the person likes it, as the CRM has it now, else as it was when it was read."""
    person = crm and (crm["person"] or crm["contact"])
    style: str | None = person["communication_style"] if person else row.get("style")
    return style


def _style(
    row: Row, crm: Row | None, catalogue: Catalogue, language: Language
) -> dict[str, Any] | None:
    shown = choice("communication_styles", _style_of(row, crm), catalogue, language)
    if shown is None:
        return None
    entry = catalogue.entry("communication_styles", shown["id"])
    return {**shown, "hint": entry.description(language)}


def greet(person: Row | None, language: Language) -> str:
    """Write a form of address that fits everybody: by the whole name, as no title is known."""
    name = person and _name(person)
    return f"{_NAMED[language]} {name}" if name else _UNNAMED[language]


def _person(crm: Row | None) -> Row | None:
    return crm and crm["person"]


def _name(person: Row) -> str | None:
    parts = (person["given_name"], person["family_name"])
    return person["name"] or " ".join(part for part in parts if part) or None


def _addressed(step: dict[str, Any], answer: CrmAnswer) -> dict[str, Any]:
    """Fill in who is addressed, of what is owed whom it is owed to; without the CRM a person does."""
    if step["draft"] is None or answer.card is None:
        return step
    person = answer.persons.get(step["person_id"])
    salutation = greet(person, step["draft"]["language"])
    text = _GREETING.sub(lambda _: salutation, step["draft"]["text"])
    return {**step, "draft": {**step["draft"], "text": text}}


def opening_line(
    crm: Row | None, time_zone: ZoneInfo, say: Callable[[Reason], dict[str, Any]]
) -> str | None:
    """Write a first sentence about the last conversation."""
    for last in crm["last_interactions"] if crm else ():
        code, direction = _OPENINGS.get(last["kind"]), last["direction"]
        if code is None or direction == "internal":
            continue
        if code == "R_OPENING_LETTER":
            code = _LETTERS.get(direction, code)
        at = datetime.fromisoformat(last["occurred_at"]).astimezone(time_zone)
        params: dict[str, Value] = {"date": at.date().isoformat()}
        # The sentence around it has its own full stop.
        subject = (last["subject"] or "").rstrip(". ")
        if subject and (direction == "inbound" or last["kind"] not in _NOTED):
            return str(say(Reason(code, params | {"subject": subject}))["text"])
        return str(say(Reason(f"{code}_PLAIN", params))["text"])
    return None


def avoid(
    row: Row, publication: Publication, crm: Row | None, contact: Row | None
) -> Iterator[Reason]:
    """Yield what not to do, the most important first. Source: domain specification 10 (X-CARD)."""
    if row["recommendation_basis"] == "profiling_objection":
        yield Reason("R_OBJECTION", {})
    if row["has_open_complaint"] or (crm and crm["open_complaints"]):
        yield Reason("R_AVOID_SELLING", {})
    for name in (row["avoid_ids"] or "").split():
        yield Reason(_ALWAYS[name], {})
    yield from _not_reached(row, contact)
    if _style_of(row, crm) == "brief":
        yield Reason("R_AVOID_TALK", {})
    money = money_in(publication.currency)
    for step in ruled_out_of(row, publication):
        if step.why == "holds":
            yield explain_ruled_out(step, money=money)


def _not_reached(row: Row, contact: Row | None) -> Iterator[Reason]:
    """Yield why the customer may not be addressed with advertising now, or at all."""
    if contact is None:
        return
    channels, pressure = contact["channels"], contact["pressure"]
    if not any(channel["allowed"] for channel in channels):
        # One refused channel is no wish: others may be granted and lack an address alone.
        is_wished = row.get("asked_no_contact")
        yield Reason("R_AVOID_ADVERTISING" if is_wished else "R_NO_CONSENT", {})
    elif not pressure["allowed"]:
        named = {"used": pressure["used"], "cap": pressure["cap"], "days": row["wait_days"]}
        yield Reason("R_CAP", named)
