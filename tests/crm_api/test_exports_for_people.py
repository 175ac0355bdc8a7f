"""Exports for people: the list's filters, sheets that open as they should, and the way back in."""

import csv
import io
import itertools
from typing import Any

import httpx
import pytest
from python_calamine import CalamineWorkbook

from services.foundation.sheet_texts import harmless
from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.bodies import fresh, problem
from tests.crm_api.test_imports import everything, imported

TABLES = ("excel_csv", "xlsx")


def table(answer: httpx.Response) -> list[list[Any]]:
    """Read the rows of a file for people, its header first."""
    assert answer.status_code == 200, answer.text
    if "spreadsheet" in answer.headers["content-type"]:
        book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
        assert len(book.sheet_names) == 1
        return book.get_sheet_by_index(0).to_python()
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def records(answer: httpx.Response) -> list[dict[str, Any]]:
    header, *rows = table(answer)
    assert len(set(header)) == len(header)
    return [dict(zip(header, row, strict=True)) for row in rows]


def export(crm: Crm, plural: str, *, language: str = "en", **query: Any) -> httpx.Response:
    headers = {"Accept-Language": language}
    return crm.client.get(f"/v1/exports/{plural}", params=query, headers=headers)


@pytest.mark.parametrize("form", ["ndjson", "csv", *TABLES])
def test_an_export_takes_every_filter_of_the_list(service: Crm, form: str) -> None:
    tag, key = fresh("tag"), fresh("key").replace("-", "_")
    label = {"label_en": key, "label_de": key, "type": "integer"}
    service.create("custom-fields", applies_to="contacts", key=key, **label)
    names = [fresh("Weber") for _ in range(3)]
    made = [
        service.create(
            "contacts", kind="person", name=name, tags=[tag], city=name, custom={key: number}
        )
        for number, name in enumerate(names)
    ]
    service.create("deals", contact_id=made[1]["id"], title="A table", stage="won")
    segment = {"key": fresh("s"), "name": "Some", "kind": "filter", "filter": {"city": [names[2]]}}
    segment_id = service.create("segments", **segment)["id"]
    for query, wanted in (
        ({"tag": tag}, names),
        ({"tag": tag, "city": names[:2]}, names[:2]),
        ({"tag": tag, f"custom.{key}_gte": 1}, names[1:]),
        ({"tag": tag, "deals.stage": "won"}, names[1:2]),
        ({"segment_id": segment_id}, names[2:]),
        ({"tag": tag, "updated_at_lt": "2001-01-01T00:00:00Z"}, []),
    ):
        answer = export(service, "contacts", format=form, sort="-created_at", **query)
        assert answer.status_code == 200, answer.text
        shown = [each for each in names if each in _text(answer)]
        assert shown == wanted
    for query in ({"limit": 1}, {"tagg": tag}, {"custom.nothing": 1}, {"fields": "nothing"}):
        problem(export(service, "contacts", format=form, **query), 422)


def _text(answer: httpx.Response) -> str:
    return str(table(answer)) if "spreadsheet" in answer.headers["content-type"] else answer.text


@pytest.mark.parametrize("form", TABLES)
@pytest.mark.parametrize(
    "plural", ["products", "campaigns", "campaign-members", "competitors", "swot-items",
               "competitor-activities", "segments", "pipelines", "custom-fields"]
)  # fmt: skip
def test_every_resource_has_its_export(service: Crm, plural: str, form: str) -> None:
    answer = export(service, plural, format=form)
    count = service.client.get(f"/v1/{plural}?count=true").json()["total"]
    assert len(table(answer)) == 1 + count
    for language in ("de", "en"):
        header = table(export(service, plural, format=form, language=language))[0]
        assert len(header) == len(set(header))


def test_a_sheet_has_typed_cells_and_readable_headers(service: Crm) -> None:
    contact = service.create("contacts", kind="person", name="Anna Weber")
    deal = service.create(
        "deals",
        contact_id=contact["id"],
        title="=1+1",
        stage="won",
        amount={"amount": "1234.50", "currency": "EUR"},
        closed_at="2026-01-05T23:30:00Z",
        opened_at="2026-01-01T08:00:00Z",
        expected_close_date="2026-01-04",
        discount_pct="12.5",
    )
    query = {"id": deal["id"], "format": "xlsx"}
    (row,) = records(export(service, "deals", **query))
    assert (row["Amount"], row["Currency"], row["Discount pct"]) == (1234.5, "EUR", 12.5)
    assert row["Title"] == "=1+1"
    assert row["Closed at"].isoformat() == "2026-01-06T00:30:00", "in the business's time zone"
    assert row["Expected close date"].isoformat()[:10] == "2026-01-04"
    assert row["Customer ID"] == contact["id"]
    few = export(service, "deals", language="de", fields="amount,title,currency", **query)
    assert table(few) == [["Betrag", "Titel", "Währung"], [1234.5, "=1+1", "EUR"]]
    name = few.headers["content-disposition"]
    assert name.startswith('attachment; filename="deals-20')
    assert name.endswith('.xlsx"')
    assert few.headers["content-language"] == "de"
    assert few.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize("form", TABLES)
@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59.000000Z", "0001-01-01T00:00:00.000000Z"])
def test_an_instant_beyond_the_calendar_of_the_business_is_told_in_utc(
    make_crm: MakeCrm, form: str, instant: str
) -> None:
    """In Berlin the one is in the year 10000; in New York the other is before the first year."""
    zone = "Europe/Berlin" if instant.startswith("9") else "America/New_York"
    crm = make_crm("sqlite", business_time_zone=zone)
    contact = crm.create("contacts", kind="person", name="Anna", next_contact_at=instant)
    crm.create("deals", contact_id=contact["id"], due_at=instant)
    for plural, header in (("contacts", "Next contact at"), ("deals", "Due at")):
        answer = export(crm, plural, format=form)
        (row,) = records(answer)
        assert row[header] == instant
        media = answer.headers["content-type"]
        state = imported(crm, answer.content, media=media, resource=plural, source="own")
        assert state["unchanged_count"] == 1, state


def test_a_csv_file_opens_in_german_and_english_excel_and_calculates_nothing(service: Crm) -> None:
    city = fresh("Köln")
    lists = {
        "other_emails": [{"label": "work", "email": "w@example.org"}],
        "tags": ["vip", "spring"],
    }
    evil = {"name": '=HYPERLINK("http://x")', "phone": "+49 30 901820", "job_title": "-2+3"}
    service.create("contacts", kind="person", city=city, credit_hold=True, **evil, **lists)
    cost = {"amount": "-1.50", "currency": "EUR"}
    service.create("contacts", kind="person", name="B", city=city, acquisition_cost=cost)
    query = {"city": city, "format": "excel_csv", "sort": "created_at"}
    first, second = records(export(service, "contacts", **query))
    assert first["Name"] == "'" + evil["name"]
    assert first["Job title"] == "'-2+3"
    assert first["Phone"] == evil["phone"], "nothing in it could be calculated"
    assert (first["Other emails 1 label"], first["Other emails 1 email"]) == (
        "work", "w@example.org",
    )  # fmt: skip
    assert (first["Tags"], first["Credit hold"], first["City"]) == ("vip; spring", "true", city)
    assert (second["Acquisition cost"], second["Acquisition cost currency"]) == ("-1.50", "EUR")
    german = export(service, "contacts", language="de", **query)
    lines = german.content.decode("utf-8-sig").split("\r\n")
    cells = list(csv.DictReader(lines, delimiter=";"))
    assert cells[1]["Akquisekosten"] == "-1,50"
    assert cells[0]["Weitere E-Mail 1 E-Mail"] == "w@example.org"
    plain = export(service, "contacts", bom="false", delimiter="tab", fields="name,zip", **query)
    assert plain.text.splitlines()[0] == "Name\tZip"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Anna", "Anna"), ("=1", "'=1"), ("@SUM(A1)", "'@SUM(A1)"), ("+1+1", "'+1+1"),
        ("-1", "'-1"), ("\t=1", "'\t=1"), ("＝1", "'＝1"), ("+49 30", "+49 30"), ("", ""),
    ],
)  # fmt: skip
def test_no_text_is_a_formula(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize("form", TABLES)
def test_what_a_key_may_not_see_is_in_no_sheet_and_what_it_sees_is_noted(
    service: Crm, form: str
) -> None:
    secret = fresh("Canary")
    made = service.create("contacts", kind="person", name=secret, city=secret)
    query: dict[str, Any] = {"id": made["id"], "format": form}
    with service.client_with("contacts:read") as blind:
        answer = blind.get("/v1/exports/contacts", params=query)
        (row,) = records(answer)
        assert secret not in str(row)
        assert row["Kind"] == "person"
        assert "x-change-cursor" not in answer.headers
        for refused in ({"city": secret}, {"sort": "display_name"}, {"format": "csv"}):
            found = blind.get("/v1/exports/contacts", params=query | refused)
            problem(found, 403, "scope_missing")
        problem(blind.get("/v1/exports/deals", params={"format": form}), 403, "scope_missing")
    noted = {"request_id": answer.headers["x-request-id"]}
    assert service.client.get("/v1/audit", params=noted).json()["items"] == []
    seen = export(service, "contacts", **query)
    assert secret in _text(seen)
    noted = {"request_id": seen.headers["x-request-id"]}
    (entry,) = service.client.get("/v1/audit", params=noted).json()["items"]
    assert (entry["action"], entry["resource"]) == ("exported", "contact")
    unseen = export(service, "contacts", fields="id,status", **query)
    noted = {"request_id": unseen.headers["x-request-id"]}
    assert service.client.get("/v1/audit", params=noted).json()["items"] == []


def test_more_records_than_a_sheet_holds_are_refused(
    service: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = fresh("Bonn")
    for _ in range(3):
        service.create("contacts", kind="person", name="Anna", city=city)
    monkeypatch.setattr("services.crm_api.exports.operations.MOST_SHEET_ROWS", 2)
    query: dict[str, Any] = {"city": [city], "sort": "-updated_at", "format": "xlsx"}
    found = problem(export(service, "contacts", **query), 422, "too_many_rows")
    assert "excel_csv" in found["detail"]


SOURCE: dict[str, list[dict[str, Any]]] = {
    "contacts": [
        {
            "kind": "person", "given_name": "Anna", "family_name": "=Müller", "zip": "01067",
            "email": "anna@example.org", "phone": "0351 901820", "street": "Weg 1", "city": "Köln",
            "country_code": "DE", "language": "de", "tags": ["vip", "a;b"], "flags": ["minor"],
            "next_contact_at": "2026-10-25T00:30:00.000000Z",
        },
        {"kind": "organisation", "name": 'Weber; "Möbel"', "status": "blocked", "owner_id": "anna"},
    ],
    "deals": [
        {
            "title": "A table", "stage": "won", "amount": {"amount": "1234.50", "currency": "EUR"},
            "closed_at": "2026-01-05T23:30:00.000000Z", "opened_at": "2026-01-01T08:00:00.000000Z",
            "won_reason": "price", "discount_pct": "12.5", "expected_close_date": "2026-01-04",
        },
        {"title": "A chair", "stage": "lost", "lost_reason": "price",
         "opened_at": "2025-12-01T08:00:00.000000Z", "closed_at": "2026-02-05T09:00:00.000000Z"},
    ],
    "interactions": [
        {"kind": "call", "occurred_at": "2026-03-01T08:00:00.000000Z", "direction": "inbound",
         "subject": "Delivery", "body": "Two\nlines; with 'quotes'", "channel": "phone"},
        {"kind": "note", "occurred_at": "2026-03-02T08:00:00.123456Z", "body": "-- none --"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(("form", "language"), [("excel_csv", "de"), ("xlsx", "en")])
def test_what_is_exported_can_be_imported_again_with_everything_found_by_itself(
    make_crm: MakeCrm, kind: str, form: str, language: str
) -> None:
    old, new = make_crm(kind), make_crm(kind)
    owner = ""
    for plural, bodies in SOURCE.items():
        if form == "xlsx":  # a sheet knows no fractions of a second
            bodies = [
                {
                    n: v.replace(".123456", ".000000") if n == "occurred_at" else v
                    for n, v in b.items()
                }
                for b in bodies
            ]
        for body in bodies:
            more = {} if plural == "contacts" else {"contact_id": owner}
            made = old.create(plural, **body, **more)
            owner = owner or made["id"]
        answer = export(old, plural, language=language, format=form)
        media = answer.headers["content-type"].partition(";")[0]
        count = len(bodies)
        state = imported(new, answer.content, media=media, resource=plural, source="old")
        assert (state["questions"], state["created_count"]) == ([], count), state["columns"]
        sent = {ref["id"]: each for each in everything(new.client, plural)
                for ref in each["external_refs"]}  # fmt: skip
        for before in everything(old.client, plural):
            after = sent[before["id"]]
            names = {name for body in bodies for name in body}
            assert {name: after[name] for name in names} == {name: before[name] for name in names}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("form", "language"),
    [("excel_csv", "de"), ("xlsx", "en"), ("xlsx", "de"), ("ndjson", "en")],
)
def test_what_is_exported_changes_the_same_records_of_its_base_and_makes_no_others(
    make_crm: MakeCrm, kind: str, form: str, language: str
) -> None:
    crm = make_crm(kind)
    owner = ""
    for plural, bodies in SOURCE.items():
        for body in bodies:
            more = {} if plural == "contacts" else {"contact_id": owner}
            made = crm.create(plural, **body, **more)
            owner = owner or made["id"]
        before = everything(crm.client, plural)
        answer = export(crm, plural, language=language, format=form)
        media = answer.headers["content-type"].partition(";")[0]
        query = {"media": media, "resource": plural, "source": "own"}
        state = imported(crm, answer.content, **query)
        assert {"id"} <= {each["field"] for each in state["columns"]}
        assert (state["questions"], state["rejected_count"]) == ([], 0)
        assert state["unchanged_count"] == len(before), state
        assert everything(crm.client, plural) == before
        if form == "excel_csv":
            old, new = {"contacts": ("Köln", "Ulm"), "deals": ("A table", "A desk"),
                        "interactions": ("Delivery", "Late")}[plural]  # fmt: skip
            edited = answer.content.decode("utf-8-sig").replace(old, new)
            assert imported(crm, edited, **query)["updated_count"] == 1
            after = everything(crm.client, plural)
            assert [each["id"] for each in after] == [each["id"] for each in before]
            changed = [each for each in after if each["version"] > 1]
            assert [new in each.values() for each in changed] == [True]


MONEY = [
    {"amount": amount, "currency": currency}
    for currency, *amounts in (
        ("EUR", "12.34", "-0.05", "1234567890123.45", "99999999999999.99"),
        ("USD", "100.00", "1.10", "999.99"),
        ("JPY", "500", "-7", "1000000"),
        ("KWD", "1.234", "1000.000", "0.001", "-12345678901234.123"),
        ("CLF", "99999999999999.9999"),
    )
    for amount in amounts
]


@pytest.mark.parametrize(
    ("form", "language"),
    [("csv", "en"), ("ndjson", "en"), *((form, name) for form in TABLES for name in ("de", "en"))],
)
def test_money_of_every_currency_comes_back_from_an_export_as_it_was(
    crm: Crm, form: str, language: str
) -> None:
    contacts = [crm.create("contacts", kind="person", name=fresh("Anna"), acquisition_cost=money)
                for money in (*MONEY, None)]  # fmt: skip
    owner = {"contact_id": contacts[0]["id"]}
    others = itertools.cycle([*MONEY[5:], None, *MONEY[:5]])
    for money in (*MONEY, None):
        crm.create("interactions", **owner, kind="offer", occurred_at="2026-01-05T10:00:00Z",
                   price=money, cost=next(others))  # fmt: skip
        same = next(
            each for each in MONEY if money is None or each["currency"] == money["currency"]
        )
        crm.create("deals", **owner, amount=money, list_amount=same, cost=same)
    for plural in ("contacts", "interactions", "deals"):
        before = everything(crm.client, plural)
        answer = export(crm, plural, language=language, format=form)
        media = answer.headers["content-type"].partition(";")[0]
        state = imported(crm, answer.content, media=media, resource=plural, source="own")
        assert state["questions"] == []
        assert state["unchanged_count"] == len(before), state
        assert everything(crm.client, plural) == before


def test_an_export_of_another_base_makes_records_once_that_point_to_each_other(
    make_crm: MakeCrm,
) -> None:
    old, new = make_crm("sqlite"), make_crm("sqlite")
    contact = old.create("contacts", kind="person", name="Anna", email="anna@example.org")
    old.create("deals", contact_id=contact["id"], title="A table")
    for expected in ("created_count", "unchanged_count"):
        for plural in ("contacts", "deals"):
            answer = export(old, plural, language="de", format="xlsx")
            media = answer.headers["content-type"]
            state = imported(new, answer.content, media=media, resource=plural, source="old")
            assert state[expected] == 1, state
    (copied,) = everything(new.client, "contacts")
    assert copied["external_refs"] == [{"source": "old", "id": contact["id"]}]
    assert everything(new.client, "deals")[0]["contact_id"] == copied["id"]


def test_the_id_of_a_merged_contact_means_the_one_that_it_is_part_of(service: Crm) -> None:
    kept = service.create("contacts", kind="person", name=fresh("Anna"))
    gone = service.create("contacts", kind="person", name=fresh("Bea"))
    merge = f"/v1/contacts/{kept['id']}/merge"
    headers = {"If-Match": "*"}
    answer = service.client.post(merge, json={"duplicate_id": gone["id"]}, headers=headers)
    assert answer.status_code == 200, answer.text
    content = f"Customer ID,Ort\n{gone['id']},Ulm\n{kept['id']},Ulm\n"
    state = imported(service, content, resource="contacts", source=fresh("own"))
    assert (state["updated_count"], state["unchanged_count"]) == (1, 1), state
    assert service.client.get(f"/v1/contacts/{kept['id']}").json()["city"] == "Ulm"


@pytest.mark.parametrize("form", ["ndjson", "csv", "excel_csv", "xlsx"])
def test_what_a_search_finds_is_exported_whole(crm: Crm, form: str) -> None:
    for number in range(230):
        crm.create("contacts", kind="person", name=f"Quastenfloss {number}", city="Köln")
    crm.create("contacts", kind="person", name="Quastenfloss", city="Bonn")
    crm.create("contacts", kind="person", name="Somebody Else", city="Köln")

    def exported(**query: Any) -> int:
        answer = export(crm, "contacts", format=form, **query)
        assert answer.status_code == 200, answer.text
        lines = table(answer) if form in TABLES else answer.text.splitlines()
        return len(lines) - (form != "ndjson")

    assert exported(q="quastenflo") == 231
    assert exported(q="Quastenfloß Koeln", sort="display_name") == 230
    assert exported(q="Quastenfluss", city="Bonn") == 1, "as it was meant"
    assert exported(q="nobody") == 0
    problem(export(crm, "contacts", q="."), 422)
    blind = crm.client_with("contacts:read", "changes:read")
    problem(blind.get("/v1/exports/contacts", params={"q": "quastenfloss", "format": form}), 403)
