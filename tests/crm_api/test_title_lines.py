"""A text with lines above its header is read like a sheet with them: below, and that is told."""

import pytest

from tests.conftest import Crm
from tests.crm_api.test_imports import everything, imported, upload

HEADER, ANNA = "Kundennummer;Vorname;Nachname", "K1;Anna;Weber"
TELLS = {"rows_above_header"}


@pytest.mark.parametrize(
    ("above", "row"),
    [
        (["Kundenliste 2024"], 2),
        (["Kundenliste 2024;;"], 2),
        (["Kundenliste, Stand 1.5.2024", "", "Nur intern"], 4),
        ([], None),
    ],
)
def test_lines_above_the_header_are_not_read_and_told(
    crm: Crm, above: list[str], row: int | None
) -> None:
    lines = [*above, HEADER, ANNA, "K2;Bea;", "K3;Carl;Kern"]
    state = imported(crm, "\n".join(lines), resource="contacts", source="title")
    assert state["detected"]["header_row"]["value"] == row
    assert {each["code"] for each in state["notices"]} == (TELLS if above else set())
    assert (state["created_count"], state["rejected_count"]) == (3, 0)
    assert {each["display_name"] for each in everything(crm.client, "contacts")} == {
        "Anna Weber",
        "Bea",
        "Carl Kern",
    }


def test_a_title_is_seen_above_columns_of_any_name(service: Crm) -> None:
    state = upload(service, "Liste\nfoo;bar\nx;y\nz;w\n", resource="contacts").json()
    assert [each["name"] for each in state["columns"]] == ["foo", "bar"]
    assert {each["code"] for each in state["questions"]} >= {"uncertain_header"}


def test_a_text_without_a_header_loses_no_row_that_is_narrow(service: Crm) -> None:
    rows = "K1;;;;\nK2;Anna;3.5.2024;7,50;x@example.org\nK3;Bea;4.5.2024;8,50;y@example.org\n"
    state = upload(service, rows, resource="contacts").json()
    assert state["detected"]["has_header"]["value"] is False
    assert state["detected"]["row_count"] == 3


def test_a_header_row_that_is_given_is_taken(service: Crm) -> None:
    file = "\n".join(["Kundenliste", HEADER, ANNA, "K2;Bea;Kern"])
    state = upload(service, file, resource="contacts", header_row="3").json()
    assert [each["name"] for each in state["columns"]] == ANNA.split(";")
    refused = upload(service, file, resource="contacts", header_row="1")
    assert (refused.status_code, refused.json()["reason"]) == (422, "no_readable_row")
