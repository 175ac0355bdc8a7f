"""Bodies that the CRM accepts: short ones, and ones with every field filled."""

import itertools
from typing import Any

import httpx

from tests.conftest import Crm

RESOURCES = ("contacts", "interactions", "deals")
SINGULAR = {"contacts": "contact", "interactions": "interaction", "deals": "deal"}
TEXT_FIELD = {"contacts": "city", "interactions": "subject", "deals": "title"}
_numbers = itertools.count(1)

EVERYTHING: dict[str, dict[str, Any]] = {
    "contacts": {
        "kind": "person",
        "name": "Anna Weber",
        "given_name": "Anna",
        "family_name": "Weber",
        "email": "anna.weber@example.org",
        "phone": "030 901820",
        "street": "Lindenstraße 7",
        "zip": "10969",
        "city": "Berlin",
        "country_code": "DE",
        "language": "de",
        "status": "terminated",
        "terminated_at": "2025-03-01T00:00:00.000000Z",
        "terminated_by": "customer",
        "owner_id": "max",
        "source_campaign_id": "spring-2026",
        "acquisition_cost": {"amount": "12.30", "currency": "EUR"},
        "purchase_motive": "advantage_price",
        "profiling_objection_at": "2025-03-02T00:00:00.000000Z",
        "next_contact_at": "2030-01-01T08:00:00.000000Z",
        "job_title": "Head of purchasing",
        "birth_date": "1980-02-29",
        "additional": "Hinterhaus",
        "communication_style": "brief",
        "preferred_channel": "phone",
        "previous_supplier_id": "nordwind",
        "supplier_loyalty": "high",
        "roles": ["buyer", "user"],
        "protections": ["open_dispute"],
        "credit_hold": True,
        "individual_price": True,
        "other_emails": [{"label": "home", "email": "anna@example.org"}],
        "other_phones": [{"label": "mobile", "phone": "0171 2345678", "e164": "+491712345678"}],
        "other_addresses": [
            {
                "label": "holiday",
                "street": "Hafenstraße 1",
                "additional": None,
                "zip": "20457",
                "city": "Hamburg",
                "country_code": "DE",
            }
        ],
        "flags": ["minor", "reference_customer"],
        "tags": ["vip", "b2b"],
    },
    "interactions": {
        "kind": "complaint",
        "occurred_at": "2025-02-03T10:00:00.123456Z",
        "channel": "phone",
        "touchpoint": "support",
        "direction": "inbound",
        "user_id": "max",
        "campaign_id": "spring-2026",
        "subject": "Delivery",
        "body": "Asked twice.\n\tNo answer.",
        "sentiment": -0.25,
        "sentiment_source": "agent",
        "product_id": "SKU-100",
        "treatment_id": "t-7",
        "due_at": "2025-02-03T09:00:00.000000Z",
        "done_at": "2025-02-03T10:00:00.123456Z",
        "status": "resolved",
        "severity": 3,
        "resolved_at": "2025-02-04T10:00:00.000000Z",
        "resolution": "fixed",
        "justified": True,
        "cost": {"amount": "5.00", "currency": "EUR"},
        "is_public": True,
        "tags": ["need:speed"],
    },
    "deals": {
        "title": "Dining room",
        "stage": "won",
        "amount": {"amount": "1234.50", "currency": "EUR"},
        "list_amount": {"amount": "1300.00", "currency": "EUR"},
        "cost": {"amount": "800.00", "currency": "EUR"},
        "refund": {"amount": "10.00", "currency": "EUR"},
        "cost_recovered": {"amount": "5.00", "currency": "EUR"},
        "written_off": {"amount": "1.00", "currency": "EUR"},
        "chargeback_lost": {"amount": "0.01", "currency": "EUR"},
        "discount_pct": "5.04",
        "fx_rate": "1.0842",
        "lines": [
            {
                "product_id": "SKU-100",
                "name": "Oak table",
                "quantity": "2",
                "unit_price": {"amount": "600.00", "currency": "EUR"},
                "discount_pct": "5",
                "unit_cost": None,
                "bundle_id": "dining-set",
            }
        ],
        "opened_at": "2025-01-01T09:00:00.000000Z",
        "expected_close_date": "2025-02-01",
        "closed_at": "2025-01-20T09:00:00.000000Z",
        "stage_history": [
            {"stage": "new", "kind": "open", "entered_at": "2025-01-01T09:00:00.000000Z"},
            {"stage": "won", "kind": "won", "entered_at": "2025-01-20T09:00:00.000000Z"},
        ],
        "won_reason": "price",
        "competitor_id": "nordwind",
        "campaign_id": "spring-2026",
        "promo_code": "SPRING10",
        "pipeline_id": "default",
        "owner_id": "max",
        "treatment_id": "t-7",
        "document_refs": ["dms:4711"],
        "disputed_at": "2025-01-21T10:00:00.000000Z",
        "written_off_at": "2025-01-28T09:00:00.000000Z",
        "fraud_confirmed_at": "2025-01-28T09:00:00.000000Z",
        "fraud_confirmed_by": "max",
        "invoiced_at": "2025-01-21T09:00:00.000000Z",
        "due_at": "2030-01-21T09:00:00.000000Z",
        "paid_at": "2025-01-22T09:00:00.000000Z",
        "refunded_at": "2025-01-23T09:00:00.000000Z",
        "chargeback_at": "2025-01-24T09:00:00.000000Z",
        "contract_end_at": "2030-01-25T09:00:00.000000Z",
        "contract_cancelled_at": "2025-01-26T09:00:00.000000Z",
    },
}


ADMITTED: dict[str, dict[str, Any]] = {"contacts": {"allow_duplicate": True}}
"""What lets a body in although a record that looks the same is there."""


def fresh(word: str = "x") -> str:
    """Return a word that no other test has."""
    return f"{word}-{next(_numbers)}"


def ref(word: str = "ref") -> dict[str, str]:
    """Return an external reference that no other test has."""
    return {"source": "shop", "id": fresh(word)}


def place(crm: Crm, plural: str) -> dict[str, str]:
    """Return what a new record of this resource needs of others: nothing, or a contact."""
    return (
        {}
        if plural == "contacts"
        else {"contact_id": crm.create("contacts", kind="person", name="Weber")["id"]}
    )


def short(crm: Crm, plural: str, **fields: Any) -> dict[str, Any]:
    """Return a short body, with these fields."""
    base: dict[str, dict[str, Any]] = {
        "contacts": {"kind": "person", "family_name": "Weber", "allow_duplicate": True},
        "interactions": {"kind": "call", "occurred_at": "2025-02-03T10:00:00Z"},
        "deals": {},
    }
    placed = {} if "contact_id" in fields or "contact_ref" in fields else place(crm, plural)
    return base[plural] | placed | fields


def make(crm: Crm, plural: str, **fields: Any) -> dict[str, Any]:
    """Create a record with these fields."""
    return crm.create(plural, **short(crm, plural, **fields))


def feed(client: httpx.Client, *, after: str | None = None) -> tuple[list[dict[str, Any]], str]:
    """Read the change feed to its end; return its items and the cursor behind them."""
    items: list[dict[str, Any]] = []
    while True:
        asked: dict[str, Any] = {"limit": 1000} | ({"after": after} if after else {})
        answer = client.get("/v1/changes", params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        after = page["cursor"]
        if not page["has_more"]:
            return items, str(after)


def all_pages(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Follow `next` to the end of a list."""
    items: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        following = answer.json().get("next")
    return items


def problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem of this status (and code) and return it."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"] == f"urn:phasewise:problem:{document['code']}"
    assert document["request_id"] == answer.headers["x-request-id"]
    if code is not None:
        assert document["code"] == code, document
    return document


def statements_of(crm: Crm, path: str) -> list[str]:
    """Return the statements that a read takes on SQLite, their values in them."""
    told: list[str] = []
    app: Any = crm.app
    connection = app.app.state.database.connection
    connection.set_trace_callback(told.append)
    try:
        answer = crm.client.get(path)
    finally:
        connection.set_trace_callback(None)
    assert answer.status_code == 200, answer.text
    return told


def plan_of(crm: Crm, statement: str) -> list[str]:
    """Return the steps that SQLite takes for a statement."""
    app: Any = crm.app
    rows = app.app.state.database.connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    return [row[3] for row in rows]


def merge(crm: Crm | httpx.Client, survivor: str, duplicate: str, **more: Any) -> httpx.Response:
    http = crm if isinstance(crm, httpx.Client) else crm.client
    query = {"dry_run": "true"} if more.pop("dry_run", False) else {}
    return http.post(
        f"/v1/contacts/{survivor}/merge",
        json={"duplicate_id": duplicate, **more},
        params=query,
        headers={"If-Match": "*"},
    )


def undo(crm: Crm, answer: httpx.Response) -> httpx.Response:
    request_id = answer.headers["x-request-id"]
    return crm.client.post("/v1/changes/undo", json={"request_id": request_id})
