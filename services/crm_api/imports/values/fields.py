"""The targets of a column by resource, and the value of a cell for one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from services.crm_api.imports.values.amounts import currency_code, minor_money, money
from services.crm_api.imports.values.dates import day, instant
from services.crm_api.imports.values.labels import CHOICES, choice, country
from services.crm_api.imports.values.numbers import (
    DecimalMark,
    decimal,
    integer,
    number,
    percentage,
)
from services.crm_api.imports.values.texts import (
    WireValue,
    boolean,
    folded,
    items,
    structure,
    text,
    word,
)

RESOURCES: dict[str, dict[str, str]] = {
    "contacts": {
        **dict.fromkeys(("name", "given_name", "family_name", "email", "phone"), "text"),
        **dict.fromkeys(("street", "zip", "city"), "text"),
        **dict.fromkeys(("parent_id", "owner_id", "source_campaign_id", "referred_by_id"), "text"),
        "external_id": "text",
        "kind": "choice:contact_kind",
        "country_code": "country",
        "language": "choice:language",
        "status": "choice:status",
        "terminated_by": "choice:terminated_by",
        "purchase_motive": "choice:purchase_motive",
        **dict.fromkeys(("terminated_at", "profiling_objection_at", "next_contact_at"), "instant"),
        "acquisition_cost": "money",
        **dict.fromkeys(("flags", "tags"), "list"),
    },
    "interactions": {
        **dict.fromkeys(("contact_id", "deal_id", "parent_id", "user_id", "campaign_id"), "text"),
        **dict.fromkeys(("competitor_id", "subject"), "text"),
        **dict.fromkeys(("external_id", "contact_external_id"), "text"),
        "body": "lines",
        "kind": "choice:interaction_kind",
        "direction": "choice:direction",
        "sentiment_source": "choice:sentiment_source",
        "resolution": "choice:resolution",
        "outcome": "choice:outcome",
        "channel": "choice:channel",
        "touchpoint": "choice:touchpoint",
        "decline_reason": "choice:lost_reason",
        "event_type": "word",
        **dict.fromkeys(("occurred_at", "resolved_at", "effective_at"), "instant"),
        **dict.fromkeys(("severity", "nps"), "integer"),
        "sentiment": "number",
        **dict.fromkeys(("justified", "is_public"), "boolean"),
        "cost": "money",
        "tags": "list",
        "ratings": "structure",
    },
    "deals": {
        **dict.fromkeys(("contact_id", "campaign_id", "title", "promo_code"), "text"),
        **dict.fromkeys(("external_id", "contact_external_id"), "text"),
        "stage": "choice:stage",
        "lost_reason": "choice:lost_reason",
        "won_reason": "choice:won_reason",
        "currency": "currency",
        **dict.fromkeys(("amount", "list_amount", "cost", "refund"), "money"),
        **dict.fromkeys(("cost_recovered", "written_off", "chargeback_lost"), "money"),
        "discount_pct": "percentage",
        "fx_rate": "decimal",
        **dict.fromkeys(("opened_at", "closed_at", "invoiced_at", "due_at", "paid_at"), "instant"),
        **dict.fromkeys(("refunded_at", "chargeback_at", "contract_end_at"), "instant"),
        "contract_cancelled_at": "instant",
        "expected_close_date": "day",
        **dict.fromkeys(("stage_history", "lines"), "structure"),
    },
}
"""The targets of a column by resource, and how its cells are read."""


for _fields in RESOURCES.values():
    _fields |= {f"{name}_minor": "minor" for name, how in _fields.items() if how == "money"}


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
    how, _, vocabulary = RESOURCES[resource][name].partition(":")
    if vocabulary:
        return choice(cell, {**CHOICES[vocabulary], **by.words})
    return _CONVERTERS[how](cell, by)


_CONVERTERS: dict[str, Callable[[str, CellReading], WireValue]] = {
    "text": lambda cell, _: text(cell),
    "lines": lambda cell, _: text(cell, has_lines=True),
    "word": lambda cell, by: by.words.get(folded(cell)) or word(cell),
    "boolean": lambda cell, _: boolean(cell),
    "list": lambda cell, _: items(cell),
    "structure": lambda cell, _: structure(cell),
    "country": lambda cell, _: country(cell),
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
