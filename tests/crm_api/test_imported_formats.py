"""Workbooks, vCards and the exports of other programs: each file is imported right or refused with reason."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.conftest import DATA, Crm
from tests.crm_api.test_imports import (
    answer,
    asked,
    counts,
    everything,
    finished,
    imported,
    rejected,
    run,
    upload,
)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA = {
    ".xlsx": XLSX,
    ".vcf": "text/vcard",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
}
CONTACTS = DATA / "contacts"


def data_files(folder: str) -> list[Path]:
    found = sorted(path for path in (CONTACTS / folder).rglob("*") if path.is_file())
    return found or [CONTACTS / folder / "MISSING"]


def content_of(path: Path) -> bytes:
    if not path.exists():
        pytest.skip(f"DATA MISSING: {path} is needed for this test")
    return path.read_bytes()


def sent(crm: Crm, name: str, resource: str = "contacts", **query: Any) -> dict[str, Any]:
    """Upload a file of the data sets, which must not be refused."""
    path = CONTACTS / name
    media = MEDIA.get(path.suffix, "application/octet-stream")
    told = upload(crm, content_of(path), media=media, resource=resource, **query)
    assert told.status_code == 201, told.text
    state: dict[str, Any] = told.json()
    return state


def done(crm: Crm, name: str, resource: str = "contacts", **query: Any) -> dict[str, Any]:
    """Upload and run a file of the data sets, which must leave nothing to ask."""
    state = sent(crm, name, resource, **query)
    assert state["questions"] == []
    return run(crm, state["id"])


def mapped(state: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["field"] for each in state["columns"] if each["field"]}


def notices(state: dict[str, Any]) -> set[tuple[str, str | None]]:
    return {(each["code"], each["column"]) for each in state["notices"]}


def by_id(crm: Crm, plural: str = "contacts") -> dict[str, dict[str, Any]]:
    return {each["external_refs"][0]["id"]: each for each in everything(crm.client, plural)}


def by_name(crm: Crm) -> dict[str, dict[str, Any]]:
    return {each["display_name"]: each for each in everything(crm.client, "contacts")}


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    *,
    hidden: tuple[str, ...] = (),
    epoch: bool = False,
) -> bytes:
    """Write a workbook; a pair of a value and a number format is a formatted cell."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"date_1904": epoch})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, tuple):
                    cell, form = value
                    if isinstance(cell, str) and cell.startswith("="):
                        sheet.write_formula(at, column, cell, None, form)
                    else:
                        sheet.write(at, column, cell, book.add_format({"num_format": form}))
                elif value is not None:
                    sheet.write(at, column, value)
    book.close()
    return buffer.getvalue()


def repacked(content: bytes, changed: dict[str, bytes]) -> bytes:
    """Exchange parts of a workbook."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            new.writestr(part, changed.get(part, old.read(part)))
    return buffer.getvalue()


# --- the data sets ---


def resource_of(path: Path) -> str:
    """Return what the rows of a file are, by its name."""
    name = path.name.removeprefix("sf_")
    if name.startswith(("deal", "merged_deal", "opportunity", "order", "product")):
        return "deals"
    kinds = ("engagement", "ticket", "task", "event", "email_event", "contact_form")
    return "interactions" if name.startswith(kinds) else "contacts"


@pytest.mark.parametrize("folder", ["messytables_horror", "vcards_ez", "vendor_exports"])
def test_every_file_of_the_data_sets_is_taken_in_or_refused_with_its_reason(
    service: Crm, folder: str
) -> None:
    for path in data_files(folder):
        media = MEDIA.get(path.suffix, "application/octet-stream")
        query = {"resource": resource_of(path), "currency": "USD"}
        told = upload(service, content_of(path), media=media, **query)
        assert told.status_code in (201, 422), (path, told.text)
        state = told.json()
        if told.status_code == 422:
            assert state["reason"], path
            continue
        assert state["status"] == ("needs_answers" if state["questions"] else "ready")
        samples = [sample for each in state["columns"] for sample in each["samples"]]
        assert not any("\ufffd" in sample for sample in samples), path
        if state["questions"]:
            continue
        state = run(service, state["id"], dry_run=True)
        assert state["status"] == "succeeded", path
        assert sum(counts(state)) == state["processed_count"] == state["detected"]["row_count"]
        for row in rejected(service.client, state["id"])[1:]:
            assert row[0].isdigit()
            assert row[2]
            assert row[3]


def test_the_broken_tables_become_the_rows_that_a_person_sees(crm: Crm) -> None:
    state = sent(crm, "messytables_horror/utf-16le_encoded.csv", mapping=[
        "Organisation_code:external_id", "Organisation_name:name"], default="kind:organisation")  # fmt: skip
    assert state["detected"]["encoding"]["value"] == "utf-16-le"
    assert counts(run(crm, state["id"])) == (327, 0, 0, 0)
    places = by_id(crm)
    assert places["5CN"]["name"] == "Herefordshire PCT"
    assert places["RJZ"]["name"] == "King's College Hospital NHS Foundation Trust"
    for name in ("simple.csv", "simple.xlsx"):
        state = sent(crm, f"messytables_horror/{name}", mapping="place:name", source=name)
        assert asked(state) == []
        assert counts(run(crm, state["id"])) == (6, 0, 0, 0)
        assert [each["kind"] for each in state["columns"]] == ["date", "number", "text"]
    state = sent(crm, "messytables_horror/complex.csv", mapping="place:name", source="complex")
    state = run(crm, state["id"])
    assert (counts(state)[0], state["rejected_count"]) == (2, 1), "a row names no place"
    assert rejected(crm.client, state["id"])[1][:3] == ["2", "place", "contact_unnamed"]
    assert asked(sent(crm, "messytables_horror/long.csv")) == [("name_unmapped", None)]
    assert asked(sent(crm, "messytables_horror/null.csv")) == [("name_unmapped", None)]
    hours = sent(crm, "messytables_horror/example.tsv")
    assert hours["detected"]["row_count"] == 140
    assert hours["columns"][0]["kind"] == "date"


def test_the_cards_of_real_programs_become_the_people_on_them(crm: Crm) -> None:
    state = done(crm, "vcards_ez/John_Doe_IPHONE.vcf")
    assert counts(state) == (1, 0, 0, 0)
    assert state["detected"]["profile"] == "vcard"
    assert ("binary_dropped", None) in notices(state)
    (john,) = everything(crm.client, "contacts")
    assert (john["given_name"], john["family_name"], john["job_title"]) == (
        "John", "Doe", "Money Counter",
    )  # fmt: skip
    assert (john["email"], john["phone"], john["birth_date"]) == (
        "john.doe@ibm.com", "905-555-1234", "2012-06-06",
    )  # fmt: skip
    assert [(each["label"], each["phone"]) for each in john["other_phones"]] == [
        ("home", "905-666-1234"),
        ("work", "905-777-1234"),
        ("assistantphone", "905-222-1234"),
        ("home fax", "905-888-1234"),
        ("work fax", "905-999-1234"),
        ("pager", "905-111-1234"),
    ]
    assert (john["street"], john["city"], john["zip"], john["country_code"]) == (
        "Silicon Alley 5", "New York", "12345", "US",
    )  # fmt: skip
    (office,) = john["other_addresses"]
    assert (office["label"], office["street"], office["country_code"]) == (
        "work", "Street4, Building 6, Floor 8", "US",
    )  # fmt: skip
    for name, count in (("outlook-2003", 1), ("gmail-list", 3), ("rfc2426-example", 2), ("rfc6350-example", 1)):  # fmt: skip
        assert counts(done(crm, f"vcards_ez/{name}.vcf")) == (count, 0, 0, 0)
    assert counts(done(crm, "vcards_ez/rfc2426-example.vcf")) == (0, 0, 2, 0)
    people = by_name(crm)
    simon = people["Simon Perreault"]
    assert (simon["phone"], simon["phone_e164"]) == ("+1-418-656-9254 ext. 102", "+14186569254")
    assert (simon["street"], simon["additional"], simon["zip"]) == (
        "2875 Laurier", "Suite D2-630", "G1V 2M2",
    )  # fmt: skip
    assert (simon["language"], simon["birth_date"]) == ("en", None)
    frank = people["Frank Dawson"]
    assert [each["email"] for each in frank["other_emails"]] == ["fdawson@earthlink.net"]
    assert (frank["street"], frank["country_code"]) == ("6544 Battleford Drive", "US")
    again = done(crm, "vcards_ez/John_Doe_EVOLUTION.vcf")
    assert rejected(crm.client, again["id"])[1][2] == "possible_duplicate"
    text = sent(crm, "vcards_ez/vcard-samples-license.txt")
    assert text["status"] == "needs_answers"


def test_the_seeds_of_hubspot_and_salesforce_are_mapped_as_what_they_are(crm: Crm) -> None:
    state = done(crm, "vendor_exports/hubspot/company_data.csv")
    assert (state["detected"]["profile"], state["settings"]["source"]) == (
        "hubspot_companies", "hubspot_company",
    )  # fmt: skip
    assert state["settings"]["defaults"] == {"kind": "organisation"}
    assert counts(state) == (24, 0, 0, 0)
    assert by_id(crm)["2182162682"]["country_code"] == "US"
    state = done(crm, "vendor_exports/hubspot/contact_data.csv")
    assert ("hashed_values", "property_email") in notices(state)
    assert ("organisation_not_linked", "property_company") in notices(state)
    assert ("column_unused", "property_hs_calculated_merged_vids") in notices(state)
    assert counts(state) == (22, 0, 0, 0)
    assert by_id(crm)["78971951"]["external_refs"][0]["source"] == "hubspot"
    state = done(
        crm,
        "vendor_exports/salesforce/sf_contact_data.csv",
        allow_duplicates="true",
        create_missing_contacts="true",
    )
    assert (state["detected"]["profile"], len(state["columns"])) == ("salesforce_contacts", 368)
    assert counts(state) == (4, 0, 0, 0)
    jerome = by_id(crm)["0031G00000qAfq1QAC"]
    assert (jerome["email"], jerome["city"], jerome["country_code"], jerome["zip"]) == (
        "hi@google.com", "Chicago", "US", "55555",
    )  # fmt: skip
    state = done(crm, "vendor_exports/salesforce/sf_account_data.csv")
    assert by_id(crm)["0015500000Xyy06AAB"]["kind"] == "organisation"
    assert ("hashed_values", "billing_postal_code") in notices(state)
    deals = sent(crm, "vendor_exports/hubspot/deal_data.csv", "deals", currency="USD")
    assert (deals["detected"]["profile"], asked(deals)) == (
        "hubspot_deals", [("contact_external_id_unmapped", None)],
    )  # fmt: skip
    other = sent(crm, "vendor_exports/hubspot/deal_data.csv", "contacts")
    assert ("profile_of_other_resource", None) in notices(other)
    for name, profile in (
        ("hubspot/ticket_data.csv", "hubspot_tickets"),
        ("hubspot/engagement_note_data.csv", "hubspot_engagements"),
        ("salesforce/sf_event_data.csv", "salesforce_events"),
        ("salesforce/sf_task_data.csv", "salesforce_tasks"),
    ):
        assert sent(crm, f"vendor_exports/{name}", "interactions")["detected"]["profile"] == profile
    events = done(crm, "vendor_exports/salesforce/sf_event_data.csv", "interactions",
                  create_missing_contacts="true")  # fmt: skip
    assert counts(events) == (10, 0, 0, 0)
    event = by_id(crm, "interactions")["00U1G00000DEaypUAD"]
    assert (event["kind"], event["occurred_at"]) == ("meeting", "2019-11-11T16:23:34.000000Z")


# --- workbooks ---

TYPED: list[list[Any]] = [
    ["Kundenliste 2024"],
    [],
    ["Stand", (date(2024, 5, 1), "dd.mm.yyyy")],
    ["Kundennummer", "Vorname", "Nachname", "PLZ", "Geburtsdatum", "E-Mail", "next_contact_at"],
    [100000000000123, "Jürgen", "Größe", (1067, "00000"), (date(1980, 3, 22), "dd.mm.yyyy"),
     "juergen@example.org", (datetime(2027, 1, 5, 9, 30), "dd.mm.yyyy hh:mm")],
    [],
    [2, "Zoë", "Müller", "80331", "1.2.1990", "zoe"],
]  # fmt: skip


def test_a_workbook_is_read_as_a_person_sees_it(crm: Crm) -> None:
    content = workbook({"Kunden": TYPED, "Leer": []})
    state = upload(crm, content, media=XLSX, resource="contacts", source="xl").json()
    assert state["detected"]["sheet"] == {"value": "Kunden", "origin": "detected"}
    assert state["detected"]["header_row"] == {"value": 4, "origin": "detected"}
    assert notices(state) == {("rows_above_header", None)}
    state = run(crm, state["id"])
    assert counts(state) == (1, 0, 0, 1)
    assert rejected(crm.client, state["id"])[1][:3] == ["7", "E-Mail", "value_error"]
    (person,) = everything(crm.client, "contacts")
    assert person["external_refs"] == [{"source": "xl", "id": "100000000000123"}]
    assert (person["display_name"], person["zip"]) == ("Jürgen Größe", "01067")
    assert person["birth_date"] == "1980-03-22"
    assert person["next_contact_at"] == "2027-01-05T08:30:00.000000Z"
    again = upload(crm, content, media="application/octet-stream", resource="contacts", source="xl")
    assert counts(run(crm, again.json()["id"])) == (0, 0, 1, 1)


def test_numbers_percentages_and_formulas_of_a_workbook_have_their_values(crm: Crm) -> None:
    rows: list[list[Any]] = [
        ["order_id", "customer_id", "date", "amount", "discount_pct", "stage"],
        ["A1", 17, (date(2024, 1, 5), "m/d/yy"), 1234.5, (0.125, "0.0%"), "won"],
        ["A2", 17, (date(2024, 1, 6), "m/d/yy"), ("=0.1+0.2", 0.30000000000000004), None, "won"],
        ["A3", 17, (date(2024, 1, 7), "m/d/yy"), ("=1/0", "#DIV/0!"), None, "won"],
    ]
    query = {"resource": "deals", "currency": "EUR", "create_missing_contacts": "true"}
    state = upload(crm, workbook({"S": rows}), media=XLSX, **query).json()
    assert asked(state) == []
    state = run(crm, state["id"])
    assert counts(state) == (2, 0, 0, 1)
    assert rejected(crm.client, state["id"])[1][:3] == ["4", "amount", "no_number"]
    deals = by_id(crm, "deals")
    assert (deals["A1"]["amount"]["amount"], deals["A1"]["discount_pct"]) == ("1234.50", "12.5")
    assert deals["A2"]["amount"]["amount"] == "0.30"
    contact = by_id(crm)["17"]
    assert contact["external_refs"][0]["id"] == "17", "and not 17.0"


def test_of_several_sheets_it_is_asked_and_hidden_ones_are_told(crm: Crm) -> None:
    people = [["Nachname", "Ort"], ["Weber", "Bonn"]]
    sheets = {"Nord": people, "Süd": [["Nachname", "Ort"], ["Kern", "Ulm"]], "Alt": people}
    content = workbook(sheets, hidden=("Alt",))
    state = upload(crm, content, media=XLSX, resource="contacts").json()
    assert asked(state) == [("ambiguous_sheet", None)]
    assert [each["value"] for each in state["questions"][0]["options"]] == ["Nord", "Süd"]
    assert ("hidden_sheet", None) in notices(state)
    settled = answer(crm, state, "ambiguous_sheet", None, "Süd")
    assert settled["detected"]["sheet"] == {"value": "Süd", "origin": "given"}
    assert counts(run(crm, state["id"])) == (1, 0, 0, 0)
    assert set(by_name(crm)) == {"Kern"}
    wrong = upload(crm, content, media=XLSX, resource="contacts", sheet="West")
    assert (wrong.status_code, wrong.json()["reason"]) == (422, "unknown_sheet")


def test_a_header_found_wrongly_can_be_set_right(crm: Crm) -> None:
    rows = [["Name", "Ort"], ["Vorname", "Nachname"], ["Anna", "Kern"]]
    state = upload(crm, workbook({"S": rows}), media=XLSX, resource="contacts").json()
    patched = crm.patch(f"/v1/imports/{state['id']}", {"settings": {"header_row": 2}}, version=1)
    assert patched.json()["detected"]["header_row"] == {"value": 2, "origin": "given"}
    assert mapped(patched.json()) == {"Vorname": "given_name", "Nachname": "family_name"}
    table = "Kundenliste\nVorname,Nachname\nAnna,Kern\n"
    state = upload(crm, table, resource="contacts", header_row="2").json()
    assert mapped(state) == {"Vorname": "given_name", "Nachname": "family_name"}


def test_an_import_of_a_workbook_goes_on_after_a_restart(crm: Crm) -> None:
    rows = [["Kundennummer", "Nachname"], *([f"K{n}", f"Name {n}"] for n in range(1_200))]
    state = upload(crm, workbook({"S": rows}), media=XLSX, resource="contacts", source="xl",
                   allow_duplicates="true", start="true").json()  # fmt: skip
    path = f"/v1/imports/{state['id']}"
    while crm.client.get(path).json()["processed_count"] < 500:
        pass
    crm.restart()
    state = finished(crm.client, state["id"])
    assert (counts(state), state["progress"]) == ((1_200, 0, 0, 0), 1.0)


GOOD = workbook({"S": [["Nachname"], ["Weber"]]})
SHEET = "xl/worksheets/sheet1.xml"
BOMB = b"<worksheet><sheetData>" + b" " * 60_000_000 + b"</sheetData></worksheet>"
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
FAR = (
    b"<worksheet><sheetData><row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'>"
    b"<c r='XFD1048576'><v>1</v></c></row></sheetData></worksheet>"
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("truncated", GOOD[: len(GOOD) // 2], "damaged_workbook"),
        ("no XML", repacked(GOOD, {SHEET: b"no XML"}), "damaged_workbook"),
        ("zip bomb", repacked(GOOD, {SHEET: BOMB}), "workbook_too_large"),
        ("billion laughs", repacked(GOOD, {SHEET: LAUGHS}), "damaged_workbook"),
        ("huge dimensions", repacked(GOOD, {SHEET: FAR}), "too_many_columns"),
        ("rows backwards", repacked(GOOD, {SHEET: b"<s><row r='5'/><row r='4'/></s>"}), "damaged_workbook"),
        ("no cells", workbook({"S": []}), "no_sheet"),
        ("xls or encrypted", OLE, "other_kind"),
        ("a zip of something else", b"PK\x05\x06" + bytes(18), "other_kind"),
        ("text", b"Nachname\nWeber\n", "other_kind"),
    ],
)  # fmt: skip
def test_a_workbook_that_cannot_be_read_is_refused_with_its_reason(
    service: Crm, name: str, content: bytes, reason: str
) -> None:
    told = upload(service, content, media=XLSX, resource="contacts")
    assert (told.status_code, told.json().get("reason")) == (422, reason), name
    (fault,) = told.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/body", reason)
    assert told.json()["detail"]


# --- vCards ---

CARDS = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\n"
    "N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;J=F6rg\r\n"
    "TEL;CELL:0171 2345678\r\nEMAIL;INTERNET:joerg@example.org\r\n"
    "ADR;HOME;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:;;Gr=C3=BCner Weg 1=\r\n"
    "2;K=C3=B6ln;;50667;Deutschland\r\nUID:u-1\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nN:Broken\r\nthis is no property\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nFN:Ohne Version\r\nTEL:1\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\nFN:Weber Möbel GmbH\r\nUID:u-2\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:3.0\r\nORG:Kern AG;Einkauf\r\nCATEGORIES:VIP,Messe\\, 2024\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:group\r\nFN:Freunde\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:3.0\r\nNOTE:nobody\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Open;Card\r\n"
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Müller;Jörg\r\nEMAIL:neu@example.org\r\nUID:u-1\r\nEND:VCARD\r\n"
    "stray text\r\n"
)


def test_a_broken_card_is_a_rejected_row_and_spoils_no_other(crm: Crm) -> None:
    state = upload(crm, CARDS, media="text/vcard", resource="contacts", source="book").json()
    assert asked(state) == []
    state = run(crm, state["id"])
    assert counts(state) == (4, 1, 0, 5)
    assert [(row[0], row[2]) for row in rejected(crm.client, state["id"])[1:]] == [
        ("10", "no_property"),
        ("29", "no_contact"),
        ("34", "unnamed_card"),
        ("38", "card_not_closed"),
        ("47", "outside_card"),
    ]
    people = by_name(crm)
    assert people.keys() == {"Jörg Müller", "Ohne Version", "Weber Möbel GmbH", "Kern AG"}
    joerg = people["Jörg Müller"]
    assert (joerg["email"], joerg["street"], joerg["city"]) == (
        "neu@example.org", "Grüner Weg 12", "Köln",
    )  # fmt: skip
    assert people["Weber Möbel GmbH"]["kind"] == people["Kern AG"]["kind"] == "organisation"
    assert people["Kern AG"]["tags"] == ["VIP", "Messe, 2024"]
    again = upload(crm, CARDS, media="application/octet-stream", resource="contacts", source="book")
    assert counts(run(crm, again.json()["id"]))[0] == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_the_umlauts_of_cards_arrive_from_every_usual_encoding(crm: Crm, encoding: str) -> None:
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Größe;Jürgen\r\nORG:Müller & Söhne\r\nEND:VCARD\r\n"
    state = upload(crm, card.encode(encoding), media="text/vcard", resource="contacts").json()
    assert asked(state) == []
    assert counts(run(crm, state["id"])) == (1, 0, 0, 0)
    assert set(by_name(crm)) == {"Jürgen Größe"}


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 40,
        b"BEGIN:VCARD\r\n" + bytes(range(256)) * 400,
        b"BEGIN:VCARD\r\nN:" + b"x" * 10_000_000 + b"\r\nEND:VCARD\r\n",
        b"BEGIN:VCARD\r\n" * 5_000,
        b"BEGIN:VCARD\r\n" + b";" * 100_000 + b":\r\nEND:VCARD\r\n",
        b'BEGIN:VCARD\r\nX;A="' + b'"' * 100_001 + b":\r\nEND:VCARD\r\n",
        b"BEGIN:VCARD\r\nN;CHARSET=rot13:a\r\nEND:VCARD\r\n",
        b"BEGIN:VCARD\r\nN;ENCODING=BASE64:A\r\nEND:VCARD\r\n",
        b"BEGIN:VCARD\r\nN:\x00\r\nEND:VCARD\r\n",
    ],
)
def test_cards_of_any_bytes_are_answered(service: Crm, content: bytes) -> None:
    told = upload(service, content, media="text/vcard", resource="contacts")
    assert told.status_code == 422, told.text
    assert told.json()["reason"]
    beside = b"\r\nBEGIN:VCARD\r\nVERSION:3.0\r\nN:Good\r\nEND:VCARD\r\n"
    told = upload(service, content + beside, media="text/vcard", resource="contacts")
    if told.status_code == 201 and not told.json()["questions"]:
        state = run(service, told.json()["id"], dry_run=True)
        assert state["status"] == "succeeded"
        assert state["processed_count"] == sum(counts(state))


def test_a_photo_of_any_size_costs_nothing(service: Crm) -> None:
    photo = b"PHOTO;ENCODING=b;TYPE=JPEG:" + b"A" * 6_000_000 + b"\r\n"
    folded = (
        b"PHOTO;ENCODING=b:"
        + b"A" * 60
        + b"".join(b"\r\n " + b"A" * 70 for _ in range(70_000))
        + b"\r\n"
    )
    for data in (photo, folded):
        card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:Bild\r\n" + data + b"END:VCARD\r\n"
        state = upload(service, card, media="text/vcard", resource="contacts").json()
        assert ("binary_dropped", None) in notices(state)
        assert mapped(state) == {"Kind": "kind", "Family name": "family_name"}


@pytest.mark.parametrize(
    "others", ["", "BEGIN:VCARD\r\nN:Alt;Ida\r\nBDAY:1970-01-02\r\nEND:VCARD\r\n"]
)
@pytest.mark.parametrize("day", ["1980-13-40", "19801340", "1981-02-29T00:00:00Z"])
def test_a_birthday_that_there_is_not_is_told_of_its_card_and_asks_nothing(
    crm: Crm, day: str, others: str
) -> None:
    content = f"{others}BEGIN:VCARD\r\nN:Neu;Eva\r\nBDAY:{day}\r\nEND:VCARD\r\n"
    state = upload(crm, content, media="text/vcard", resource="contacts", source="book").json()
    assert asked(state) == []
    state = run(crm, state["id"])
    assert counts(state) == (int(bool(others)), 0, 0, 1)
    (row,) = rejected(crm.client, state["id"])[1:]
    assert row[1:3] == ["Birthday", "no_date"]


# --- exports of other programs ---

GOOGLE_NEW = (
    "First Name,Middle Name,Last Name,Organization Name,Organization Title,Birthday,Notes,Labels,"
    "E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,"
    "Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,Address 1 - Label,Address 1 - Country,"
    "Address 1 - Street,Address 1 - Extended Address,Address 1 - City,Address 1 - Region,"
    "Address 1 - Postal Code,Address 2 - Label,Address 2 - Street,Address 2 - City\n"
    "Jürgen,,Größe,Weber GmbH,Einkauf,1980-03-22,,* myContacts ::: Kunden,* Work,"
    "j@example.org ::: j2@example.org,Home,j3@example.org,Mobile,0171 2345678,* Work,"
    '030 901820 ::: 030 901821,Home,Deutschland,"Hauptstr. 1\nHinterhaus",EG,Berlin,,10969,'
    "Work,Weg 2,Kiel\n"
)
GOOGLE_OLD = (
    "Name,Given Name,Family Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value,"
    "E-mail 2 - Type,E-mail 2 - Value,Phone 1 - Type,Phone 1 - Value,Organization 1 - Name,"
    "Organization 1 - Title\n"
    "Zoë Müller,Zoë,Müller,* myContacts,* Home,zoe@example.org,Work,z@example.org,Mobile,"
    "0171 999,Kern AG,Leitung\n"
)


def test_google_contacts_keep_all_their_addresses_and_numbers(crm: Crm) -> None:
    for content in (GOOGLE_NEW, GOOGLE_OLD):
        state = upload(crm, content, resource="contacts").json()
        assert state["detected"]["profile"] == "google_contacts"
        assert asked(state) == []
        assert state["settings"]["source"] == "google"
        state = run(crm, state["id"])
        assert counts(state) == (1, 0, 0, 0), rejected(crm.client, state["id"])
        assert counts(run(crm, state["id"])) == (0, 0, 1, 0)
    people = by_name(crm)
    person = people["Jürgen Größe"]
    assert (person["email"], person["phone"], person["job_title"]) == (
        "j@example.org", "0171 2345678", "Einkauf",
    )  # fmt: skip
    assert [(each["label"], each["email"]) for each in person["other_emails"]] == [
        (None, "j2@example.org"),
        ("home", "j3@example.org"),
    ]
    assert [(each["label"], each["phone"]) for each in person["other_phones"]] == [
        ("work", "030 901820"),
        ("work", "030 901821"),
    ]
    assert (person["street"], person["additional"], person["country_code"]) == (
        "Hauptstr. 1, Hinterhaus", "EG", "DE",
    )  # fmt: skip
    assert person["other_addresses"][0]["street"] == "Weg 2"
    assert person["tags"] == ["myContacts", "Kunden"]
    assert people["Zoë Müller"]["other_emails"] == [{"label": "work", "email": "z@example.org"}]


def test_birthdays_without_a_year_are_told_as_not_taken_and_impossible_ones_are_rejected(
    crm: Crm,
) -> None:
    head = "First Name,Last Name,Birthday,E-mail 1 - Value\n"
    rows = ("Eva,Neu,--02-29,eva@example.org\n", "Ida,Alt,1980-13-40,ida@example.org\n",
            "Ada,Jung,1990-05-06,ada@example.org\n")  # fmt: skip
    cases: list[tuple[str, tuple[int, ...], list[str | None]]] = [
        (head + rows[0], (1, 0, 0, 0), [None]),
        (head + rows[1], (0, 0, 0, 1), []),
        (head + "".join(rows), (2, 0, 0, 1), [None, "1990-05-06"]),
    ]
    for number, (content, expected, birthdays) in enumerate(cases):
        query = {"resource": "contacts", "source": f"book-{number}", "allow_duplicates": "true"}
        state = upload(crm, content, **query).json()
        assert asked(state) == []
        assert (("days_without_year", "Birthday") in notices(state)) == (None in birthdays)
        state = run(crm, state["id"])
        assert counts(state) == expected
        assert [row[1:3] for row in rejected(crm.client, state["id"])[1:]] == (
            [["Birthday", "no_date"]] * expected[3]
        )
        made = [each["birth_date"] for each in everything(crm.client, "contacts")
                if each["external_refs"][0]["source"] == query["source"]]  # fmt: skip
        assert made == birthdays


@pytest.mark.parametrize(
    "header",
    [
        "Id,AccountId,FirstName,LastName,MailingStreet,IsDeleted",
        "id,account_id,first_name,last_name,mailing_city,is_deleted",
        "Contact ID,Account Name,First Name,Last Name,Mailing City,Deleted",
        "Record ID,x,First Name,Last Name,City,_fivetran_deleted",
        "kundennummer,x,vorname,nachname,ort,is_deleted",
    ],
)
def test_rows_that_are_marked_as_deleted_are_refused_with_this_reason(
    crm: Crm, header: str
) -> None:
    marks = ("true", "1", "TRUE", "false", "0", "")
    rows = [f"{at},,Anna,Nr. {at},Weg {at},{mark}" for at, mark in enumerate(marks)]
    content = "\n".join([header, *rows, ""])
    state = imported(crm, content, resource="contacts", source="old", allow_duplicates="true")
    assert counts(state) == (3, 0, 0, 3)
    names = {each["family_name"] for each in everything(crm.client, "contacts")}
    assert names == {"Nr. 3", "Nr. 4", "Nr. 5"}
    told = rejected(crm.client, state["id"])[1:]
    assert [row[1:3] for row in told] == [[header.split(",")[-1], "deleted_elsewhere"]] * 3
    german = rejected(crm.client, state["id"], **{"Accept-Language": "de"})[1:]
    assert "gelöscht" in german[0][3]


def test_a_wrong_part_of_several_is_told_by_its_column(crm: Crm) -> None:
    content = GOOGLE_NEW.replace("j3@example.org", "no address")
    state = upload(
        crm, content, resource="contacts", mapping="E-mail 2 - Value:other_emails.1.email"
    ).json()
    state = run(crm, state["id"])
    assert rejected(crm.client, state["id"])[1][1:3] == ["E-mail 2 - Value", "value_error"]


@pytest.mark.parametrize(
    ("resource", "profile", "header", "row", "expected"),
    [
        (
            "contacts", "hubspot_contacts",
            "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lifecycle Stage,Country/Region",
            "501,Jörg,Müller,joerg@example.org,030 1,Anna Kern,lead,Germany",
            {"given_name": "Jörg", "email": "joerg@example.org", "country_code": "DE"},
        ),
        (
            "contacts", "hubspot_contacts",
            "Datensatz-ID,Vorname,Nachname,E-Mail,Telefonnummer,Postleitzahl,Stadt,Land/Region",
            "501,Jörg,Müller,joerg@example.org,030 1,01067,Dresden,Deutschland",
            {"family_name": "Müller", "zip": "01067", "city": "Dresden", "country_code": "DE"},
        ),
        (
            "contacts", "hubspot_companies",
            "Record ID,Company name,Company owner,Create Date,Phone Number,City,Country/Region,Industry",
            "901,Weber GmbH,Anna Kern,2024-01-05 10:00,030 1,Bonn,Germany,FURNITURE",
            {"kind": "organisation", "name": "Weber GmbH", "city": "Bonn"},
        ),
        (
            "contacts", "salesforce_contacts",
            "Id,AccountId,FirstName,LastName,MailingStreet,MailingCity,MailingPostalCode,MailingCountry,Phone,MobilePhone,Email,Title,OwnerId",
            "003A,001A,Jörg,Müller,Weg 1,Köln,50667,Germany,0221 1,0171 2,j@example.org,Leiter,005A",
            {"street": "Weg 1", "country_code": "DE", "job_title": "Leiter", "owner_id": "005A"},
        ),
        (
            "contacts", "salesforce_contacts",
            "Vorname,Nachname,Accountname,Titel,Telefon,E-Mail,Postanschrift Ort",
            "Jörg,Müller,Weber GmbH,Leiter,0221 1,j@example.org,Köln",
            {"given_name": "Jörg", "city": "Köln", "name": None},
        ),
        (
            "contacts", "salesforce_leads",
            "Lead ID,First Name,Last Name,Company / Account,Email,Lead Status",
            "00QA,Jörg,Müller,Weber GmbH,j@example.org,Open",
            {"family_name": "Müller", "email": "j@example.org"},
        ),
        (
            "contacts", "salesforce_accounts",
            "Account ID,Account Name,Billing Street,Billing City,Billing Country,Phone",
            "001A,Weber GmbH,Weg 1,Köln,Germany,0221 1",
            {"kind": "organisation", "name": "Weber GmbH", "city": "Köln", "country_code": "DE"},
        ),
        (
            "deals", "hubspot_deals",
            "Record ID,Deal Name,Deal Stage,Close Date,Amount,Associated Contact IDs,Create Date",
            "701,Küche,Appointment Scheduled,2031-05-01,1200.50,501,1704448800000",
            {"title": "Küche", "stage": "new", "expected_close_date": "2031-05-01", "closed_at": None,
             "opened_at": "2024-01-05T10:00:00.000000Z"},
        ),
        (
            "deals", "salesforce_opportunities",
            "Id,AccountId,Name,StageName,Amount,CloseDate,CreatedDate",
            "006A,001A,Küche,Closed Won,1200.50,2024-01-05,2024-01-01T10:00:00.000Z",
            {"title": "Küche", "stage": "won", "closed_at": "2024-01-04T23:00:00.000000Z"},
        ),
        (
            "interactions", "salesforce_tasks",
            "Id,WhoId,Subject,ActivityDate,Description,TaskSubtype",
            "00TA,003A,Rückruf,2024-01-05,Bitte,Call",
            {"kind": "call", "subject": "Rückruf", "body": "Bitte"},
        ),
    ],
)  # fmt: skip
def test_the_exports_of_other_programs_are_recognized_by_their_headers(
    crm: Crm, resource: str, profile: str, header: str, row: str, expected: dict[str, Any]
) -> None:
    query = {"create_missing_contacts": "true", "currency": "EUR"}
    state = upload(crm, f"{header}\n{row}\n", resource=resource, **query).json()
    assert state["detected"]["profile"] == profile
    assert asked(state) == []
    assert state["settings"]["source"].startswith(profile.partition("_")[0])
    state = run(crm, state["id"])
    assert counts(state) == (1, 0, 0, 0), rejected(crm.client, state["id"])
    records = everything(crm.client, resource)  # an organisation that a person names is one of them
    fits = [each for each in records if {name: each[name] for name in expected} == expected]
    assert len(fits) == 1, records
    (record,) = fits
    assert counts(run(crm, state["id"])) == (0, 0, 1, 0)
    if "id" in header.lower().split(",")[0]:
        assert record["external_refs"][0] == {
            "source": state["settings"]["source"], "id": row.split(",")[0],
        }  # fmt: skip


def test_a_closing_date_beyond_the_calendar_of_the_time_zone_is_a_rejected_row(crm: Crm) -> None:
    content = (
        "Record ID,Deal Name,Deal Stage,Close Date,Associated Contact IDs\n"
        "7,A table,new,9999-12-31T23:59:59Z,42\n8,A chair,new,2026-12-31T23:59:59Z,42\n"
    )
    query = {"resource": "deals", "create_missing_contacts": "true", "time_zone": "Europe/Berlin"}
    state = imported(crm, content, **query)
    assert (state["created_count"], state["rejected_count"]) == (1, 1)
    (_, row) = rejected(crm.client, state["id"])
    assert {"Close Date", "date_out_of_range"} <= set(row), row


def test_a_table_of_anybody_is_no_export_of_a_program(crm: Crm) -> None:
    content = "contact_id,first_name,last_name,email\nC1,Jörg,Müller,j@example.org\n"
    state = upload(crm, content, resource="contacts").json()
    assert (state["detected"]["profile"], state["settings"]["source"]) == (None, "import")


# --- custom fields and pipelines ---


def test_columns_become_custom_fields_by_their_type(crm: Crm) -> None:
    for key, kind, options in (("budget", "number", []), ("since", "date", []), ("wood", "choice", [
        {"key": "oak", "label_en": "Oak", "label_de": "Eiche"}])):  # fmt: skip
        field = {"applies_to": "contacts", "key": key, "type": kind, "options": options,
                 "label_en": key.title(), "label_de": key.title()}  # fmt: skip
        assert crm.client.post("/v1/custom-fields", json=field).status_code == 201
    content = (
        "Kundennummer;Nachname;Budget;Seit;Holz\nK1;Weber;1.234,50;1.2.2024;Eiche\n"
        "K2;Kern;viel;1.2.2024;Eiche\nK3;Busch;1,5;;Buche\n"
    ) + "".join(f"L{n};Lang {n};{n},5;;\n" for n in range(9))
    query: dict[str, Any] = {
        "resource": "contacts",
        "source": "erp",
        "mapping": ["Seit:custom.since", "Holz:custom.wood"],
    }
    state = upload(crm, content, **query).json()
    assert mapped(state)["Budget"] == "custom.budget"
    assert asked(state) == []
    state = run(crm, state["id"])
    assert counts(state) == (10, 0, 0, 2)
    assert [row[:3] for row in rejected(crm.client, state["id"])[1:]] == [
        ["3", "Budget", "no_number"],
        ["4", "Holz", "unknown_word"],
    ]
    weber = by_id(crm)["K1"]
    assert weber["custom"] == {"budget": 1234.5, "since": "2024-02-01", "wood": "oak"}
    assert counts(run(crm, state["id"])) == (0, 0, 10, 2)
    wrong = upload(crm, content, resource="contacts", mapping="Holz:custom.metal")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "unknown_field")


def test_deals_come_into_the_pipeline_and_the_stage_that_the_file_names(crm: Crm) -> None:
    stages = [
        {"key": "lead", "name": "Anfrage", "kind": "open", "next": []},
        {"key": "signed", "name": "Unterschrieben", "kind": "won", "next": []},
        {"key": "gone", "name": "Weg", "kind": "lost", "next": []},
    ]
    made = crm.client.post("/v1/pipelines", json={"key": "rent", "name": "Miete", "stages": stages})
    assert made.status_code == 201, made.text
    content = (
        "order_id,customer_id,pipeline_id,stage,closed_at,contract_end_at\n"
        "A1,C1,rent,Anfrage,,2031-01-01\nA2,C1,rent,Unterschrieben,2024-01-05,\n"
        "A3,C1,sale,Anfrage,,\nA4,C1,default,won,2024-01-05,\n"
    )
    query = {"resource": "deals", "create_missing_contacts": "true"}
    state = run(crm, upload(crm, content, **query).json()["id"])
    assert counts(state) == (3, 0, 0, 1)
    assert rejected(crm.client, state["id"])[1][:3] == ["4", "pipeline_id", "pipeline_missing"]
    deals = by_id(crm, "deals")
    assert [(deals[name]["stage"], deals[name]["stage_kind"]) for name in ("A1", "A2", "A4")] == [
        ("lead", "open"), ("signed", "won"), ("won", "won"),
    ]  # fmt: skip
    assert deals["A1"]["contract_end_at"] == "2030-12-31T23:00:00.000000Z"


def test_each_column_that_is_not_used_is_told(crm: Crm) -> None:
    content = "Nachname,Lieblingsfarbe,Leer\nWeber,blau,\n"
    state = upload(crm, content, resource="contacts").json()
    assert notices(state) == {("column_unused", "Lieblingsfarbe")}
    german = crm.client.get(f"/v1/imports/{state['id']}", headers={"Accept-Language": "de"}).json()
    assert "eigenen" in german["notices"][0]["message"]
