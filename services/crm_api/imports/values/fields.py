"""The targets of a column by resource, and the value of a cell for one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from services.crm_api.imports.values.amounts import currency_code, minor_money, money
from services.crm_api.imports.values.dates import day, instant
from services.crm_api.imports.values.labels import CHOICES, choice, choices, country, stage
from services.crm_api.imports.values.numbers import (
    DecimalMark,
    decimal,
    integer,
    number,
    percentage,
)
from services.crm_api.imports.values.rejection import ValueRejected
from services.crm_api.imports.values.texts import (
    WireValue,
    boolean,
    folded,
    items,
    joined,
    label,
    objects,
    record_id,
    several,
    structure,
    text,
    word,
)

MOST_OTHERS = 20
"""How many further e-mail addresses, numbers and addresses a contact has at most."""
_OTHERS = {
    "other_emails": {"label": "label", "email": "several:text"},
    "other_phones": {"label": "label", "phone": "several:text"},
    "other_addresses": {
        "label": "label",
        **dict.fromkeys(("street", "additional"), "several:joined"),
        **dict.fromkeys(("zip", "city"), "several:text"),
        "country_code": "several:country",
    },
}
RESOURCES: dict[str, dict[str, str]] = {
    "contacts": {
        **dict.fromkeys(("name", "given_name", "family_name", "job_title"), "text"),
        **dict.fromkeys(("email", "phone", "zip", "city"), "several:text"),
        **dict.fromkeys(("street", "additional"), "several:joined"),
        **dict.fromkeys(("parent_id", "referred_by_id"), "record_id"),
        **dict.fromkeys(("owner_id", "source_campaign_id", "previous_supplier_id"), "text"),
        **dict.fromkeys(("id", "external_id", "parent_external_id"), "text"),
        "kind": "choice:contact_kind",
        "country_code": "several:country",
        "language": "choice:language",
        "status": "choice:status",
        "terminated_by": "choice:terminated_by",
        "purchase_motive": "choice:purchase_motive",
        "preferred_channel": "choice:channel",
        "communication_style": "choice:communication_style",
        "supplier_loyalty": "choice:supplier_loyalty",
        "birth_date": "day",
        **dict.fromkeys(("terminated_at", "profiling_objection_at", "next_contact_at"), "instant"),
        "acquisition_cost": "money",
        **dict.fromkeys(("credit_hold", "individual_price"), "boolean"),
        "roles": "choices:role",
        "protections": "choices:protection",
        "flags": "choices:flag",
        "tags": "list",
        "other_emails": "objects:email",
        "other_phones": "objects:phone",
        "other_addresses": "structure",
    },
    "interactions": {
        **dict.fromkeys(("deal_id", "parent_id"), "record_id"),
        **dict.fromkeys(("id", "contact_id", "user_id", "campaign_id"), "text"),
        **dict.fromkeys(("competitor_id", "product_id", "treatment_id", "recording_ref"), "text"),
        **dict.fromkeys(("external_id", "contact_external_id", "subject"), "text"),
        **dict.fromkeys(("body", "reason"), "lines"),
        "kind": "choice:interaction_kind",
        "direction": "choice:direction",
        "sentiment_source": "choice:sentiment_source",
        "status": "choice:case_status",
        "resolution": "choice:resolution",
        "outcome": "choice:outcome",
        "channel": "choice:channel",
        "touchpoint": "choice:touchpoint",
        "decline_reason": "choice:lost_reason",
        "event_type": "word",
        **dict.fromkeys(("occurred_at", "due_at", "done_at", "resolved_at"), "instant"),
        **dict.fromkeys(("valid_until", "effective_at"), "instant"),
        **dict.fromkeys(("severity", "nps"), "integer"),
        "sentiment": "number",
        "discount_pct": "percentage",
        **dict.fromkeys(("justified", "is_public", "despite_open_complaint"), "boolean"),
        **dict.fromkeys(("cost", "price"), "money"),
        "tags": "list",
        "ratings": "structure",
    },
    "deals": {
        **dict.fromkeys(("id", "contact_id", "campaign_id", "title", "promo_code"), "text"),
        **dict.fromkeys(("external_id", "contact_external_id", "owner_id"), "text"),
        **dict.fromkeys(("competitor_id", "treatment_id", "fraud_confirmed_by"), "text"),
        "pipeline_id": "text",
        "stage": "choice:stage",
        "lost_reason": "choice:lost_reason",
        "won_reason": "choice:won_reason",
        "lost_note": "lines",
        "currency": "currency",
        **dict.fromkeys(("amount", "list_amount", "cost", "refund"), "money"),
        **dict.fromkeys(("cost_recovered", "written_off", "chargeback_lost"), "money"),
        "discount_pct": "percentage",
        "fx_rate": "decimal",
        **dict.fromkeys(("opened_at", "closed_at", "invoiced_at", "due_at", "paid_at"), "instant"),
        **dict.fromkeys(("refunded_at", "chargeback_at", "contract_end_at"), "instant"),
        **dict.fromkeys(("disputed_at", "written_off_at", "fraud_confirmed_at"), "instant"),
        "contract_cancelled_at": "instant",
        "closing_date": "instant",
        "expected_close_date": "day",
        "document_refs": "list",
        **dict.fromkeys(("stage_history", "lines"), "structure"),
    },
}
"""The targets of a column by resource, and how its cells are read."""


for _fields in RESOURCES.values():
    _money = [name for name, how in _fields.items() if how == "money"]
    _fields |= {f"{name}_minor": "minor" for name in _money}
    if "currency" not in _fields:  # amounts that need not agree have each their own
        _fields |= {f"{name}_currency": "currency" for name in _money}
    _fields["is_deleted"] = "boolean"
RESOURCES["contacts"] |= {
    f"{name}.{number}.{member}": how
    for name, members in _OTHERS.items()
    for number in range(1, MOST_OTHERS + 1)
    for member, how in members.items()
}


def currency_field(resource: str, name: str) -> str:
    """Return the target whose column tells the currency of a field of money."""
    own = f"{name}_currency"
    return own if own in RESOURCES[resource] else "currency"


CUSTOM = "custom."
_CUSTOM_TYPES = {
    "text": "lines",
    "date": "day",
    "choice": "choice:",
    "choices": "choices:",
    **{name: name for name in ("integer", "number", "boolean", "instant")},
}


def custom_targets(definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the targets that custom fields are, and how their cells are read."""
    return {f"{CUSTOM}{key}": _CUSTOM_TYPES[each["type"]] for key, each in definitions.items()}


@dataclass(frozen=True, slots=True)
class CellReading:
    """How the cells of one column are read; `words` are the user's own labels of wire words."""

    zone: ZoneInfo
    decimal_mark: DecimalMark = "."
    date_format: str = "YYYY-MM-DD"
    currency: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = {folded(label): meaning for label, meaning in self.words.items()}
        object.__setattr__(self, "words", labels)


def convert(resource: str, name: str, cell: str, *, by: CellReading) -> WireValue:
    """Return the wire value of a cell for a field; None for an empty one.

    Raises
    ------
    ValueRejected
        The cell is not of the field's form.
    KeyError
        The resource or the field is unknown.
    """
    return converted(RESOURCES[resource][name], cell, by=by)


def converted(read_as: str, cell: str, *, by: CellReading) -> WireValue:
    """Return the wire value of a cell that is read in this way; None for an empty one.

    Raises
    ------
    ValueRejected
        The cell is not of this form.
    """
    how, _, vocabulary = read_as.partition(":")
    if how in ("choice", "choices"):
        labels = {**CHOICES.get(vocabulary, {}), **by.words}
        if how == "choices":
            return choices(cell, labels)
        return stage(cell, labels) if vocabulary == "stage" else choice(cell, labels)
    if how == "several":
        return several(cell, _SEVERAL[vocabulary])
    if vocabulary:
        return objects(cell, vocabulary)
    return _CONVERTERS[how](cell, by)


def stage_shown(cell: str, words: Mapping[str, str]) -> str | None:
    """Return the stage that a cell is, also by the team's own words; None if it is none."""
    try:
        return stage(cell, {**CHOICES["stage"], **{folded(each): words[each] for each in words}})
    except ValueRejected:
        return None


_SEVERAL: dict[str, Callable[[str], str | None]] = {
    "text": text,
    "joined": joined,
    "country": country,
}


_CONVERTERS: dict[str, Callable[[str, CellReading], WireValue]] = {
    "text": lambda cell, _: text(cell),
    "label": lambda cell, _: label(cell),
    "lines": lambda cell, _: text(cell, has_lines=True),
    "record_id": lambda cell, _: record_id(cell),
    "word": lambda cell, by: by.words.get(folded(cell)) or word(cell),
    "boolean": lambda cell, _: boolean(cell),
    "list": lambda cell, _: items(cell),
    "structure": lambda cell, _: structure(cell),
    "currency": lambda cell, _: currency_code(cell),
    "integer": lambda cell, by: integer(cell, decimal_mark=by.decimal_mark),
    "decimal": lambda cell, by: decimal(cell, decimal_mark=by.decimal_mark),
    "percentage": lambda cell, by: percentage(cell, decimal_mark=by.decimal_mark),
    "number": lambda cell, by: number(cell, decimal_mark=by.decimal_mark),
    "money": lambda cell, by: money(cell, decimal_mark=by.decimal_mark, currency=by.currency),
    "minor": lambda cell, by: minor_money(cell, currency=by.currency),
    "day": lambda cell, by: day(cell, date_format=by.date_format, zone=by.zone),
    "instant": lambda cell, by: instant(cell, date_format=by.date_format, zone=by.zone),
}
