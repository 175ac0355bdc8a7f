"""Reads customers of the published version and says why they are what they are."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import bindparam, select, tuple_

from services.analytics.calculations.explanations import explain
from services.analytics.calculations.reasons import Explanation
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.customers.logic import LOGIC
from services.analytics.customers.schemas import ListCustomers
from services.analytics.publication import Publication
from services.analytics.tables import customers, versions
from services.analytics.texts import gap_text, reason_text
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.cursors import bad_cursor, read_cursor, write_cursor
from services.foundation.database import Reader
from services.foundation.problems import NotFound
from services.foundation.statements import Record, Statement
from services.foundation.tables import keys
from shared.money import currency_exponent
from shared.values import RecordId

_EPOCH = date(1970, 1, 1)
_POSITION = TypeAdapter(tuple[float, RecordId])
_ONE = Statement(
    select(customers).where(
        customers.c.version == bindparam("version"), customers.c.unit_id == bindparam("unit_id")
    )
)


_VERSIONS = Statement(
    select(customers, versions)
    .join_from(customers, versions, customers.c.version == versions.c.number)
    .where(customers.c.unit_id == bindparam("unit_id"))
    .order_by(versions.c.number.desc())
)


_KEYS = Statement(select(keys.c.id, keys.c.name, keys.c.scopes).order_by(keys.c.id))


class CustomerMissing(NotFound):
    code, title = "customer_missing", "The published version has no such customer."


async def find_customer(reader: Reader, publication: Publication, unit_id: str) -> Record:
    """Return the row of a customer.

    Raises
    ------
    CustomerMissing
        It is not in the published version.
    """
    row = await reader.first(_ONE, {"version": publication.number, "unit_id": unit_id})
    if row is None:
        raise CustomerMissing(
            f"Version {publication.number} has no customer {unit_id}. It is read as of "
            f"{publication.version['as_of']}: whom nothing is known of before that day is not in it, "
            "nor a contact entered since the last refresh. A person of an organisation is found "
            "under the organisation."
        )
    return row


async def list_customers(
    reader: Reader, publication: Publication, query: ListCustomers
) -> tuple[list[Record], str | None]:
    """Return a page of rows and the cursor behind it."""
    filters = {name: getattr(query, name) for name in ("phase", "state") if getattr(query, name)}
    question = {"of": "customers", "sort": query.sort, **filters}
    values: dict[str, Any] = {
        **filters,
        "version": publication.number,
        "page_size": query.limit + 1,
    }
    if query.cursor is not None:
        try:
            position = _POSITION.validate_python(read_cursor(query.cursor, question, length=2))
        except ValidationError:
            raise bad_cursor() from None
        values |= dict(zip(("last_value", "last_id"), position, strict=True))
    statement = _page(frozenset(filters), query.sort, query.cursor is not None)
    rows = await reader.all(statement, values)
    if len(rows) <= query.limit:
        return rows, None
    rows = rows[: query.limit]
    last = rows[-1]
    return rows, write_cursor((last[_order(query.sort)], last["unit_id"]), question)


def _order(sort: str) -> str:
    return f"{sort.removeprefix('-')}_order"


@lru_cache(maxsize=200)
def _page(filters: frozenset[str], sort: str, continued: bool) -> Statement:
    column, unit_id = customers.c[_order(sort)], customers.c.unit_id
    clauses: list[Any] = [customers.c.version == bindparam("version")]
    clauses += [any_of(customers.c[name], bindparam(name, type_=Texts)) for name in sorted(filters)]
    if continued:
        here = tuple_(column, unit_id)
        there = tuple_(
            bindparam("last_value", type_=column.type), bindparam("last_id", type_=unit_id.type)
        )
        clauses.append(here < there if sort.startswith("-") else here > there)
    order = (column.desc(), unit_id.desc()) if sort.startswith("-") else (column, unit_id)
    return Statement(
        select(customers).where(*clauses).order_by(*order).limit(bindparam("page_size"))
    )


def money(value: float | None, currency: str) -> dict[str, str] | None:
    """Round once, half-even, to the currency's minor unit."""
    if value is None:
        return None
    unit = Decimal(1).scaleb(-currency_exponent(currency))
    amount = Decimal(repr(value)).quantize(unit, ROUND_HALF_EVEN)
    return {"amount": str(amount or abs(amount)), "currency": currency}


def _day(number: int | None) -> str | None:
    return None if number is None else (_EPOCH + timedelta(days=number)).isoformat()


def summarize(
    row: Mapping[str, Any], *, currency: str, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return a customer as lists show it."""

    def amount(name: str) -> dict[str, str] | None:
        return money(row[name], currency)

    def label(section: str, entry: str | None) -> str | None:
        return None if entry is None else catalogue.entry(section, entry).name(language)

    return {
        "unit_id": row["unit_id"],
        "kind": row["kind"],
        "state": row["state"],
        "state_label": row["state"] and state_label(row["state"], catalogue, language),
        "phase": row["phase"],
        "phase_label": label("phases", row["phase"]),
        "lead_stage": row["lead_stage"],
        "confidence": row["confidence"],
        "value": {name: amount(name) for name in _AMOUNTS}
        | {"expected_purchases_365": row["expected_purchases_365"]},
        "churn": {
            "probability": row["churn_probability"],
            "horizon_days": row["churn_horizon_days"],
            "reference_probability": row["reference_churn_probability"],
            "alive_probability": row["alive_probability"],
            "vitality": row["vitality"],
            "value_at_risk": amount("value_at_risk"),
        },
        "rhythm": {
            "purchase_count": row["purchase_count"],
            "first_purchase_date": _day(row["first_purchase_day"]),
            "last_purchase_date": _day(row["last_purchase_day"]),
            "interpurchase_days": row["interpurchase_days"],
            "median_gap_days": row["median_gap_days"],
            "gap_days": row["gap_days"],
            "gap_rank": row["gap_rank"],
        },
        "recommendation": _recommendation(row, currency, catalogue, language),
    }


_AMOUNTS = (
    "historic_value",
    "contribution",
    "contribution_730",
    "margin_per_purchase",
    "clv_365",
    "clv_1095",
    "clv_alive_365",
    "clv_alive_1095",
    "expected_new_value",
)


def state_label(state: str, catalogue: Catalogue, language: Language) -> str:
    if state == "excluded":
        return "Ausgeschlossen" if language == "de" else "Excluded"
    return catalogue.entry("lifecycle_states", state).name(language)


def _choice(
    section: str, entry: str | None, catalogue: Catalogue, language: Language
) -> dict[str, str] | None:
    if not entry:
        return None
    return {"id": entry, "label": catalogue.entry(section, entry).name(language)}


def _recommendation(
    row: Mapping[str, Any], currency: str, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    conditions = (row["open_condition_ids"] or "").split()
    return {
        "basis": row["recommendation_basis"],
        "goal": _choice("goals", row["goal_id"], catalogue, language),
        "strategy": _choice("strategies", row["strategy_id"], catalogue, language),
        "instrument": _choice("instruments", row["instrument_id"], catalogue, language),
        "expected_value": money(row["recommendation_value"], currency),
        "effect_probability": row["recommendation_effect_probability"],
        "channel": None,
        "open_conditions": [
            _choice("conditions", condition, catalogue, language) for condition in conditions
        ],
    }


def describe(
    row: Mapping[str, Any], publication: Publication, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return a customer with reasons, evidence and gaps."""
    basis = publication.version["model"]["basis"]
    explanations = explain(row, currency=publication.currency, basis=basis)
    gaps = dict.fromkeys(gap for part in explanations.values() for gap in part.data_gaps)
    return {
        **publication.about(),
        **summarize(row, currency=publication.currency, catalogue=catalogue, language=language),
        "basis": basis,
        "reasons": {
            score: _reasons(part, catalogue, language) for score, part in explanations.items()
        },
        "evidence": _evidence(row),
        "data_gaps": [
            {"code": gap, "text": gap_text(gap, catalogue=catalogue, language=language)}
            for gap in gaps
        ],
    }


async def personal_data(
    reader: Reader, unit_id: str, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return all that is stored about a customer: every version that is kept, the newest first.

    Raises
    ------
    CustomerMissing
        No version has it.
    """
    rows = await reader.all(_VERSIONS, {"unit_id": unit_id})
    if not rows:
        raise CustomerMissing(f"Nothing is computed about {unit_id}.")
    found = [
        describe(row, Publication(row, None), catalogue=catalogue, language=language)
        | {
            "model": row["model"],
            "stored": {str(column.name): row[column.name] for column in customers.c},
        }
        for row in rows
    ]
    recipients = [
        {name: key[name] for name in ("id", "name")}
        for key in await reader.all(_KEYS)
        if not {"analytics:read", "privacy:export"}.isdisjoint(key["scopes"])
    ]
    return {
        "unit_id": unit_id,
        "logic": LOGIC[language],
        "recipients": recipients,
        "versions": found,
    }


def _reasons(part: Explanation, catalogue: Catalogue, language: Language) -> list[dict[str, Any]]:
    return [
        {
            "code": reason.code,
            "params": reason.params,
            "contribution": reason.contribution,
            "text": reason_text(reason.code, reason.params, catalogue=catalogue, language=language),
        }
        for reason in part.reasons
    ]


def _evidence(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for role, deal, day in (
        ("first_purchase", row["first_deal_id"], row["first_purchase_day"]),
        ("last_purchase", row["last_deal_id"], row["last_purchase_day"]),
    ):
        if deal is not None and day is not None:
            found.append({"type": "deal", "id": deal, "occurred_at": _day(day), "role": role})
    return found
