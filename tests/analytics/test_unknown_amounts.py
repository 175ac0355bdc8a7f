"""From the records to the answer: a customer of deals whose amounts nobody can tell."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from services.analytics.catalogue.catalogue import Language, load_catalogue
from services.analytics.computing import compute_base, estimate_base, rules_of
from services.analytics.crm_client import RESOURCES, SCHEMAS
from services.analytics.customer_rows import customer_rows
from services.analytics.customers.showing import describe
from services.analytics.mirror.writer import Mirror
from services.analytics.packing import unpack
from services.analytics.publication import Publication
from services.analytics.settings import Settings
from services.analytics.tables import NUMBER_COLUMNS, SLOTS
from services.foundation.statements import POSTGRESQL

DAY = date(2026, 6, 15)
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
CATALOGUE = load_catalogue()
UNKNOWN: dict[str, Any] = {"currency": "USD", "amount_minor": 10_000, "cost_minor": 6_000}
KNOWN = UNKNOWN | {"currency": "EUR"}
OBJECTS = {"profiling_objection_at": NOW}
BASE: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "known": ({}, [KNOWN] * 3),
    "converted": ({}, [UNKNOWN | {"fx_rate": 0.5}] * 3),
    "foreign": ({}, [UNKNOWN] * 3),
    "mixed": ({}, [UNKNOWN, KNOWN, KNOWN]),
    "nameless": ({}, [KNOWN | {"amount_minor": None}, KNOWN, KNOWN]),
    "refunded": ({}, [UNKNOWN | {"refund_minor": 10_000}]),
    "objects": (OBJECTS, [UNKNOWN] * 3),
    "lead": ({}, []),
}


def record_id(kind: int, number: int) -> str:
    return f"01977b3a-5c00-7000-8{kind:03x}-{number:012x}"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """Mirror the base, compute it, and describe every customer as the API would."""
    contacts: list[dict[str, Any]] = []
    deals: list[dict[str, Any]] = []
    for number, (fields, own) in enumerate(BASE.values()):
        who = {"id": record_id(0, number), "kind": "person", "status": "active"}
        contacts.append(who | {"created_at": NOW - timedelta(days=900)} | fields)
        for place, amounts in enumerate(own):
            at = NOW - timedelta(days=40 * (len(own) - place))
            deal: dict[str, Any] = {
                "id": record_id(1, len(deals)),
                "contact_id": who["id"],
                "stage_kind": "won",
            }
            deal |= {"opened_at": at, "closed_at": at, "stage_history": "[]"}
            deals.append(deal | amounts)
    given: dict[str, list[dict[str, Any]]] = {"contacts": contacts, "deals": deals}
    batches = {
        name: [pa.RecordBatch.from_pylist(given.get(name, []), schema=SCHEMAS[name])]
        for name in RESOURCES
    }
    rules = rules_of(Settings(_env_file=None), CATALOGUE, as_of=DAY)
    with Mirror(tmp_path_factory.mktemp("mirror")) as mirror:
        snapshot = mirror.load(batches, cursor="1", now=NOW)
        estimates = estimate_base(snapshot, rules)
        base = compute_base(snapshot, rules, estimates)
    version = {"number": 1, "as_of": DAY, "currency": "EUR", "published_at": NOW}
    version |= {"model": {"basis": estimates.purchase_fit.basis}, "crm_read_at": NOW}
    publication = Publication(version, stale_reason=None)
    names = [column.name for column in SLOTS["a"].columns]
    numbers = np.arange(1, len(base.customers) + 1)
    rows = [
        unpack(dict(zip(names, row, strict=True)), NUMBER_COLUMNS)
        for row in customer_rows(base.customers, numbers, dialect=POSTGRESQL)
    ]

    def answer(row: dict[str, Any], language: Language) -> dict[str, Any]:
        return describe(row, publication, catalogue=CATALOGUE, language=language)

    yield {
        f"{name} {language}": answer(row, language)
        for name, row in zip(BASE, rows, strict=True)
        for language in ("en", "de")
    }


def value_gaps(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer["explanations"]["value"]["data_gaps"]
    return found


def gaps(answer: dict[str, Any]) -> set[str]:
    of_amounts = {"deals_without_fx_rate", "amount_unknown", "every_amount_unknown"}
    return {gap["code"] for gap in value_gaps(answer)} & of_amounts


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("known", set()),
        ("converted", set()),
        ("foreign", {"deals_without_fx_rate", "every_amount_unknown"}),
        ("mixed", {"deals_without_fx_rate", "amount_unknown"}),
        ("nameless", {"amount_unknown"}),
        ("refunded", {"deals_without_fx_rate"}),
        ("objects", set()),
        ("lead", set()),
    ],
)
def test_a_customer_is_told_which_amounts_are_missing(
    answers: dict[str, dict[str, Any]], name: str, expected: set[str]
) -> None:
    assert gaps(answers[f"{name} en"]) == gaps(answers[f"{name} de"]) == expected
    texts = [value_gaps(answers[f"{name} {language}"]) for language in ("en", "de")]
    assert all(en["text"] != de["text"] for en, de in zip(*texts, strict=True))


def test_deals_without_a_rate_make_a_customer_like_any_other(
    answers: dict[str, dict[str, Any]],
) -> None:
    foreign, known = answers["foreign en"], answers["known en"]
    for name in ("state", "phase", "rhythm"):
        assert foreign[name] == known[name], name
    assert foreign["churn"]["probability"] == known["churn"]["probability"]
    assert foreign["rhythm"]["purchase_count"] == 3
    assert {item["role"] for item in foreign["explanations"]["value"]["evidence"]} == {
        "first_purchase",
        "last_purchase",
    }


def test_what_is_not_known_of_a_value_is_null_and_the_rest_of_low_confidence(
    answers: dict[str, dict[str, Any]],
) -> None:
    value = answers["foreign en"]["value"]
    for name in ("contribution", "contribution_730", "historic_value"):
        assert value[name] is None, name
    # The mean of the base: seven purchases of known amount earn 40 each, three earn 20.
    assert value["margin_per_purchase"] == {"amount": "34.00", "currency": "EUR"}
    assert answers["foreign en"]["confidence"] == "low"
    assert answers["refunded en"]["state"] == "lead"
