"""The rules of contacts, interactions and deals: money, stages, dates, what points to what."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.bodies import EVERYTHING, all_pages, fresh, make, place, problem, short, undo
from tests.crm_api.test_imports import imported, rejected

UNKNOWN = "01977b3a-5c00-7000-8000-00000000ffff"


def ahead(**span: int) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


@pytest.mark.parametrize(
    ("currency", "sent", "shown", "minor"),
    [
        ("EUR", "1234.5", "1234.50", 123450),
        ("EUR", "0", "0.00", 0),
        ("EUR", "-0.01", "-0.01", -1),
        ("EUR", "99999999999999.99", "99999999999999.99", 9999999999999999),
        ("JPY", "1234", "1234", 1234),
        ("JPY", "-7", "-7", -7),
        ("JPY", "5.00", "5", 5),
        ("KWD", "1.234", "1.234", 1234),
        ("KWD", "-0.005", "-0.005", -5),
        ("CLF", "1.2345", "1.2345", 12345),
        ("CLF", "99999999999999.9999", "99999999999999.9999", 999999999999999999),
    ],
)
def test_money_keeps_exactly_the_decimals_of_its_currency(
    service: Crm, currency: str, sent: str, shown: str, minor: int
) -> None:
    made = make(service, "deals", amount={"amount": sent, "currency": currency})
    assert made["amount"] == {"amount": shown, "currency": currency}
    assert made["currency"] == currency
    exported = service.client.get(f"/v1/exports/deals?format=csv&id={made['id']}").text
    (row,) = csv.DictReader(io.StringIO(exported))
    assert (row["amount_minor"], row["currency"]) == (str(minor), currency)
    contact = make(service, "contacts", acquisition_cost={"amount": sent, "currency": currency})
    assert contact["acquisition_cost"] == {"amount": shown, "currency": currency}


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1.5", "JPY"),
        ("1.005", "EUR"),
        ("1.00001", "CLF"),
        ("1", "XXX"),
        ("1", "eur"),
        ("1", "DEM"),
        ("1e3", "EUR"),
        ("+1", "EUR"),
        ("1,5", "EUR"),
        (" 1", "EUR"),
        ("1\n", "EUR"),
        ("", "EUR"),
        (".5", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("123456789012345", "EUR"),
        (1.5, "EUR"),
        (1, "EUR"),
        (None, "EUR"),
    ],
)
def test_money_that_is_not_exact_is_refused(service: Crm, amount: Any, currency: str) -> None:
    body = short(service, "deals", amount={"amount": amount, "currency": currency})
    problem(service.client.post("/v1/deals", json=body), 422)


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


DOLLARS = {"amount": "1.00", "currency": "USD"}


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": euros("1"), "cost": DOLLARS},
        {"amount": euros("1"), "lines": [{"name": "x", "unit_price": DOLLARS}]},
        {"lines": [{"unit_price": euros("1"), "unit_cost": DOLLARS}]},
    ],
)
def test_a_deal_with_two_currencies_is_refused(service: Crm, fields: dict[str, Any]) -> None:
    body = short(service, "deals", **fields)
    problem(service.client.post("/v1/deals", json=body), 422, "mixed_currencies")


@pytest.mark.parametrize(
    ("entered", "patch"),
    [
        ({"amount": euros("1")}, {"refund": DOLLARS}),
        ({"amount": euros("1"), "cost": euros("1")}, {"amount": DOLLARS}),
        ({"amount": euros("1"), "lines": [{"unit_price": euros("1")}]}, {"amount": DOLLARS}),
        ({"lines": [{"unit_price": euros("1")}]}, {"amount": DOLLARS}),
        ({"amount": euros("1")}, {"lines": [{"unit_price": DOLLARS}]}),
    ],
)
def test_a_change_never_mixes_currencies(
    service: Crm, entered: dict[str, Any], patch: dict[str, Any]
) -> None:
    made = make(service, "deals", **entered)
    refused = service.patch(f"/v1/deals/{made['id']}", patch, version=1)
    problem(refused, 422, "mixed_currencies")


def test_the_problem_of_mixed_currencies_names_the_one_that_does_not_fit_and_where(
    service: Crm,
) -> None:
    line = {"name": "x", "unit_price": DOLLARS, "unit_cost": euros("1")}
    made = make(service, "deals", amount=euros("1"))
    for answer in (
        service.client.post(
            "/v1/deals", json=short(service, "deals", amount=euros("1"), lines=[line])
        ),
        service.patch(f"/v1/deals/{made['id']}", {"lines": [line]}, version=1),
    ):
        (fault,) = problem(answer, 422, "mixed_currencies")["errors"]
        assert fault["message"] == "The deal is in EUR; USD does not fit."
        assert fault["pointer"] == "/body/lines/0/unit_price"


@pytest.mark.parametrize("rate", ["0", "0.0", "000.000"])
def test_a_rate_of_nothing_is_refused(service: Crm, rate: str) -> None:
    body = short(service, "deals", amount=DOLLARS, fx_rate=rate)
    (fault,) = problem(service.client.post("/v1/deals", json=body), 422)["errors"]
    assert (fault["pointer"], "above zero" in fault["message"]) == ("/body/fx_rate", True)


def test_a_deal_changes_its_currency_when_all_its_amounts_do(service: Crm) -> None:
    made = make(service, "deals", amount=euros("1"), lines=[{"unit_price": euros("1")}])
    path = f"/v1/deals/{made['id']}"
    changed = service.patch(
        path, {"amount": DOLLARS, "lines": [{"unit_price": DOLLARS}]}, version=1
    )
    assert (changed.json()["currency"], changed.json()["amount"]) == ("USD", DOLLARS)
    cleared = service.patch(path, {"amount": None, "lines": []}, version=2)
    assert (cleared.json()["currency"], cleared.json()["amount"]) == (None, None)


def test_each_stage_is_entered_into_the_history_with_its_time(service: Crm) -> None:
    made = make(service, "deals")
    assert [entry["stage"] for entry in made["stage_history"]] == ["new"]
    path = f"/v1/deals/{made['id']}"
    for version, stage in enumerate(
        ("qualified", "proposal", "won", "negotiation", "lost"), start=1
    ):
        why = {"lost_reason": "price"} if stage == "lost" else {}
        made = service.patch(path, {"stage": stage, **why}, version=version).json()
    stages = ["new", "qualified", "proposal", "won", "negotiation", "lost"]
    assert [entry["stage"] for entry in made["stage_history"]] == stages
    times = [entry["entered_at"] for entry in made["stage_history"]]
    assert times == sorted(times)
    assert made["closed_at"] == times[-1]


def test_closing_and_reopening_keep_dates_and_reasons_true(service: Crm) -> None:
    made = make(service, "deals", stage="won", won_reason="price", closed_at="2025-01-05T00:00:00Z")
    path = f"/v1/deals/{made['id']}"
    assert made["opened_at"] == made["closed_at"] == "2025-01-05T00:00:00.000000Z"
    problem(service.patch(path, {"lost_reason": "price"}, version=1), 422, "not_closed")
    reopened = service.patch(path, {"stage": "negotiation"}, version=1).json()
    assert (reopened["closed_at"], reopened["won_reason"]) == (None, None)
    problem(
        service.patch(path, {"closed_at": "2025-01-05T00:00:00Z"}, version=2), 422, "not_closed"
    )
    lost = service.patch(
        path,
        {"stage": "lost", "lost_reason": "timing", "closed_at": "2025-01-06T00:00:00Z"},
        version=2,
    ).json()
    assert lost["closed_at"] == "2025-01-06T00:00:00.000000Z"
    assert lost["stage_history"][-1]["entered_at"] == lost["closed_at"]


def test_a_deal_is_not_closed_before_it_began(service: Crm) -> None:
    began, before, after = (f"2025-03-0{day}T00:00:00Z" for day in (2, 1, 3))
    body = {**place(service, "deals"), "stage": "won", "opened_at": began}
    wrong = {**body, "closed_at": before}
    found = problem(service.client.post("/v1/deals", json=wrong), 422, "closed_too_early")
    assert found["errors"][0]["pointer"] == "/body/closed_at"
    deal = service.create("deals", **body, closed_at=began)
    path = f"/v1/deals/{deal['id']}"
    problem(service.patch(path, {"closed_at": before}, version=1), 422, "closed_too_early")
    assert service.patch(path, {"closed_at": after}, version=1).status_code == 200
    opened = service.create("deals", **place(service, "deals"), opened_at=began)
    path = f"/v1/deals/{opened['id']}"
    closing = {"stage": "won", "closed_at": before}
    problem(service.patch(path, closing, version=1), 422, "closed_too_early")
    assert service.patch(path, {"stage": "won"}, version=1).status_code == 200


def test_an_import_rejects_deals_that_were_closed_before_they_began(service: Crm) -> None:
    source = fresh()
    make(service, "contacts", external_refs=[{"source": source, "id": "C1"}])
    head, row = "id,contact_external_id,stage,opened_at,closed_at", "C1,won,2025-03-02"
    content = f"{head}\nD1,{row},2025-03-01\nD2,{row},2025-03-03\n"
    state = imported(service, content, resource="deals", source=source, contact_source=source)
    assert (state["created_count"], state["rejected_count"]) == (1, 1), state


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": {"amount": "\u0661\u0660", "currency": "EUR"}},
        {"discount_pct": "\u0661\u0660"},
        {"fx_rate": "\u0661.\u0660"},
    ],
)
def test_decimals_have_plain_digits(service: Crm, fields: dict[str, Any]) -> None:
    body = {**place(service, "deals"), "amount": {"amount": "10", "currency": "EUR"}, **fields}
    problem(service.client.post("/v1/deals", json=body), 422)


def test_a_history_that_does_not_end_in_the_stage_is_refused(service: Crm) -> None:
    past = [{"stage": "lost", "entered_at": "2025-01-01T00:00:00Z"}]
    body = short(service, "deals", stage="won", stage_history=past)
    problem(service.client.post("/v1/deals", json=body), 422, "history_mismatch")


def test_a_history_is_stored_in_the_order_of_time(service: Crm) -> None:
    past = [
        {"stage": "won", "entered_at": "2025-02-01T00:00:00+01:00"},
        {"stage": "new", "entered_at": "2025-01-01T00:00:00Z"},
    ]
    made = make(service, "deals", stage="won", stage_history=past)
    assert made["stage_history"] == [
        {"stage": "new", "kind": "open", "entered_at": "2025-01-01T00:00:00.000000Z"},
        {"stage": "won", "kind": "won", "entered_at": "2025-01-31T23:00:00.000000Z"},
    ]


@pytest.mark.parametrize(
    ("plural", "fields"),
    [
        ("interactions", {"occurred_at": "AHEAD"}),
        ("interactions", {"kind": "complaint", "severity": 1, "resolved_at": "AHEAD"}),
        ("deals", {"opened_at": "AHEAD"}),
        ("deals", {"stage": "won", "closed_at": "AHEAD"}),
        ("deals", {"invoiced_at": "AHEAD"}),
        ("deals", {"paid_at": "AHEAD"}),
        ("deals", {"refunded_at": "AHEAD"}),
        ("deals", {"chargeback_at": "AHEAD"}),
        ("deals", {"contract_cancelled_at": "AHEAD"}),
        ("deals", {"stage_history": [{"stage": "new", "entered_at": "AHEAD"}]}),
    ],
)
def test_what_has_happened_cannot_lie_ahead(
    service: Crm, plural: str, fields: dict[str, Any]
) -> None:
    body = short(service, plural, **fields)
    late = json.loads(json.dumps(body).replace("AHEAD", ahead(hours=1)))
    problem(service.client.post(f"/v1/{plural}", json=late), 422, "in_the_future")
    tolerated = json.loads(json.dumps(body).replace("AHEAD", ahead(minutes=4)))
    assert service.client.post(f"/v1/{plural}", json=tolerated).status_code == 201


def test_a_change_cannot_move_the_past_ahead_either(service: Crm) -> None:
    deal, talk = make(service, "deals"), make(service, "interactions")
    late = ahead(hours=1)
    refused = service.patch(f"/v1/deals/{deal['id']}", {"paid_at": late}, version=1)
    problem(refused, 422, "in_the_future")
    refused = service.patch(f"/v1/interactions/{talk['id']}", {"occurred_at": late}, version=1)
    problem(refused, 422, "in_the_future")


def test_an_upsert_cannot_bring_a_history_from_the_future(service: Crm) -> None:
    known = {"source": "shop", "id": "future-history"}
    contact = make(service, "deals", external_refs=[known])["contact_id"]
    future = [{"stage": "new", "entered_at": ahead(hours=1)}]
    body = {"contact_id": contact, "stage_history": future}
    path = "/v1/deals/by-external-id/shop/future-history"
    problem(service.client.put(path, json=body), 422, "in_the_future")


@pytest.mark.parametrize("plural", ["interactions", "deals"])
def test_a_record_names_its_contact_by_id_or_by_reference_not_both(
    service: Crm, plural: str
) -> None:
    known = {"source": "shop", "id": f"contact-of-{plural}"}
    contact = make(service, "contacts", external_refs=[known])["id"]
    assert make(service, plural, contact_ref=known)["contact_id"] == contact
    path = f"/v1/{plural}"
    both = short(service, plural, contact_ref=known, contact_id=contact)
    neither = short(service, plural, contact_id=None)
    unknown = short(service, plural, contact_id=UNKNOWN)
    stranger = short(service, plural, contact_ref={"source": "shop", "id": "nobody"})
    for body in (both, neither, unknown, stranger):
        problem(service.client.post(path, json=body), 422, "contact_missing")
    service.client.delete(f"/v1/contacts/{contact}", headers={"If-Match": "*"})
    trashed = short(service, plural, contact_id=contact)
    problem(service.client.post(path, json=trashed), 422, "contact_missing")


def test_only_a_person_belongs_to_an_organisation(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation")["id"]
    person = make(service, "contacts", parent_id=firm)
    assert person["parent_id"] == firm
    for kind, parent, code in (
        ("person", person["id"], "parent_not_organisation"),
        ("organisation", firm, "parent_not_organisation"),
        ("person", UNKNOWN, "contact_missing"),
    ):
        body = {"kind": kind, "name": "Weber", "parent_id": parent}
        problem(service.client.post("/v1/contacts", json=body), 422, code)
    problem(service.patch(f"/v1/contacts/{firm}", {"parent_id": firm}, version=1), 422)
    problem(service.patch(f"/v1/contacts/{firm}", {"referred_by_id": UNKNOWN}, version=1), 422)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"name": "Anna Weber", "given_name": "A"}, "Anna Weber"),
        ({"given_name": "Anna", "family_name": "Weber"}, "Anna Weber"),
        ({"family_name": "Weber", "email": "a@example.org"}, "Weber"),
        ({"name": "  ", "email": "a@example.org"}, "a@example.org"),
        ({"phone": "030 901820"}, "030 901820"),
        ({"external_refs": [{"source": "shop", "id": "C-1"}]}, "C-1"),
    ],
)
def test_a_contact_has_a_name_to_show(service: Crm, fields: dict[str, Any], shown: str) -> None:
    made = service.create("contacts", kind="person", **fields)
    assert made["display_name"] == shown


@pytest.mark.parametrize("fields", [{}, {"city": "Bonn"}, {"name": "  "}, {"name": ""}])
def test_a_contact_that_nothing_tells_apart_is_refused(
    service: Crm, fields: dict[str, Any]
) -> None:
    body = {"kind": "person", **fields}
    problem(service.client.post("/v1/contacts", json=body), 422, "contact_unnamed")
    path = f"/v1/contacts/{service.create('contacts', kind='person', name='Weber')['id']}"
    problem(service.patch(path, {"name": None, **fields}, version=1), 422, "contact_unnamed")


def test_the_name_to_show_follows_a_change(service: Crm) -> None:
    made = make(service, "contacts", given_name="Anna", family_name="Weber")
    changed = service.patch(f"/v1/contacts/{made['id']}", {"family_name": "Maier"}, version=1)
    assert changed.json()["display_name"] == "Anna Maier"


@pytest.mark.parametrize(
    ("told", "international"),
    [
        ("030 901820", "+4930901820"),
        ("+41 44 668 18 00", "+41446681800"),
        ("(0171) 123 45 67", "+491711234567"),
        ("after six", None),
        ("", None),
    ],
)
def test_a_telephone_number_is_kept_as_told_and_made_international(
    service: Crm, told: str, international: str | None
) -> None:
    made = make(service, "contacts", phone=told)
    assert (made["phone"], made["phone_e164"]) == (told, international)


def test_a_telephone_number_is_one_of_the_contacts_country(service: Crm) -> None:
    made = make(service, "contacts", phone="01 234567", country_code="AT")
    assert made["phone_e164"] == "+431234567"
    path = f"/v1/contacts/{made['id']}"
    moved = service.patch(path, {"country_code": "DE"}, version=1).json()
    assert (moved["phone"], moved["phone_e164"]) == ("01 234567", "+491234567")


@pytest.mark.parametrize(
    "email",
    ["x", "a@", "@b.de", "a b@example.org", "a@b..de", "a@localhost", "a\u0000@example.org"],
)
def test_what_is_no_address_is_refused(service: Crm, email: str) -> None:
    answer = service.client.post("/v1/contacts", json={"kind": "person", "email": email})
    found = problem(answer, 422)
    assert found["errors"][0]["pointer"] == "/body/email"
    assert email not in found["detail"] or len(email) < 3


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Anna.Weber@EXAMPLE.org", "Anna.Weber@example.org"),
        ("käthe@müller.de", "käthe@müller.de"),
        ("a+b@xn--mller-kva.de", "a+b@müller.de"),
    ],
)
def test_an_address_keeps_its_spelling(service: Crm, sent: str, kept: str) -> None:
    assert make(service, "contacts", email=sent)["email"] == kept


def test_a_complaint_never_lacks_its_severity(service: Crm) -> None:
    body = short(service, "interactions", kind="complaint")
    problem(service.client.post("/v1/interactions", json=body), 422, "severity_missing")
    made = make(service, "interactions", kind="complaint", severity=2)
    path = f"/v1/interactions/{made['id']}"
    problem(service.patch(path, {"severity": None}, version=1), 422, "severity_missing")
    assert service.patch(path, {"resolution": "fixed"}, version=1).status_code == 200


@pytest.mark.parametrize("field", ["deal_id", "parent_id"])
def test_an_interaction_points_only_to_live_records(service: Crm, field: str) -> None:
    target = make(service, "deals" if field == "deal_id" else "interactions")
    made = make(service, "interactions", **{field: target["id"]})
    assert made[field] == target["id"]
    body = short(service, "interactions", **{field: UNKNOWN})
    problem(service.client.post("/v1/interactions", json=body), 422, "reference_missing")


def test_no_interaction_answers_itself_be_it_over_others(service: Crm) -> None:
    first = make(service, "interactions")
    of = {"contact_id": first["contact_id"]}
    second = make(service, "interactions", **of, parent_id=first["id"])
    known = {"source": "shop", "id": fresh("thread")}
    third = make(service, "interactions", **of, parent_id=second["id"], external_refs=[known])
    path = f"/v1/interactions/{first['id']}"
    for parent in (first, second, third):
        refused = service.patch(path, {"parent_id": parent["id"]}, version=1)
        found = problem(refused, 422, "answers_itself")
        assert found["errors"][0]["pointer"] == "/body/parent_id"
    itself = {name: third[name] for name in ("contact_id", "kind", "occurred_at")}
    upsert = f"/v1/interactions/by-external-id/shop/{known['id']}"
    answer = service.client.put(upsert, json={**itself, "parent_id": third["id"]})
    problem(answer, 422, "answers_itself")
    items = [{"action": "update", "id": first["id"], "data": {"parent_id": third["id"]}}]
    (item,) = service.client.post("/v1/interactions/batch", json={"items": items}).json()["items"]
    assert item["problem"]["code"] == "answers_itself"
    content = f"id,contact_id,kind,occurred_at,parent_id\n{first['id']},{first['contact_id']},"
    content += f"{first['kind']},{first['occurred_at']},{third['id']}\n"
    query: dict[str, Any] = {
        "resource": "interactions",
        "mapping": ["id:id", "parent_id:parent_id"],
    }
    state = imported(service, content, **query)
    assert state["rejected_count"] == 1
    _, row = rejected(service.client, state["id"])
    assert row[1:3] == ["parent_id", "answers_itself"]
    other = make(service, "interactions", **of)
    assert service.patch(path, {"parent_id": other["id"]}, version=1).status_code == 200


def test_no_undo_lets_an_interaction_answer_itself(service: Crm) -> None:
    first = make(service, "interactions")
    of = {"contact_id": first["contact_id"]}
    second = make(service, "interactions", **of, parent_id=first["id"])
    free = service.patch(f"/v1/interactions/{second['id']}", {"parent_id": None}, version=1)
    turned = service.patch(
        f"/v1/interactions/{first['id']}", {"parent_id": second["id"]}, version=1
    )
    assert (free.status_code, turned.status_code) == (200, 200)
    found = problem(undo(service, free), 409, "reference_gone")
    assert found["errors"][0]["pointer"] == f"/interactions/{second['id']}/parent_id"


def test_words_are_stored_up_to_their_longest(service: Crm) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    (choice, _) = schemas["NewInteraction"]["properties"]["event_type"]["anyOf"]
    word = "a" * choice["maxLength"]
    made = make(service, "interactions", kind="life_event", event_type=word)
    assert made["event_type"] == word
    body = short(service, "interactions", kind="life_event", event_type=word + "a")
    problem(service.client.post("/v1/interactions", json=body), 422)


@pytest.mark.parametrize("day", ["0001-01-01", "2024-02-29", "9999-12-31"])
def test_a_day_is_read_back_as_it_was_entered(service: Crm, day: str) -> None:
    made = make(service, "deals", expected_close_date=day)
    assert made["expected_close_date"] == day
    assert service.client.get(f"/v1/deals/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2025-03-30T02:30:00+01:00", "2025-03-30T01:30:00.000000Z"),
        ("2025-01-01T00:00:00.1234567Z", "2025-01-01T00:00:00.123456Z"),
        ("2025-01-01t00:00:00z", "2025-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_kept_to_the_microsecond_in_utc(service: Crm, sent: str, shown: str) -> None:
    made = make(service, "interactions", occurred_at=sent)
    assert made["occurred_at"] == shown
    path = f"/v1/interactions/{made['id']}"
    assert service.client.get(path).json() == made
    (row,) = csv.DictReader(
        io.StringIO(service.client.get(f"/v1/exports/interactions?format=csv&id={made['id']}").text)
    )
    assert row["occurred_at"] == shown


@pytest.mark.parametrize("sent", ["9999-12-31T23:59:59.999999Z", "9999-01-01T00:00:00Z"])
def test_the_last_instant_is_an_instant(service: Crm, sent: str) -> None:
    made = make(service, "contacts", next_contact_at=sent)
    assert made["next_contact_at"][:19] == sent[:19]


@pytest.mark.parametrize("plural", ["contacts", "interactions", "deals"])
def test_the_machine_export_has_the_columns_that_are_promised(service: Crm, plural: str) -> None:
    entered = EVERYTHING[plural] | place(service, plural)
    made = service.create(plural, **entered)
    answer = service.client.get(f"/v1/exports/{plural}?format=csv&id={made['id']}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    for name, value in made.items():
        if name == "is_redacted":
            continue
        if name == "custom":
            assert json.loads(row[name]) == value
        elif (money := name) + "_minor" in row and value is None:
            assert row[f"{money}_minor"] == ""
        elif isinstance(value, dict):
            shared = plural == "deals"
            currency = row["currency" if shared else f"{name}_currency"]
            assert (row[f"{name}_minor"], currency) == (
                value["amount"].replace(".", "").lstrip("0"),
                value["currency"],
            )
        elif isinstance(value, list):
            assert json.loads(row[name]) == value
        elif isinstance(value, bool):
            assert row[name] == str(value).lower()
        elif isinstance(value, float | int):
            assert float(row[name]) == value
        else:
            assert row[name] == (value or "")


def test_an_end_belongs_to_a_relationship_that_ended(service: Crm) -> None:
    body = short(service, "contacts", terminated_at="2025-01-01T00:00:00Z")
    problem(service.client.post("/v1/contacts", json=body), 422, "not_terminated")
    made = make(service, "contacts", status="terminated")
    assert (made["status"], made["terminated_at"]) == ("terminated", None)  # nobody told when
    made = make(service, "contacts")
    path = f"/v1/contacts/{made['id']}"
    problem(service.patch(path, {"terminated_by": "customer"}, version=1), 422, "not_terminated")
    ended = {"status": "terminated", "terminated_by": "mutual"}
    ended = service.patch(path, ended, version=1).json()
    assert ended["terminated_at"] == ended["updated_at"]
    back = service.patch(path, {"status": "active"}, version=2).json()
    assert (back["terminated_at"], back["terminated_by"]) == (None, None)
    dated = {"status": "terminated", "terminated_at": "2025-01-01T00:00:00Z"}
    dated = service.patch(path, dated, version=3).json()
    assert dated["terminated_at"] == "2025-01-01T00:00:00.000000Z"
    later = service.patch(path, {"terminated_at": ahead(days=1)}, version=4)
    problem(later, 422, "in_the_future")
    objects = short(service, "contacts", profiling_objection_at=ahead(days=1))
    problem(service.client.post("/v1/contacts", json=objects), 422, "in_the_future")


def test_nobody_recommended_itself(service: Crm) -> None:
    made = make(service, "contacts")["id"]
    refused = service.patch(f"/v1/contacts/{made}", {"referred_by_id": made}, version=1)
    problem(refused, 422, "referred_by_itself")


def test_fraud_is_confirmed_by_a_person(service: Crm) -> None:
    body = short(service, "deals", fraud_confirmed_at="2025-01-01T00:00:00Z")
    problem(service.client.post("/v1/deals", json=body), 422, "fraud_unconfirmed")
    made = make(service, "deals")
    path = f"/v1/deals/{made['id']}"
    confirmed = service.patch(path, {"fraud_confirmed_by": "max"}, version=1).json()
    assert confirmed["fraud_confirmed_at"] == confirmed["updated_at"]
    asked = f"/v1/deals?id={made['id']}&fraud_confirmed_at_known="
    assert all_pages(service.client, f"{asked}true") == [confirmed]
    assert all_pages(service.client, f"{asked}false") == []
    refused = service.patch(path, {"fraud_confirmed_by": None}, version=2)
    problem(refused, 422, "fraud_unconfirmed")
    cleared = {"fraud_confirmed_by": None, "fraud_confirmed_at": None}
    assert service.patch(path, cleared, version=2).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "none"),
        ({"due_at": "2030-01-01T00:00:00Z"}, "none"),
        ({"invoiced_at": "DAY"}, "issued"),
        ({"invoiced_at": "DAY", "written_off": euros("3.00"), "written_off_at": "DAY"}, "issued"),
        (
            {"invoiced_at": "DAY", "written_off": euros("10.00"), "written_off_at": "DAY"},
            "written_off",
        ),
        ({"invoiced_at": "DAY", "written_off_at": "DAY"}, "written_off"),
        ({"invoiced_at": "DAY", "paid_at": "DAY"}, "paid"),
        ({"paid_at": "DAY", "refund": euros("9.99"), "refunded_at": "DAY"}, "paid"),
        ({"paid_at": "DAY", "refund": euros("10.00"), "refunded_at": "DAY"}, "refunded"),
        ({"paid_at": "DAY", "refunded_at": "DAY"}, "refunded"),
        ({"invoiced_at": "DAY", "disputed_at": "DAY"}, "disputed"),
        ({"paid_at": "DAY", "chargeback_at": "DAY"}, "charged_back"),
        (
            {"paid_at": "DAY", "chargeback_at": "DAY", "chargeback_lost": euros("10.00")},
            "charged_back",
        ),
        ({"paid_at": "DAY", "chargeback_at": "DAY", "chargeback_lost": euros("0.00")}, "paid"),
    ],
)
def test_the_state_of_a_payment_follows_from_its_dates_and_parts(
    service: Crm, fields: dict[str, Any], status: str
) -> None:
    dated = json.loads(json.dumps(fields).replace("DAY", "2025-01-01T00:00:00Z"))
    made = make(service, "deals", stage="won", amount=euros("10.00"))
    assert made["payment_status"] == "none"
    path = f"/v1/deals/{made['id']}"
    assert service.patch(path, dated, version=1).json()["payment_status"] == status
    created = make(service, "deals", stage="won", amount=euros("10.00"), **dated)
    assert created["payment_status"] == status


@pytest.mark.parametrize(
    "part",
    [
        {"refund": euros("10.01")},
        {"written_off": euros("10.01")},
        {"refund": euros("-1.00")},
        {"written_off": euros("-1.00")},
        {"cost_recovered": euros("-1.00")},
        {"chargeback_lost": euros("-1.00")},
    ],
)
def test_a_part_of_an_amount_is_a_part_of_it(service: Crm, part: dict[str, Any]) -> None:
    body = short(service, "deals", amount=euros("10.00"), **part)
    found = problem(service.client.post("/v1/deals", json=body), 422, "part_impossible")
    (name,) = part
    assert found["errors"][0]["pointer"] == f"/body/{name}"
    made = make(service, "deals", amount=euros("10.00"), refund=euros("10.00"))
    path = f"/v1/deals/{made['id']}"
    problem(service.patch(path, part, version=1), 422, "part_impossible")
    problem(service.patch(path, {"amount": euros("9.99")}, version=1), 422, "part_impossible")


def test_no_part_is_left_without_its_amount(service: Crm) -> None:
    body = short(service, "deals", refund=euros("20.00"))
    problem(service.client.post("/v1/deals", json=body), 422, "part_impossible")
    made = make(service, "deals", amount=euros("100.00"), refund=euros("20.00"))
    path = f"/v1/deals/{made['id']}"
    found = problem(service.patch(path, {"amount": None}, version=1), 422, "part_impossible")
    assert found["errors"][0]["pointer"] == "/body/refund"
    both = {"amount": None, "refund": None}
    assert service.patch(path, both, version=1).status_code == 200
    assert service.patch(path, {"written_off": euros("0.00")}, version=2).status_code == 200


# What belongs to a contact that is thrown away


def test_what_belongs_to_a_contact_stays_and_is_there_when_it_comes_back(service: Crm) -> None:
    firm = service.create("contacts", kind="organisation", name="Weber GmbH")["id"]
    person = make(service, "contacts", parent_id=firm)
    deal = make(service, "deals", contact_id=firm)
    talk = make(service, "interactions", contact_id=firm)
    path = f"/v1/contacts/{firm}"
    assert service.client.delete(path, headers={"If-Match": "*"}).status_code == 204
    for plural, record in (("contacts", person), ("deals", deal), ("interactions", talk)):
        assert service.client.get(f"/v1/{plural}/{record['id']}").json() == record
    (shown,) = all_pages(service.client, f"/v1/deals?id={deal['id']}&embed=contact")
    assert shown["contact"] is None
    assert service.client.get(f"/v1/contacts/{person['id']}/card").json()["organisation"] is None
    for plural in ("deals", "interactions"):
        body = short(service, plural, contact_id=firm)
        problem(service.client.post(f"/v1/{plural}", json=body), 422, "contact_missing")
    body = short(service, "contacts", parent_id=firm)
    problem(service.client.post("/v1/contacts", json=body), 422, "contact_missing")
    assert service.client.post(f"{path}/restore").status_code == 200
    card = service.client.get(f"{path}/card").json()
    assert [each["id"] for each in card["last_interactions"]] == [talk["id"]]
    assert [each["id"] for each in card["open_deals"]] == [deal["id"]]


# The lists of a working day


def test_an_accountant_finds_what_is_overdue_the_longest_first(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    won = {"contact_id": contact, "stage": "won", "invoiced_at": "2025-01-01T00:00:00Z"}
    days = {
        "late": "2025-03-01",
        "latest": "2025-02-01",
        "disputed": "2025-01-15",
        "paid": "2025-01-15",
    }
    more = {
        "disputed": {"disputed_at": "2025-01-20T00:00:00Z"},
        "paid": {"paid_at": "2025-01-20T00:00:00Z"},
    }
    made = {
        name: make(service, "deals", **won, due_at=f"{day}T00:00:00Z", **more.get(name, {}))["id"]
        for name, day in days.items()
    }
    make(service, "deals", **won, due_at=ahead(days=9))
    asked = {
        "contact_id": contact,
        "payment_status": "issued",
        "due_at_lt": datetime.now(UTC).isoformat(),
        "sort": "due_at",
    }
    listed = service.client.get("/v1/deals", params=asked).json()["items"]
    assert [each["id"] for each in listed] == [made["latest"], made["late"]]


def test_a_sales_lead_finds_contracts_that_end_soon_and_customers_without_a_next_date(
    service: Crm,
) -> None:
    owner = fresh("owner")
    planned = make(service, "contacts", owner_id=owner, next_contact_at=ahead(days=9))["id"]
    forgotten = make(service, "contacts", owner_id=owner)["id"]
    make(service, "contacts", owner_id=owner)  # bought nothing yet
    deals = [
        make(service, "deals", contact_id=contact, stage="won", owner_id=owner, **fields)["id"]
        for contact, fields in (
            (planned, {"contract_end_at": ahead(days=50)}),
            (forgotten, {"contract_end_at": ahead(days=20)}),
            (planned, {"contract_end_at": ahead(days=90)}),
            (
                planned,
                {
                    "contract_end_at": ahead(days=10),
                    "contract_cancelled_at": "2025-01-01T00:00:00Z",
                },
            ),
        )
    ]
    asked = {
        "owner_id": owner,
        "contract_end_at_gte": ahead(),
        "contract_end_at_lt": ahead(days=60),
        "contract_cancelled_at_known": "false",
        "sort": "contract_end_at",
    }
    listed = service.client.get("/v1/deals", params=asked).json()["items"]
    assert [each["id"] for each in listed] == [deals[1], deals[0]]
    bought = f"/v1/contacts?owner_id={owner}&deals.stage_kind=won&next_contact_at_known="
    listed = all_pages(service.client, f"{bought}false")
    assert [each["id"] for each in listed] == [forgotten]
    assert [each["id"] for each in all_pages(service.client, f"{bought}true")] == [planned]


@pytest.mark.parametrize("kind", BOTH)
def test_what_happened_may_be_five_minutes_ahead_and_the_problem_says_so(
    make_crm: MakeCrm, kind: str
) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    crm = make_crm(kind, clock=lambda: now)
    contact = crm.create("contacts", kind="person", name="Weber")["id"]
    body = {"contact_id": contact, "kind": "note", "subject": "x"}
    near = {**body, "occurred_at": "2026-03-01T12:05:00Z"}
    assert crm.client.post("/v1/interactions", json=near).status_code == 201
    far = {**body, "occurred_at": "2026-03-01T12:05:01Z"}
    found = problem(crm.client.post("/v1/interactions", json=far), 422, "in_the_future")
    assert "five minutes" in found["errors"][0]["message"]
    schemas = crm.client.get("/openapi.json").json()["components"]["schemas"]
    told = schemas["NewInteraction"]["properties"]["occurred_at"]["description"]
    assert "five minutes" in told


@pytest.mark.parametrize("kind", BOTH)
def test_nobody_is_born_tomorrow_wherever_it_is_today(make_crm: MakeCrm, kind: str) -> None:
    crm = make_crm(kind, clock=lambda: datetime(2026, 2, 28, 12, tzinfo=UTC))
    body = {"kind": "person", "name": "Weber", "allow_duplicate": True}
    late, today = ({"birth_date": day} for day in ("2026-03-02", "2026-03-01"))
    found = problem(crm.client.post("/v1/contacts", json=body | late), 422, "in_the_future")
    assert found["errors"][0]["pointer"] == "/body/birth_date"
    made = crm.create("contacts", **body, **today)
    problem(crm.patch(f"/v1/contacts/{made['id']}", late, version=1), 422, "in_the_future")
    ref = "/v1/contacts/by-external-id/shop/1"
    problem(crm.client.put(ref, json=body | late), 422, "in_the_future")
    items = [{"action": "create", "data": body | late}]
    (item,) = crm.client.post("/v1/contacts/batch", json={"items": items}).json()["items"]
    assert item["problem"]["code"] == "in_the_future"
    for known in ("new", made["id"]):
        content = f"id,kind,name,birth_date\n{known},person,Weber,2026-03-02\n"
        state = imported(crm, content, resource="contacts", mapping="id:id")
        _, row = rejected(crm.client, state["id"], **{"Accept-Language": "de"})
        assert (row[1], row[2]) == ("birth_date", "in_the_future")
        assert "Dieser Tag" in row[3]


@pytest.mark.parametrize("kind", BOTH)
def test_a_page_of_another_origin_reads_the_headers_that_it_needs(
    make_crm: MakeCrm, kind: str
) -> None:
    crm = make_crm(kind, crm_allowed_origins=["https://app.example.org"])
    answer = crm.client.get("/v1/contacts", headers={"Origin": "https://app.example.org"})
    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    assert exposed >= {
        *("ETag", "Link", "Location", "Content-Location", "X-Request-Id", "X-Change-Cursor"),
        *("Retry-After", "RateLimit", "RateLimit-Policy", "Content-Disposition"),
        *("Idempotent-Replayed", "Content-Language"),
    }
    stranger = crm.client.get("/v1/contacts", headers={"Origin": "https://evil.example.org"})
    assert "access-control-expose-headers" not in stranger.headers
