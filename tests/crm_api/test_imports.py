"""What imports promise: nothing is guessed, nothing is lost or doubled, every refusal is told."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.crm_api.scopes import SCOPES
from tests.conftest import Crm, MakeCrm, Templates, store_key
from tests.live import client, free_port

CDNOW = Path(__file__).parents[2] / "services" / "local" / "demo" / "cdnow.csv"
CDNOW_QUERY: dict[str, Any] = {
    "resource": "deals",
    "source": "cdnow",
    "currency": "USD",
    "time_zone": "UTC",
    "default": "stage:won",
    "mapping": ["date:closed_at", "amount:amount", "customer_id:contact_external_id"],
    "create_missing_contacts": "true",
}
COUNTS = ("created_count", "updated_count", "unchanged_count", "rejected_count")
ORDERS = "order_id,customer_id,date,amount,status\n"
ORDER_QUERY = {"resource": "deals", "source": "shop", "currency": "EUR"}


def upload(
    crm: Crm | httpx.Client, content: str | bytes, *, media: str = "text/csv", **query: Any
) -> httpx.Response:
    http = crm if isinstance(crm, httpx.Client) else crm.client
    data = content.encode() if isinstance(content, str) else content
    return http.post("/v1/imports", params=query, content=data, headers={"Content-Type": media})


def finished(http: httpx.Client, import_id: str, *, seconds: float = 60) -> dict[str, Any]:
    deadline, pause = time.monotonic() + seconds, 0.01
    while time.monotonic() < deadline:
        state: dict[str, Any] = http.get(f"/v1/imports/{import_id}").json()
        if state["status"] not in ("queued", "running"):
            return state
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    raise AssertionError(f"the import is not finished: {state}")


def run(crm: Crm, import_id: str, *, dry_run: bool = False) -> dict[str, Any]:
    answer = crm.client.post(f"/v1/imports/{import_id}/start", json={"dry_run": dry_run})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/imports/{import_id}"
    assert answer.headers["Retry-After"]
    return finished(crm.client, import_id)


def imported(
    crm: Crm | httpx.Client, content: str | bytes, *, media: str = "text/csv", **query: Any
) -> Any:
    answer = upload(crm, content, media=media, start="true", **query)
    assert answer.status_code == 202, answer.text
    http = crm if isinstance(crm, httpx.Client) else crm.client
    state = finished(http, answer.json()["id"])
    assert state["status"] == "succeeded", state
    return state


def counts(state: dict[str, Any]) -> tuple[int, ...]:
    return tuple(state[name] for name in COUNTS)


def everything(http: httpx.Client, plural: str) -> list[dict[str, Any]]:
    found, path = [], f"/v1/{plural}?limit=200&sort=created_at"
    while path:
        page = http.get(path).json()
        found += page["items"]
        path = page.get("next") or ""
    return found


def rejected(http: httpx.Client, import_id: str, **headers: str) -> list[list[str]]:
    answer = http.get(f"/v1/imports/{import_id}/rejected-rows", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def content_of(deals: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a deal is apart from its ids and times of entry."""
    return sorted(
        (
            deal["external_refs"][0]["id"],
            deal["amount"]["amount"],
            deal["closed_at"],
            deal["version"],
        )
        for deal in deals
    )


def change_count(http: httpx.Client) -> int:
    total, cursor = 0, ""
    while True:
        query = {"limit": "1000", **({"after": cursor} if cursor else {})}
        page = http.get("/v1/changes", params=query).json()
        total += len(page["items"])
        cursor = page["cursor"]
        if not page["has_more"]:
            return total


@pytest.mark.parametrize("crm", ["postgresql"], indirect=True)  # the demo base is one on both
def test_the_cdnow_log_becomes_all_its_customers_and_deals_once(crm: Crm) -> None:
    answer = upload(crm, CDNOW.read_bytes(), **CDNOW_QUERY)
    assert answer.status_code == 201
    state = answer.json()
    assert state["status"] == "ready"
    assert [c["name"] for c in state["columns"] if c["is_ignored"]] == ["quantity"]
    tried = run(crm, state["id"], dry_run=True)
    assert tried["is_dry_run"]
    assert everything(crm.client, "deals") == []
    done = run(crm, state["id"])
    assert counts(done) == counts(tried) == (6919, 0, 0, 0)
    assert done["created_contact_count"] == tried["created_contact_count"] == 2357
    assert done["progress"] == 1
    deals = everything(crm.client, "deals")
    assert len(deals) == 6919
    assert len(everything(crm.client, "contacts")) == 2357
    assert {deal["stage"] for deal in deals} == {"won"}
    assert sum(deal["amount"]["amount"] == "0.00" for deal in deals) > 0
    assert min(deal["closed_at"] for deal in deals) == "1997-01-01T00:00:00.000000Z"
    before = change_count(crm.client)
    assert before == 6919 + 2357
    assert counts(run(crm, state["id"])) == (0, 0, 6919, 0)
    assert counts(imported(crm, CDNOW.read_bytes(), **CDNOW_QUERY)) == (0, 0, 6919, 0)
    assert change_count(crm.client) == before


def test_a_row_is_found_by_its_id_and_only_sent_fields_are_set(crm: Crm) -> None:
    query = {**ORDER_QUERY, "create_missing_contacts": "true"}
    first = ORDERS + "A1,C1,2024-01-05,10.00,won\nA2,C1,2024-01-06,20.00,won\n"
    assert counts(imported(crm, first, **query)) == (2, 0, 0, 0)
    second = (
        ORDERS + "A1,C1,2024-01-05,11.00,\nA2,C1,2024-01-06,20.00,won\nA3,C2,2024-02-01,5,won\n"
    )
    assert counts(imported(crm, second, **query)) == (1, 1, 1, 0)
    deals = {deal["external_refs"][0]["id"]: deal for deal in everything(crm.client, "deals")}
    assert deals["A1"]["amount"]["amount"] == "11.00"
    assert deals["A1"]["stage"] == "won", "an empty cell leaves the field as it is"
    assert [deals[name]["version"] for name in ("A1", "A2", "A3")] == [2, 1, 1]


def test_an_id_that_comes_twice_in_a_file_is_one_record_with_the_last_content(crm: Crm) -> None:
    query = {**ORDER_QUERY, "create_missing_contacts": "true"}
    content = ORDERS + "A1,C1,2024-01-05,10,won\nA1,C1,2024-01-05,12,won\nA1,C1,2024-01-05,12,won\n"
    state = upload(crm, content, **query).json()
    tried, done = run(crm, state["id"], dry_run=True), run(crm, state["id"])
    assert counts(tried) == counts(done) == (1, 1, 1, 0)
    (deal,) = everything(crm.client, "deals")
    assert deal["amount"]["amount"] == "12.00"


def test_a_dry_run_counts_repeated_ids_over_chunks_as_the_real_run_does(crm: Crm) -> None:
    query = {**ORDER_QUERY, "create_missing_contacts": "true"}
    lines = [
        f"A{number % 700},C{number % 700 % 30},2024-01-05,{number // 1400},won\n"
        for number in range(1600)
    ]
    lines += [f"A{number},C{30 + number},2024-01-05,1,won\n" for number in range(25)]
    state = upload(crm, ORDERS + "".join(lines), **query).json()
    tried = run(crm, state["id"], dry_run=True)
    done = run(crm, state["id"])
    assert counts(tried) == counts(done) == (700, 200, 700, 25)
    assert tried["created_contact_count"] == done["created_contact_count"] == 30


def test_equal_rows_without_an_id_stay_as_many_as_they_are(crm: Crm) -> None:
    content = "customer_id,date,amount\n" + 3 * "C1,2024-01-05,10.00\n"
    query = {**ORDER_QUERY, "default": "stage:won", "create_missing_contacts": "true"}
    assert counts(imported(crm, content, **query)) == (3, 0, 0, 0)
    assert counts(imported(crm, content, **query)) == (0, 0, 3, 0)
    assert len(everything(crm.client, "deals")) == 3


def test_an_ambiguous_date_is_asked_and_never_guessed(crm: Crm) -> None:
    content = ORDERS + "A1,C1,03/04/2024,10.00,won\nA2,C1,05/06/2024,20.00,won\n"
    query = {**ORDER_QUERY, "create_missing_contacts": "true", "start": "true"}
    answer = upload(crm, content, **query)
    assert answer.status_code == 201
    state = answer.json()
    assert state["status"] == "needs_answers"
    (question,) = state["questions"]
    assert (question["code"], question["column"]) == ("ambiguous_date_format", "date")
    readings = {option["value"]: option["readings"][0]["reading"] for option in question["options"]}
    assert readings == {"D/M/YYYY": "2024-04-03", "M/D/YYYY": "2024-03-04"}
    german = crm.client.get(f"/v1/imports/{state['id']}", headers={"Accept-Language": "de"})
    assert "Tag" in german.json()["questions"][0]["message"]
    assert german.headers["Content-Language"] == "de"
    refused = crm.client.post(f"/v1/imports/{state['id']}/start", json={})
    assert refused.status_code == 409
    assert refused.json()["code"] == "questions_open"
    assert refused.json()["questions"][0]["code"] == "ambiguous_date_format"
    told = {"code": "ambiguous_date_format", "column": "date", "value": "M/D/YYYY"}
    patched = crm.patch(f"/v1/imports/{state['id']}", {"answers": [told]}, version=1)
    assert patched.status_code == 200, patched.text
    assert patched.json()["status"] == "ready"
    assert patched.headers["ETag"] == '"2"'
    assert counts(run(crm, state["id"])) == (2, 0, 0, 0)
    closed = sorted(deal["closed_at"] for deal in everything(crm.client, "deals"))
    assert closed[0] == "2024-03-03T23:00:00.000000Z"


def test_a_date_that_only_some_cells_show_is_asked_with_what_each_answer_makes_of_them(
    crm: Crm,
) -> None:
    content = ORDERS + "A1,C1,03.04.2024,10.00,won\nA2,C1,31.02.2024,10.00,won\n"
    state = upload(crm, content, **ORDER_QUERY).json()
    (question,) = state["questions"]
    assert (question["code"], question["column"]) == ("date_format_unclear", "date")
    readings = {each["value"]: each["readings"] for each in question["options"]}
    assert readings["D.M.YYYY"] == [
        {"sample": "03.04.2024", "reading": "2024-04-03"},
        {"sample": "31.02.2024", "reading": "\u2013"},
    ]
    assert set(readings) == {"D.M.YYYY"}, "no format that reads nothing is offered"


def test_a_date_format_that_reads_no_sample_is_neither_offered_nor_taken(crm: Crm) -> None:
    content = f"{ORDERS}1,K1,5.3.2026,10.00,won\n2,K2,soon,11.00,won\n3,K3,later,11.00,won\n"
    state = upload(crm, content, **ORDER_QUERY, mapping="date:closed_at").json()
    (question,) = state["questions"]
    assert [each["value"] for each in question["options"]] == ["D.M.YYYY"]
    path, answer = f"/v1/imports/{state['id']}", {"code": question["code"], "column": "date"}
    for spelling in ("M/D/YYYY", "YYYYMMDD"):
        refused = crm.patch(path, {"answers": [{**answer, "value": spelling}]}, version="*")
        (error,) = refused.json()["errors"]
        assert refused.status_code == 422
        assert error["pointer"] == "/body/settings/date_formats/date"
        assert error["code"] == "format_reads_nothing"
    assert crm.client.get(path).json()["status"] == "needs_answers"
    taken = crm.patch(path, {"answers": [{**answer, "value": "D.M.YYYY"}]}, version="*")
    assert taken.json()["status"] == "ready", taken.text


def test_an_ambiguous_decimal_mark_is_asked(crm: Crm) -> None:
    content = ORDERS + "A1,C1,2024-01-05,1.234,won\n"
    state = upload(crm, content, create_missing_contacts="true", **ORDER_QUERY).json()
    assert [asked["code"] for asked in state["questions"]] == ["ambiguous_decimal_mark"]
    settings = {"settings": {"decimal_marks": {"amount": ","}}}
    patched = crm.patch(f"/v1/imports/{state['id']}", settings, version=1).json()
    assert patched["status"] == "ready"
    run(crm, state["id"])
    assert everything(crm.client, "deals")[0]["amount"]["amount"] == "1234.00"


def test_each_amount_takes_the_currency_of_its_own_column(crm: Crm) -> None:
    table = (
        "interaction_id;contact_id;kind;occurred_at;cost;cost_currency;price;price_currency\n"
        "1;7;offer;2026-01-05T10:00:00Z;5;JPY;12.50;EUR\n"
        "2;7;offer;2026-01-05T10:00:00Z;5;;12.50;USD\n"
        "3;7;offer;2026-01-05T10:00:00Z;5;EUR;12.50;XXX\n"
    )
    query = {"resource": "interactions", "create_missing_contacts": "true"}
    other = table.replace("cost_currency", "x")
    assert asked(upload(crm, other, **query).json()) == [("currency_missing", None)]
    state = imported(crm, table, **query)
    assert counts(state) == (1, 0, 0, 2)
    (made,) = everything(crm.client, "interactions")
    assert made["cost"] == {"amount": "5", "currency": "JPY"}
    assert made["price"] == {"amount": "12.50", "currency": "EUR"}
    _, *rows = rejected(crm.client, state["id"])
    assert [row[1:3] for row in rows] == [
        ["cost", "unknown_currency"], ["price_currency", "unknown_currency"]
    ]  # fmt: skip
    given = imported(crm, table, **query, currency="CHF")
    assert counts(given) == (1, 0, 1, 1)
    assert {"amount": "5.00", "currency": "CHF"} in [
        each["cost"] for each in everything(crm.client, "interactions")
    ]


def test_a_column_of_currencies_that_is_empty_tells_none(crm: Crm) -> None:
    table = ORDERS.replace("status", "status,currency") + "1,7,2026-01-05,12.50,new,\n"
    query = {"resource": "deals", "source": "shop", "create_missing_contacts": "true"}
    assert asked(upload(crm, table, **query).json()) == [("currency_missing", None)]


def test_an_open_question_about_an_ignored_column_does_not_matter(crm: Crm) -> None:
    content = "order_id,customer_id,date,amount,x\nA1,C1,2024-01-05,1.50,03/04/2024\n"
    assert upload(crm, content, **ORDER_QUERY).json()["status"] == "ready"


@pytest.mark.parametrize(
    ("content", "query", "code"),
    [
        ("a,date,amount\nx,2024-01-05,1.00\n", ORDER_QUERY, "contact_external_id_unmapped"),
        (
            "customer_id,betreff\nC1,Hallo Welt\n",
            {"resource": "interactions"},
            "occurred_at_unmapped",
        ),
        (
            ORDERS + "A1,C1,2024-01-05,10.00,won\n",
            {"resource": "deals", "source": "shop"},
            "currency_missing",
        ),
    ],
)
def test_what_the_mapping_lacks_is_asked(
    crm: Crm, content: str, query: dict[str, Any], code: str
) -> None:
    state = upload(crm, content, **query).json()
    assert code in [asked["code"] for asked in state["questions"]]


def answer(crm: Crm, state: dict[str, Any], code: str, column: str | None, value: str) -> Any:
    """Answer one question of an import and return what it says then."""
    body = {"answers": [{"code": code, "column": column, "value": value}]}
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    patched = crm.client.patch(f"/v1/imports/{state['id']}", json=body, headers=headers)
    assert patched.status_code == 200, patched.text
    return patched.json()


def asked(state: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(each["code"], each["column"]) for each in state["questions"]]


def test_the_day_of_closed_deals_is_asked_and_never_that_of_the_import(crm: Crm) -> None:
    query = ORDER_QUERY | {"default": "stage:won", "create_missing_contacts": "true"}
    state = upload(crm, "order_id,customer_id,amount\nA1,C1,10.00\n", **query).json()
    assert asked(state) == [("closed_at_unmapped", None)]
    settled = answer(crm, state, "closed_at_unmapped", None, "2024-02-29")
    assert settled["status"] == "ready"
    assert counts(run(crm, state["id"])) == (1, 0, 0, 0)
    (deal,) = everything(crm.client, "deals")
    assert deal["closed_at"] == "2024-02-28T23:00:00.000000Z"


def test_a_closed_deal_without_its_day_is_rejected(crm: Crm) -> None:
    rows = "A1,C1,2024-01-05,10,won\nA2,C1,,10,won\nA3,C1,,10,new\n"
    state = imported(crm, ORDERS + rows, **ORDER_QUERY, create_missing_contacts="true")
    assert counts(state) == (2, 0, 0, 1)
    (_, row) = rejected(crm.client, state["id"])
    assert row[:3] == ["3", "date", "closed_without_day"]


def test_a_column_that_does_not_look_like_its_name_is_asked_about(crm: Crm) -> None:
    rows = "A1,C1,2024-01-05,viel,won\nA2,C1,2024-01-06,wenig,won\n"
    query = ORDER_QUERY | {"create_missing_contacts": "true"}
    state = upload(crm, ORDERS + rows, **query).json()
    assert asked(state) == [("unlikely_cells", "amount")]
    assert [each["value"] for each in state["questions"][0]["options"]] == ["amount", "ignore"]
    left_out = answer(crm, state, "unlikely_cells", "amount", "ignore")
    assert left_out["status"] == "ready"
    answer(crm, left_out, "unlikely_cells", "amount", "amount")
    assert counts(run(crm, state["id"])) == (0, 0, 0, 2)


def test_of_two_columns_of_one_name_it_is_asked_which_is_meant(crm: Crm) -> None:
    content = "order_id,customer_id,date,amount,amount,status\nA1,C1,2024-01-05,10,12,won\n"
    query = ORDER_QUERY | {"create_missing_contacts": "true"}
    state = upload(crm, content, **query).json()
    assert asked(state) == [("repeated_header", "amount"), ("repeated_header", "amount (2)")]
    assert answer(crm, state, "repeated_header", "amount (2)", "amount")["status"] == "ready"
    assert counts(run(crm, state["id"])) == (1, 0, 0, 0)
    assert everything(crm.client, "deals")[0]["amount"]["amount"] == "12.00"


def test_a_file_of_companies_is_asked_for_its_kind(crm: Crm) -> None:
    content = "Kundennummer,Firma,Ort\nC1,Weber GmbH,Bonn\n"
    state = upload(crm, content, resource="contacts", source="shop").json()
    assert asked(state) == [("kind_unclear", None)]
    assert answer(crm, state, "kind_unclear", None, "organisation")["status"] == "ready"
    assert counts(run(crm, state["id"])) == (1, 0, 0, 0)
    (contact,) = everything(crm.client, "contacts")
    assert (contact["kind"], contact["name"]) == ("organisation", "Weber GmbH")


def test_a_company_beside_a_person_is_asked_about_and_does_not_become_its_name(crm: Crm) -> None:
    content = "Kundennummer,Firma,Vorname,Nachname\nC1,Weber GmbH,Anna,Kern\n"
    state = upload(crm, content, resource="contacts", source="shop").json()
    assert asked(state) == [("organisation_beside_person", "Firma")]
    answer(crm, state, "organisation_beside_person", "Firma", "ignore")
    assert counts(run(crm, state["id"])) == (1, 0, 0, 0)
    assert everything(crm.client, "contacts")[0]["display_name"] == "Anna Kern"


def test_a_row_that_contradicts_what_its_record_keeps_is_rejected(crm: Crm) -> None:
    refs = [{"source": "shop", "id": "C1"}]
    crm.create("contacts", kind="person", name="Weber", external_refs=refs)
    query = {"resource": "contacts", "source": "shop", "default": "kind:organisation"}
    state = imported(crm, "Kundennummer,name\nC1,Weber\n", **query)
    assert counts(state) == (0, 0, 0, 1)
    assert rejected(crm.client, state["id"])[1][2] == "fixed_at_creation"
    orders = ORDER_QUERY | {"create_missing_contacts": "true"}
    assert counts(imported(crm, ORDERS + "A1,C1,2024-01-05,10,won\n", **orders)) == (1, 0, 0, 0)
    moved = ORDERS + "A1,C2,2024-01-05,10,won\n"
    imported(crm, "Kundennummer,name\nC2,Kern\n", resource="contacts", source="shop")
    state = imported(crm, moved, **orders)
    assert counts(state) == (0, 0, 0, 1)
    assert rejected(crm.client, state["id"])[1][1:3] == ["customer_id", "fixed_at_creation"]


def test_samples_are_shown_without_control_characters(crm: Crm) -> None:
    state = upload(crm, "order_id,customer_id\nA\x0e1,C1\n", **ORDER_QUERY).json()
    assert state["columns"][0]["samples"] == ["A\ufffd1"]


def test_a_row_that_breaks_a_rule_is_rejected_with_its_place_and_reason(crm: Crm) -> None:
    crm.create(
        "contacts", kind="person", name="Weber", external_refs=[{"source": "shop", "id": "C1"}]
    )
    rows = [
        "A1,C1,2024-01-05,10.00,won",
        "A2,C1,2024-13-05,10.00,won",
        "A3,C1,2024-01-05,ten,won",
        "A4,C9,2024-01-05,10.00,won",
        "A5,C1,2024-01-05,10.00,perhaps",
        ",C1,2024-01-05,10.00,won",
        "A6,C1,2124-01-05,10.00,won",
        "A7,C1,2024-01-05",
        "A8,C1,2024-01-05,10.001,won",
        "A9,C1,2024-01-05,10.00,new",
        *[f"B{number},C1,2024-01-05,10.00,won" for number in range(20)],
    ]
    state = imported(crm, ORDERS + "\n".join(rows), **ORDER_QUERY)
    assert counts(state) == (21, 0, 0, 9)
    header, *found = rejected(crm.client, state["id"])
    assert header == ["row_number", "column", "code", "message", *ORDERS.strip().split(",")]
    assert [(row[0], row[1], row[2]) for row in found] == [
        ("3", "date", "no_date"),
        ("4", "amount", "no_number"),
        ("5", "customer_id", "contact_missing"),
        ("6", "status", "unknown_word"),
        ("7", "order_id", "external_id_missing"),
        ("8", "date", "in_the_future"),
        ("9", "", "too_few_cells"),
        ("10", "amount", "too_many_decimals"),
        ("11", "date", "not_closed"),
    ]
    assert found[0][4:] == rows[1].split(",")
    assert found[6][4] == rows[7]
    german = rejected(crm.client, state["id"], **{"Accept-Language": "de"})
    assert "Datum" in german[1][3]


def test_rejected_rows_are_those_of_the_last_run(crm: Crm) -> None:
    content = ORDERS + "A1,C1,2024-01-05,10.00,won\nA2,C2,2024-01-05,10.00,won\n"
    state = upload(crm, content, **ORDER_QUERY).json()
    assert counts(run(crm, state["id"], dry_run=True)) == (0, 0, 0, 2)
    assert len(rejected(crm.client, state["id"])) == 3
    version = crm.client.get(f"/v1/imports/{state['id']}").json()["version"]
    settings = {"settings": {"create_missing_contacts": True}}
    patched = crm.patch(f"/v1/imports/{state['id']}", settings, version=version).json()
    assert (patched["status"], patched["rejected_count"]) == ("ready", 0)
    assert counts(run(crm, state["id"])) == (2, 0, 0, 0)
    assert len(rejected(crm.client, state["id"])) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_umlauts_arrive_from_every_usual_encoding(crm: Crm, encoding: str) -> None:
    content = (
        "Kundennummer;Vorname;Nachname;E-Mail;Telefon;Straße;PLZ;Ort;Land\r\n"
        "K1;Jürgen;Größe;juergen@example.org;030 901820;Müllerstraße 7;01067;Dresden;Deutschland\r\n"
        "K2;Zoë;Größer;zoe@example.org;;Weg 1;80331;München;Österreich\r\n"
    )
    state = imported(crm, content.encode(encoding), resource="contacts", source="erp")
    assert counts(state) == (2, 0, 0, 0)
    people = {
        person["external_refs"][0]["id"]: person for person in everything(crm.client, "contacts")
    }
    assert people["K1"]["family_name"] == "Größe"
    assert people["K1"]["phone_e164"] == "+4930901820"
    assert (people["K1"]["zip"], people["K1"]["country_code"]) == ("01067", "DE")
    assert people["K2"]["family_name"] == "Größer"


def test_ndjson_takes_dotted_names_and_money(crm: Crm) -> None:
    content = (
        '{"id": "A1", "customer": {"ref": "C1"}, "closed_at": "2024-01-05T10:00:00+01:00", '
        '"amount": {"amount": "12.50", "currency": "EUR"}, "stage": "won"}\n'
        '{"id": "A2", "customer": {"ref": "C2"}, "closed_at": "2024-01-06T10:00:00Z", '
        '"amount": {"amount": 7, "currency": "USD"}, "stage": "won", '
        '"lines": [{"name": "Tisch", "quantity": "2"}]}\n'
    )
    state = imported(
        crm,
        content,
        media="application/x-ndjson",
        resource="deals",
        source="api",
        mapping="customer.ref:contact_external_id",
        create_missing_contacts="true",
    )
    assert counts(state) == (2, 0, 0, 0), rejected(crm.client, state["id"])
    deals = {deal["external_refs"][0]["id"]: deal for deal in everything(crm.client, "deals")}
    assert deals["A1"]["amount"] == {"amount": "12.50", "currency": "EUR"}
    assert deals["A2"]["amount"] == {"amount": "7.00", "currency": "USD"}
    assert deals["A2"]["lines"][0]["quantity"] == "2"
    assert deals["A1"]["closed_at"] == "2024-01-05T09:00:00.000000Z"
    again = imported(
        crm, content, media="application/x-ndjson", resource="deals", source="api",
        mapping="customer.ref:contact_external_id",
    )  # fmt: skip
    assert counts(again) == (0, 0, 2, 0)


def test_interactions_follow_their_rules(crm: Crm) -> None:
    crm.create(
        "contacts", kind="person", name="Weber", external_refs=[{"source": "desk", "id": "C1"}]
    )
    content = (
        "ticket_id,customer_id,date,kind,severity,betreff\n"
        "T1,C1,2024-01-05 10:00,Anruf,,Lieferung\n"
        "T2,C1,2024-01-05 10:00,Beschwerde,2,Kratzer\n"
        "T3,C1,2024-01-05 10:00,Beschwerde,,Kratzer\n"
        "T4,C1,2024-01-05 10:00,Anruf,2,Lieferung\n"
        "T5,C1,,Anruf,,Lieferung\n"
    )
    state = imported(
        crm, content, resource="interactions", source="desk", time_zone="Europe/Berlin"
    )
    assert counts(state) == (2, 0, 0, 3)
    assert [(row[0], row[1], row[2]) for row in rejected(crm.client, state["id"])[1:]] == [
        ("4", "severity", "severity_missing"),
        ("5", "severity", "field_of_other_kind"),
        ("6", "date", "instant_missing"),
    ]
    found = everything(crm.client, "interactions")
    assert {each["occurred_at"] for each in found} == {"2024-01-05T09:00:00.000000Z"}
    assert counts(
        imported(crm, content, resource="interactions", source="desk", time_zone="Europe/Berlin")
    ) == (0, 0, 2, 3)


def test_a_key_needs_the_scopes_of_what_it_imports(crm: Crm) -> None:
    content = ORDERS + "A1,C1,2024-01-05,10.00,won\n"
    only = crm.client_with("imports:write")
    assert upload(only, content, **ORDER_QUERY).status_code == 403
    deals = crm.client_with("imports:write", "deals:write")
    creating = {**ORDER_QUERY, "create_missing_contacts": "true"}
    assert upload(deals, content, **creating).status_code == 403
    answer = upload(deals, content, **ORDER_QUERY)
    assert answer.status_code == 201
    state = answer.json()
    assert {column["samples"] for column in state["columns"]} == {None}, "no pii scope, no samples"
    path = f"/v1/imports/{state['id']}"
    assert only.get(path).status_code == 403
    assert only.get("/v1/imports").json()["items"] == []
    assert deals.post(f"{path}/start", json={}).status_code == 202
    finished(deals, state["id"])
    assert rejected(deals, state["id"])[1][4:] == [""] * 5
    assert rejected(crm.client, state["id"])[1][4] == "A1"


def test_the_same_idempotency_key_is_the_same_import(crm: Crm) -> None:
    content = ORDERS + "A1,C1,2024-01-05,10.00,won\n"
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "one"}
    first, second = (
        crm.client.post("/v1/imports", params=ORDER_QUERY, content=content, headers=headers)
        for _ in range(2)
    )
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(list((crm.settings.data_dir / "imports").glob("*.upload"))) == 1
    other = crm.client.post(
        "/v1/imports", params=ORDER_QUERY, content=content + "\n", headers=headers
    )
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"", "text/csv", 422),
        (b"PK\x03\x04 a spreadsheet", "application/octet-stream", 422),
        (b"a,b\n1,2\n", "application/pdf", 415),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(
    crm: Crm, content: bytes, media: str, status: int
) -> None:
    assert upload(crm, content, media=media, **ORDER_QUERY).status_code == status
    folder = crm.settings.data_dir / "imports"
    assert [path.suffix for path in folder.iterdir()] == [".lock"]
    assert crm.client.get("/v1/imports").json()["items"] == []


def test_settings_that_fit_neither_file_nor_resource_are_refused(crm: Crm) -> None:
    state = upload(crm, ORDERS + "A1,C1,2024-01-05,10.00,won\n", **ORDER_QUERY).json()
    path = f"/v1/imports/{state['id']}"
    for settings, pointer in (
        ({"mapping": {"nowhere": "amount"}}, "/body/settings/mapping/nowhere"),
        ({"mapping": {"amount": "color"}}, "/body/settings/mapping/amount"),
        ({"mapping": {"amount": "cost", "status": "cost"}}, "/body/settings/mapping/status"),
        ({"date_formats": {"date": "someday"}}, "/body/settings/date_formats/date"),
        ({"time_zone": "Mars/Base"}, "/body/settings/time_zone"),
        ({"defaults": {"stage": "maybe"}}, "/body/settings/defaults/stage"),
    ):
        answer = crm.patch(path, {"settings": settings}, version="*")
        assert answer.status_code == 422, settings
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert crm.patch(path, {"file_name": "x.csv"}, version=7).status_code == 412
    assert crm.patch(path, {"file_name": "x.csv"}, version=1).json()["file_name"] == "x.csv"


def test_a_changed_structure_is_detected_anew(crm: Crm) -> None:
    state = upload(crm, "C1,2024-01-05,10.00\nC2,2024-01-06,11.00\n", **ORDER_QUERY).json()
    assert state["detected"]["has_header"] == {"value": False, "origin": "detected"}
    named = crm.patch(f"/v1/imports/{state['id']}", {"settings": {"has_header": True}}, version=1)
    assert [column["name"] for column in named.json()["columns"]] == ["C1", "2024-01-05", "10.00"]
    assert named.json()["detected"]["has_header"] == {"value": True, "origin": "given"}


def test_a_cancelled_import_stops_and_can_be_started_again(crm: Crm) -> None:
    lines = [f"A{number},C{number % 50},2024-01-05,10,won\n" for number in range(8_000)]
    query = {**ORDER_QUERY, "create_missing_contacts": "true"}
    state = upload(crm, ORDERS + "".join(lines), start="true", **query).json()
    path = f"/v1/imports/{state['id']}"
    while crm.client.get(path).json()["processed_count"] == 0:
        time.sleep(0.01)
    assert crm.client.post(f"{path}/start", json={}).json()["code"] == "already_started"
    assert crm.patch(path, {"file_name": "x"}, version="*").status_code == 409
    answer = crm.client.post(f"{path}/cancel")
    assert answer.json()["status"] == "cancelled"
    time.sleep(0.5)
    stopped = crm.client.get(path).json()
    assert stopped["processed_count"] == answer.json()["processed_count"] < 8_000
    created = stopped["created_count"]
    assert counts(run(crm, state["id"])) == (8_000 - created, 0, created, 0)
    assert crm.client.post(f"{path}/cancel").json()["code"] == "already_finished"


def test_imports_are_listed_newest_first_page_by_page(crm: Crm) -> None:
    content = ORDERS + "A1,C1,2024-01-05,10.00,won\n"
    ids = [upload(crm, content, **ORDER_QUERY).json()["id"] for _ in range(3)]
    first = crm.client.get("/v1/imports?limit=2").json()
    second = crm.client.get(first["next"]).json()
    assert [each["id"] for each in first["items"] + second["items"]] == ids[::-1]
    assert not second.get("next")
    assert crm.client.get("/v1/imports?status=running").json()["items"] == []


def test_a_stopped_run_goes_on_where_it_was_and_ends_with_the_same_rows(crm: Crm) -> None:
    """Equal rows are numbered over the whole file, so a resumed run must count the first part."""
    lines = [f"C{number % 40},2024-01-{1 + number % 28:02},10.00\n" for number in range(6_000)]
    content = "customer_id,date,amount\n" + "".join(lines) + "C1,bad,1.00\n"
    query = {**ORDER_QUERY, "default": "stage:won", "create_missing_contacts": "true"}
    state = upload(crm, content, start="true", **query).json()
    path = f"/v1/imports/{state['id']}"
    restarts = 0
    for done in (500, 2_500):
        while crm.client.get(path).json()["processed_count"] < done:
            time.sleep(0.02)
        crm.restart()
        restarts += 1
    state = finished(crm.client, state["id"])
    assert restarts == 2
    assert (state["processed_count"], counts(state)) == (6_001, (6_000, 0, 0, 1))
    assert state["created_contact_count"] == 40
    assert len(everything(crm.client, "deals")) == 6_000
    assert change_count(crm.client) == 6_040
    assert counts(run(crm, state["id"])) == (0, 0, 6_000, 1)


def serve(folder: Path, url: str, port: int) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "PHASEWISE_DATA_DIR": str(folder),
        "PHASEWISE_CRM_DATABASE_URL": url,
        "PHASEWISE_CRM_PORT": str(port),
        "PHASEWISE_LOG_LEVEL": "error",
        "PHASEWISE_CRM_REQUESTS_PER_MINUTE": "1000000",
    }
    command = [sys.executable, "-m", "services.crm_api", "serve"]
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])


def alive(http: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if http.get("/livez").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server does not answer")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_process_loses_and_doubles_nothing(
    kind: str, templates: Templates, tmp_path: Path
) -> None:
    url, port = templates.fresh("crm_api", kind, tmp_path), free_port()
    http = client(f"http://127.0.0.1:{port}", store_key(url, scopes=SCOPES))
    lines = [f"A{number},C{number % 300},2024-01-05,{number}.50,won\n" for number in range(4_000)]
    lines[::100] = [line.replace(".50", ".5x") for line in lines[::100]]
    import_id, kills = "", 0
    for done in (1, 1_500, None):
        process = serve(tmp_path, url, port)
        try:
            alive(http)
            if not import_id:
                query = {**ORDER_QUERY, "create_missing_contacts": "true", "start": "true"}
                import_id = upload(http, ORDERS + "".join(lines), **query).json()["id"]
            if done is None:
                state = finished(http, import_id)
                deals, contacts = everything(http, "deals"), everything(http, "contacts")
                changes = change_count(http)
            else:
                while http.get(f"/v1/imports/{import_id}").json()["processed_count"] < done:
                    time.sleep(0.02)
                process.send_signal(signal.SIGKILL)
                kills += 1
        finally:
            process.kill()
            process.wait()
    assert kills == 2
    assert state["status"] == "succeeded"
    assert (state["processed_count"], counts(state)) == (4_000, (3_960, 0, 0, 40))
    wanted = [
        (f"A{n}", f"{n}.50", "2024-01-04T23:00:00.000000Z", 1) for n in range(4_000) if n % 100
    ]
    assert content_of(deals) == sorted(wanted)
    assert len(contacts) == 297, "a contact of rejected rows only is not made"
    assert changes == 3_960 + 297


def test_two_processes_never_run_one_import(make_crm: MakeCrm) -> None:
    """The second one sees the first one's lock and waits, until the lease has run out."""
    first = make_crm("sqlite")
    lines = [f"A{number},C{number % 300},2024-01-05,1.50,won\n" for number in range(5_000)]
    query = {**ORDER_QUERY, "create_missing_contacts": "true", "start": "true"}
    import_id = upload(first, ORDERS + "".join(lines), **query).json()["id"]
    second = Crm(first.settings, first._clock)
    try:
        state = finished(second.client, import_id)
        assert counts(state) == (5_000, 0, 0, 0)
        assert change_count(second.client) == 5_300
    finally:
        second.stop()


FIRMS = {"resource": "contacts", "source": "erp", "default": "kind:organisation"}
STAFF = {"resource": "contacts", "source": "erp", "default": "kind:person"}


def test_a_person_finds_its_organisation_by_the_reference_of_the_source(crm: Crm) -> None:
    imported(crm, "id,firmenname\nF1,Weber GmbH\nF2,Klein AG\n", **FIRMS)
    (firm,) = [each for each in everything(crm.client, "contacts") if each["name"] == "Weber GmbH"]
    query = {**STAFF, "mapping": "firma_id:parent_external_id"}
    lines = "id,vorname,nachname,firma_id\n"
    content = f"{lines}1,Anna,Weber,F1\n2,Bea,Klein,F9\n"
    state = imported(crm, content, **query)
    assert counts(state) == (1, 0, 0, 1)
    assert rejected(crm.client, state["id"])[1][1:4] == [
        "firma_id", "contact_missing", "No live contact has the reference of erp that the row names.",
    ]  # fmt: skip
    people = crm.client.get("/v1/contacts", params={"parent_id": firm["id"]}).json()["items"]
    assert [each["given_name"] for each in people] == ["Anna"]
    for dry in (True, False):
        made = run_with(crm, content, {**query, "create_missing_contacts": "true"}, dry_run=dry)
        assert (counts(made), made["created_contact_count"]) == ((1, 0, 1, 0), 1)
    moved = imported(crm, f"{lines}1,Anna,Weber,F2\n2,Bea,Klein,F9\n", **query)
    assert counts(moved) == (0, 1, 1, 0)
    people = crm.client.get("/v1/contacts", params={"parent_id": firm["id"]}).json()["items"]
    assert people == []


def run_with(crm: Crm, content: str, query: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    return run(crm, upload(crm, content, **query).json()["id"], dry_run=dry_run)


def test_an_id_of_another_system_is_no_id_of_an_organisation_here(crm: Crm) -> None:
    query = {**STAFF, "mapping": "firm:parent_id"}
    state = imported(crm, "id,vorname,firm\n1,Anna,F1\n", **query)
    row = rejected(crm.client, state["id"])[1]
    assert row[1:3] == ["firm", "no_record_id"]
    assert "parent_external_id" in row[3]


def test_the_companies_of_hubspot_and_the_accounts_of_salesforce_are_linked(crm: Crm) -> None:
    imported(crm, "Record ID,Company name\n77,Weber GmbH\n", resource="contacts")
    content = "Record ID,First Name,Last Name,Associated Company IDs\n5,Anna,Weber,77\n"
    state = imported(crm, content, resource="contacts", default="kind:person")
    assert counts(state) == (1, 0, 0, 0), state
    account = "Id,Name,BillingCity\n001A,Klein AG,Ulm\n"
    assert counts(imported(crm, account, resource="contacts")) == (1, 0, 0, 0)
    content = "Id,AccountId,LastName,FirstName\n003B,001A,Klein,Bea\n"
    state = imported(crm, content, resource="contacts", default="kind:person")
    assert counts(state) == (1, 0, 0, 0), state
    found = {each["id"]: each for each in everything(crm.client, "contacts")}
    linked = {(each["given_name"], found[each["parent_id"]]["name"])
              for each in found.values() if each["parent_id"]}  # fmt: skip
    assert linked == {("Anna", "Weber GmbH"), ("Bea", "Klein AG")}


def test_a_contact_names_its_organisation_by_its_reference(crm: Crm) -> None:
    ref = {"source": "erp", "id": "F1"}
    firm = crm.create("contacts", kind="organisation", name="Weber GmbH", external_refs=[ref])
    made = crm.create("contacts", kind="person", name="Anna", parent_ref=ref)
    assert made["parent_id"] == firm["id"]
    path = f"/v1/contacts/{made['id']}"
    assert crm.patch(path, {"parent_ref": None}, version="*").json()["parent_id"] is None
    assert crm.patch(path, {"parent_ref": ref}, version="*").json()["parent_id"] == firm["id"]
    upsert = crm.client.put(
        "/v1/contacts/by-external-id/erp/P1", json={"name": "Bea", "parent_ref": ref}
    )
    assert upsert.json()["parent_id"] == firm["id"], upsert.text
    for wrong in (
        {"parent_ref": {**ref, "id": "F9"}},
        {"parent_ref": ref, "parent_id": firm["id"]},
    ):
        refused = crm.patch(path, wrong, version="*")
        assert (refused.status_code, refused.json()["code"]) == (422, "contact_missing")
        assert refused.json()["errors"][0]["pointer"] == "/body/parent_ref"


def test_every_reason_is_told_in_german_to_who_reads_german(crm: Crm) -> None:
    head = "id,vorname,nachname,email,phone,birth_date,acquisition_cost,parent_external_id\n"
    crm.create(
        "contacts", kind="person", given_name="Ida", family_name="Alt", email="ida@example.org"
    )
    rows = [
        ("1,Anna,Weber,no-mail,,,,", "E-Mail-Adresse"),
        ("2,Bea,Klein,,,,many,", "das ist keine Zahl"),
        ("3,Cleo,Kurz,,,,,F9", "Kein Kontakt hat die Kennung der Quelle erp, die die Zeile nennt."),
        ("4,Ida,Alt,ida@example.org,,,,", "ist so gut wie sicher derselbe"),
        (f"5,{'a' * 300},Lang,,,,,", "höchstens 200 Zeichen sind erlaubt"),
        ("6,Eva,Neu,eva@example.org,,,,", ""),
        ("7,Eva,Neu,eva@example.org,,,,", "derselbe Kontakt wie Zeile 7."),
    ]
    content = head + "\n".join(line for line, _ in rows) + "\n"
    query: dict[str, Any] = {
        **STAFF,
        "currency": "EUR",
        "decimal_mark": ".",
        "date_format": "YYYY-MM-DD",
    }
    query["mapping"] = [f"{name}:{name}" for name in ("email", "acquisition_cost")]
    state = imported(crm, content, **query)
    german = rejected(crm.client, state["id"], **{"Accept-Language": "de"})[1:]
    told = {int(row[0]) - 1: row[3] for row in german}
    wanted = {number: text for number, (_, text) in enumerate(rows, 1) if text}
    assert told.keys() == wanted.keys()
    for number, text in wanted.items():
        assert text in told[number], told[number]
        for word in (" the ", " is ", "such as", "should", "No "):
            assert word not in told[number], told[number]
