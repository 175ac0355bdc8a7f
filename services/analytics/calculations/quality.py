"""What is missing or doubtful in the data, what was left out of which figure, what filling it changes.

Counted in the frames; here it adds up over partitions of units and becomes the document of a version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, Final, Literal, Self, TypeVar

EXAMPLES: Final = 20
"""Record ids shown of each finding."""
OWNERS: Final = 200
"""Owners shown, those with the most records first."""
NOBODY: Final = ""
"""The owner of what nobody owns."""

RecordKind = Literal["contact", "deal", "interaction"]
_VALUES: Final = ("historic_value", "margin_per_purchase", "clv_365", "clv_1095", "tier")
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding or a field is about.

    Attributes
    ----------
    record
        The kind of record that its examples are.
    figures
        The figures that it changes or leaves out.
    is_fault
        Whether something could be mended; else it only tells how records were read.
    """

    record: RecordKind
    figures: tuple[str, ...]
    is_fault: bool = True


FINDINGS: Final[Mapping[str, Subject]] = {
    "deals_without_fx_rate": Subject("deal", _VALUES),
    "deals_without_amount": Subject("deal", _VALUES),
    "deals_with_estimated_cost": Subject("deal", _VALUES),
    "customers_without_acquisition_cost": Subject("contact", ("historic_value", "referral_value")),
    "contacts_with_foreign_acquisition_cost": Subject("contact", ("historic_value",)),
    "interactions_with_foreign_cost": Subject("interaction", ("service_cost", "historic_value")),
    "deals_of_negative_amount": Subject("deal", _VALUES),
    "deals_of_zero_amount": Subject("deal", ("margin_per_purchase", "clv_365")),
    "refunds_larger_than_sale": Subject("deal", ("historic_value",)),
    "deals_refunded_in_full": Subject("deal", ("purchase_count", "churn_probability"), False),
    "deals_merged_on_a_day": Subject("deal", ("purchase_count", "churn_probability"), False),
    "purchases_before_first_contact": Subject("deal", ("first_purchase_date", "state"), False),
    "deals_dated_in_the_future": Subject("deal", ("state", "churn_probability")),
    "interactions_dated_in_the_future": Subject("interaction", ("churn_probability",)),
    "customers_with_two_currencies": Subject("contact", _VALUES, False),
    "lost_deals_without_reason": Subject("deal", ("churn_probability",)),
    "customers_without_follow_up": Subject("contact", ("next_contact",)),
    "deals_of_unknown_contacts": Subject("deal", ("purchase_count", *_VALUES)),
    "interactions_of_unknown_contacts": Subject("interaction", ("service_cost", "lead_stage")),
    "contacts_of_unknown_organisations": Subject("contact", ("purchase_count", *_VALUES)),
    "erased_customers": Subject("contact", ("customer_count",), False),
    "customers_objecting_to_profiling": Subject("contact", ("customer_count",), False),
}
"""Everything that can be found, in the order in which it is shown."""

FIELDS: Final[Mapping[str, Subject]] = {
    "contacts.owner_id": Subject("contact", ("owner",)),
    "contacts.source_campaign_id": Subject("contact", ("expected_new_value",)),
    "contacts.acquisition_cost": Subject("contact", ("historic_value", "referral_value")),
    "contacts.purchase_motive": Subject("contact", ("motive", "recommendation")),
    "contacts.next_contact_at": Subject("contact", ("next_contact",)),
    "deals.amount": Subject("deal", _VALUES),
    "deals.cost": Subject("deal", _VALUES),
    "deals.discount_pct": Subject("deal", ("motive", "recommendation")),
    "deals.won_reason": Subject("deal", ("motive",)),
    "deals.lost_reason": Subject("deal", ("churn_probability",)),
    "deals.due_at": Subject("deal", ("churn_probability",)),
    "interactions.direction": Subject("interaction", ("lead_stage", "ladder_rung")),
    "interactions.channel": Subject("interaction", ("service_cost",)),
    "interactions.outcome": Subject("interaction", ("churn_probability", "lead_stage")),
    "interactions.sentiment": Subject("interaction", ("churn_probability", "ladder_rung")),
    "interactions.ratings": Subject("interaction", ("churn_probability", "ladder_rung")),
    "interactions.severity": Subject("interaction", ("churn_probability",)),
    "interactions.justified": Subject("interaction", ("service_cost", "historic_value")),
    "interactions.decline_reason": Subject("interaction", ("churn_probability",)),
}
"""The fields whose completeness is counted, among the records that ought to have them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Records that share a fault or a treatment; additive over partitions of units.

    Attributes
    ----------
    count
        Records.
    examples
        Up to 20 of their ids, the lowest first.
    customer_count
        Units that they belong to.
    unvalued_count
        Those of them of whose purchases not one has a known amount.
    amounts
        Sum of their amounts by currency; minor units.
    """

    count: int = 0
    examples: tuple[str, ...] = ()
    customer_count: int = 0
    unvalued_count: int = 0
    amounts: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, more: Self) -> Finding:
        return Finding(
            self.count + more.count,
            tuple(nsmallest(EXAMPLES, self.examples + more.examples)),
            self.customer_count + more.customer_count,
            self.unvalued_count + more.unvalued_count,
            _joined(self.amounts, more.amounts, lambda one, other: one + other),
        )

    def __sub__(self, less: Self) -> Finding:
        """Take away what a part of the units added; examples of others are left as they are."""
        return Finding(
            self.count - less.count,
            tuple(each for each in self.examples if each not in less.examples),
            self.customer_count - less.customer_count,
            self.unvalued_count - less.unvalued_count,
            _without(self.amounts, less.amounts, lambda one, other: one - other, 0),
        )


@dataclass(frozen=True, slots=True)
class Completeness:
    """Records that ought to have a field, and those that have it; additive over partitions."""

    known_count: int = 0
    record_count: int = 0

    def __add__(self, more: Self) -> Completeness:
        return Completeness(
            self.known_count + more.known_count, self.record_count + more.record_count
        )

    def __sub__(self, less: Self) -> Completeness:
        return Completeness(
            self.known_count - less.known_count, self.record_count - less.record_count
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """All that was counted; additive over partitions of units.

    Attributes
    ----------
    findings
        By a name of `FINDINGS`.
    fields
        By a name of `FIELDS`.
    owners
        The same by owner of the customer, `NOBODY` where nobody is one.
    """

    findings: Mapping[str, Finding] = field(default_factory=dict)
    fields: Mapping[str, Completeness] = field(default_factory=dict)
    owners: Mapping[str, Mapping[str, Completeness]] = field(default_factory=dict)

    def __add__(self, more: Self) -> Quality:
        return Quality(
            _joined(self.findings, more.findings, lambda one, other: one + other),
            _joined(self.fields, more.fields, lambda one, other: one + other),
            _joined(
                self.owners,
                more.owners,
                lambda one, other: _joined(one, other, lambda a, b: a + b),
            ),
        )

    def __sub__(self, less: Self) -> Quality:
        return Quality(
            _without(self.findings, less.findings, lambda one, other: one - other, Finding()),
            _without(self.fields, less.fields, lambda one, other: one - other, Completeness()),
            _without(
                self.owners,
                less.owners,
                lambda one, other: _without(one, other, lambda a, b: a - b, Completeness()),
                {},
            ),
        )


def quality_document(quality: Quality) -> dict[str, Any]:
    """Return what is stored with a version: JSON of plain numbers and texts.

    ``findings`` (by name, only what was found), ``fields`` and ``owners`` (``owner_id``, None for
    nobody, and ``fields``; the 200 with the most records).
    """
    owners = sorted(
        quality.owners.items(),
        key=lambda pair: (-sum(each.record_count for each in pair[1].values()), pair[0]),
    )
    return {
        "findings": {
            name: {
                "count": each.count,
                "examples": list(each.examples),
                "customer_count": each.customer_count,
                "unvalued_count": each.unvalued_count,
                # As text: a sum of the largest amounts is no integer of JSON any more.
                "amounts": {name: str(minor) for name, minor in sorted(each.amounts.items())},
            }
            for name, each in quality.findings.items()
            if each.count
        },
        "fields": _plain(quality.fields),
        "owners": [
            {"owner_id": owner or None, "fields": _plain(fields)}
            for owner, fields in owners[:OWNERS]
        ],
    }


def gap_counts(document: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each fault was found, of a document of this or an earlier release."""
    findings = document.get("findings", document)
    return {
        name: each["count"] if isinstance(each, Mapping) else each
        for name, each in findings.items()
        if name not in FINDINGS or FINDINGS[name].is_fault
    }


def _plain(fields: Mapping[str, Completeness]) -> dict[str, list[int]]:
    return {name: [each.known_count, each.record_count] for name, each in fields.items()}


def _joined(
    one: Mapping[str, _Part], other: Mapping[str, _Part], add: Callable[[_Part, _Part], _Part]
) -> dict[str, _Part]:
    joined = dict(one)
    for name, value in other.items():
        joined[name] = add(joined[name], value) if name in joined else value
    return joined


def _without(
    one: Mapping[str, _Part],
    other: Mapping[str, _Part],
    subtract: Callable[[_Part, _Part], _Part],
    nothing: _Part,
) -> dict[str, _Part]:
    left = {
        name: subtract(value, other[name]) if name in other else value
        for name, value in one.items()
    }
    return {name: value for name, value in left.items() if value != nothing}
